"""The log, as a stranger sees it: fetched, checked, forged, found out."""
import base64
import copy
import functools
import http.server
import json
import re
import shutil
import subprocess
import threading

import pytest

from holdfast import BINARY, Client, Holdfast, disclose, run


def flip(file, at=-1):
    content = bytearray(file.read_bytes())
    content[at] ^= 1
    file.write_bytes(content)


def newest(folder):
    """Of the tiles of one kind, the last."""
    return max((file for file in folder.rglob("*") if file.is_file()), key=lambda file: file.stat().st_mtime_ns)


@pytest.fixture
def mirror(holdfast, tmp_path):
    """Of a log that begins with two full tiles."""
    app = holdfast.client("app-us")
    for i in range(270):
        holdfast.deposit(app, f"s{i}")
        disclose(app, "account", f"s{i}")
    run("log", "export", tmp_path / "mirror", "--dir", holdfast.dir)
    return tmp_path / "mirror"


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


def test_a_state_is_kept_where_its_link_leads(used, tmp_path):
    state, kept = tmp_path / "state", tmp_path / "kept"
    state.symlink_to("kept/state")
    told = used.verify("--state", state)
    assert told.returncode == 1 and "[file.folder]" in told.stderr and state.is_symlink()
    kept.mkdir()
    for entry in ("from entry 0 ", "from entry"):  # the first time nothing is there
        told = used.verify("--state", state)
        assert told.returncode == 0 and entry in told.stdout
        assert state.is_symlink() and (kept / "state").is_file()
    assert "from entry 0 " not in told.stdout


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
    assert (mirror / "checkpoint").read_bytes() == kept


def test_a_mirror_that_saw_another_history_is_proof(holdfast, tmp_path):
    holdfast.deposit(holdfast.client("app-us"), "una")
    holdfast.stop()
    other = copy.copy(holdfast)
    other.folder, other.dir = tmp_path / "other", tmp_path / "other/hf"
    shutil.copytree(holdfast.dir, other.dir)
    mirror = tmp_path / "mirror"
    for one, subjects in ((holdfast, 2), (other, 3)):
        one.start()
        for i in range(subjects):
            one.deposit(one.client("app-us"), f"{one.dir}-{i}".replace("/", "-"))
        told = run("log", "export", mirror, "--dir", one.dir, check=False)
        one.stop()
    assert told.returncode == 1 and "evidence.split-view" in told.stderr and "keep this mirror, it is proof" in told.stderr


def test_a_mirror_whose_checkpoint_was_altered_is_no_proof(mirror, holdfast):
    whole = (mirror / "checkpoint").read_bytes()
    lines = whole.split(b"\n")
    other_root = b"\n".join([*lines[:2], base64.b64encode(bytes(32)), *lines[3:]])
    other_origin = b"\n".join([b"another.example/evidence", *lines[1:]])
    for altered in (other_root, other_origin, whole[:40], b"nonsense\n"):
        (mirror / "checkpoint").write_bytes(altered)
        # By the directory's key, or by what the mirror's own agreement says.
        for source in (("--dir", holdfast.dir), ("--log", holdfast.evidence_url)):
            told = run("log", "export", mirror, *source, check=False)
            assert told.returncode == 1 and "cli.log.mirror.altered" in told.stderr, told.stderr
            assert "proof" not in told.stderr and (mirror / "checkpoint").read_bytes() == altered
    (mirror / "checkpoint").unlink()
    assert "0 of" in run("log", "export", mirror, "--dir", holdfast.dir).stdout
    assert (mirror / "checkpoint").read_bytes() == whole


@pytest.mark.parametrize("forged", ["tile/entries/000", "tile/entries/001", "tile/entries/002.p", "tile/0/000", "tile/0/001",
                                    "tile/0/002.p", "tile/1/000.p", "agreement"])
def test_a_forged_tile_is_not_mirrored_and_one_in_a_mirror_is_fetched_again(mirror, tmp_path, forged):
    bad, poisoned = tmp_path / "bad", tmp_path / "poisoned"
    shutil.copytree(mirror, bad)
    file = bad / forged
    file = file if file.is_file() else newest(file)
    name, wrong = file.relative_to(bad), file.read_bytes()
    at = wrong.index(b"zip: first 3") + 11 if forged == "agreement" else -1
    flip(file, at)
    wrong = file.read_bytes()
    told = run("log", "export", poisoned, "--log", bad, check=False)
    assert told.returncode == 1 and str(bad) in told.stderr, told.stderr
    assert "[evidence.tile.forged]" in told.stderr or ("[evidence.root.wrong]" in told.stderr and ".p" in forged), told.stderr
    assert not (poisoned / name).exists() and not (poisoned / "checkpoint").exists()
    # One that has it already, from before, heals.
    shutil.copytree(mirror, poisoned, dirs_exist_ok=True)
    (poisoned / name).write_bytes(wrong)
    run("log", "export", poisoned, "--log", mirror)
    assert (poisoned / name).read_bytes() == (mirror / name).read_bytes()


