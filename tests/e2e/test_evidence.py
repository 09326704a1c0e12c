"""The log, as a stranger sees it: fetched, checked, forged, found out."""
import base64
import json
import shutil

import pytest

from holdfast import Client, disclose, run


@pytest.fixture
def used(holdfast):
    app, operator = holdfast.client("app-us"), holdfast.client("bytedance")
    for i in range(300):
        holdfast.deposit(app, f"s{i}")
    for i in range(300):
        disclose(app, "account", f"s{i}")
    for i in range(20):
        disclose(operator, "support", f"s{i}")
    disclose(operator, "marketing", "s1")
    return holdfast


def test_a_clean_log_verifies_from_url_and_from_files(used, tmp_path):
    out = used.verify("--json")
    assert out.returncode == 0, out.stdout + out.stderr
    told = json.loads(out.stdout)
    flows = {(t["flow"], t["to"]): t["releases"] for t in told["releases"]}
    assert flows == {("account", "app-us"): 300, ("support", "bytedance"): 20}
    mirror = tmp_path / "mirror"
    run("log", "export", mirror, "--dir", used.dir)
    assert (mirror / "checkpoint").exists() and (mirror / "tile/entries/000").exists()
    assert used.verify(source=mirror).returncode == 0


def test_verify_goes_on_from_where_it_was_and_notices_a_rollback(used, tmp_path):
    mirror, state = tmp_path / "old", tmp_path / "state"
    run("log", "export", mirror, "--dir", used.dir)
    disclose(used.client("app-us"), "account", "s1")
    assert used.verify("--state", state).returncode == 0
    disclose(used.client("app-us"), "account", "s2")
    assert used.verify("--state", state).returncode == 0
    back = used.verify("--state", state, source=mirror)
    assert back.returncode == 3 and "rollback" in (back.stdout + back.stderr)


def test_a_mirror_is_brought_up_to_date_and_never_replaced_by_another_history(used, tmp_path):
    mirror, old = tmp_path / "mirror", tmp_path / "old"
    run("log", "export", mirror, "--dir", used.dir)
    run("log", "export", old, "--dir", used.dir)
    disclose(used.client("app-us"), "account", "s1")
    run("log", "export", mirror, "--dir", used.dir)
    assert used.verify(source=mirror).returncode == 0
    kept = (mirror / "checkpoint").read_bytes()
    back = run("log", "export", mirror, "--log", old, check=False)
    assert back.returncode != 0 and "evidence.rollback" in back.stderr
    forged = tmp_path / "forged"
    shutil.copytree(mirror, forged)
    lines = kept.split(b"\n")
    (forged / "checkpoint").write_bytes(b"\n".join([*lines[:2], base64.b64encode(bytes(32)), *lines[3:]]))
    fork = run("log", "export", forged, "--dir", used.dir, check=False)
    assert fork.returncode != 0 and "evidence.split-view" in fork.stderr, fork.stderr
    assert (mirror / "checkpoint").read_bytes() == kept


def test_what_was_not_looked_at_is_not_reported(used, tmp_path):
    page = tmp_path / "page.html"
    out = run("report", used.evidence_url, "--party", used.folder / "bytedance.vkey", "-o", page, check=False)
    assert out.returncode == 2 and "agreement.key.untrusted" in out.stderr and not page.exists()
    told = run("verify", used.evidence_url, "--party", used.folder / "bytedance.vkey", check=False).stdout
    assert "Nothing was released" not in told and "WRONG" in told


def test_a_forged_entry_is_named(used, tmp_path):
    mirror = tmp_path / "forged"
    run("log", "export", mirror, "--dir", used.dir)
    bundle = mirror / "tile/entries/000"
    content = bundle.read_bytes()
    assert b'"zip":"clear"' in content or b'"profile"' in content
    at = content.index(b'"collection":"profile"')
    bundle.write_bytes(content[:at] + b'"collection":"Profile"' + content[at + 22:])
    found = used.verify(source=mirror)
    assert found.returncode == 2, found.stdout + found.stderr
    assert "evidence.entry.forged" in found.stdout + found.stderr


def test_wrong_parties_prove_nothing(used, tmp_path):
    run("key", "new", "treasury", "-o", tmp_path / "other.key")
    (tmp_path / "other.vkey").write_text(run("key", "show", tmp_path / "other.key").stdout.strip().splitlines()[-1])
    out = run("verify", used.evidence_url, "--party", tmp_path / "other.vkey", check=False)
    assert out.returncode == 2 and "agreement.key.untrusted" in out.stdout + out.stderr


def test_the_plain_port_serves_evidence_and_nothing_else(used):
    plain = Client(used.evidence_url, None)
    assert plain.call("GET", "/log/checkpoint").headers["Content-Type"] == "text/plain; charset=utf-8"
    assert plain.call("GET", "/log/tile/0/000").status == 200
    assert plain.call("GET", "/log/tile/0/000.p/0").status == 404
    assert plain.call("GET", "/log/tile/0/x999/999").status == 404
    assert plain.call("GET", "/v1/status").status in (403, 404)
    assert plain.call("GET", "/v1/flows/account/subjects/s1").status in (403, 404)


def test_the_next_agreement_narrows_at_once(used):
    refused = run("agreement", "adopt", used.signed(2, signers=("oracle",)), "--dir", used.dir, "--as", "oracle", check=False)
    assert refused.returncode != 0 and "agreement.quorum" in refused.stderr
    signed = used.signed(2)
    tampered = signed.read_text().replace("zip: first 3", "zip: first 4", 1)
    answer = used.client("bytedance").call("POST", "/v1/agreement", tampered.encode(), {"Content-Type": "text/plain; charset=utf-8"})
    assert (answer.status, answer.code) == (400, "note.signature.wrong")
    assert "holdfast_faults_total 0" in used.client().call("GET", "/metrics").body.decode()
    used.adopt(2, edit=lambda text: text.replace("zip: first 3", "zip: first 1"))
    assert disclose(used.client("bytedance"), "support", "s1").json()["profile"]["zip"] == "9"
    out = used.verify()
    assert out.returncode == 0, out.stdout + out.stderr


def test_no_personal_data_in_log_metrics_or_output(used):
    app = used.client("app-us")
    metrics = app.call("GET", "/metrics").body
    evidence = b"".join(Client(used.evidence_url, None).call("GET", path).body for path in ("/log/tile/entries/000", "/log/checkpoint"))
    used.stop()
    output = (used.folder / "server.log").read_bytes()
    for secret in (b"s17@example.org", "Zoë".encode(), b"94105", b"subjects/s17"):
        assert secret not in metrics and secret not in evidence and secret not in output
