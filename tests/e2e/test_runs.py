"""Flows that run a sealed module: served, recorded, bounded; and modules that try what they may not."""
import base64
import hashlib
import json
import os
import pathlib
import re
import signal
import subprocess
import threading

import pytest

from holdfast import BINARY, ROOT, Holdfast, disclose, run

HOSTILE = BINARY.parent / "modules"
NDJSON = {"Content-Type": "application/x-ndjson"}

# Answers with the videos that it was told of, the latest first; and with what it is told to say at build time.
FEED = """
#include <time.h>
#include "holdfast.h"
int main(void) {
  static hf_string out[4096];
  void* memory = NULL;
  size_t room = 0;
  const hf_frame* frame = hf_next_frame(&memory, &room);
  if (!frame) return 1;
  const hf_table* views = hf_find_table(frame, "views");
  const hf_column* video = hf_find_column(frame, views, "video");
  uint32_t count = 0;
  for (uint32_t row = views->rows; row-- > 0 && count < 4000;) out[count++] = hf_text(frame, video, row);
#ifdef SAY
  out[count].data = SAY, out[count++].size = sizeof SAY - 1;
#endif
#ifdef CLOCK
  static char digits[16];
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  long long seconds = now.tv_sec;
  for (int i = 9; i >= 0; --i, seconds /= 10) digits[i] = '0' + seconds % 10;
  out[count].data = digits, out[count++].size = 10;
  static unsigned char chance[4];
  static char hex[8];
  getentropy(chance, sizeof chance);
  for (int i = 0; i < 8; ++i) hex[i] = "0123456789abcdef"[chance[i / 2] >> (i % 2 ? 0 : 4) & 15];
  out[count].data = hex, out[count++].size = 8;
#endif
#ifdef TELL
  (void)!write(2, TELL, sizeof TELL - 1);
#endif
#ifdef SLOW
  for (volatile unsigned i = 0;;) ++i;
#endif
#ifdef CODE
  return CODE;
#endif
  return !hf_answer_texts("feed", "video", out, count);
}
"""


def built(folder, *flags):
    """The module above."""
    source, out = folder / "feed.c", folder / f"feed{abs(hash(flags))}.wasm"
    source.write_text(FEED)
    subprocess.run(["clang-14", "--target=wasm32-wasi", "-O2", "-D_GNU_SOURCE", f"-I{ROOT}/sdk/guest", "-Wl,--strip-all", *flags,
                    source, "-o", out], check=True)
    return out.read_bytes()


class Modules(Holdfast):
    """A Holdfast whose feed runs whatever was released last."""

    def __init__(self, folder, sealed="run: 1s, beat: 1ms", edit=lambda text: text):
        super().__init__(folder)
        with open(self.dir / "holdfast.yaml", "a") as config:
            config.write(f"sealed: {{{sealed}}}\n")
        self.number, self.edit = 0, edit

    def up(self):
        self.start(adopt=False)
        self.adopt(edit=self.edit)
        self.app = self.client("app-us")
        return self

    def release(self, module):
        self.number += 1
        return self.release_module(module, self.number)

    def person(self, subject, videos=("v1", "v2", "v3"), **fields):
        assert self.deposit(self.app, subject, **fields).status in (200, 201)
        for event, video in enumerate(videos):
            row = {"video": video, "watched": 3 + event, "at": "2026-11-01T10:00:00Z"}
            answer = self.app.call("POST", f"/v1/collections/views/subjects/{subject}/records/{event:04}", json.dumps(row),
                                   {"Content-Type": "application/json"})
            assert answer.status in (200, 201), answer.body

    def entries(self, *kinds):
        lines = run("log", "tail", "-n", "100000", "--log", self.evidence_url).stdout.splitlines()
        return [entry for entry in map(json.loads, lines) if entry["kind"] in kinds]

    def entry(self, answer):
        return self.app.call("GET", f"/v1/entries/{answer.headers['Holdfast-Receipt']}").json()


def base64url(raw):
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    one = Modules(tmp_path_factory.mktemp("runs")).up()
    one.person("ana")
    yield one
    one.stop()


@pytest.fixture
def folder(tmp_path):
    return tmp_path


def videos(answer):
    assert answer.status == 200, answer.body
    return [row["video"] for row in answer.json()["feed"]]


def test_without_a_module_nothing_runs(server):
    answer = disclose(server.app, "feed", "ana")
    assert (answer.status, answer.code) == (403, "module.none")


