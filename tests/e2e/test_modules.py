"""The life of a sealed module, as each of the four parties lives it: committed to, submitted, shown, signed, released,
withdrawn, and what the evidence says of it."""
import base64
import hashlib
import json
import shutil
import subprocess
import threading

import pytest

from holdfast import BINARY, SMALLEST_MODULE, run

HOSTILE = BINARY.parent / "modules"
JSON = {"Content-Type": "application/json"}
MAIN = "int main(void) { return %d; }\n"
COMPILE = "clang-14 --target=wasm32-wasi -O2 -Wl,--strip-all"


@pytest.fixture
def source(tmp_path):
    """An operator's source, and the module built of it."""
    folder = tmp_path / "ranker"
    (folder / "net").mkdir(parents=True)
    (folder / "main.c").write_text(MAIN % 0)
    (folder / "net" / "client.c").write_text("/* the code that talks to nobody */\n")
    (folder / "build.sh").write_text(f"#!/bin/sh\nexec {COMPILE} main.c -o \"$1\"\n")
    (folder / "build.sh").chmod(0o755)
    (folder / "readme").symlink_to("main.c")
    return folder


def built(source):
    module = source.parent / "ranker.wasm"
    subprocess.run(["./build.sh", str(module)], cwd=source, check=True)
    return module


def commit(folder, module, number=1, name="feed-ranker"):
    """The operator's commitment and statement; answers the statement's file."""
    out = folder.parent / f"{name}-{number}.statement"
    run("module", "commit-source", folder, "--module", module, "--name", name, "--number", number, "--builder", "acme",
        "--compiler", "clang 14.0.6", "--flag=-O2", "-o", out)
    return out


def post(client, statement, module):
    body = {"envelope": json.loads(statement.read_text()), "module": base64.b64encode(module).decode()}
    return client.call("POST", "/v1/modules", json.dumps(body), JSON)


def entries(server, kind):
    lines = run("log", "tail", "-n", "500", "--log", server.evidence_url).stdout.splitlines()
    return [entry for entry in map(json.loads, lines) if entry["kind"] == kind]


