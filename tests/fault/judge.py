"""Drives a load against a server that may fail at any moment, remembers what it was told, and judges afterwards.

    memory = Memory()
    load = Load(holdfast, memory, seed)         # threads; start(), join()
    findings = judge(holdfast, memory)          # a list of sentences; empty: all that was promised holds

What was answered is certain, what was asked and not answered may or may not have happened: the memory keeps both. The
judge shares no code with the server: it reads the log's tiles, hashes the tree and adds up the limits itself.
"""
import base64
import collections
import hashlib
import http.client
import json
import pathlib
import random
import sys
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "e2e"))
from holdfast import Client, Holdfast, disclose  # noqa: E402

LIMITS = {"support": ("subjects", 40), "oversight": ("records", 500)}  # per day (UTC), of agreement.yaml.in
SWEEP_SECONDS_MAX = 10
CUT = (OSError, http.client.HTTPException)  # what a client sees of a server that goes away


def agreement(holdfast, version):
    """That of these tests."""
    text = (HERE / "agreement.yaml.in").read_text().replace("@version@", str(version))
    for name, key in holdfast.vkeys.items():
        text = text.replace(f"@{name}.vkey@", key)
    return text.replace("@log.vkey@", (holdfast.dir / "keys/log.vkey").read_text().strip())


def installation(folder):
    """A working directory with four parties and the agreement of these tests adopted; stopped."""
    one = Holdfast(folder)
    one.start(adopt=False)
    one.adopt(edit=lambda _: agreement(one, 1))
    one.adopted = True
    one.stop()
    return one


class Subject:
    """What may be held on one subject: several possibilities where an answer never came."""

    def __init__(self):
        self.profiles = {None}  # zips, None: no profile
        self.rows, self.rows_maybe = {}, {}
        self.visits = set()
        self.restricted = {False}
        self.erased = {False}


class Memory:
    """All that clients were told, and what they do not know."""

    def __init__(self):
        self.lock = threading.Lock()
        self.subjects = collections.defaultdict(Subject)
        self.releases = {}      # index -> (digest, flow, subject)
        self.sums = {}          # index -> digest of what the flow sums told
        self.receipts = {}      # index of what was acknowledged -> kinds of entry that may stand there
        self.tokens = collections.defaultdict(set)  # (flow, subject) -> tokens
        self.salts = set()
        self.findings = []
        self.checkpoints = {}   # size -> root
        self.trees = {}         # what the judge itself saw: size -> root
        self.sealed = set()     # pieces of ciphertext that were on disk
        self.canaries = {}      # subject -> what its creation wrote to data/keys
        self.version = self.version_asked = 1  # of the agreement: acknowledged, and asked for last
        self.asked = self.answered = 0

    def wrong(self, sentence):
        with self.lock:
            self.findings.append(sentence)

    def take_release(self, flow, subject, index, salt, body):
        """Bytes left: they need their entry."""
        salt = bytes.fromhex(salt)
        data = json.loads(body)
        with self.lock:
            if salt in self.salts:
                self.findings.append(f"release {index} has the salt of another release")
            self.salts.add(salt)
            if index in self.releases:
                self.findings.append(f"two releases have the receipt {index}")
            self.releases[index] = (hashlib.sha256(salt + body).digest(), flow, subject)
            if flow in LIMITS:
                self.tokens[flow, subject].add(data["profile"]["email"])
        return data

    def take_sums(self, answer):
        digest = hashlib.sha256(bytes.fromhex(answer.headers["Holdfast-Salt"]) + answer.body).digest()
        with self.lock:
            self.sums[int(answer.headers["Holdfast-Receipt"])] = digest

    def take_checkpoint(self, note):
        lines = note.decode().splitlines()
        size, root = int(lines[1]), base64.b64decode(lines[2])
        with self.lock:
            if self.checkpoints.setdefault(size, root) != root:
                self.findings.append(f"two checkpoints over {size} entries have different roots")
        return size