def test_a_feed_is_computed_recorded_and_padded(server, folder):
    digest = server.release(built(folder))
    answer = disclose(server.app, "feed", "ana")
    assert videos(answer) == ["v3", "v2", "v1"]
    assert len(answer.body) == 1024 and answer.body.rstrip() == b'{"feed":[{"video":"v3"},{"video":"v2"},{"video":"v1"}]}'
    entry = server.entry(answer)
    assert (entry["kind"], entry["flow"], entry["to"], entry["size"], entry["records"]) == ("released", "feed", "app-us", 1024, 4)
    assert entry["gives"] == {"profile": {"language": "read"}, "views": {"at": "read", "video": "read", "watched": "read"}}
    assert entry["run"]["module"] == base64url(bytes.fromhex(digest)) and set(entry["run"]) == {"module", "seed", "started"}
    salted = bytes.fromhex(answer.headers["Holdfast-Salt"]) + answer.body
    assert entry["digest"] == base64url(hashlib.sha256(salted).digest())
    printed = server.cli("get", "feed", "ana")
    assert json.loads(printed.stdout) == answer.json()


def test_only_who_is_to_receive_it_may_ask(server):
    for profile in ("bytedance", "treasury", "oracle"):
        answer = disclose(server.client(profile), "feed", "ana")
        assert (answer.status, answer.code) == (403, "flow.party")
    assert disclose(server.subject_client("ana"), "feed", "ana").code == "caller.party"
    assert disclose(server.app, "feed", "nobody").code == "vault.subject.unknown"


def test_a_batch_runs_many_and_each_has_its_own(server, folder):
    server.release(built(folder))
    names = [f"b{i}" for i in range(150)]
    for i, name in enumerate(names):
        server.person(name, [f"{name}-{k}" for k in range(i % 4)])
    lines = server.app.call("POST", "/v1/flows/feed/batch", "".join(f'"{name}"\n' for name in [*names, "nobody"]), NDJSON).lines()
    assert [line["subject"] for line in lines] == [*names, "nobody"]
    for i, line in enumerate(lines[:-1]):
        assert [row["video"] for row in line["data"]["feed"]] == [f"b{i}-{k}" for k in reversed(range(i % 4))]
        assert len(json.dumps(line["receipt"])) > 0
    assert lines[-1]["error"]["code"] == "vault.subject.unknown"
    assert len({line["receipt"] for line in lines[:-1]}) == len(names)


def test_restricted_and_erased_subjects_are_not_run(server, folder):
    server.release(built(folder))
    server.person("rita")
    me = server.subject_client("rita")
    assert disclose(server.app, "feed", "rita").status == 200
    assert me.call("PUT", "/v1/subjects/rita/restriction").status in (200, 201, 204)
    assert disclose(server.app, "feed", "rita").code == "subject.restricted"
    assert me.call("DELETE", "/v1/subjects/rita/restriction").status in (200, 204)
    assert disclose(server.app, "feed", "rita").status == 200
    assert me.call("DELETE", "/v1/subjects/rita").status in (200, 204)
    assert disclose(server.app, "feed", "rita").code in ("vault.subject.unknown", "subject.erased")


def test_clock_and_chance_are_of_the_request_and_on_record(server, folder):
    server.release(built(folder, "-DCLOCK"))
    first, second = disclose(server.app, "feed", "ana"), disclose(server.app, "feed", "ana")
    shown, chance = videos(first)[-2:]
    from datetime import datetime

    started = datetime.fromisoformat(server.entry(first)["run"]["started"].replace("Z", "+00:00"))
    assert int(shown) == int(started.timestamp())
    assert chance != videos(second)[-1]
    assert server.entry(first)["run"]["seed"] != server.entry(second)["run"]["seed"]


@pytest.mark.parametrize(
    "plan, code",
    [
        ("behind", "sealed.run.frame"),
        ("descriptors", "sealed.run.frame"),
        ("memory", "sealed.run.time"),
        ("spin", "sealed.run.time"),
        ("recursion", "sealed.run.trapped"),  # its frames lie in its memory, and run out of it
        ("flood", "sealed.run.output"),
        ("trap", "sealed.run.trapped"),
    ],
)
def test_a_hostile_module_is_contained(server, plan, code):
    digest = server.release((HOSTILE / f"hostile-{plan}.wasm").read_bytes())
    before = len(server.entries("run.failed"))
    answer = disclose(server.app, "feed", "ana")
    assert (answer.status, answer.code) == (500, code)
    assert b"v1" not in answer.body
    [entry] = server.entries("run.failed")[before:]
    assert (entry["flow"], entry["party"], entry["ending"]) == ("feed", "app-us", code.removeprefix("sealed.run."))
    assert entry["run"]["module"] == base64url(bytes.fromhex(digest))
    assert disclose(server.app, "account", "ana").status == 200
    log = server.cli("module", "log", "feed-ranker", profile="treasury").stdout
    assert re.search(rf"(?m)^2\S+Z {digest[:12]} {entry['ending']} \(", log), log
    # The operator's module is at fault: nobody is paged for it, and the log of the server's own has no error.
    assert "holdfast_faults_total 0" in server.client().call("GET", "/metrics").body.decode()
    assert '"level":"error"' not in (server.folder / "server.log").read_text()