def test_a_module_from_its_source_to_its_release_and_withdrawal(holdfast, source, tmp_path):
    module = built(source)
    digest = hashlib.sha256(module.read_bytes()).hexdigest()
    statement = holdfast.sign_statement(commit(source, module), "bytedance")
    submitted = json.loads(holdfast.cli("module", "submit", statement, module, "--json", profile="bytedance").stdout)
    assert submitted["hash"] == digest
    [entry] = entries(holdfast, "module.submitted")
    assert (entry["party"], entry["module"], entry["version"], entry["size"]) == ("bytedance", "feed-ranker", 1, module.stat().st_size)

    # The overseer: looks at it, takes the statement home, signs it there.
    listed = json.loads(holdfast.cli("module", "show", "--json", profile="treasury").stdout)["modules"]
    assert [(each["hash"], each["state"]) for each in listed] == [(digest, "submitted")]
    assert not entries(holdfast, "module.shown")  # a list shows nothing
    home = tmp_path / "treasury.statement"
    shown = json.loads(holdfast.cli("module", "show", digest, "-o", home, "--json", profile="treasury").stdout)
    assert (shown["signed_by"], shown["shown_to"]) == (["bytedance"], ["treasury"])
    assert shown["said"]["predicate"]["source"]["files"] == 4
    assert shown["report"]["imports"] == ["wasi_snapshot_preview1.proc_exit"]
    assert {run_["rows"] for run_ in shown["report"]["runs"]} == {0, 1, 50, 1000}
    assert not shown["report"]["runs_good"] and "no frame" in shown["report"]["runs"][0]["ending"]
    assert [entry["party"] for entry in entries(holdfast, "module.shown")] == ["treasury"]
    text = holdfast.cli("module", "show", digest, profile="treasury").stdout
    assert "needs       operator 'bytedance', overseer 'treasury'" in text and "put out no frame" in text
    assert len(entries(holdfast, "module.shown")) == 1  # once is enough

    # Nobody releases it before those have signed who must.
    early = holdfast.cli("module", "release", home, profile="oracle", check=False)
    assert early.returncode == 4 and "agreement.module.quorum" in early.stderr
    holdfast.sign_statement(home, "treasury")
    assert "released: feed-ranker version 1" in holdfast.cli("module", "release", home, profile="bytedance").stdout
    [entry] = entries(holdfast, "module.released")
    assert [key.split("+")[0] for key in entry["signed_by"]] == ["bytedance", "treasury"]
    assert json.loads(holdfast.cli("module", "show", "--json").stdout)["modules"][0]["state"] == "in force"

    # Anyone: the statement lies beside the log, the module does not.
    public = holdfast.client().call("GET", "/log/statement/" + base64.urlsafe_b64decode(entry["statement"] + "=").hex())
    assert public.status == 200 and len(public.json()["signatures"]) == 2
    assert hashlib.sha256(public.body).digest() == base64.urlsafe_b64decode(entry["statement"] + "=")
    for path in (f"/log/module/{digest}", f"/log/statement/{digest}", f"/v1/modules/{digest}"):
        answer = holdfast.client().call("GET", path)
        assert answer.status in (401, 404) and b"\0asm" not in answer.body
    # Nor does whoever reads the trustee's disk find its code there; the statement, which is no secret, is found.
    kept = b"".join(path.read_bytes() for path in (holdfast.dir / "data").rglob("*") if path.is_file())
    assert b"in-toto" in base64.b64decode(public.json()["payload"]) and public.body[:200] in kept
    assert module.read_bytes()[:64] not in kept and module.read_bytes()[-64:] not in kept
    assert holdfast.verify().returncode == 0

    # The overseer takes it back, and no old signature brings it forth again.
    assert "withdrawn" in holdfast.cli("module", "withdraw", digest, profile="treasury").stdout
    assert holdfast.cli("module", "release", home, profile="bytedance", check=False).returncode == 5
    again = holdfast.cli("module", "submit", statement, module, profile="bytedance", check=False)
    assert again.returncode == 1 and "module.version.stale" in again.stderr
    second = holdfast.sign_statement(commit(source, module, 2), "bytedance")
    holdfast.cli("module", "submit", second, module, profile="bytedance")
    holdfast.cli("module", "withdraw", digest, profile="oracle")  # before it was ever released

    mirror = tmp_path / "mirror"
    run("log", "export", mirror, "--log", holdfast.evidence_url)
    assert len(list((mirror / "statement").iterdir())) == 3
    assert holdfast.verify(source=mirror).returncode == 0
    report = json.loads(holdfast.report("--json"))
    changes = [each for each in report["changes"] if each["kind"].startswith("module.")]
    assert [each["kind"] for each in changes] == ["module.submitted", "module.shown", "module.released", "module.withdrawn",
                                                  "module.submitted", "module.withdrawn"]
    assert all(each["right"] and each["module"] == "feed-ranker" for each in changes)
    assert [key.split("+")[0] for key in changes[2]["signed_by"]] == ["bytedance", "treasury"]
    holdfast.stop()
    holdfast.start(adopt=False)
    assert holdfast.verify().returncode == 0
    shutil.rmtree(mirror / "statement")
    assert "module.statement.missing" in holdfast.verify(source=mirror).stdout


def test_a_module_in_force_that_is_submitted_again_is_shown_as_both(holdfast, source):
    module = built(source).read_bytes()
    digest = holdfast.release_module(module)
    overseer = holdfast.client("treasury")
    (before,) = overseer.call("GET", "/v1/modules").json()["modules"]
    assert (before["state"], before["in_force"]["version"], before["in_force"]["statement"]) == ("in force", 1, before["statement"])
    assert post(holdfast.client("bytedance"), holdfast.statement(module, 2), module).status == 201
    (now,) = overseer.call("GET", "/v1/modules").json()["modules"]
    assert (now["version"], now["state"], now["in_force"]) == (2, "submitted", before["in_force"])
    shown = overseer.call("GET", f"/v1/modules/{digest}").json()
    assert shown["said"]["predicate"]["version"] == 2, "what is to be signed next"
    released = json.loads(base64.b64decode(shown["in_force"]["envelope"]["payload"]))
    assert released["predicate"]["version"] == 1 and len(shown["in_force"]["envelope"]["signatures"]) == 2
    assert "submitted, version 1 in force" in holdfast.cli("module", "show", profile="treasury").stdout
    assert "in force    version 1 since" in holdfast.cli("module", "show", digest, profile="treasury").stdout
    assert holdfast.cli("module", "withdraw", digest, profile="treasury").returncode == 0
    assert overseer.call("GET", "/v1/modules").json() == {"modules": []}


