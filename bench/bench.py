"""Measures a Holdfast and its peers side by side, alternating; bench/run.sh starts it. README.md says what and how."""
import contextlib
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests/e2e"))
from holdfast import Holdfast, run  # noqa: E402
from peers import Nginx, cpu_seconds, disk_bytes, fdatasync_us, on_core  # noqa: E402

SERVER_CORE, LOAD_CORE = 0, 1
SUBJECTS, CONNECTIONS = 1000, 32
ROUNDS = int(os.environ.get("ROUNDS", "5"))
SECONDS = float(os.environ.get("SECONDS_EACH", "4"))
FLOW, READER = "support", "bytedance"  # of tests/e2e/agreement.yaml.in: a token, a year, a prefix, one field as it is
NOISE = 2  # rounds that differ by more than this factor say more about the machine than about the work
LIMIT = "1 subjects per day"


class Bench:
    def __init__(self, build):
        self.build, self.folder = build, build / "bench" / "run"
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        self.rows = []

    # ---- the Holdfast
    def bring_up(self):
        self.holdfast = holdfast = Holdfast(self.folder, limit=LIMIT)
        with open(holdfast.dir / "holdfast.yaml", "a") as config:
            config.write("threads: 1\n")
        self.start()
        holdfast.adopt(edit=lambda text: text.replace(f"    limit: {LIMIT}\n", ""))
        people = self.folder / "people.ndjson"
        people.write_text("".join(json.dumps(person(i)) + "\n" for i in range(SUBJECTS)))
        holdfast.cli("import", "profile", people)
        answer = holdfast.client(READER).call("GET", path_of(0))
        if answer.status != 200:
            raise SystemExit(f"bench: the governed read is answered {answer.status}: {answer.body.decode()}")
        self.body = answer.body

    def start(self):
        with on_core(SERVER_CORE):
            self.holdfast.start(adopt=False)

    # ---- the load
    def load(self, url, path, connections, *more, seconds=SECONDS):
        """One run of the load generator; answers its report."""
        done = subprocess.run(
            ["taskset", "-c", str(LOAD_CORE), self.build / "bin/holdfast_load", url, "--ca", self.holdfast.dir / "tls/ca.crt",
             "--path", path, "--connections", str(connections), "--seconds", str(seconds), *more],
            capture_output=True, text=True)
        if done.returncode != 0:
            raise SystemExit(f"bench: the load on {url} failed: {done.stdout}{done.stderr}")
        report = json.loads(done.stdout)
        if report["errors"]:
            raise SystemExit(f"bench: {report['errors']} answers of {url} were errors: {report['first_error']}")
        return report

    def reads(self, connections, seconds=SECONDS):
        clients = self.holdfast.dir / "clients"
        return self.load(self.holdfast.url, path_of("{i}"), connections, "--range", "0", str(SUBJECTS - 1), "--cert",
                         clients / f"{READER}.crt", "--key", clients / f"{READER}.key", seconds=seconds)

    # ---- what is measured
    def governed_read(self):
        tls = self.holdfast.dir / "tls"
        nginx = Nginx(self.folder / "nginx", tls / "server.crt", tls / "server.key", self.body, SERVER_CORE)
        ours, theirs = [], []
        try:
            self.reads(CONNECTIONS, seconds=1)  # the first round is no colder than the others
            for each in range(ROUNDS):
                say(f"governed read and nginx, round {each + 1} of {ROUNDS}")
                with cpu_per_request(self.holdfast.process.pid, ours):
                    ours.append(self.reads(CONNECTIONS))
                with cpu_per_request(nginx.worker(), theirs):
                    theirs.append(self.load(nginx.url, "/body", CONNECTIONS))
        finally:
            nginx.stop()
        size = len(self.body)
        self.row("read_rps", f"governed read, {CONNECTIONS} connections, one core", "requests/s",
                 [r["rps"] for r in ours], peer=f"nginx, a static file of the same {size} bytes",
                 peers=[r["rps"] for r in theirs], reach=0.7, stretch=1.0)
        self.row("read_p99", "its p99", "ms", [r["p99_us"] / 1e3 for r in ours], peer="the same nginx",
                 peers=[r["p99_us"] / 1e3 for r in theirs], reach=5, stretch=2, of="value", less=True)
        self.row("read_cpu", "processor time of the server for one", "µs", [r["cpu_us"] for r in ours],
                 peer="the same nginx", peers=[r["cpu_us"] for r in theirs], less=True)

    def lone_read(self):
        ours, disk, waits = [], [], False
        for each in range(ROUNDS):
            say(f"one client and fdatasync, round {each + 1} of {ROUNDS}")
            ours.append(self.reads(1, seconds=SECONDS / 2)["p50_us"])
            times = fdatasync_us(self.folder, SECONDS / 2, SERVER_CORE)
            disk.append(times[len(times) // 2])
            waits = waits or disk[-1] > NOISE * times[len(times) // 10]  # for the core, then, not for the disk
        self.row("lone_read_p50", "one client alone, one request under way, p50", "µs", ours,
                 peer="fdatasync of 512 B appended on this disk, p50", peers=disk, reach=1.5, stretch=1.2, less=True,
                 noisy=waits)

    def log_bytes(self):
        """On disk between two stops, for the reads in between: nothing is then still to be sealed or compacted."""
        say("bytes on disk per read")
        log = self.holdfast.dir / "data" / "log"
        self.restart()
        self.holdfast.stop()
        before = disk_bytes(log)
        self.start()
        first = self.entries()
        self.reads(CONNECTIONS, seconds=2 * SECONDS)
        released = self.entries() - first
        self.restart()
        self.holdfast.stop()
        grown = disk_bytes(log) - before
        self.start()
        self.row("read_disk_bytes", f"bytes on disk per released read (of {released:,})", "bytes", [grown / released],
                 reach=150, stretch=110, less=True)

    def restart(self):
        self.holdfast.stop()
        self.start()

    def entries(self):
        checkpoint = self.holdfast.client(READER).call("GET", "/log/checkpoint").body
        return int(checkpoint.splitlines()[1])

    def verify(self):
        mirror = self.folder / "mirror"
        run("log", "export", mirror, "--dir", self.holdfast.dir)
        entries = int((mirror / "checkpoint").read_bytes().splitlines()[1])
        rates = []
        for each in range(ROUNDS):
            say(f"verify of {entries:,} entries, round {each + 1} of {ROUNDS}")
            with on_core(LOAD_CORE):
                start = time.perf_counter()
                done = self.holdfast.verify("--json", source=mirror)
            if done.returncode != 0:
                raise SystemExit(f"bench: verify ended with {done.returncode}: {done.stdout[:2000]}{done.stderr}")
            rates.append(entries / (time.perf_counter() - start))
        self.row("verify", f"verifying {entries:,} entries from files, one core", "entries/s", rates,
                 reach=500_000, stretch=1_000_000)

    # ---- the table
    def row(self, name, work, unit, values, peer=None, peers=None, reach=None, stretch=None, of="ratio", less=False,
            noisy=False):
        """One line of the table. `of`: whether reach and stretch are of the ratio to the peer or of the value itself."""
        ratios = [a / b for a, b in zip(values, peers)] if peers else None
        judged = statistics.median(ratios if ratios and of == "ratio" else values)
        within = lambda bound: judged <= bound if less else judged >= bound  # noqa: E731
        noisy = noisy or any(max(of_one) > NOISE * min(of_one) for of_one in (values, peers) if of_one)
        reached = None if reach is None or noisy else "stretch" if within(stretch) else "reach" if within(reach) else "no"
        self.rows.append({
            "id": name, "work": work, "value": statistics.median(values), "unit": unit, "peer": peer,
            "peer_value": statistics.median(peers) if peers else None,
            "ratio": statistics.median(ratios) if ratios else None,
            "reach": reach, "stretch": stretch, "reached": reached, "noisy": noisy,
            "spread": {"value": spread(values), "peer_value": spread(peers), "ratio": spread(ratios)}})

    def table(self):
        lines = [("work", "value", "", "peer", "ratio", "reach", "stretch", "reached")]
        for row in self.rows:
            lines.append((row["work"], number(row["value"]), row["unit"], number(row["peer_value"]), number(row["ratio"]),
                          number(row["reach"]), number(row["stretch"]), "noisy" if row["noisy"] else row["reached"] or ""))
        widths = [max(map(len, column)) for column in zip(*lines)]
        for line in lines:
            print("  ".join(text.ljust(width) if i in (0, 2, 7) else text.rjust(width)
                            for i, (text, width) in enumerate(zip(line, widths))).rstrip())
        for row in self.rows:
            if row["peer"]:
                print(f"{row['id']}: beside {row['peer']}")


@contextlib.contextmanager
def cpu_per_request(pid, reports):
    """Adds cpu_us to the report that is appended inside: less noisy than requests/s where others use the machine too."""
    before = cpu_seconds(pid)
    yield
    reports[-1]["cpu_us"] = (cpu_seconds(pid) - before) * 1e6 / reports[-1]["requests"]


def path_of(i):
    return f"/v1/flows/{FLOW}/subjects/p{i}"


def person(i):
    return {"subject": f"p{i}", "name": f"Zoë {i} 東", "email": f"person{i}@example.org", "zip": f"{10000 + 37 * i % 89999}",
            "birthdate": f"{1950 + i % 55}-{1 + i % 12:02}-{1 + i % 28:02}", "language": ("en", "es", "zh", "fr")[i % 4]}


def spread(values):
    return {"min": min(values), "median": statistics.median(values), "max": max(values)} if values else None


def number(value):
    if value is None:
        return "–"
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def say(what):
    print(f"bench: {what}", file=sys.stderr, flush=True)


def main():
    if len(os.sched_getaffinity(0)) < 2:
        say("only one core: server and load share it, so the figures are not comparable")
    bench = Bench(pathlib.Path(sys.argv[1]))
    try:
        bench.bring_up()
        bench.governed_read()
        bench.lone_read()
        bench.log_bytes()
        bench.verify()
    finally:
        if hasattr(bench, "holdfast"):
            bench.holdfast.stop()
    bench.table()
    out = ROOT / "build/bench.json"
    out.parent.mkdir(exist_ok=True)
    out.write_text(json.dumps(bench.rows, indent=2, ensure_ascii=False) + "\n")
    shutil.rmtree(bench.folder)
    print(f"written: {out}")


if __name__ == "__main__":
    main()