class Load(threading.Thread):
    """One thread of work on subjects of its own; ends when the server goes, or when `stop` is set."""

    def __init__(self, holdfast, memory, seed, name, operations=100000):
        super().__init__(daemon=True)
        self.holdfast, self.memory, self.name = holdfast, memory, str(name)
        self.choose, self.operations, self.stop = random.Random(f"{seed}/{name}"), operations, threading.Event()
        self.own, self.count, self.refused = [], 0, collections.Counter()
        self.error = None

    def run(self):
        try:
            self.app, self.operator, self.overseer = (
                self.holdfast.client(party) for party in ("app-us", "bytedance", "treasury"))
            self.public = Client(self.holdfast.evidence_url, None)
            while self.count < self.operations and not self.stop.is_set():
                self.count += 1
                self.step()
        except CUT:
            pass
        except Exception as error:  # a thread's exception would be lost
            self.memory.wrong(f"the load met an answer it cannot read: {type(error).__name__}: {error}")
        finally:
            for client in (self.app, self.operator, self.overseer, self.public):
                client.close()

    def call(self, client, *arguments, headers=None):
        """Without a retry: a second request would hide what became of the first."""
        self.memory.asked += 1
        answer = client.call(*arguments, headers=headers, retry=False)
        self.memory.answered += 1
        if answer.status >= 300:
            self.refused[answer.status, answer.code] += 1
        return answer

    def step(self):
        new = not self.own or self.choose.random() < 0.3
        if new:
            self.own.append(f"s{self.name}-{self.count}")
        name = self.own[-1] if new else self.choose.choice(self.own)
        one = self.memory.subjects[name]
        if new:
            self.put(name, one)
        doing = self.choose.choices(
            (self.put, self.append, self.visit, self.read, self.support, self.oversee, self.history, self.batch,
             self.export, self.restrict, self.erase, self.checkpoint, self.bring_in, self.add_up),
            (2, 2, 1, 3, 3, 2, 1, 1, 0.5, 0.5, 0.5, 1, 0.5, 0.5))[0]
        doing(name, one)

    # ---- what changes something: uncertain until the answer is there
    def changed(self, answer, kinds):
        if answer.status in (200, 201) and "Holdfast-Receipt" in answer.headers:
            self.memory.receipts[int(answer.headers["Holdfast-Receipt"])] = kinds

    def put(self, name, one):
        code = f"{self.choose.randrange(100000):05}"
        before = set(one.profiles)
        one.profiles = before | {code}
        was_erased = one.erased
        if True in was_erased:
            one.erased = {True, False}
        answer = self.call(self.app, "PUT", f"/v1/collections/profile/subjects/{name}",
                           json.dumps({"name": "Zoë 東", "email": f"{name}@example.org", "zip": code}),
                           headers={"Content-Type": "application/json"})
        if answer.status in (200, 201):
            one.profiles, one.erased = {code}, {False}
            self.changed(answer, ("deposited",))
        elif answer.status < 500:
            one.profiles, one.erased = before, was_erased

    def append(self, name, one):
        if one.erased != {False}:
            return
        key, video = f"{len(one.rows) + len(one.rows_maybe):06}", f"v{self.choose.randrange(1000)}"
        one.rows_maybe[key] = video
        answer = self.call(self.app, "POST", f"/v1/collections/views/subjects/{name}/records/{key}",
                           json.dumps({"video": video}), headers={"Content-Type": "application/json"})
        if answer.status in (200, 201):
            one.rows[key] = one.rows_maybe.pop(key)
            self.changed(answer, ("deposited",))
        elif answer.status < 500:
            one.rows_maybe.pop(key)

    def visit(self, name, one):
        if one.erased != {False}:
            return
        key = f"{self.count:06}"
        one.visits.add(key)
        self.call(self.app, "POST", f"/v1/collections/visits/subjects/{name}/records/{key}",
                  json.dumps({"page": "p" + key}), headers={"Content-Type": "application/json"})

    def bring_in(self, name, one):
        """An import of several rows of one subject."""
        if one.erased != {False}:
            return
        start = len(one.rows) + len(one.rows_maybe)
        rows = {f"{start + i:06}": f"v{self.choose.randrange(1000)}" for i in range(8)}
        one.rows_maybe.update(rows)
        body = "".join(json.dumps({"subject": name, "event": k, "video": v}) + "\n" for k, v in rows.items())
        answer = self.call(self.app, "POST", "/v1/collections/views/import", body,
                           headers={"Content-Type": "application/x-ndjson"})
        if answer.status == 200 and answer.json()["accepted"] == len(rows):
            for key in rows:
                one.rows[key] = one.rows_maybe.pop(key)

    def restrict(self, name, one):
        if one.erased != {False} or one.profiles == {None}:
            return
        wanted = False if True in one.restricted else self.choose.random() < 0.7
        before, one.restricted = one.restricted, {True, False}
        answer = self.call(self.app, "PUT" if wanted else "DELETE", f"/v1/subjects/{name}/restriction")
        if answer.status in (200, 204):
            one.restricted = {wanted}
        elif answer.status < 500:
            one.restricted = before

    def erase(self, name, one):
        if one.erased != {False} or one.profiles == {None}:
            return
        one.erased = {True, False}
        one.profiles |= {None}
        one.rows_maybe.update(one.rows)
        one.rows = {}
        answer = self.call(self.app, "DELETE", f"/v1/subjects/{name}")
        if answer.status == 200:
            self.forget(name, one)

    def forget(self, name, one):
        """After an erasure all begins anew: also the pseudonym, and so the tokens."""
        self.own = [other for other in self.own if other != name]
        one.erased, one.profiles, one.rows, one.rows_maybe = {True}, {None}, {}, {}

    # ---- what only reads
    def released(self, answer, flow, name):
        if answer.status == 200:
            return self.memory.take_release(flow, name, int(answer.headers["Holdfast-Receipt"]),
                                            answer.headers["Holdfast-Salt"], answer.body)
        return None

    def read(self, name, one):
        told = self.released(self.call(self.app, "GET", f"/v1/flows/account/subjects/{name}"), "account", name)
        if told:
            compare_profile(self.memory, name, one, told)
            if one.restricted == {True}:
                self.memory.wrong(f"{name} is restricted and was released")

    def history(self, name, one):
        told = self.released(self.call(self.app, "GET", f"/v1/flows/history/subjects/{name}"), "history", name)
        if told:
            compare_rows(self.memory, name, one, told)

    def support(self, name, _):
        self.released(self.call(self.operator, "GET", f"/v1/flows/support/subjects/{name}"), "support", name)

    def oversee(self, name, _):
        self.released(self.call(self.overseer, "GET", f"/v1/flows/oversight/subjects/{name}"), "oversight", name)

    def batch(self, *_):
        names = self.choose.sample(self.own, min(len(self.own), 6))
        answer = self.call(self.app, "POST", "/v1/flows/account/batch", "".join(f'"{n}"\n' for n in names),
                           headers={"Content-Type": "application/x-ndjson"})
        if answer.status != 200:
            return
        for line in answer.body.splitlines():
            told = json.loads(line)
            if "data" in told:  # the payload is the member's exact bytes
                body = line[line.index(b'"data":') + 7:-1]
                self.memory.take_release("account", told["subject"], told["receipt"], told["salt"], body)

    def export(self, name, one):
        answer = self.call(self.app, "GET", f"/v1/subjects/{name}/export")
        if answer.status == 200 and one.erased == {True}:
            self.memory.wrong(f"{name} is erased and was exported")

    def add_up(self, *_):
        answer = self.call(self.app, "GET", "/v1/flows/sums/aggregate")
        if answer.status == 200:
            self.memory.take_sums(answer)

    def checkpoint(self, *_):
        answer = self.call(self.public, "GET", "/log/checkpoint")
        if answer.status == 200:
            self.memory.take_checkpoint(answer.body)


