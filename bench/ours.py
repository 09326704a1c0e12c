"""The Holdfast that is measured: the agreement of the end-to-end tests without its limit, people, views, and loads."""
import contextlib
import json
import signal
import subprocess
import time

from holdfast import Holdfast, run
from machine import LOAD_CORE, SERVER_CORE, cpu_seconds, on_core

READER, WRITER, TRUSTEE = "bytedance", "app-us", "oracle"
FLOW = "support"  # of tests/e2e/agreement.yaml.in: a token, a year, a prefix, one field as it is
LIMIT = "1 subjects per day"
DEPOSIT = '{"name":"Zoë 東","email":"person{n}@example.org","zip":"94105","birthdate":"1990-04-01","language":"en"}'
IMPORT_PEOPLE = 100_000  # of one file


class Ours:
    def __init__(self, folder, build, subjects, edit=lambda text: text, config=""):
        folder.mkdir(parents=True)
        self.folder, self.build, self.subjects, self.serial = folder, build, subjects, 0
        self.edit = lambda text: edit(text.replace(f"    limit: {LIMIT}\n", ""))
        self.holdfast = holdfast = Holdfast(folder, limit=LIMIT)
        with open(holdfast.dir / "holdfast.yaml", "a") as file:
            file.write(f"threads: 1\nbounds:\n  connections: 2000\n{config}")
        self.start()
        holdfast.adopt(edit=self.edit)
        holdfast.adopted = True
        self.import_people(0, subjects)

    @property
    def pid(self):
        return self.holdfast.process.pid

    # ---- the server
    def start(self):
        with on_core(SERVER_CORE):
            self.holdfast.start(adopt=False)

    def restart(self):
        self.holdfast.stop()
        self.start()

    def start_seconds(self):
        """From the command to /readyz answering 200."""
        begun = time.perf_counter()
        self.start()
        client = self.client(READER)
        while client.call("GET", "/readyz").status != 200:
            time.sleep(0.001)
        return time.perf_counter() - begun

    def client(self, profile):
        return self.holdfast.client(profile)

    def entries(self):
        """How many entries the log has."""
        return int(self.client(READER).call("GET", "/log/checkpoint").body.splitlines()[1])

    # ---- what is in it
    def import_people(self, first, last, more=lambda i: {}):
        for begin in range(first, last, IMPORT_PEOPLE):
            path = self.folder / "people.ndjson"
            path.write_text("".join(json.dumps({**person(i), **more(i)}) + "\n"
                                    for i in range(begin, min(last, begin + IMPORT_PEOPLE))))
            self.take("profile", path)
            path.unlink()
        self.subjects = max(self.subjects, last)

    def take(self, collection, path):
        """The command that imports a file; answers how long it took."""
        begun = time.perf_counter()
        with on_core(LOAD_CORE):
            run("import", collection, path, "--dir", self.holdfast.dir, "--as", WRITER, timeout=1800)
        return time.perf_counter() - begun

    def body(self, flow=FLOW, reader=READER):
        answer = self.client(reader).call("GET", path_of(0, flow))
        if answer.status != 200:
            raise SystemExit(f"bench: flow {flow} is answered {answer.status}: {answer.body.decode()}")
        return answer.body

    # ---- the load
    def command(self, url, path, connections, *more, profile=None):
        identity = []
        if profile:
            clients = self.holdfast.dir / "clients"
            identity = ["--cert", clients / f"{profile}.crt", "--key", clients / f"{profile}.key"]
        return ["taskset", "-c", str(LOAD_CORE), self.build / "bin/holdfast_load", url, "--ca",
                self.holdfast.dir / "tls/ca.crt", "--path", path, "--connections", str(connections), *identity, *more]

    def load(self, url, path, connections, *more, profile=None, cpu=None):
        """One run of the load generator; answers its report, with what `cpu` counts meanwhile, handshakes left out."""
        command = self.command(url, path, connections, *more, profile=profile)
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        started = process.stderr.readline()
        if started != "started\n":
            raise SystemExit(f"bench: the load on {url} did not start: {started}{process.communicate()[1]}")
        count = cpu or (lambda: cpu_seconds(self.pid))
        before = count()
        report = report_of(process, url)
        return {**report, "cpu_us": (count() - before) * 1e6 / report["requests"]}

    def reads_of(self, flow=FLOW, subjects=None):
        return path_of("{i}", flow), ("--range", "0", str((subjects or self.subjects) - 1))

    def reads(self, connections, seconds, flow=FLOW, reader=READER, subjects=None):
        path, spread = self.reads_of(flow, subjects)
        return self.load(self.holdfast.url, path, connections, *spread, "--seconds", str(seconds), profile=reader)

    def deposits(self, connections, seconds):
        self.serial += 10**9  # no deposit is like one before: each is a change
        path = "/v1/collections/profile/subjects/p{i}"
        return self.load(self.holdfast.url, path, connections, "--method", "PUT", "--body", DEPOSIT, "--range", "0",
                         str(self.subjects - 1), "--serial", str(self.serial), "--seconds", str(seconds), profile=WRITER)

    @contextlib.contextmanager
    def under_reads(self, connections, reports):
        """Full read load as long as the inside lasts; its report is appended."""
        path, spread = self.reads_of()
        command = self.command(self.holdfast.url, path, connections, *spread, "--seconds", "600", profile=READER)
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        try:
            process.stderr.readline()  # "started"
            yield
        except BaseException:
            process.kill()
            raise
        process.send_signal(signal.SIGTERM)
        reports.append(report_of(process, self.holdfast.url))

    def batch(self, subjects, flow=FLOW):
        """One request for all of them; answers how long it took until the last byte was here."""
        client = self.client(READER)
        client.call("GET", "/healthz")  # the handshake lies outside the time
        body = "".join(f'"{subject}"\n' for subject in subjects)
        begun = time.perf_counter()
        answer = client.call("POST", f"/v1/flows/{flow}/batch", body, {"Content-Type": "application/x-ndjson"})
        took = time.perf_counter() - begun
        client.close()
        if answer.status != 200 or answer.body.count(b'"receipt"') != len(subjects):
            raise SystemExit(f"bench: the batch is answered {answer.status}: {answer.body[:500].decode()}")
        return took

    def stop(self):
        self.holdfast.stop()


def report_of(process, url):
    out, errors = process.communicate()
    if process.returncode != 0:
        raise SystemExit(f"bench: the load on {url} failed: {out}{errors}")
    report = json.loads(out)
    if report["errors"]:
        raise SystemExit(f"bench: {report['errors']} answers of {url} were errors: {report['first_error']}")
    return report


def path_of(i, flow=FLOW):
    return f"/v1/flows/{flow}/subjects/p{i}"


def person(i):
    return {"subject": f"p{i}", "name": f"Zoë {i} 東", "email": f"person{i}@example.org",
            "zip": f"{10000 + 37 * i % 89999}", "birthdate": f"{1950 + i % 55}-{1 + i % 12:02}-{1 + i % 28:02}",
            "language": ("en", "es", "zh", "fr")[i % 4]}


def write_views(path, first, count, subjects):
    """A CSV of views as a service logs them, in the order of their time, each of another person than the one before."""
    with open(path, "w") as out:
        out.write("subject,event,video,watched,at\n")
        for begin in range(first, first + count, 100_000):
            out.write("".join(
                f"p{i * 7919 % subjects},{i},v{i * 31 % 5000},{i % 300},"
                f"2026-{1 + i % 9:02}-{1 + i % 28:02}T{i % 24:02}:00:00Z\n"
                for i in range(begin, min(begin + 100_000, first + count))))