def test_no_proof_and_no_entry_leaves_a_damaged_log(mirror, tmp_path):
    ways = (("proof", 300), ("proof", 3), ("entry", 3), ("tail",))
    right = [run("log", *words, "--log", mirror).stdout for words in ways]
    for damaged in (mirror / "tile/0/000", newest(mirror / "tile/0/002.p"), newest(mirror / "tile/1")):
        kept = damaged.read_bytes()
        flip(damaged, 5)
        told = [run("log", *words, "--log", mirror, check=False) for words in ways]
        damaged.write_bytes(kept)
        assert told[1].returncode == told[2].returncode == 1, damaged
        for one, whole in zip(told, right):
            # One that does not need the damaged tile is as right as before.
            assert one.stdout == whole if one.returncode == 0 else not one.stdout and "[evidence." in one.stderr, one
    flip(mirror / "tile/entries/000", 40)
    told = run("log", "entry", 0, "--log", mirror, check=False)
    assert told.returncode == 1 and not told.stdout and "tile/entries/000" in told.stderr


def test_a_mirror_of_another_log_is_told_to_be_one(mirror, tmp_path):
    other = Holdfast(tmp_path / "other")
    config = other.dir / "holdfast.yaml"
    run("key", "new", "another.example/evidence", "-o", tmp_path / "other.key")
    shutil.copy(tmp_path / "other.key", other.dir / "keys/log.key")
    (other.dir / "keys/log.vkey").write_text(run("key", "show", tmp_path / "other.key").stdout)
    config.write_text(re.sub("(?m)^origin: .*", "origin: another.example/evidence", config.read_text()))
    other.start()
    kept = (mirror / "checkpoint").read_bytes()
    for source in (("--dir", other.dir), ("--log", other.evidence_url)):
        told = run("log", "export", mirror, *source, check=False)
        assert told.returncode == 1 and "[evidence.log.other]" in told.stderr and "it is proof" in told.stderr, told.stderr
    other.stop()
    assert (mirror / "checkpoint").read_bytes() == kept


def test_a_fault_that_the_server_tells_is_told(mirror, holdfast, tmp_path):
    class Damaged(http.server.SimpleHTTPRequestHandler):
        def do_GET(self):
            if "/tile/" not in self.path:
                return super().do_GET()
            problem = json.dumps({"status": 500, "code": "storage.corrupt", "detail": "a block is damaged"}).encode()
            self.send_response(500)
            self.send_header("Content-Type", "application/problem+json")
            self.send_header("Content-Length", str(len(problem)))
            self.end_headers()
            self.wfile.write(problem)

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Damaged, directory=mirror)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        for told in (holdfast.verify(source=url), run("log", "export", tmp_path / "copy", "--log", url, check=False)):
            assert told.returncode in (1, 3) and "a block is damaged" in told.stderr and "storage.corrupt" in told.stderr
            assert f"{url}/tile/" in told.stderr
        server.shutdown()


def test_a_checkpoint_that_is_none_is_named(mirror, holdfast, tmp_path):
    checkpoint = mirror / "checkpoint"
    whole, path = checkpoint.read_text(), str(checkpoint)
    text, signatures = whole.split("\n\n")
    proof, entry = tmp_path / "3.tlog-proof", tmp_path / "entry"
    run("log", "proof", 3, "--log", mirror, "-o", proof)
    entry.write_text(run("log", "entry", 3, "--log", mirror).stdout)
    for altered in ("log\n\n" + signatures, text.replace("\n", "\nx", 1) + "\n\n" + signatures, text + "\n", "nonsense", ""):
        checkpoint.write_text(altered)
        for words in (("tail",), ("proof", 3), ("export", tmp_path / "copy")):
            told = run("log", *words, "--log", mirror, check=False)
            assert told.returncode in (1, 2) and path in told.stderr, told.stderr
        for more in ((), ("--log-key", holdfast.dir / "keys/log.vkey")):
            told = holdfast.verify(*more, source=mirror)
            assert told.returncode in (1, 2, 3) and path in told.stdout + told.stderr, told
    other = run("log", "check-receipt", proof, "--entry", entry, "--log-key", holdfast.folder / "oracle.vkey", check=False)
    assert other.returncode == 1 and str(proof) in other.stderr and "[evidence.checkpoint.unsigned]" in other.stderr