def test_an_exit_code_is_a_failure(server, folder):
    server.release(built(folder, "-DCODE=3"))
    assert disclose(server.app, "feed", "ana").code == "sealed.run.exit"


def test_a_module_that_looks_for_the_email_finds_none(server):
    server.release((HOSTILE / "hostile-email.wasm").read_bytes())
    answer = disclose(server.app, "feed", "ana")
    assert answer.status == 200 and b"@example.org" not in answer.body


def test_what_a_module_was_not_given_does_not_leave(server, folder):
    server.release(built(folder, '-DSAY="kim@secret.example"'))
    server.person("kim", email="kim@secret.example")
    server.person("lou", email="lou@secret.example")
    assert disclose(server.app, "feed", "kim").code == "sealed.run.withheld"
    assert videos(disclose(server.app, "feed", "lou"))[-1] == "kim@secret.example"
    # One that was given it, in a field that the flow reads, may say it.
    server.person("kim", ["v1", "v2", "v3", "see kim@secret.example"], email="kim@secret.example")
    assert disclose(server.app, "feed", "kim").status == 200
    [entry] = [each for each in server.entries("run.failed") if each["ending"] == "withheld"]
    assert entry["flow"] == "feed"
    log = server.cli("module", "log", "feed-ranker", profile="treasury").stdout
    assert " withheld (finished; what it put out did not leave)\n" in log and "kim@secret.example" not in log


def test_more_than_the_agreement_allows_does_not_leave(server, folder):
    server.release(built(folder))
    server.person("max", ["v" * 60 + str(i) for i in range(220)])
    assert disclose(server.app, "feed", "max").code == "sealed.run.output"
    server.person("mia", ["v" * 60 + str(i) for i in range(30)])
    assert len(disclose(server.app, "feed", "mia").body) == 4096


def test_what_a_module_writes_is_for_trustee_and_overseer(server, folder):
    server.release(built(folder, '-DTELL="hello from within\\n"'))
    assert disclose(server.app, "feed", "ana").status == 200
    for profile in ("oracle", "treasury"):
        assert "hello from within" in server.cli("module", "log", "feed-ranker", profile=profile).stdout
    told = json.loads(server.cli("module", "log", "feed-ranker", "--json", profile="oracle").stdout)
    assert isinstance(told["receipt"], int) and "hello from within" in told["log"]
    for profile in ("bytedance", "app-us"):
        answer = server.client(profile).call("GET", "/v1/modules/feed-ranker/log")
        assert (answer.status, answer.code) == (403, "caller.role")
    assert server.client("treasury").call("GET", "/v1/modules/other/log").status == 404
    read = server.entries("module.log-read")
    assert {entry["party"] for entry in read} == {"oracle", "treasury"} and read[0]["module"] == "feed-ranker"
    assert server.client("treasury").call("GET", "/v1/modules/feed-ranker/log").headers["Holdfast-Receipt"]


def test_what_a_module_writes_cannot_pass_for_the_trustees_nor_act_on_who_reads_it(server, folder):
    said = r"\x1b[2J\xc2\x9b\x9b\xe2\x80\xae\xff\n2026-01-01T00:00:00.000Z 000000000000 finished\n"
    digest = server.release(built(folder, f'-DTELL="{said}"'))
    assert disclose(server.app, "feed", "ana").status == 200
    body = server.client("treasury").call("GET", "/v1/modules/feed-ranker/log").body
    first, *lines = body.decode().splitlines()[-3:]
    assert re.fullmatch(rf"2\d{{3}}-[-0-9T:.]+Z {digest[:12]} finished", first)
    assert lines == ["  | ?[2J????", "  | 2026-01-01T00:00:00.000Z 000000000000 finished"]
    told = json.loads(server.cli("module", "log", "feed-ranker", "--json", profile="treasury").stdout)
    assert told["log"].encode() == body


def test_a_new_module_takes_over_and_a_withdrawn_one_runs_no_more(server, folder):
    server.release(built(folder))
    digest = server.release(built(folder, '-DSAY="second"'))
    assert videos(disclose(server.app, "feed", "ana"))[-1] == "second"
    server.cli("module", "withdraw", digest, profile="treasury")
    assert disclose(server.app, "feed", "ana").code == "module.none"


