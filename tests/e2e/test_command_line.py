"""What the commands that need no server say and leave behind when they are given something that cannot be."""
import hashlib
import json
import os
import shutil
import subprocess

import pytest

from holdfast import BINARY, ROOT, SMALLEST_MODULE, Holdfast, run

LONG = "x" * 300
PARTIES = ["Oracle Inc", "a/b", "../x", "spaß", "line\nfeed", LONG, "yes"]


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


@pytest.mark.parametrize(
    "words, name",
    [(("verify", "log", "--party", "k", "--state", ""), "--state"), (("verify", "--state=", "log", "--party", "k"), "--state"),
     (("verify", "log", "--party", "k", "--state=", "--json"), "--state"), (("verify", "", "--party", "k"), "LOG"),
     (("verify", "log", "--party", ""), "--party"), (("report", "log", "--party", "k", "-o", ""), "--output"),
     (("export", "u", "-o", ""), "--output"), (("export", ""), "SUBJECT"), (("get", "account", ""), "SUBJECT"),
     (("backup", "", "--keys", "k"), "DIR"), (("backup", "b", "--keys", ""), "--keys"),
     (("restore", "", "--keys", "k", "--to", "d"), "BACKUP"), (("restore", "b", "--keys", "k", "--to", ""), "--to"),
     (("import", "views", ""), "FILE"), (("batch", "account", ""), "FILE"), (("status", "--dir", ""), "--dir"),
     (("init", ""), "DIR"), (("init", "d", "--party", ""), "--party"), (("log", "export", ""), "DIR")],
)
def test_an_empty_value_is_named_and_none(tmp_path, words, name):
    done = run(*words, check=False, cwd=tmp_path)
    assert done.returncode == (1 if words[0] in ("verify", "report") else 2), done
    assert f"{name}: is empty" in done.stderr and "cli.usage" in done.stderr and left(tmp_path) == []


@pytest.fixture
def folder(tmp_path):
    run("init", tmp_path / "hf", "--trustee", "oracle")
    return tmp_path / "hf"


def test_a_certificate_is_for_a_name_that_can_be(folder):
    for name in PARTIES:
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


def test_doctor_says_how_to_come_to_a_configuration(folder):
    for wrong, mend in ((folder / "holdfast.yaml", "name the working directory, which is a folder, with --dir"),
                        (folder / "none", "holdfast init"), (folder / "tls", "holdfast init")):
        told = run("doctor", "--dir", wrong, check=False)
        assert told.returncode == 1 and mend in told.stdout and "correct that line" not in told.stdout


@pytest.mark.parametrize("name", ["holdfast.yaml", "tls/server.crt", "tls/server.key", "tls/ca.crt", "keys/root.keys",
                                  "keys/log.key"])
def test_a_pipe_in_place_of_a_file_is_not_waited_for(folder, name):
    (folder / name).unlink()
    os.mkfifo(folder / name, mode=0o600)
    done = run("serve", "--dir", folder, check=False, timeout=30)
    assert done.returncode == 2 and f"{folder / name}: this is a pipe" in done.stderr, done.stderr
    told = run("doctor", "--dir", folder, check=False, timeout=30)
    assert told.returncode == 1 and "[file.pipe]" in told.stdout