def test_who_has_not_been_shown_a_module_keeps_it_from_being_released(holdfast, source):
    module = built(source)
    statement = holdfast.sign_statement(commit(source, module), "bytedance", "treasury")
    holdfast.cli("module", "submit", statement, module, profile="bytedance")
    refused = holdfast.cli("module", "release", statement, profile="bytedance", check=False)
    assert refused.returncode == 4 and "module.unseen" in refused.stderr and "treasury" in refused.stderr
    reasons = [(entry["party"], entry["operation"], entry["reason"]) for entry in entries(holdfast, "refused")]
    assert ("bytedance", "module-release", "module.unseen") in reasons
    holdfast.cli("module", "show", hashlib.sha256(module.read_bytes()).hexdigest(), profile="treasury")
    holdfast.cli("module", "release", statement, profile="oracle")
    assert holdfast.verify().returncode == 0


def test_what_cannot_be_admitted_is_refused_on_record(holdfast, source):
    good = built(source).read_bytes()
    operator, app = holdfast.client("bytedance"), holdfast.client("app-us")
    socket = (HOSTILE / "hostile-socket.wasm").read_bytes()
    body = good[:8] + b"\x01"
    for module, status, code in ((b"not wasm", 400, "sealed.module.format"), (good[:-3], 400, "sealed.module.malformed"),
                                 (body, 400, "sealed.module.malformed"), (socket, 400, "sealed.module.import"),
                                 (b"", 400, "sealed.module.format")):
        answer = post(operator, holdfast.statement(module), module)
        assert (answer.status, answer.code) == (status, code), answer.body
    large = SMALLEST_MODULE + b"\0\x82\x80\x80\x08\x01x" + bytes(16 << 20)  # a section of 16 MiB that is not run
    answer = post(operator, holdfast.statement(large), large)
    assert (answer.status, answer.code) == (400, "sealed.module.large"), answer.body
    assert "sock_send" in post(operator, holdfast.statement(socket), socket).json()["detail"]
    # The sections are right, and the code is not: what only the engine finds, in its jail.
    code = bytearray(good)
    at = code.rfind(b"\x0b")
    code[at] = 0x6A
    broken = post(operator, holdfast.statement(bytes(code)), bytes(code))
    assert broken.status == 400 and broken.code in ("sealed.module.rejected", "sealed.module.malformed"), broken.body

    statement = holdfast.statement(good)
    other = post(operator, statement, good + b"\0")
    assert (other.status, other.code) == (400, "module.hash.other")
    unsigned = post(app, statement, good)
    assert (unsigned.status, unsigned.code) == (403, "module.unsigned")
    unknown = post(operator, holdfast.statement(good, name="trainer"), good)
    assert (unknown.status, unknown.code) == (403, "module.undeclared")
    forged = json.loads(statement.read_text())
    forged["signatures"][0]["sig"] = base64.b64encode(bytes(64)).decode()
    statement.write_text(json.dumps(forged))
    wrong = post(operator, statement, good)
    assert (wrong.status, wrong.code) == (400, "sealed.signature.wrong")
    assert holdfast.subject_client("u-1").call("POST", "/v1/modules", "{}", JSON).code == "caller.party"
    for bad in ("{", "[]", '{"envelope":{},"module":"="}', '{"envelope":{},"module":"AA==","module":"AA=="}'):
        assert operator.call("POST", "/v1/modules", bad, JSON).code in ("request.json", "sealed.envelope.malformed")
    assert operator.call("GET", "/v1/modules").json() == {"modules": []}

    reasons = {entry["reason"] for entry in entries(holdfast, "refused") if entry["operation"] == "module-submit"}
    assert {"sealed.module.format", "sealed.module.malformed", "sealed.module.import", "module.hash.other",
            "module.unsigned", "module.undeclared", "sealed.signature.wrong", "sealed.module.large", "request.json"} <= reasons
    assert not entries(holdfast, "module.submitted")
    assert holdfast.verify().returncode == 0


