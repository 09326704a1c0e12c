"""Personal values and keys of known spelling go everywhere they can go, and are then looked for where they must not be."""
import base64
import os
import resource
import signal
import subprocess
import sys

import pytest

from holdfast import Holdfast, disclose, run

NAME, MAIL, BAD = "Canary-Zoe-7f31", "canary-mail-55d2@example.org", "canary-bad-date-9c0e"
BEARER = "canary-bearer-1b7a"


def spellings(secret):
    return {secret, secret.hex().encode(), secret.hex().upper().encode(), base64.b64encode(secret).rstrip(b"="),
            base64.urlsafe_b64encode(secret).rstrip(b"=")}


def tell_all(one):
    """Its log says as much as it can."""
    config = one.dir / "holdfast.yaml"
    lines = [line for line in config.read_text().splitlines() if not line.startswith("log-level")]
    config.write_text("\n".join(lines) + "\nlog-level: debug\n")


def secrets_of(one):
    """Whatever must not be told of this server: its keys, and the canaries."""
    secrets = set()
    for line in (one.dir / "keys/root.keys").read_text().splitlines()[1:]:
        secrets |= spellings(base64.b64decode(line.split()[1]))
    key = (one.dir / "keys/log.key").read_text().strip().split("+", 4)[4]  # PRIVATE+KEY+name+id+base64
    secrets |= spellings(base64.b64decode(key)[1:])
    for text in (NAME, MAIL, BAD, BEARER):
        secrets |= spellings(text.encode())
    return secrets


def look_for(secrets, told):
    for place in told:
        for secret in secrets:
            assert secret not in place, place[:200]


def leaves_core(process, deadly):
    """Ends it by that signal; answers whether the kernel wrote a core of it, wherever to."""
    process.send_signal(deadly)
    how = os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT).si_code
    assert how in (os.CLD_KILLED, os.CLD_DUMPED)
    process.wait()
    return how == os.CLD_DUMPED


def cores(folder):
    return [path for path in [*folder.rglob("core"), *folder.rglob("core.*")] if path.is_file()]


@pytest.fixture
def one(tmp_path, monkeypatch):
    """A talkative server."""
    monkeypatch.chdir(tmp_path)  # where cores go, by default
    it = Holdfast(tmp_path)
    tell_all(it)
    it.start()
    yield it
    it.stop()


def test_no_secret_or_personal_value_is_told(one, tmp_path):
    told = []  # whatever the program says to people and machines
    app, operator = one.client("app-us"), one.client("bytedance")

    def say(answer):
        told.append(answer.body)
        return answer

    assert one.deposit(app, "c1", name=NAME, email=MAIL).status == 201
    assert NAME.encode() in disclose(app, "account", "c1").body  # given as agreed: the canary is alive
    assert MAIL.encode() not in say(disclose(operator, "support", "c1")).body
    say(disclose(operator, "account", "c1"))
    assert say(one.deposit(app, "c1", birthdate=BAD)).status == 400
    rows = f"subject,name,birthdate\nc2,{NAME},{BAD}\nc3,{NAME},1990-01-01\n".encode()
    say(app.call("POST", "/v1/collections/profile/import", rows, {"Content-Type": "text/csv"}))
    for body in (f'{{"name":"{NAME}"', f'{{"name":["{NAME}"]}}', f'{{"{BAD}":1'):
        say(app.call("PUT", "/v1/collections/profile/subjects/c1", body, {"Content-Type": "application/json"}))
    say(app.call("GET", "/v1/status", headers={"Authorization": f"Bearer {BEARER}"}))
    say(app.call("GET", f"/v1/flows/account/subjects/c1?{BEARER}"))
    oracle = one.client("oracle")
    assert say(oracle.call("POST", "/v1/root-key/rotation")).status == 200
    say(oracle.call("GET", "/v1/status"))
    for command in (["doctor"], ["status"]):
        for arguments in (["--dir", one.dir], ["--dir", one.dir, "--as", "oracle"]):
            done = run(*command, *arguments, check=False)
            told += [done.stdout.encode(), done.stderr.encode()]
    told.append(one.client().call("GET", "/metrics").body)
    size = 0
    while (entry := oracle.call("GET", f"/v1/entries/{size}")).status == 200:
        told.append(entry.body)
        size += 1
    assert size > 5

    core = [line.split() for line in open(f"/proc/{one.process.pid}/limits") if line.startswith("Max core")][0]
    assert core[4] == "0" and core[5] == "0"
    assert not leaves_core(one.process, signal.SIGABRT)
    assert not cores(tmp_path)

    told.append((tmp_path / "server.log").read_bytes())
    told += [path.read_bytes() for path in (one.dir / "data").rglob("*") if path.is_file()]  # sealed, or not personal
    look_for(secrets_of(one), told)


def test_nothing_stays_of_who_took_their_data_out_and_was_erased(one, tmp_path):
    app, subject = one.client("app-us"), one.subject_client("c1")
    assert one.deposit(app, "c1", name=NAME, email=MAIL).status == 201
    event = f'{{"video":"{NAME}","watched":"3s","at":"2026-01-01T00:00:00Z"}}'
    assert app.call("POST", "/v1/collections/views/subjects/c1/records/1", event,
                    {"Content-Type": "application/json"}).status == 201
    exported = subject.call("GET", "/v1/subjects/c1/export")
    assert exported.body.count(NAME.encode()) == 2 and MAIL.encode() in exported.body  # theirs to take
    told = [app.call("GET", "/v1/subjects/c2/export").body]
    told.append(subject.call("GET", f"/v1/subjects/{NAME}/export").body)  # another's
    erased = subject.call("DELETE", "/v1/subjects/c1")
    assert erased.status == 200
    told += [erased.body, disclose(app, "account", "c1").body, subject.call("GET", "/v1/subjects/c1/export").body,
             subject.call("DELETE", "/v1/subjects/c1").body, one.client().call("GET", "/metrics").body]
    size = 0
    while (entry := app.call("GET", f"/v1/entries/{size}")).status == 200:
        told.append(entry.body)
        size += 1
    assert size > 5

    # A crash: cores are allowed from outside as far as can be, and there is none.
    unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
    try:
        resource.prlimit(one.process.pid, resource.RLIMIT_CORE, unlimited)
    except PermissionError:
        pass  # not root: the server's own limit stands
    assert not leaves_core(one.process, signal.SIGSEGV)
    assert not cores(tmp_path)
    one.start()  # what the crash left behind is read again
    told.append(disclose(one.client("app-us"), "account", "c1").body)
    one.stop()
    told.append((tmp_path / "server.log").read_bytes())
    told += [path.read_bytes() for path in (one.dir / "data").rglob("*") if path.is_file()]
    look_for(secrets_of(one), told)


def test_a_core_would_be_noticed(tmp_path):
    """The same signal, sent to a program that guards nothing."""
    if resource.getrlimit(resource.RLIMIT_CORE)[1] == 0:
        pytest.skip("this machine lets no process write a core")
    code = f"NAME = {NAME!r}; import sys; print(flush=True); sys.stdin.read()"
    limit = resource.getrlimit(resource.RLIMIT_CORE)[1]
    bare = subprocess.Popen([sys.executable, "-c", code], cwd=tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CORE, (limit, limit)))
    bare.stdout.readline()
    dumped = leaves_core(bare, signal.SIGSEGV)
    assert dumped
    for core in cores(tmp_path):  # elsewhere, when the machine's core_pattern says so
        assert NAME.encode() in core.read_bytes()