def test_what_a_person_names_may_come_out_of_a_pipe(unserved, tmp_path):
    checked = run("agreement", "check", "/dev/stdin", input=unserved.agreement())
    assert "holds" in checked.stdout
    vkey = tmp_path / "oracle.vkey"
    assert run("key", "show", "/dev/stdin", input=vkey.read_text()).stdout == vkey.read_text()
    ready = tmp_path / "ready"
    os.mkfifo(ready)
    config = (unserved.dir / "holdfast.yaml").read_text()
    for path in ("data", "keys", "tls"):
        config = config.replace(f": {path}", f": {unserved.dir}/{path}")
    serve = [BINARY, "serve", "--dir", str(unserved.dir), "--config", "/dev/stdin", "--ready-file", str(ready)]
    unserved.process = subprocess.Popen(serve, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    with unserved.process.stdin as pipe:
        pipe.write(config)
    assert json.loads(ready.read_text())["pid"] == unserved.process.pid
    unserved.process.terminate()
    assert unserved.process.wait(30) == 0 and ready.is_fifo()


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
    assert folder_given.returncode == 2 and "file.folder" in folder_given.stderr
    for given, code, exit in ((folder / "nofile", "file.missing", 5), (folder, "file.folder", 2)):
        batch = run("batch", "account", given, "--dir", folder, "--as", "oracle", check=False)
        assert batch.returncode == exit and f"{given}: " in batch.stderr and f"[{code}]" in batch.stderr, batch.stderr
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


def test_an_authority_is_looked_at_before_anything_connects(unserved, tmp_path):
    (tmp_path / "junk").write_text("no certificate")
    dead = "https://127.0.0.1:1"
    for words, wrong in ((("status", "--dir", unserved.dir, "--as", "oracle", "--server", dead), (5, 2, 2)),
                         (("log", "tail", "--log", f"{dead}/log"), (5, 2, 2)),
                         (("verify", f"{dead}/log", "--party", tmp_path / "oracle.vkey"), (1, 1, 1)),
                         (("report", f"{dead}/log", "--party", tmp_path / "oracle.vkey"), (1, 1, 1))):
        for name, code, exit in zip(("none", "hf", "junk"), ("file.missing", "file.folder", "http.tls.authority"), wrong):
            done = run(*words, "--ca", tmp_path / name, check=False)
            assert done.returncode == exit and f"[{code}]" in done.stderr, (words, done.stderr)
            assert done.stderr.startswith(f"holdfast: {tmp_path / name}: ")


def test_an_output_of_a_module_is_looked_at_like_any_other(unserved, tmp_path):
    source, secret = tmp_path / "src", tmp_path / "src.secret"
    source.mkdir()
    (source / "a.c").write_text("int main;")
    (tmp_path / "m.wasm").write_bytes(SMALLEST_MODULE)
    statement = tmp_path / "m.statement"
    commit = ("module", "commit-source", source, "--module", tmp_path / "m.wasm", "--name", "m", "--builder", "b",
              "--compiler", "c")
    run(*commit, "-o", statement)
    ways = ((*commit, "--force"), ("module", "sign", statement, "--key", tmp_path / "oracle.key"),
            ("module", "open-file", "a.c", "--source", source),
            ("module", "show", "ab" * 32, "--dir", unserved.dir, "--as", "oracle"))
    for words in ways:
        for place, code in ((tmp_path / "nodir/x", "file.folder"), (tmp_path / "treasury.key", "cli.output.key")):
            before = place.read_bytes() if place.exists() else None
            done = run(*words, "-o", place, check=False)
            assert done.returncode == 2 and f"[{code}]" in done.stderr, (words, done.stderr)
            assert before is None or place.read_bytes() == before
    vkey = tmp_path / "treasury.vkey"
    for words, place in ((ways[0], tmp_path / "m.wasm"), (ways[0], secret), (ways[2], secret), (ways[2], source / "a.c"),
                         ((*ways[1], "--party", vkey), vkey)):
        before = place.read_bytes()
        done = run(*words, "-o", place, check=False)
        assert done.returncode == 2 and "[cli.output.input]" in done.stderr, (words, done.stderr)
        assert place.read_bytes() == before
    alone = run("module", "show", "-o", tmp_path / "x", "--dir", unserved.dir, "--as", "oracle", check=False)
    assert alone.returncode == 2 and "[cli.usage]" in alone.stderr and "HASH" in alone.stderr


def test_a_ready_file_takes_the_place_of_no_other(unserved, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "empty").touch()
    kept = (tmp_path / "notes.txt", tmp_path / "empty", unserved.dir / "keys/log.vkey", unserved.dir / "holdfast.yaml",
            unserved.dir / "clients/oracle.crt")
    before = [place.read_bytes() for place in kept]
    for place in (*kept, unserved.dir / "keys/log.key.used", unserved.dir / "clients/new.crt", unserved.dir / "data/log/new"):
        done = run("serve", "--dir", unserved.dir, "--ready-file", place, check=False)
        assert done.returncode == 2 and "[cli.serve.ready]" in done.stderr and "--ready-file" in done.stderr, done.stderr
    assert [place.read_bytes() for place in kept] == before
    ready = unserved.dir / "ready.json"
    ready.write_text('{"url":"https://127.0.0.1:1","pid":1}\n')  # of a server that was killed
    unserved.process = subprocess.Popen([BINARY, "serve", "--dir", str(unserved.dir), "--ready-file", str(ready)],
                                        stdout=subprocess.DEVNULL)
    unserved.wait_for(lambda: json.loads(ready.read_text())["pid"] == unserved.process.pid)
    unserved.process.terminate()
    assert unserved.process.wait(30) == 0 and not ready.exists()
    device = tmp_path / "device"
    device.symlink_to("/dev/null")  # the link, lest a failure of this test removes the machine's
    unserved.process = subprocess.Popen([BINARY, "serve", "--dir", str(unserved.dir), "--ready-file", str(device)],
                                        stdout=subprocess.PIPE, text=True)
    assert "serving" in unserved.process.stdout.readline()
    unserved.process.terminate()
    assert unserved.process.wait(30) == 0 and device.is_symlink()


def test_a_draft_that_breaks_its_own_prohibitions_is_told_by_diff(unserved, tmp_path):
    before, draft = tmp_path / "a.yaml", tmp_path / "b.yaml"
    before.write_text(unserved.agreement())
    draft.write_text(unserved.agreement(edit=lambda text: text.replace("email: token", "email: clear")))
    for old in (before, draft):  # of two that are alike nothing opens
        done = run("agreement", "diff", old, draft, check=False)
        assert done.returncode == 1 and "breaks its own prohibitions" in done.stdout and f"{draft}:" in done.stdout
    told = run("agreement", "diff", draft, draft, "--json", check=False)
    assert told.returncode == 1 and len(json.loads(told.stdout)["notes"]) == 1


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
def test_root_restores_nothing_into_another_users_folder(tmp_path):
    home = tmp_path / "home"
    (home / "empty").mkdir(parents=True)
    for folder in (home, home / "empty"):
        os.chown(folder, 65534, 65534)
    for place in (home / "data", home / "data/", home / "empty"):
        done = run("restore", tmp_path / "b", "--keys", tmp_path / "k", "--to", f"{place}", check=False)
        assert done.returncode == 2 and "[cli.data.owner]" in done.stderr, done.stderr
        assert "runuser -u nobody -- holdfast restore" in done.stderr
    assert left(home) == ["empty"]


def test_one_is_told_in_the_singular(unserved, tmp_path):
    agreement = tmp_path / "a.yaml"
    agreement.write_text(unserved.agreement())
    assert ", 1 limit;" in run("agreement", "check", agreement).stdout
