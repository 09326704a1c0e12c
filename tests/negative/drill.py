"""What is done to every binary alike, with and without a bug, and judged by tests/fault/judge.py from outside.

Each step runs on an installation of its own and answers what was found wrong. None knows which binary it has before it.
"""
import http.client
import pathlib
import random
import sys
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "fault"), str(HERE.parent / "e2e")]
import campaign  # noqa: E402
import holdfast as e2e  # noqa: E402
import judge  # noqa: E402
from power import PowerCut  # noqa: E402

LIMIT = judge.LIMITS["support"][1]
SECOND_US = 1_000_000


class Server(campaign.Server):
    """Only `serve` is the binary under test; who signs, adopts and verifies has the true one."""

    def __init__(self, template, folder, binary):
        folder.mkdir()
        super().__init__(template, folder)
        self.binary = binary

    def start(self, **options):
        true, e2e.BINARY = e2e.BINARY, self.binary
        try:
            return super().start(**options)
        finally:
            e2e.BINARY = true


def put(server, memory, name, code="94105"):
    """A profile, which the memory takes as acknowledged only when it was."""
    one, client = memory.subjects[name], server.client("app-us")
    one.profiles = one.profiles | {code}
    answer = client.call("PUT", f"/v1/collections/profile/subjects/{name}",
                         f'{{"name": "Zoe", "email": "{name}@example.org", "zip": "{code}"}}',
                         {"Content-Type": "application/json"}, retry=False)
    client.close()
    if answer.status in (200, 201):
        one.profiles = {code}
        memory.receipts[int(answer.headers["Holdfast-Receipt"])] = ("deposited",)
    return answer


def read(server, memory, party, flow, name):
    """A read, of which the memory keeps what left."""
    client = server.client(party)
    answer = client.call("GET", f"/v1/flows/{flow}/subjects/{name}", retry=False)
    client.close()
    if answer.status == 200:
        memory.take_release(flow, name, int(answer.headers["Holdfast-Receipt"]), answer.headers["Holdfast-Salt"],
                            answer.body)
    return answer


def checkpoint(server, memory):
    client = e2e.Client(server.evidence_url, None)
    answer = client.call("GET", "/log/checkpoint", retry=False)
    client.close()
    if answer.status == 200:
        memory.take_checkpoint(answer.body)


def border(server, memory, _):
    """What leaves has its form, nobody's token is another's, and a restricted subject is not read."""
    server.start()
    judge.plant_canary(server, memory, "gone")
    put(server, memory, "a", "94105-1234")
    for party, flow in (("app-us", "account"), ("bytedance", "support"), ("treasury", "oversight")):
        answer = read(server, memory, party, flow, "a")
        if answer.status != 200:
            memory.wrong(f"{flow} is answered {answer.status}: {answer.body!r}")
        elif flow == "support" and (answer.json()["profile"]["zip"] != "941" or b"a@example" in answer.body):
            memory.wrong(f"support left in another form than agreed: {answer.body!r}")
    client = server.client("app-us")
    if client.call("PUT", "/v1/subjects/a/restriction").status in (200, 204):
        memory.subjects["a"].restricted = {True}
    client.close()
    judge.erase_canary(server, memory, "gone")
    judge.judge(server, memory)


def restarts(server, memory, _):
    """A limit spent before a clean stop and a kill stays spent, and no nonce comes again."""
    for stop in (server.stop, server.kill, server.kill):
        server.start()
        judge.probe_nonce(server, memory)
        for number in range(LIMIT // 2):
            name = f"s{len(memory.subjects)}"
            put(server, memory, name)
            read(server, memory, "bytedance", "support", name)
        stop()
    server.start()
    judge.judge(server, memory, ["s0"])


def retention(server, memory, _):
    """What is past its keep leaves no more, and is gone soon after the next start."""
    server.start()
    client = server.client("app-us")
    for name in ("a", "b"):
        put(server, memory, name)
        client.call("POST", f"/v1/collections/visits/subjects/{name}/records/1", '{"page": "p"}',
                    {"Content-Type": "application/json"})
        memory.subjects[name].visits.add("1")
    client.close()
    server.control[campaign.CLOCK_MS] = 30 * campaign.HOUR_MS
    judge.judge_before_sweep(server, memory, ("a", "b"))
    server.kill()
    server.start()
    judge.judge(server, memory, retention=True)


def power_cut(server, memory, choose):
    """While the disk takes long to sync, whoever is answered holds it against the server after a power cut."""
    server.start(journal=True)
    patience = 0.7  # seconds in which who would be answered without a sync surely is, however busy the machine
    for name in ("a", "b"):
        for doing in (lambda: put(server, memory, name), lambda: read(server, memory, "app-us", "account", name),
                      lambda: checkpoint(server, memory)):
            began = time.monotonic()
            doing()
            patience = min(8, max(patience, 10 * (time.monotonic() - began)))
    server.control.arm(campaign.SYNC, 1, campaign.DELAY, 30 * SECOND_US)

    def ask(doing, times=1):
        try:
            for _ in range(times):
                doing()
        except (OSError, http.client.HTTPException):
            pass  # the power went before an answer came: nothing was promised

    asking = [threading.Thread(target=ask, args=arguments, daemon=True) for arguments in (
        (lambda: read(server, memory, "app-us", "account", "a"), 3),
        (lambda: put(server, memory, "c"),),
        (lambda: checkpoint(server, memory) or time.sleep(0.02), 20))]
    for one in asking:
        one.start()
    for one in asking:
        one.join(patience)
    server.kill()
    server.control.disarm()
    for one in asking:
        one.join(30)
    PowerCut(server.journal, server.dir / "data", choose).play("drop")
    server.start()
    judge.judge(server, memory)


STEPS = (border, power_cut, restarts, retention)


def drill(template, folder, binary, seed):
    """All steps until one finds something; answers its name and the findings, or (None, [])."""
    for step in STEPS:
        server, memory = Server(template, folder / step.__name__, binary), judge.Memory()
        try:
            step(server, memory, random.Random(f"{seed}/{step.__name__}"))
        except campaign.Refused as refused:
            memory.wrong(f"does not start: {refused}")
        finally:
            if server.alive:
                server.kill()
        if memory.findings:
            return step.__name__, memory.findings
    return None, []
