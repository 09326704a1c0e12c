"""What the commands that need no server say and leave behind when they are given something that cannot be."""
import hashlib
import json
import os
import shutil
import subprocess

import pytest

from holdfast import BINARY, ROOT, Holdfast, run

LONG = "x" * 300
PARTIES = ["", "Oracle Inc", "a/b", "../x", "spaß", "line\nfeed", LONG, "yes"]


def left(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


@pytest.mark.parametrize(
    "wrong, code",
    [
        *[(("--trustee", name), "certificate.party") for name in PARTIES],
        *[(("--party", name), "certificate.party") for name in PARTIES],
        (("--party", "x", "--party", "x"), "cli.init.twice"),
        (("--trustee", "oracle", "--party", "oracle"), "cli.init.twice"),
        (("--origin", "has space"), "note.key.name"),
        (("--origin", "[a]"), "config."),
        (("--origin", "'a'"), "cli.init.origin"),
        (("--host", "bad host"), "certificate.host"),
        (("--host", LONG), "certificate.host"),
        (("--trust-domain", "Holdfast Example"), "certificate.trust-domain"),
        (("--listen", "nowhere"), "config.address"),
    ],
)
def test_init_says_what_is_wrong_before_it_makes_anything(tmp_path, wrong, code):
    done = run("init", tmp_path / "deep" / "a", *wrong, check=False)
    assert done.returncode == 2 and f"[{code}" in done.stderr, done.stderr
    assert left(tmp_path) == []


def test_init_that_is_killed_is_made_anew(tmp_path):
    folder = tmp_path / "hf"
    for _ in range(40):  # at any moment of it
        started = subprocess.Popen([BINARY, "init", str(folder)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while started.poll() is None and not folder.exists():
            pass
        started.kill()
        started.wait()
        if (folder / "holdfast.yaml").exists():
            shutil.rmtree(folder)
    (folder / "keys").mkdir(parents=True, exist_ok=True)
    run("init", folder, "--party", "other")
    assert not (folder / ".init-unfinished").exists()
    assert run("doctor", "--dir", folder, check=False).returncode in (0, 1)


def test_an_unfinished_init_takes_away_only_its_own(tmp_path):
    folder = tmp_path / "hf"
    (folder / "keys").mkdir(parents=True)
    (folder / "keys/root.keys").write_text("half")
    (tmp_path / "other").write_text("mine")
    (folder / ".init-unfinished").write_text("keys/root.keys\n../other\ntls\n")
    run("init", folder)
    assert (tmp_path / "other").read_text() == "mine" and (folder / "keys/root.keys").read_text() != "half"


def test_init_that_fails_half_way_leaves_what_it_found(tmp_path):
    folder = tmp_path / "a"
    folder.mkdir()
    (folder / "keys").write_text("somebody's\n")  # where a folder is to be made
    done = run("init", folder, check=False)
    assert done.returncode == 3 and "cli.init.directory" in done.stderr
    assert left(tmp_path) == ["a", "a/keys"] and (folder / "keys").read_text() == "somebody's\n"
    (folder / "keys").unlink()
    run("init", folder)
    again = run("init", folder, check=False)
    assert again.returncode == 1 and "cli.init.exists" in again.stderr
    (folder / "holdfast.yaml").unlink()
    before = left(folder)
    again = run("init", folder, check=False)
    assert again.returncode == 1 and "cli.init.exists" in again.stderr and left(folder) == before


@pytest.fixture
def folder(tmp_path):
    run("init", tmp_path / "hf", "--trustee", "oracle")
    return tmp_path / "hf"


def test_a_certificate_is_for_a_name_that_can_be(folder):
    for name in PARTIES[1:]:
        done = run("key", "certificate", "--party", name, "--dir", folder, check=False)
        assert done.returncode == 2 and "certificate.party" in done.stderr, done.stderr
    for wrong in ("x" * 513, "a\nb"):
        done = run("key", "certificate", "--subject", wrong, "--dir", folder, check=False)
        assert done.returncode == 2 and "certificate.subject" in done.stderr, done.stderr
    # Whatever the server takes gets a certificate, also when it is too long for a file's name.
    for subject in ("x" * 512, "東" * 170):
        made = json.loads(run("key", "certificate", "--subject", subject, "--dir", folder, "--json").stdout)
        assert os.path.exists(made["certificate"]) and len(os.path.basename(made["certificate"])) < 100
    named = run("key", "certificate", "--subject", "u", "--dir", folder, "-o", folder / ("n" * 600), check=False)
    assert named.returncode in (2, 3) and "fault of ours" not in named.stderr


def test_doctor_finds_what_the_server_would_not_take(folder, monkeypatch):
    (folder / "keys" / "log.key").unlink()
    monkeypatch.setenv("HOLDFAST_PASSPHRASE", "right")
    run("key", "new", "oracle.example/evidence", "--passphrase", "-o", folder / "keys" / "log.key")

    def grades():
        checks = json.loads(run("doctor", "--dir", folder, "--json", check=False).stdout)["checks"]
        return {check["check"]: check["grade"] for check in checks}

    assert (grades()["log key"], grades()["server key"]) == ("ok", "ok")
    monkeypatch.setenv("HOLDFAST_PASSPHRASE", "wrong")
    assert grades()["log key"] == "BAD"
    monkeypatch.delenv("HOLDFAST_PASSPHRASE")
    assert grades()["log key"] == "ok"  # it says that it was not tried
    shutil.copy(folder / "clients" / "oracle.key", folder / "tls" / "server.key")  # of another certificate
    assert grades()["server key"] == "BAD"
    with open(folder / "holdfast.yaml", "a") as config:
        config.write("rules: /nope\nsealed: {cores: [999]}\n")
    assert (grades()["rule packs"], grades()["sealed cores"]) == ("BAD", "warn")


def test_a_public_key_is_shown_as_it_is(folder):
    public = folder / "keys" / "log.vkey"
    assert public.stat().st_mode & 0o044
    assert run("key", "show", public).stdout == public.read_text()


@pytest.mark.parametrize(
    "words",
    [("log", "entry", "-1"), ("log", "proof", "-1"), ("log", "entry", "1x"), ("log", "tail", "-n", "-3"),
     ("job", "status", "-1"), ("job", "cancel", "0x10")],
)
def test_a_number_is_digits(folder, words):
    done = run(*words, "--dir", folder, check=False)
    assert done.returncode == 2 and "cli.usage" in done.stderr, done.stderr


def test_what_is_missing_is_named_with_the_way_to_it(folder):
    nofile = run("import", "profile", folder / "nofile", "--dir", folder, "--as", "oracle", check=False)
    assert nofile.returncode == 5 and "file.missing" in nofile.stderr
    folder_given = run("import", "profile", folder, "--dir", folder, "--as", "oracle", check=False)
    assert folder_given.returncode == 2 and "cli.import.folder" in folder_given.stderr
    nobody = run("export", "u-2", "--dir", folder, "--as", "subject-u-2", check=False)
    assert nobody.returncode == 2 and "'holdfast key certificate --subject u-2'" in nobody.stderr


@pytest.fixture
def unserved(tmp_path):
    """Four parties and an agreement, and no server."""
    return Holdfast(tmp_path)


def test_an_output_that_cannot_be_is_a_wrong_command_line(unserved, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.yaml").write_text(unserved.agreement())
    key = tmp_path / "oracle.key"
    for words in (("key", "new", "x"), ("agreement", "sign", "a.yaml", "--key", key),
                  ("agreement", "show", "a.yaml", "--html"), ("export", "u", "--dir", unserved.dir, "--as", "oracle"),
                  ("key", "certificate", "--server", "--dir", unserved.dir)):
        for place in ("nodir/x", "a.yaml/x"):
            done = run(*words, "-o", place, check=False)
            assert done.returncode == 2 and "[file.folder]" in done.stderr, (words, done.stderr)
    # 2 of a report would say that something is wrong with the log.
    done = run("report", tmp_path, "--party", unserved.vkeys["oracle"], "-o", "nodir/x", check=False)
    assert done.returncode == 1 and "[file.folder]" in done.stderr


def test_an_output_replaces_no_input(unserved, tmp_path):
    agreement, link = tmp_path / "a.yaml", tmp_path / "link"
    agreement.write_text(unserved.agreement())
    link.symlink_to(agreement)
    for form in ("--html", "--md", "--svg"):
        for place in (agreement, link):
            done = run("agreement", "show", agreement, form, "-o", place, check=False)
            assert done.returncode == 2 and "[cli.output.input]" in done.stderr, done.stderr
    assert agreement.read_text() == unserved.agreement()
    pack = tmp_path / "us-28cfr202.yaml"
    shutil.copy(ROOT / "rules" / pack.name, pack)
    law = hashlib.sha256(pack.read_bytes()).hexdigest()
    agreement.write_text(unserved.agreement(edit=lambda text: f"{text}under: [{{rules: us-28cfr202@1, sha256: {law}}}]\n"))
    done = run("agreement", "show", agreement, "--rules", tmp_path, "--md", "-o", pack, check=False)
    assert done.returncode == 2 and "[cli.output.input]" in done.stderr, done.stderr
    vkey = tmp_path / "oracle.vkey"
    done = run("report", tmp_path, "--party", vkey, "-o", vkey, check=False)
    assert done.returncode == 1 and "[cli.output.input]" in done.stderr and vkey.read_text().startswith("oracle+")


def test_an_output_replaces_no_private_key(unserved, tmp_path, monkeypatch):
    agreement = tmp_path / "a.yaml"
    agreement.write_text(unserved.agreement())
    monkeypatch.setenv("HOLDFAST_PASSPHRASE", "secret")
    sealed = tmp_path / "sealed.key"
    run("key", "new", "sealed", "--passphrase", "-o", sealed)
    for key in (tmp_path / "treasury.key", sealed, unserved.dir / "clients/app-us.key", unserved.dir / "keys/root.keys"):
        before = key.read_bytes()
        for words, code in ((("agreement", "show", agreement, "--md"), 2),
                            (("agreement", "sign", agreement, "--key", tmp_path / "oracle.key"), 2),
                            (("export", "u", "--dir", unserved.dir, "--as", "oracle"), 2),
                            (("log", "proof", "0", "--log", tmp_path), 2),
                            (("report", tmp_path, "--party", unserved.vkeys["oracle"]), 1)):
            done = run(*words, "-o", key, check=False)
            assert done.returncode == code and "[cli.output.key]" in done.stderr, (words, done.stderr)
        done = run("serve", "--dir", unserved.dir, "--ready-file", key, check=False)
        assert done.returncode == 2 and "[cli.output.key]" in done.stderr
        again = run("key", "new", "x", "-o", key, check=False)
        assert again.returncode == 1 and "[key.file.exists]" in again.stderr
        assert key.read_bytes() == before
    (tmp_path / "base.crt").write_bytes(sealed.read_bytes())
    done = run("key", "certificate", "--party", "x", "--dir", unserved.dir, "-o", tmp_path / "base", check=False)
    assert done.returncode == 2 and "[cli.output.key]" in done.stderr and not (tmp_path / "base.key").exists()


def test_what_is_shown_tells_of_sizes(unserved, tmp_path):
    agreement = tmp_path / "a.yaml"
    agreement.write_text(unserved.agreement(edit=lambda text: text.replace(
        "    limit: 200 subjects per day", "    limit: [200 subjects per day, 2KiB per release]")))
    text = run("agreement", "show", agreement).stdout
    assert "at most 2,048 bytes a release" in text and "at most 16,384 bytes a release" in text
    flows = {flow["name"]: flow for flow in json.loads(run("agreement", "show", agreement, "--json").stdout)["flows"]}
    assert {name: flow.get("release_bytes_max") for name, flow in flows.items()} == {
        "account": None, "history": None, "support": 2048, "feed": 16384}


@pytest.mark.parametrize("command", ["verify", "report"])
def test_a_private_key_is_none_to_verify_with(unserved, tmp_path, command):
    for words in (("--party", tmp_path / "oracle.key"),
                  ("--party", tmp_path / "oracle.vkey", "--log-key", unserved.dir / "keys/log.key")):
        done = run(command, tmp_path, *words, check=False)
        assert done.returncode == 1 and "private half" in done.stderr and "[cli.key.private]" in done.stderr
        assert f"{str(words[-1])[:-4]}.vkey" in done.stderr and "PRIVATE+KEY" not in done.stderr