def compare_profile(memory, name, one, told):
    profile = told["profile"]
    if profile["zip"] not in one.profiles or profile["email"] != f"{name}@example.org":
        memory.wrong(f"{name}: released {profile}, deposited was {one.profiles}")


def compare_rows(memory, name, one, told):
    got = collections.Counter(row["video"] for row in told["views"])
    sure = collections.Counter(one.rows.values())
    most = sure + collections.Counter(one.rows_maybe.values())
    if sure - got or got - most:
        memory.wrong(f"{name}: rows lost {dict(sure - got)} or not deposited {dict(got - most)}")


# ---- the judgement
def leaf(entry):
    return hashlib.sha256(b"\0" + entry).digest()


def roots(leaves, sizes):
    """RFC 6962 roots over the first `size` leaves, for each of `sizes`, in one pass."""
    out, stack, sizes = {}, [], sorted(set(sizes))
    for count in range(len(leaves) + 1):
        if count:
            node, n = leaves[count - 1], count
            while n % 2 == 0:
                node = hashlib.sha256(b"\1" + stack.pop() + node).digest()
                n //= 2
            stack.append(node)
        if sizes and sizes[0] == count:
            node = stack[-1] if stack else hashlib.sha256(b"").digest()
            for left in reversed(stack[:-1]):
                node = hashlib.sha256(b"\1" + left + node).digest()
            out[sizes.pop(0)] = node
    return out


