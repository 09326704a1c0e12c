"""Personal values and keys of known spelling go everywhere they can go, and are then looked for where they must not be."""
import base64
import signal

from holdfast import Holdfast, disclose, run

NAME, MAIL, BAD = "Canary-Zoe-7f31", "canary-mail-55d2@example.org", "canary-bad-date-9c0e"
BEARER = "canary-bearer-1b7a"


def spellings(secret):
    return {secret, secret.hex().encode(), secret.hex().upper().encode(), base64.b64encode(secret).rstrip(b"="),
            base64.urlsafe_b64encode(secret).rstrip(b"=")}


def test_no_secret_or_personal_value_is_told(tmp_path):
    one = Holdfast(tmp_path)
    config = one.dir / "holdfast.yaml"
    lines = [line for line in config.read_text().splitlines() if not line.startswith("log-level")]
    config.write_text("\n".join(lines) + "\nlog-level: debug\n")
    one.start()
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
    one.process.send_signal(signal.SIGABRT)
    one.process.wait()
    assert not [path for path in [*one.dir.rglob("core*"), *tmp_path.glob("core*")] if path.is_file()]

    told.append((tmp_path / "server.log").read_bytes())
    told += [path.read_bytes() for path in (one.dir / "data").rglob("*") if path.is_file()]  # sealed, or not personal
    secrets = set()
    for line in (one.dir / "keys/root.keys").read_text().splitlines()[1:]:
        secrets |= spellings(base64.b64decode(line.split()[1]))
    key = (one.dir / "keys/log.key").read_text().strip().split("+", 4)[4]  # PRIVATE+KEY+name+id+base64
    secrets |= spellings(base64.b64decode(key)[1:])
    for text in (NAME, MAIL, BAD, BEARER):
        secrets |= spellings(text.encode())
    for place in told:
        for secret in secrets:
            assert secret not in place, place[:200]