@pytest.mark.parametrize("plan, ending", [("trap", "trapped"), ("spin", "ran out of time"), ("memory", ""),
                                          ("recursion", "trapped"), ("flood", "wrote more than it may")])
def test_what_a_hostile_module_does_is_told_before_anybody_signs(shared, plan, ending):
    module = (HOSTILE / f"hostile-{plan}.wasm").read_bytes()
    number = 1 + ["trap", "spin", "memory", "recursion", "flood"].index(plan)
    answer = post(shared.client("bytedance"), shared.statement(module, number), module)
    assert answer.status == 201, answer.body
    digest = hashlib.sha256(module).hexdigest()
    report = shared.client("treasury").call("GET", f"/v1/modules/{digest}").json()["report"]
    assert not report["runs_good"]
    assert any(ending in run_["ending"] for run_ in report["runs"]), report["runs"]


def test_one_module_is_tried_at_a_time(holdfast):
    """Who comes while another module has the trial's worker is told to come again, and holds up nobody."""
    spinning = (HOSTILE / "hostile-spin.wasm").read_bytes()
    statements = [(holdfast.statement(module), module) for module in (spinning, spinning + b"\0\2\1x")]
    answers = []

    def submit(statement, module):
        answers.append(post(holdfast.client("bytedance"), statement, module))

    both = [threading.Thread(target=submit, args=each) for each in statements]
    for one in both:
        one.start()
    for one in both:
        one.join()
    assert sorted(answer.status for answer in answers) == [201, 503], [answer.body for answer in answers]
    [busy] = [answer for answer in answers if answer.status == 503]
    assert busy.code == "module.busy" and busy.headers["Retry-After"] == "5"


def test_a_modules_own_names_do_nothing_to_the_terminal(shared):
    # A third export, whose name would clear the screen and, as C1, set its title.
    name = "\x1b[2J\x9d".encode()
    exports = bytes.fromhex("02066d656d6f72790200065f73746172740000")
    more = b"\x03" + exports[1:] + bytes([len(name)]) + name + b"\x00\x00"
    module = SMALLEST_MODULE.replace(b"\x07\x13" + exports, bytes([7, len(more)]) + more)
    answer = post(shared.client("bytedance"), shared.statement(module, 6), module)
    assert answer.status == 201, answer.body
    shown = shared.cli("module", "show", hashlib.sha256(module).hexdigest(), profile="treasury").stdout
    assert "\x1b" not in shown and "\x9d" not in shown and "?[2J?" in shown


def test_one_file_is_opened_and_the_rest_stays_closed(source, tmp_path):
    module = built(source)
    statement = commit(source, module)
    secret = tmp_path / "ranker.secret"
    assert secret.stat().st_mode & 0o777 == 0o600
    before = secret.read_bytes()
    again = json.loads(run("module", "commit-source", source, "--json").stdout)
    assert (again["secret_made"], secret.read_bytes()) == (False, before)  # never overwritten
    opening = tmp_path / "client.opening"
    run("module", "open-file", "net/client.c", "--source", source, "-o", opening)
    text = opening.read_text()
    assert "main.c" not in text and before.decode().strip() not in text
    check = ("module", "open-file", "--check", opening, "--statement", statement)
    assert "net/client.c belongs to the source of feed-ranker" in run(*check, "--content", source / "net/client.c").stdout
    wrong = run(*check, "--content", source / "main.c", check=False)
    assert wrong.returncode == 2 and "cli.source.content" in wrong.stderr
    opening.write_text(text.replace("client.c", "cliens.c"))
    forged = run(*check, check=False)
    assert forged.returncode == 2 and "sealed.opening.wrong" in forged.stderr
    absent = run("module", "open-file", "net/server.c", "--source", source, check=False)
    assert absent.returncode == 5
    inside = run("module", "commit-source", source, "--secret", source / "secret", check=False)
    assert inside.returncode == 2 and "cli.source.secret" in inside.stderr and not (source / "secret").exists()
    secret.chmod(0o644)
    assert "key.file.wide" in run("module", "commit-source", source, check=False).stderr