def tile_path(number):
    parts = [f"{number % 1000:03}"]
    while number >= 1000:
        number //= 1000
        parts.insert(0, f"x{number % 1000:03}")
    return "/".join(parts)


class NotServed(AssertionError):
    """The log says that it cannot give something of itself."""


def read_entries(holdfast):
    """The checkpoint, and every entry, as its bytes, from the public tiles."""
    public = Client(holdfast.evidence_url, None)

    def get(path):
        answer = public.call("GET", path)
        if answer.status != 200:
            raise NotServed(f"{path}: {answer.status} {answer.body!r}")
        return answer.body
    checkpoint, entries = get("/log/checkpoint"), []
    size = int(checkpoint.split(b"\n")[1])
    for number in range((size + 255) // 256):
        width = min(256, size - number * 256)
        rest = get(f"/log/tile/entries/{tile_path(number)}" + (f".p/{width}" if width < 256 else ""))
        for _ in range(width):
            end = 2 + int.from_bytes(rest[:2], "big")
            entries.append(rest[2:end])
            rest = rest[end:]
    public.close()
    return checkpoint, entries


def read_log(holdfast, memory):
    checkpoint, entries = read_entries(holdfast)
    memory.take_checkpoint(checkpoint)
    return entries


def judge_log(memory, entries):
    told = [json.loads(entry) for entry in entries]
    found = roots([leaf(entry) for entry in entries], [s for s in memory.checkpoints if s <= len(entries)])
    for size, root in memory.checkpoints.items():
        if found.get(size) != root:
            memory.wrong(f"the log of {len(entries)} entries does not continue the checkpoint handed out over {size}")
    for index, (digest, flow, subject) in memory.releases.items():
        entry = told[index] if index < len(told) else {}
        if entry.get("kind") != "released" or entry.get("flow") != flow or \
                entry.get("digest") != base64.urlsafe_b64encode(digest).decode().rstrip("="):
            memory.wrong(f"what left to {flow} on {subject} with receipt {index} is not in the log: {entry}")
    for index, digest in memory.sums.items():
        entry = told[index] if index < len(told) else {}
        if entry.get("kind") != "aggregate.released" or \
                entry.get("digest") != base64.urlsafe_b64encode(digest).decode().rstrip("="):
            memory.wrong(f"the sums that left with receipt {index} are not in the log: {entry}")
    for index, kinds in memory.receipts.items():
        if index >= len(told) or told[index]["kind"] not in kinds:
            memory.wrong(f"an acknowledged deposit's receipt {index} is not in the log of {len(told)}")
    times = [entry["at"] for entry in told]
    if times != sorted(times):
        memory.wrong("entry times decrease")
    judge_limits(memory, told)


def judge_limits(memory, told):
    """Each calendar day (UTC), by the entries' own times: at most so many subjects or records."""
    for flow, (unit, most) in LIMITS.items():
        days = collections.defaultdict(list)
        for entry in told:
            if entry["kind"] == "released" and entry["flow"] == flow:
                days[entry["at"][:10]].append(entry)
        for day, released in days.items():
            spent = len({e["subject"] for e in released}) if unit == "subjects" else sum(e["records"] for e in released)
            if spent > most:
                memory.wrong(f"{flow}: {spent} {unit} on {day}, {most} are agreed")


    # A year's privacy budget is spent on one table, and whoever asks again gets the same bytes.
    spent = collections.Counter(entry["at"][:4] for entry in told if "spent" in entry)
    if any(times > 1 for times in spent.values()):
        memory.wrong(f"a year's privacy budget was spent more than once: {spent}")
    tables = {(told[index]["at"][:4], digest) for index, digest in memory.sums.items() if index < len(told)}
    if len(tables) != len({year for year, _ in tables}):
        memory.wrong("the sums of one year were told with different noise")


def judge_sums(memory, app):
    answer = app.call("GET", "/v1/flows/sums/aggregate")
    if answer.status == 200:
        memory.take_sums(answer)
    else:
        memory.wrong(f"the sums are answered {answer.status}: {answer.body!r}")


def judge_tokens(memory):
    for (flow, subject), tokens in memory.tokens.items():
        if len(tokens) != 1:
            memory.wrong(f"{subject} has several tokens for one recipient of {flow}")
        if flow == "support" and tokens & memory.tokens.get(("oversight", subject), set()):
            memory.wrong(f"{subject} has the same token for two recipients")


def judge_subject(memory, app, name, one):
    answer = disclose(app, "account", name)
    if answer.status == 200:
        memory.take_release("account", name, int(answer.headers["Holdfast-Receipt"]), answer.headers["Holdfast-Salt"],
                            answer.body)
        compare_profile(memory, name, one, answer.json())
        if one.erased == {True}:
            memory.wrong(f"{name} was erased and is read again")
        if one.restricted == {True}:
            memory.wrong(f"{name} is restricted and was released")
        one.profiles, one.erased = {answer.json()["profile"]["zip"]}, {False}  # known from now on
        one.restricted = {False}
    elif answer.code == "subject.restricted":
        if one.restricted == {False}:
            memory.wrong(f"{name} is not restricted and was refused")
        one.restricted = {True}
    elif answer.code == "subject.erased":
        # Begun, and the fault kept it from its end: it goes on at the next start.
        if one.erased == {False}:
            memory.wrong(f"{name} is said to be erased, and nobody asked for that")
    elif answer.status == 404:
        if None not in one.profiles:
            memory.wrong(f"{name}: an acknowledged deposit is gone: {answer.body!r}")
        one.profiles = {None}
    else:
        memory.wrong(f"{name} is answered {answer.status}: {answer.body!r}")
    if answer.status == 404 or (one.rows and answer.status == 200):
        rows = disclose(app, "history", name)
        if rows.status == 200:
            memory.take_release("history", name, int(rows.headers["Holdfast-Receipt"]), rows.headers["Holdfast-Salt"],
                                rows.body)
            compare_rows(memory, name, one, rows.json())
            if one.erased == {True}:
                memory.wrong(f"{name} was erased and its rows are read again")
        elif one.rows:
            memory.wrong(f"{name}: acknowledged rows are gone: {rows.status} {rows.body!r}")


def judge_visits(memory, app, name):
    """To be asked only of a server whose clock stands more than an hour after the visits were deposited: none may leave
    any more, whether a sweep has removed them or not."""
    answer = disclose(app, "recent", name)
    if answer.status == 200 and answer.json()["visits"]:
        memory.wrong(f"{name}: visits are released after their retention ended")


def judge_retention(memory, app, name, until):
    """The same of a server that was started after that: the sweep at its start goes beside the first requests and gives
    way to them, so it has time until `until`, of the monotonic clock, to remove the visits."""
    judge_visits(memory, app, name)
    pause = 0.05
    while True:
        held = app.call("GET", f"/v1/subjects/{name}/export")
        if held.status != 200 or not held.json()["collections"].get("visits", {}).get("records"):
            return
        if time.monotonic() > until:
            memory.wrong(f"{name}: visits are held after their retention ended")
            return
        time.sleep(pause)
        pause *= 2


def judge_erasure_on_disk(holdfast, memory, pieces=40):
    """What the creation of an erased subject wrote to data/keys (its wrapped key) must be in no file there."""
    for name, written in list(memory.canaries.items()):
        if memory.subjects[name].erased != {True}:
            continue
        for path in (holdfast.dir / "data/keys").glob("*.*"):
            content = path.read_bytes()
            if any(written[i:i + pieces] in content for i in range(0, len(written) - pieces, 8)):
                memory.wrong(f"{name} was erased and what its key was wrapped as is still in {path.name}")


def log_bytes(folder):
    """What the engine's own logs of one database hold now, without the zeros that are written ahead."""
    return b"".join(path.read_bytes().rstrip(b"\0") for path in sorted(folder.glob("*.log")))


def probe_nonce(holdfast, memory, piece=64):
    """The first deposit after a start, under one key and always beginning alike: its ciphertext must be new."""
    data, app = holdfast.dir / "data/records", holdfast.client("app-us")
    before = len(log_bytes(data))
    answer = app.call("PUT", "/v1/collections/profile/subjects/nonce-probe",
                      json.dumps({"name": "x" * 900, "email": "probe@example.org",
                                  "zip": f"{random.randrange(100000):05}"}),
                      {"Content-Type": "application/json"})
    written = log_bytes(data)[before:]
    app.close()
    if answer.status not in (200, 201):
        return
    seen = {written[i:i + piece] for i in range(len(written) - piece)}
    if seen & memory.sealed:
        memory.wrong("the same ciphertext was written twice: a nonce was used again after a restart")
    memory.sealed |= {written[i:i + piece] for i in range(0, len(written) - piece, piece)}


def plant_canary(holdfast, memory, name):
    """Makes a subject while nothing else happens, and remembers what its key became on disk."""
    keys, app = holdfast.dir / "data/keys", holdfast.client("app-us")
    before = len(log_bytes(keys))
    one = memory.subjects[name]
    one.profiles = {None, "11111"}
    answer = app.call("PUT", f"/v1/collections/profile/subjects/{name}",
                      json.dumps({"name": "c", "email": f"{name}@example.org", "zip": "11111"}),
                      {"Content-Type": "application/json"})
    if answer.status == 201:
        one.profiles = {"11111"}
        memory.canaries[name] = log_bytes(keys)[before:]
    app.close()


def erase_canary(holdfast, memory, name):
    """After this the judge looks for the key on disk."""
    one, app = memory.subjects[name], holdfast.client("app-us")
    one.erased, one.profiles = {True, False}, one.profiles | {None}
    if app.call("DELETE", f"/v1/subjects/{name}").status == 200:
        one.erased, one.profiles = {True}, {None}
    app.close()


def judge_before_sweep(holdfast, memory, subjects):
    """Of a server whose clock was moved on since its last sweep."""
    try:
        app = holdfast.client("app-us")
        for name in subjects:
            judge_visits(memory, app, name)
        app.close()
    except CUT as error:
        memory.wrong(f"the server went away while judged: {type(error).__name__}: {error}")


def judge_ready(holdfast, memory):
    ready = holdfast.client().call("GET", "/readyz")
    if ready.status != 200:
        memory.wrong(f"/readyz answers {ready.status} after a restart: {ready.body!r}")


def judge(holdfast, memory, subjects=None, retention=False):
    """Against a server that was started again and works. `subjects`: which to look at, all if None."""
    try:
        judge_ready(holdfast, memory)
        app = holdfast.client("app-us")
        until = time.monotonic() + SWEEP_SECONDS_MAX
        for name in sorted(memory.subjects) if subjects is None else subjects:
            judge_subject(memory, app, name, memory.subjects[name])
            if retention and memory.subjects[name].visits:
                judge_retention(memory, app, name, until)
        judge_sums(memory, app)
        app.close()
        judge_log(memory, read_log(holdfast, memory))
        judge_tokens(memory)
        judge_erasure_on_disk(holdfast, memory)
        verified = holdfast.verify("--state", holdfast.folder / "verify.state")
        if verified.returncode != 0:
            memory.wrong(f"verify answers {verified.returncode}: {verified.stdout[-600:]}{verified.stderr[-600:]}")
    except CUT as error:
        memory.wrong(f"the server went away while judged: {type(error).__name__}: {error}")
    return memory.findings
