"""A Holdfast of one's own for a test: a working directory, four parties, a running server, and clients over real mTLS."""
import base64
import copy
import hashlib
import http.client
import json
import os
import pathlib
import shutil
import signal
import ssl
import subprocess
import time
import urllib.parse

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = pathlib.Path(os.environ.get("HOLDFAST_BINARY", ROOT / "build/release/bin/holdfast"))
SHARED = pathlib.Path(os.environ.get("HOLDFAST_SHARED_DATA", ROOT.parent / "shared" / "data"))
SIGNERS = ("bytedance", "oracle", "treasury")
TRUST_DOMAIN = "holdfast.example"
# (module (memory (export "memory") 1) (func (export "_start")))
SMALLEST_MODULE = bytes.fromhex("0061736d01000000010401600000030201000503010001071302066d656d6f72790200065f73746172740000"
                                "0a040102000b")


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def json(self):
        return json.loads(self.body)

    @property
    def code(self):
        """The stable code of a problem."""
        return self.json()["code"]

    def lines(self):
        return [json.loads(line) for line in self.body.decode().splitlines()]


class Client:
    """One caller's connection; reconnects when the server has closed it."""

    def __init__(self, url, context):
        parts = urllib.parse.urlsplit(url)
        self.host, self.port, self.context, self.connection = parts.hostname, parts.port, context, None

    def call(self, method, path, body=None, headers=None, retry=True):
        if self.connection is None:
            self.connection = (
                http.client.HTTPSConnection(self.host, self.port, context=self.context, timeout=60)
                if self.context
                else http.client.HTTPConnection(self.host, self.port, timeout=60)
            )
        try:
            self.connection.request(method, path, body=body, headers=headers or {})
            response = self.connection.getresponse()
            return Answer(response.status, response.headers, response.read())
        except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError):
            self.close()
            if not retry:
                raise
            return self.call(method, path, body, headers, retry=False)

    def close(self):
        if self.connection is not None:
            self.connection.close()
        self.connection = None