def test_verify_names_the_file_that_is_wrong(mirror, holdfast, tmp_path):
    junk = tmp_path / "junk"
    junk.write_text("junk")
    party = holdfast.folder / "oracle.vkey"
    for words, place in (((tmp_path / "none", "--party", party), tmp_path / "none"),
                         ((junk, "--party", party), junk),
                         ((tmp_path, "--party", party), tmp_path / "checkpoint"),
                         ((mirror, "--party", junk), junk),
                         ((mirror, "--party", tmp_path / "none"), tmp_path / "none"),
                         ((mirror, "--party", party, "--log-key", junk), junk),
                         ((mirror, "--party", party, "--state", junk), junk),
                         ((mirror, "--party", party, "--state", tmp_path), tmp_path),
                         ((mirror, "--party", party, "--state", tmp_path / "no/state"), tmp_path / "no/state"),
                         ((mirror, "--party", party, "--also", tmp_path / "none"), tmp_path / "none"),
                         ((mirror, "--party", party, "--also", junk, "--log-key", holdfast.dir / "keys/log.vkey"), junk)):
        told = run("verify", *words, check=False)
        assert told.returncode == 1 and told.stderr.startswith(f"holdfast: {place}: "), (words, told)


def test_a_checkpoint_without_the_logs_signature_is_said_to_be_so(mirror, holdfast, tmp_path):
    key, other = holdfast.dir / "keys/log.vkey", holdfast.folder / "oracle.vkey"
    for words in (("tail",), ("entry", 1), ("proof", 1), ("export", tmp_path / "copy")):
        fine = run("log", *words, "--log", mirror, "--log-key", key)
        assert not fine.stderr
        told = run("log", *words, "--log", mirror, "--log-key", other, check=False)
        assert told.returncode == 1 and "evidence.checkpoint.signature" in told.stderr and not told.stdout
    checkpoint = (mirror / "checkpoint").read_bytes().rstrip()
    (mirror / "checkpoint").write_bytes(checkpoint[:-5] + (b"A" if checkpoint[-5:-4] != b"A" else b"B") + checkpoint[-4:] + b"\n")
    told = run("log", "tail", "--log", mirror, check=False)  # by the key that its own agreement names
    assert told.returncode == 1 and "evidence.checkpoint.signature" in told.stderr and not told.stdout


def test_what_no_key_vouches_for_is_told_with_a_warning(tmp_path, holdfast):
    holdfast.stop()
    bare = holdfast.moved(tmp_path / "bare")
    (bare.dir / "data").mkdir(mode=0o700)
    (bare.dir / "keys/log.key.used").unlink(missing_ok=True)
    bare.start(adopt=False)
    try:
        for words in (("tail",), ("export", tmp_path / "copy")):
            told = run("log", *words, "--log", bare.evidence_url, cwd=tmp_path)
            assert "warning" in told.stderr and "not checked" in told.stderr
            assert not run("log", *words, "--dir", bare.dir).stderr
    finally:
        bare.stop()


def test_a_folder_with_something_else_in_it_becomes_no_mirror(holdfast, tmp_path):
    for folder in (holdfast.dir, holdfast.dir / "data/log"):
        before = sorted(holdfast.dir.rglob("*"))
        told = run("log", "export", folder, "--dir", holdfast.dir, check=False)
        assert told.returncode == 2 and "cli.log.mirror.other" in told.stderr
        assert sorted(path for path in holdfast.dir.rglob("*") if "tile" in path.parts) == [p for p in before if "tile" in p.parts]
    (tmp_path / "empty").mkdir()
    run("log", "export", tmp_path / "empty", "--dir", holdfast.dir)
    (tmp_path / "empty/checkpoint").unlink()  # as an export that was broken off leaves it
    run("log", "export", tmp_path / "empty", "--dir", holdfast.dir)


def test_following_ends_when_nobody_reads(holdfast):
    words = [str(BINARY), "log", "tail", "-f", "--dir", str(holdfast.dir)]
    with open("/dev/full", "wb") as full:
        told = subprocess.run(words, stdout=full, stderr=subprocess.PIPE, timeout=20)
    assert told.returncode == 3 and b"cli.output" in told.stderr
    with subprocess.Popen(words, stdout=subprocess.PIPE) as reader:
        assert reader.stdout.readline()
        reader.stdout.close()  # and no entry comes that would fail
        reader.wait(timeout=20)


def test_a_salt_that_is_none_is_no_accusation(holdfast, tmp_path):
    holdfast.deposit(holdfast.client("app-us"), "una")
    told = json.loads(holdfast.cli("get", "account", "una", "--json").stdout)
    receipt, payload = tmp_path / "r.tlog-proof", tmp_path / "payload"
    run("log", "proof", told["receipt"], "--dir", holdfast.dir, "-o", receipt)
    payload.write_text(json.dumps(told["data"]))
    for salt in ("00", "00" * 15, "00" * 17, "xyz"):
        wrong = run("log", "check-receipt", receipt, "--dir", holdfast.dir, "--log-key", holdfast.dir / "keys/log.vkey",
                    "--payload", payload, "--salt", salt, check=False)
        assert wrong.returncode == 2 and "cli.receipt.salt" in wrong.stderr and "32 hex digits" in wrong.stderr


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
