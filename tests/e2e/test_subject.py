"""What a subject may ask for: their data, its restriction, its end."""
import json
import subprocess

import pytest

from holdfast import BINARY, disclose
from raw import Wire


def test_export_tells_everything_and_who_received_it(shared):
    app, operator = shared.client("app-us"), shared.client("bytedance")
    shared.deposit(app, "sam")
    disclose(operator, "support", "sam")
    me = shared.subject_client("sam")
    answer = me.call("GET", "/v1/subjects/sam/export")
    assert answer.status == 200
    told = answer.json()
    assert told["collections"]["profile"]["records"][0]["fields"]["email"] == "sam@example.org"
    assert told["collections"]["profile"]["categories"]["email"] == "user.contact.email"
    assert told["recipients"][0]["to"] == "bytedance"
    assert told["recipients"][0]["gives"]["profile"]["email"] == "token"
    refused = me.call("GET", "/v1/subjects/somebody-else/export")
    assert (refused.status, refused.code) == (403, "caller.subject")
    assert operator.call("GET", "/v1/subjects/sam/export").code == "caller.serves"


def test_an_id_that_cannot_be_is_nobodys(shared):
    for command in (("export",), ("erase", "--yes"), ("restrict",), ("get", "account")):
        done = shared.cli(*command, "x" * 513, profile="app-us", check=False)
        assert done.returncode == 2 and "vault.subject.id" in done.stderr, command


def test_what_was_carried_out_is_said_to_be_also_when_the_answer_is_lost(shared):
    shared.deposit(shared.client("app-us"), "lotte")
    words = [BINARY, "erase", "lotte", "--yes", "--dir", str(shared.dir), "--as", "app-us"]
    with open("/dev/full", "wb") as full:
        told = subprocess.run(words, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60)
    assert told.returncode == 1 and "was carried out" in told.stderr and "[cli.output]" in told.stderr, "3 means: again"
    assert shared.cli("get", "account", "lotte", profile="app-us", check=False).returncode == 5


def test_an_id_of_dots_is_somebodys(shared):
    app = shared.client("app-us")
    for subject in (".", ".."):
        shared.deposit(app, subject)
        assert "example.org" in shared.cli("get", "account", subject, profile="app-us").stdout
        shared.cli("export", subject, profile="app-us")
        shared.cli("erase", subject, "--yes", profile="app-us")
        assert shared.cli("get", "account", subject, profile="app-us", check=False).returncode == 5


@pytest.mark.parametrize("held", [True, False])
def test_rows_that_wait_in_an_import_do_not_bring_an_erased_subject_back(shared, held):
    app, subject, other = shared.client("app-us"), f"wendy-{held}", f"wilma-{held}"
    if held:
        shared.deposit(app, subject)
    with Wire(shared.url, shared.context("app-us")) as wire:
        rows = f"subject,event,video\n{subject},1,v\n{other},1,v\n".encode()
        wire.send(b"POST /v1/collections/views/import HTTP/1.1\r\nHost: a\r\nContent-Type: text/csv\r\n"
                  b"Idempotency-Key: %s\r\nExpect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n" % subject.encode())
        assert wire.answer()[0] == 100
        wire.send(b"%x\r\n%s\r\n" % (len(rows), rows))
        erased = app.call("DELETE", f"/v1/subjects/{subject}")
        assert erased.status == (200 if held else 404)  # nothing was held yet, and nothing comes
        wire.send(b"0\r\n\r\n")
        status, _, body = wire.answer()
        told = json.loads(body)
    assert status == 200 and told["accepted"] == 1
    assert [(e["line"], e["code"]) for e in told["errors"]] == [(2, "subject.erased")]
    assert app.call("GET", f"/v1/subjects/{subject}/export").status == 404
    # A retry of it does not either, and answers what the first was answered.
    again = app.call("POST", "/v1/collections/views/import", rows, {"Content-Type": "text/csv", "Idempotency-Key": subject})
    assert again.json()["rejected"] == 1 and app.call("GET", f"/v1/subjects/{subject}/export").status == 404


def test_a_restriction_stops_flows_and_can_be_lifted(shared):
    app = shared.client("app-us")
    shared.deposit(app, "tom")
    assert app.call("PUT", "/v1/subjects/tom/restriction").status == 200
    refused = disclose(app, "account", "tom")
    assert (refused.status, refused.code) == (403, "subject.restricted")
    assert app.call("DELETE", "/v1/subjects/tom/restriction").status == 200
    assert disclose(app, "account", "tom").status == 200


def test_after_an_erasure_nobody_can_read(holdfast):
    app = holdfast.client("app-us")
    holdfast.deposit(app, "una")
    holdfast.deposit(app, "vic")
    pseudonym = json.loads(app.call("GET", "/v1/subjects/una/export").body)["pseudonym"]
    backup = holdfast.folder / "backup"
    holdfast.cli("backup", backup, "--keys", holdfast.folder / "backup-keys", profile="oracle")
    erased = holdfast.subject_client("una").call("DELETE", "/v1/subjects/una")
    assert erased.status == 200 and erased.json()["done"] > erased.json()["asked"]
    gone = disclose(app, "account", "una")
    assert (gone.status, gone.code) == (404, "vault.subject.unknown")
    assert disclose(app, "account", "vic").status == 200
    verified = holdfast.verify()
    assert verified.returncode == 0, verified.stdout + verified.stderr
    assert pseudonym  # the log names only this, which means nothing any more
    # What is on disk holds neither the person nor their data, before or after.
    for path in holdfast.dir.glob("data/**/*"):
        if path.is_file():
            content = path.read_bytes()
            assert b"una@example.org" not in content and b"vic@example.org" not in content, path
    holdfast.stop()
    holdfast.start()
    assert disclose(holdfast.client("app-us"), "account", "una").status == 404


def test_a_late_retry_does_not_bring_an_erased_subject_back(holdfast):
    app = holdfast.client("app-us")

    def put(subject, key):
        return app.call("PUT", f"/v1/collections/profile/subjects/{subject}", '{"zip":"94105"}',
                        {"Content-Type": "application/json", "Idempotency-Key": key})

    first = put("una", "k1")
    assert (first.status, put("una", "k1").json()) == (201, first.json())
    assert holdfast.subject_client("una").call("DELETE", "/v1/subjects/una").status == 200
    for _ in range(2):
        retry = put("una", "k1")
        assert (retry.status, retry.code) == (409, "idempotency.erased")
        assert disclose(app, "account", "una").code == "vault.subject.unknown"
        holdfast.stop()
        holdfast.start()
        app = holdfast.client("app-us")
    assert put("vic", "k1").status == 201, "a key is one subject's"
    assert put("una", "k2").status == 201, "who is to come back is deposited anew"
    assert put("una", "k1").code == "idempotency.erased"
    assert holdfast.verify().returncode == 0