def test_a_statement_is_never_replaced_unless_told(source):
    module = built(source)
    statement = commit(source, module)
    again = ("module", "commit-source", source, "--module", module, "--name", "feed-ranker", "--builder", "acme",
             "--compiler", "clang", "-o", statement)
    before = statement.read_text()
    refused = run(*again, check=False)
    assert refused.returncode == 1 and "cli.file.exists" in refused.stderr and statement.read_text() == before
    run(*again, "--force")
    assert statement.read_text() != before


def test_who_signs_sees_which_signatures_hold(source, tmp_path):
    for name in ("bytedance", "treasury"):
        run("key", "new", name, "-o", tmp_path / f"{name}.key")
        (tmp_path / f"{name}.vkey").write_text(run("key", "show", tmp_path / f"{name}.key").stdout)
    statement = commit(source, built(source))
    sign = ("module", "sign", statement, "--key")
    assert "signed by treasury+" in run(*sign, tmp_path / "treasury.key").stdout
    envelope = json.loads(statement.read_text())
    payload = base64.b64decode(envelope["payload"]).replace(b"acme", b"evil")
    whole = statement.read_text()
    statement.write_text(json.dumps({**envelope, "payload": base64.b64encode(payload).decode()}))
    # An envelope names keys and does not hold them: without one, its signature is told as not checked.
    told = run(*sign, tmp_path / "bytedance.key", "-o", tmp_path / "other").stdout
    assert "signed by bytedance+" in told and "treasury+" not in told.splitlines()[0] and "not checked" in told
    for wrong in ((tmp_path / "treasury.key",), (tmp_path / "bytedance.key", "--party", tmp_path / "treasury.vkey")):
        refused = run(*sign, *wrong, check=False)
        assert refused.returncode == 2 and "sealed.signature.wrong" in refused.stderr
    statement.write_text(whole)
    both = run(*sign, tmp_path / "bytedance.key", "--party", tmp_path / "treasury.vkey").stdout
    assert "treasury+" in both.splitlines()[0] and "not checked" not in both


def test_an_auditor_builds_it_again_and_compares(source, tmp_path):
    statement = commit(source, built(source))
    again = ("module", "reproduce", "--source", source, "--statement", statement, "--build", "./build.sh out.wasm",
             "--built", "out.wasm")
    assert run(*again).stdout.count("is what was") == 2
    assert not (source / "out.wasm").exists()  # it was built in a copy
    (source / "main.c").write_text(MAIN % 7)
    changed = run(*again, "--json", check=False)
    result = json.loads(changed.stdout)
    assert changed.returncode == 1 and not result["source"]["same"] and not result["module"]["same"]
    # Nothing of another source is run.
    assert result["module"]["built"] is None
    run(*again[:-4], "--build", f"touch {tmp_path}/ran", "--built", "out.wasm", check=False)
    assert not (tmp_path / "ran").exists()
    (source / "main.c").write_text(MAIN % 0)
    nothing = run(*again[:-4], "--build", "true", "--built", "out.wasm", check=False)
    assert nothing.returncode == 1 and "NOT built: the command made no out.wasm" in nothing.stdout
    failing = run(*again[:-4], "--build", "false", "--built", "out.wasm", check=False)
    assert failing.returncode == 2 and "cli.reproduce.build" in failing.stderr
    text_only = tmp_path / "text.wasm"
    text_only.write_text("(module)")
    bad = run("module", "commit-source", source, "--module", text_only, "--name", "r", "--builder", "b", "--compiler", "c",
              check=False)
    assert bad.returncode == 2 and "sealed.module.format" in bad.stderr
    half = run("module", "commit-source", source, "--module", text_only, check=False)
    assert half.returncode == 2 and "--builder" in half.stderr
