"""Data leaves for each party in the form that the agreement says, or not at all."""
import hashlib
import json
import ssl

import pytest

from holdfast import disclose, run
from raw import Wire


def test_each_party_gets_its_own_form(shared):
    app, operator = shared.client("app-us"), shared.client("bytedance")
    put = shared.deposit(app, "ana")
    assert put.status == 201 and put.headers["ETag"] and put.headers["Holdfast-Receipt"]
    clear = disclose(app, "account", "ana")
    assert clear.status == 200
    assert clear.json()["profile"]["email"] == "ana@example.org"
    support = disclose(operator, "support", "ana").json()["profile"]
    assert support["email"].startswith("tok_")
    assert (support["birthdate"], support["zip"], support["language"]) == ("1990", "941", "en")
    assert "name" not in support


def test_a_release_is_proved_by_its_receipt(shared):
    app = shared.client("app-us")
    shared.deposit(app, "ben")
    answer = disclose(app, "account", "ben")
    index = answer.headers["Holdfast-Receipt"]
    entry = app.call("GET", f"/v1/entries/{index}")
    assert entry.status == 200
    digest = hashlib.sha256(bytes.fromhex(answer.headers["Holdfast-Salt"]) + answer.body).digest()
    import base64

    assert entry.json()["digest"] == base64.urlsafe_b64encode(digest).decode().rstrip("=")
    proof = app.call("GET", f"/v1/receipts/{index}")
    assert proof.status == 200 and proof.body.startswith(b"c2sp.org/tlog-proof@v1\n")
    assert b"ben" not in entry.body


@pytest.mark.parametrize(
    "profile, flow, status, code",
    [
        ("bytedance", "marketing", 403, "flow.unknown"),
        ("bytedance", "account", 403, "flow.party"),
        ("treasury", "account", 403, "flow.party"),
        ("app-us", "feed", 403, "module.none"),
    ],
)
def test_what_is_not_agreed_is_refused(shared, profile, flow, status, code):
    shared.deposit(shared.client("app-us"), "cleo")
    answer = disclose(shared.client(profile), flow, "cleo")
    assert (answer.status, answer.code) == (status, code)
    assert answer.headers["Content-Type"] == "application/problem+json"
    if code == "flow.unknown":
        assert "support" in answer.json()["detail"]


def test_without_a_certificate_nothing_is_said(shared):
    answer = disclose(shared.client(), "account", "ana")
    assert (answer.status, answer.code) == (401, "caller.certificate.missing")


def test_a_certificate_of_another_authority_does_not_get_in(shared, tmp_path):
    run("init", tmp_path / "other", "--trustee", "oracle", "--party", "app-us")
    context = ssl.create_default_context(cafile=str(shared.dir / "tls/ca.crt"))
    context.load_cert_chain(str(tmp_path / "other/clients/app-us.crt"), str(tmp_path / "other/clients/app-us.key"))
    from holdfast import Client

    with pytest.raises((ssl.SSLError, ConnectionError)):
        disclose(Client(shared.url, context), "account", "ana")


def test_a_batch_answers_line_by_line(shared):
    app = shared.client("app-us")
    for subject in ("d1", "d2"):
        shared.deposit(app, subject)
    lines = app.call("POST", "/v1/flows/account/batch", '"d1"\n{"subject":"nobody"}\n"d2"\nnonsense\n',
                     {"Content-Type": "application/x-ndjson"}).lines()
    assert [line.get("subject") for line in lines] == ["d1", "nobody", "d2", None]
    assert lines[0]["data"]["profile"]["email"] == "d1@example.org"
    assert lines[1]["error"]["code"] == "vault.subject.unknown"
    assert lines[3]["line"] == 4


def test_a_batch_may_ask_for_the_next_line_when_the_last_is_answered(shared):
    app = shared.client("app-us")
    shared.deposit(app, "d3")
    with Wire(shared.url, shared.context("app-us")) as wire:
        def send(line):
            wire.send(b"%x\r\n%s\r\n" % (len(line), line))

        def receive(mark):
            while mark not in wire.left:
                assert wire.more(), wire.left
            return wire.left
        wire.send(b"POST /v1/flows/account/batch HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-ndjson\r\n"
                  b"Transfer-Encoding: chunked\r\n\r\n")
        send(b'"d3"\n"no')  # half a line is none yet
        assert b"d3@example.org" in receive(b"d3@example.org")
        assert b"nobody-3" not in wire.left
        send(b'body-3"\n')
        receive(b'"subject":"nobody-3"')
        wire.send(b"0\r\n\r\n")
        receive(b"0\r\n\r\n")


def test_a_batch_of_the_command_line_names_the_files_lines(shared, tmp_path):
    shared.deposit(shared.client("app-us"), "d4")
    (tmp_path / "ids").write_text("d4\n" * 1000 + "\n" + 'd4\n\n"d4" rubbish\n')
    done = shared.cli("batch", "account", tmp_path / "ids", check=False)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(lines) == 1002 and [line["line"] for line in lines if "line" in line] == [1004]
    assert "1001 released, 1 refused" in done.stderr


def test_a_limit_outlives_the_server(tmp_path):
    from holdfast import Holdfast

    one = Holdfast(tmp_path, limit="2 subjects per day").start()
    app, operator = one.client("app-us"), one.client("bytedance")
    for subject in ("a", "b", "c"):
        one.deposit(app, subject)
    assert [disclose(operator, "support", s).status for s in ("a", "a", "b", "c")] == [200, 200, 200, 429]
    for end in (one.stop, one.kill):
        end()
        one.start()
        refused = disclose(one.client("bytedance"), "support", "c")
        assert (refused.status, refused.code) == (429, "limit.exceeded")
        assert int(refused.headers["Retry-After"]) > 0
    one.stop()


def test_the_command_line_reads_too(shared):
    shared.deposit(shared.client("app-us"), "eve")
    told = json.loads(shared.cli("get", "account", "eve", "--json").stdout)
    assert "eve@example.org" in json.dumps(told)
    refused = shared.cli("get", "account", "eve", profile="bytedance", check=False)
    assert refused.returncode == 4 and "flow.party" in refused.stderr