def test_a_release_under_load_disturbs_nobody(server, folder):
    first, second = built(folder), built(folder, '-DSAY="second"')
    server.release(first)
    stop, seen = threading.Event(), []

    def ask():
        client = server.client("app-us")
        while not stop.is_set():
            seen.append(disclose(client, "feed", "ana"))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    server.release(second)
    server.wait_for(lambda: seen and seen[-1].status == 200 and b"second" in seen[-1].body)
    stop.set()
    for thread in threads:
        thread.join()
    assert {answer.status for answer in seen} == {200}


def test_everything_above_verifies_and_is_reported(server):
    server.release((HOSTILE / "hostile-trap.wasm").read_bytes())
    assert disclose(server.app, "feed", "ana").code == "sealed.run.trapped"
    done = server.verify()
    assert done.returncode == 0, done.stdout + done.stderr
    assert "contained" in done.stdout
    report = json.loads(server.report("--json"))
    [flow] = [flow for flow in report["flows"] if flow["flow"] == "feed"]
    assert flow["contained"] == len(server.entries("run.failed"))


def test_a_killed_worker_is_replaced(tmp_path):
    server = Modules(tmp_path, "run: 10s, beat: 1ms").up()
    try:
        server.person("ana")
        server.release(built(tmp_path, "-DSLOW"))
        server.wait_for(lambda: server.workers())
        answers = []
        thread = threading.Thread(target=lambda: answers.append(disclose(server.client("app-us"), "feed", "ana")))
        thread.start()
        busy = lambda: [worker for worker in server.workers() if cpu_ticks(worker) > 100]  # noqa: E731
        server.wait_for(busy)
        os.kill(busy()[0], signal.SIGKILL)
        thread.join()
        assert answers[0].code == "sealed.run.died"
        server.release(built(tmp_path))
        assert videos(disclose(server.app, "feed", "ana")) == ["v3", "v2", "v1"]
        for worker in server.workers():
            os.kill(worker, signal.SIGKILL)
        assert disclose(server.app, "feed", "ana").status in (200, 500)
        assert disclose(server.app, "feed", "ana").status == 200

        # And after a restart: the module in force is what the log says.
        server.stop()
        server.start(adopt=False)
        server.app = server.client("app-us")
        assert videos(disclose(server.app, "feed", "ana")) == ["v3", "v2", "v1"]
        server.kill()
        server.start(adopt=False)
        server.app = server.client("app-us")
        assert disclose(server.app, "feed", "ana").status == 200
        assert server.verify().returncode == 0
    finally:
        server.stop()
    assert not server.workers()


def cpu_ticks(pid):
    try:
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:  # it has gone
        return 0
    return int(fields[11]) + int(fields[12])


def test_limits_count_runs_and_contained_ones(tmp_path):
    limited = lambda text: text.replace("    output: 16KiB\n", "    output: 16KiB\n    limit: 2 subjects per day\n")  # noqa: E731
    server = Modules(tmp_path, edit=limited).up()
    try:
        for name in ("a", "b", "c"):
            server.person(name)
        server.release((HOSTILE / "hostile-trap.wasm").read_bytes())
        assert disclose(server.app, "feed", "a").code == "sealed.run.trapped"
        server.release(built(tmp_path))
        assert disclose(server.app, "feed", "b").status == 200
        assert disclose(server.app, "feed", "c").code == "limit.exceeded"
        assert disclose(server.app, "feed", "a").status == 200
        assert server.verify().returncode == 0
    finally:
        server.stop()


def test_without_the_jail_that_is_required_nothing_runs(tmp_path):
    """Landlock and the rest are there or not; what no machine has is not asked for. A worker that is missing is."""
    alone = tmp_path / "bin"
    alone.mkdir()
    (alone / "holdfast").write_bytes(BINARY.read_bytes())
    (alone / "holdfast").chmod(0o755)
    server = Modules(tmp_path / "x" if (tmp_path / "x").mkdir() is None else tmp_path)
    log = open(tmp_path / "alone.log", "wb")
    server.process = subprocess.Popen([str(alone / "holdfast"), "serve", "--dir", str(server.dir)], stdout=log, stderr=log)
    server.log = log
    ready = server.dir / "ready.json"
    try:
        end = 600
        while not ready.exists() and end > 0 and server.process.poll() is None:
            threading.Event().wait(0.05)
            end -= 1
        server.ready = json.loads(ready.read_text())
        server.adopt()
        server.app = server.client("app-us")
        server.person("ana")
        answer = disclose(server.app, "feed", "ana")
        assert (answer.status, answer.code) == (501, "flow.kind.unavailable")
        assert b"sealed.worker.missing" in (tmp_path / "alone.log").read_bytes()
    finally:
        server.stop()