def run(*arguments, check=True, timeout=300, **options):
    """One command line; answers the finished process, its output as text."""
    done = subprocess.run(
        [str(BINARY), *map(str, arguments)], capture_output=True, text=True, timeout=timeout, **options
    )
    if check and done.returncode != 0:
        raise AssertionError(f"holdfast {' '.join(map(str, arguments))}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    return done


class Holdfast:
    def __init__(self, folder, limit="200 subjects per day"):
        self.folder, self.dir = pathlib.Path(folder), pathlib.Path(folder) / "hf"
        self.process, self.ready = None, None
        run("init", self.dir, "--trustee", "oracle", "--listen", "127.0.0.1:0", "--evidence-listen", "127.0.0.1:0",
            "--trust-domain", TRUST_DOMAIN,
            *[word for party in ("app-us", "bytedance", "treasury") for word in ("--party", party)])
        self.vkeys = {}
        for name in SIGNERS:
            run("key", "new", name, "-o", self.folder / f"{name}.key")
            self.vkeys[name] = run("key", "show", self.folder / f"{name}.key").stdout.strip().splitlines()[-1]
            (self.folder / f"{name}.vkey").write_text(self.vkeys[name] + "\n")
        self.limit = limit
        self.rules = None

    def use_rules(self, packs):
        """Makes a folder of rule packs, by name, the server's and that of the signers."""
        if self.rules is None:
            self.rules = self.folder / "rules"
            with open(self.dir / "holdfast.yaml", "a") as config:
                config.write(f"rules: {self.rules}\n")
        self.rules.mkdir(exist_ok=True)
        for name, text in packs.items():
            (self.rules / f"{name}.yaml").write_text(text)

    # ---- the agreement
    def agreement(self, version=1, edit=lambda text: text):
        text = (ROOT / "tests/e2e/agreement.yaml.in").read_text()
        for name, key in self.vkeys.items():
            text = text.replace(f"@{name}.vkey@", key)
        text = text.replace("@version@", str(version)).replace("@limit@", self.limit)
        log = (self.dir / "keys/log.vkey").read_text().strip()
        return edit(text.replace("@log.vkey@", log))

    def signed(self, version=1, signers=SIGNERS, edit=lambda text: text):
        path = self.folder / f"agreement-{version}.yaml"
        path.write_text(self.agreement(version, edit))
        out = self.folder / f"agreement-{version}.signed"
        out.unlink(missing_ok=True)
        current = path
        for signer in signers:
            rules = ("--rules", self.rules) if self.rules else ()
            run("agreement", "sign", current, "--key", self.folder / f"{signer}.key", "-o", out, *rules)
            current = out
        return out

    def adopt(self, version=1, **options):
        return run("agreement", "adopt", self.signed(version, **options), "--dir", self.dir, "--as", "oracle")

    # ---- sealed modules
    def statement(self, module, number=1, name="feed-ranker", signers=("bytedance",)):
        """A signed statement about any bytes, also those that `commit-source` would not take."""
        digest = hashlib.sha256(module).hexdigest()
        source = {"algorithm": "holdfast-source-v1", "root": "ab" * 32, "files": 1}
        payload = {"_type": "https://in-toto.io/Statement/v1", "subject": [{"name": name, "digest": {"sha256": digest}}],
                   "predicateType": "urn:holdfast:sealed-module:1",
                   "predicate": {"version": number, "source": source, "builder": "b", "compiler": "c", "flags": []}}
        file = self.folder / f"{name}-{number}-{digest[:8]}.statement"
        file.write_text(json.dumps({"payloadType": "application/vnd.in-toto+json", "signatures": [],
                                    "payload": base64.b64encode(json.dumps(payload).encode()).decode()}))
        return self.sign_statement(file, *signers)

    def sign_statement(self, file, *signers):
        for signer in signers:
            run("module", "sign", file, "--key", self.folder / f"{signer}.key")
        return file

    def release_module(self, module, number=1, name="feed-ranker"):
        """Has flows run these bytes: submitted by the operator, shown to and signed by the overseer; answers their hash."""
        file, home = self.folder / f"{name}-{number}.wasm", self.folder / f"{name}-{number}.home"
        file.write_bytes(module)
        self.cli("module", "submit", self.statement(module, number, name), file, profile="bytedance")
        digest = hashlib.sha256(module).hexdigest()
        self.cli("module", "show", digest, "-o", home, profile="treasury")
        self.cli("module", "release", self.sign_statement(home, "treasury"), profile="bytedance")
        return digest

    def moved(self, folder):
        """On another machine: configuration, keys and certificates as they were kept apart, and no data yet."""
        other = copy.copy(self)
        other.folder, other.dir, other.process = folder, folder / "hf", None
        folder.mkdir(exist_ok=True)
        for signer in self.folder.glob("*.vkey"):
            shutil.copy(signer, folder)
        shutil.copytree(self.dir, other.dir, ignore=shutil.ignore_patterns("data", "ready.json"))
        return other

    # ---- the server
    def start(self, adopt=True):
        ready = self.dir / "ready.json"
        ready.unlink(missing_ok=True)
        self.log = open(self.folder / "server.log", "ab")
        self.process = subprocess.Popen([str(BINARY), "serve", "--dir", str(self.dir)], stdout=self.log, stderr=self.log)
        self.wait_for(lambda: ready.exists() and ready.stat().st_size > 0)
        self.ready = json.loads(ready.read_text())
        if adopt and not getattr(self, "adopted", False):
            self.adopt()
            self.adopted = True
        return self

    def workers(self):
        """The processes in which the server runs sealed modules."""
        found = []
        for status in pathlib.Path("/proc").glob("[0-9]*/status"):
            try:
                text = status.read_text()
            except OSError:
                continue
            if "Name:\tholdfast-sealed" in text and f"\nPPid:\t{self.process.pid}\n" in text:
                found.append(int(status.parent.name))
        return found

    def wait_for(self, condition, seconds=30):
        end = time.monotonic() + seconds
        while not condition():
            assert self.process.poll() is None, "the server ended: " + (self.folder / "server.log").read_text()[-2000:]
            assert time.monotonic() < end, "the server did not get there: " + (self.folder / "server.log").read_text()[-2000:]
            time.sleep(0.01)

    def stop(self):
        if self.process is None or self.process.poll() is not None:
            return 0
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(timeout=30)
        finally:
            self.log.close()

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.log.close()

    @property
    def url(self):
        return self.ready["url"]

    @property
    def evidence_url(self):
        return self.ready["evidence_url"]

    # ---- callers
    def context(self, profile=None):
        context = ssl.create_default_context(cafile=str(self.dir / "tls/ca.crt"))
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        if profile:
            context.load_cert_chain(str(self.dir / f"clients/{profile}.crt"), str(self.dir / f"clients/{profile}.key"))
        return context

    def client(self, profile=None):
        return Client(self.url, self.context(profile))

    def subject_client(self, subject):
        base = self.folder / f"subject-{subject}"
        if not base.with_suffix(".crt").exists():
            run("key", "certificate", "--subject", subject, "--dir", self.dir, "-o", base)
        context = ssl.create_default_context(cafile=str(self.dir / "tls/ca.crt"))
        context.load_cert_chain(f"{base}.crt", f"{base}.key")
        return Client(self.url, context)

    def cli(self, *arguments, profile="app-us", **options):
        return run(*arguments, "--dir", self.dir, "--as", profile, **options)

    def verify(self, *arguments, source=None, check=False):
        parties = [word for name in SIGNERS for word in ("--party", self.folder / f"{name}.vkey")]
        return run("verify", source or self.evidence_url, *parties, *arguments, check=check)

    def report(self, *arguments):
        parties = [word for name in SIGNERS for word in ("--party", self.folder / f"{name}.vkey")]
        return run("report", self.evidence_url, *parties, *arguments).stdout

    def deposit(self, client, subject, **fields):
        record = {"name": "Zoë 東", "email": f"{subject}@example.org", "zip": "94105", "birthdate": "1990-04-01",
                  "language": "en", **fields}
        return client.call("PUT", f"/v1/collections/profile/subjects/{subject}", json.dumps(record),
                           {"Content-Type": "application/json"})


def bring_in(client, collection, rows):
    """Imports the rows, each an object, and sees to it that all are taken."""
    answer = client.call("POST", f"/v1/collections/{collection}/import", "".join(json.dumps(row) + "\n" for row in rows),
                         {"Content-Type": "application/x-ndjson"})
    assert answer.status == 200 and answer.json()["accepted"] == len(rows), answer.body


def disclose(client, flow, subject):
    return client.call("GET", f"/v1/flows/{flow}/subjects/{urllib.parse.quote(subject, safe='')}")
