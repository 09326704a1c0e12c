"""What whoever runs the machine does: rehearse a restore, renew a certificate, go on after damage, watch the metrics."""
import json
import os
import pathlib
import re
import shutil
import signal
import tempfile
import threading

import pytest
import yaml
from holdfast import ROOT, disclose, run


class Load(threading.Thread):
    """Deposits and reads until told to stop; keeps what was acknowledged."""

    def __init__(self, holdfast):
        super().__init__()
        self.holdfast, self.client, self.stopping, self.deposited = holdfast, holdfast.client("app-us"), False, []

    def run(self):
        while not self.stopping:
            subject = f"load-{len(self.deposited)}"
            assert self.holdfast.deposit(self.client, subject, zip=f"{len(self.deposited):05}").status == 201
            self.deposited.append(subject)
            assert disclose(self.client, "account", subject).status == 200

    def wait_for(self, count):
        self.holdfast.wait_for(lambda: len(self.deposited) >= count or not self.is_alive())
        assert self.is_alive(), "the load ended early"

    def finish(self):
        self.stopping = True
        self.join()


def test_a_backup_taken_under_load_is_restored_elsewhere_serves_and_verifies(holdfast):
    app = holdfast.client("app-us")
    holdfast.deposit(app, "una")
    state = holdfast.folder / "overseer.state"
    assert holdfast.verify("--state", state).returncode == 0
    load = Load(holdfast)
    load.start()
    try:
        load.wait_for(20)
        before = list(load.deposited)
        holdfast.cli("backup", holdfast.folder / "b", "--keys", holdfast.folder / "k", profile="oracle")
        after = len(load.deposited)
        load.wait_for(after + 20)
    finally:
        load.finish()
    newer = holdfast.folder / "newer.state"
    assert holdfast.verify("--state", newer).returncode == 0
    holdfast.stop()

    other = holdfast.moved(holdfast.folder / "elsewhere")
    run("restore", holdfast.folder / "b", "--keys", holdfast.folder / "k", "--to", other.dir / "data")
    other.start(adopt=False)
    try:
        client = other.client("app-us")
        for number, subject in enumerate(before):
            assert disclose(client, "account", subject).json()["profile"]["zip"] == f"{number:05}"
        assert other.deposit(client, "after-the-restore").status == 201
        # Whoever saw only what the backup has goes on; whoever saw more is told of the rollback, which it is.
        verified = other.verify("--state", state)
        assert verified.returncode == 0, verified.stdout + verified.stderr
        assert other.verify("--state", newer).returncode == 3
    finally:
        other.stop()


def test_a_backup_that_is_refused_is_not_said_to_be_taken(holdfast):
    oracle = holdfast.client("oracle")
    before = json.loads(oracle.call("GET", "/v1/status").body)["log"]["entries"]
    for directory, keys in ((holdfast.folder / "b", holdfast.folder / "b/k"), (holdfast.dir / "data/b", holdfast.folder / "k"),
                            (holdfast.dir, holdfast.folder / "k"), (pathlib.Path("/proc/b"), holdfast.folder / "k")):
        places = json.dumps({"directory": str(directory), "keys_directory": str(keys)})
        answer = oracle.call("POST", "/v1/backup", places, {"Content-Type": "application/json"})
        # Nothing here gets better by trying again.
        assert answer.status in (400, 409) and answer.code.startswith("storage."), answer.body
        assert "Retry-After" not in answer.headers
    assert answer.code == "storage.place" and "name another place" in answer.json()["detail"]
    assert json.loads(oracle.call("GET", "/v1/status").body)["log"]["entries"] == before


def test_an_old_backup_of_records_does_not_bring_an_erased_subject_back(holdfast):
    app = holdfast.client("app-us")
    holdfast.deposit(app, "una")
    holdfast.deposit(app, "vic")
    folder = holdfast.folder
    holdfast.cli("backup", folder / "old", "--keys", folder / "old-keys", profile="oracle")
    assert holdfast.subject_client("una").call("DELETE", "/v1/subjects/una").status == 200
    holdfast.cli("backup", folder / "new", "--keys", folder / "new-keys", profile="oracle")
    holdfast.stop()

    other = holdfast.moved(holdfast.folder / "elsewhere")
    run("restore", folder / "old", "--keys", folder / "new-keys", "--to", other.dir / "data")
    other.start(adopt=False)
    try:
        client = other.client("app-us")
        gone = disclose(client, "account", "una")
        assert (gone.status, gone.code) == (404, "vault.subject.unknown")
        assert client.call("GET", "/v1/subjects/una/export").status == 404
        assert disclose(client, "account", "vic").status == 200
    finally:
        other.stop()


def test_keys_of_before_an_erasure_do_not_bring_an_erased_subject_back(holdfast):
    """Not to who asks, which the log forbids, and not into the next backup: the server erases it again."""
    app, folder = holdfast.client("app-us"), holdfast.folder
    for subject in ("una", "vic"):
        holdfast.deposit(app, subject)
    holdfast.cli("backup", folder / "old", "--keys", folder / "old-keys", profile="oracle")
    assert holdfast.subject_client("una").call("DELETE", "/v1/subjects/una").status == 200
    holdfast.cli("backup", folder / "new", "--keys", folder / "new-keys", profile="oracle")
    holdfast.stop()

    other = holdfast.moved(folder / "elsewhere")
    run("restore", folder / "new", "--keys", folder / "old-keys", "--to", other.dir / "data")
    other.start(adopt=False)
    try:
        client = other.client("app-us")
        other.wait_for(lambda: disclose(client, "account", "una").code == "vault.subject.unknown")
        assert disclose(client, "account", "vic").status == 200
        other.wait_for(lambda: other.deposit(client, "una").status == 201)  # somebody new
        assert other.verify().returncode == 0
    finally:
        other.stop()


def test_a_backup_that_lacks_the_end_of_the_evidence_is_not_restored(holdfast):
    holdfast.deposit(holdfast.client("app-us"), "una")
    folder = holdfast.folder
    holdfast.cli("backup", folder / "b", "--keys", folder / "k", profile="oracle")
    (journal,) = (folder / "b/log/journals").glob("log.*")
    whole = journal.read_bytes()
    for change in (lambda: journal.write_bytes(whole[:4096]), journal.unlink, (folder / "b/log/FILES").unlink):
        change()
        told = run("restore", folder / "b", "--keys", folder / "k", "--to", folder / "to", check=False)
        assert told.returncode in (1, 5) and "take another one" in told.stderr, told.stderr
        assert not (folder / "to").exists()


def test_a_store_that_is_not_mounted_is_not_taken_for_a_new_one(holdfast):
    holdfast.deposit(holdfast.client("app-us"), "una")
    holdfast.stop()
    data = holdfast.dir / "data"
    data.rename(holdfast.folder / "unmounted")
    assert "cli.serve.data" in run("serve", "--dir", holdfast.dir, check=False).stderr
    data.mkdir(mode=0o700)
    assert "cli.serve.empty" in run("serve", "--dir", holdfast.dir, check=False).stderr
    told = run("doctor", "--dir", holdfast.dir, check=False)
    assert told.returncode == 1 and re.search(r"BAD +store .*cli\.serve\.empty", told.stdout), "it sees what a start sees"
    assert not list(data.iterdir())
    data.rmdir()
    (holdfast.folder / "unmounted").rename(data)
    holdfast.start(adopt=False)


def test_a_data_folder_that_is_a_file_is_said_to_be_one(holdfast):
    holdfast.stop()
    config = holdfast.dir / "holdfast.yaml"
    config.write_text(config.read_text().replace("data: data", "data: holdfast.yaml"))
    told = run("serve", "--dir", holdfast.dir, check=False)
    assert told.returncode == 2 and "cli.serve.data.file" in told.stderr and "mkdir" not in told.stderr
    told = run("doctor", "--dir", holdfast.dir, check=False)
    assert re.search(r"BAD +data .*is a file", told.stdout) and "mkdir" not in told.stdout


def test_a_ready_file_that_cannot_be_written_is_found_before_the_store_is_opened(holdfast):
    holdfast.stop()
    shutil.rmtree(holdfast.dir / "data")
    (holdfast.dir / "data").mkdir(mode=0o700)
    (holdfast.dir / "keys/log.key.used").unlink()
    for place in (holdfast.folder / "nowhere/ready.json", holdfast.folder, pathlib.Path("/proc/ready.json")):
        told = run("serve", "--dir", holdfast.dir, "--ready-file", place, check=False)
        assert told.returncode == 2 and "cli.serve.ready" in told.stderr and str(place) in told.stderr, told
        assert not list((holdfast.dir / "data").iterdir())


NOBODY = 65534
root_only = pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")


def give(folder, user):
    for path in (folder, *folder.rglob("*")):
        os.chown(path, user, user)


@pytest.fixture
def service(holdfast):
    """The directory of a stopped server, where another user can reach it, and that user's but for the data."""
    holdfast.deposit(holdfast.client("app-us"), "una")
    holdfast.stop()
    with tempfile.TemporaryDirectory() as place:
        os.chmod(place, 0o755)
        home = pathlib.Path(place) / "hf"
        shutil.copytree(holdfast.dir, home)
        give(home, NOBODY)
        give(home / "data", 0)
        yield home


@root_only
def test_data_of_another_user_is_not_taken_for_none(service):
    told = run("serve", "--dir", service, user=NOBODY, check=False)
    assert told.returncode == 2 and "cli.serve.unreadable" in told.stderr, told.stderr
    assert "ermission denied" in told.stderr and "log.key.used" not in told.stderr and "root" in told.stderr
    told = run("doctor", "--dir", service, user=NOBODY, check=False)
    assert told.returncode == 1 and re.search("BAD +data .*ermission denied", told.stdout) and "none yet" not in told.stdout


@root_only
def test_a_file_that_this_user_may_not_read_is_named_with_what_to_do(service):
    give(service / "data", NOBODY)
    for name in ("data/records/IDENTITY", "data/log/journals", "holdfast.yaml"):
        os.chown(service / name, 0, 0)
        os.chmod(service / name, 0o700)
        told = run("doctor", "--dir", service, user=NOBODY, check=False)
        assert f"{service / name}" in told.stdout and re.search("run this as|as the server's user", told.stdout), told
        assert "stop what has it open" not in told.stdout and "correct that line" not in told.stdout
        os.chown(service / name, NOBODY, NOBODY)
    rows = service / "rows.csv"
    rows.touch(mode=0o600)
    for words in (("batch", "account"), ("import", "profile")):
        told = run(*words, rows, "--dir", service, "--as", "app-us", user=NOBODY, check=False)
        assert told.returncode == 2 and "let this user read it" in told.stderr and "file.io" in told.stderr, told


def test_a_pipe_in_the_store_is_not_waited_for(holdfast):
    holdfast.stop()
    for name in ("FILES", "IDENTITY"):  # ours, and the engine's
        file, kept = holdfast.dir / "data/records" / name, holdfast.folder / name
        file.rename(kept)
        os.mkfifo(file, mode=0o600)
        for command in ("serve", "doctor", "repair"):
            told = run(command, "--dir", holdfast.dir, check=False, timeout=30)
            assert told.returncode in (1, 2) and f"{file}: this is a pipe" in told.stdout + told.stderr, told
        kept.rename(file)


@root_only
def test_root_makes_no_files_in_another_users_store(service):
    give(service / "data", NOBODY)
    before = sorted(service.rglob("*"))
    told = run("serve", "--dir", service, check=False, timeout=30)
    assert told.returncode == 2 and "cli.data.owner" in told.stderr and "runuser -u nobody -- holdfast serve" in told.stderr
    assert sorted(service.rglob("*")) == before
    for part in (service / "data").iterdir():
        shutil.rmtree(part)
    (service / "keys/log.key.used").unlink()
    told = run("serve", "--dir", service, check=False, timeout=30)  # nor makes a new store in their folder
    assert told.returncode == 2 and "cli.data.owner" in told.stderr and not list((service / "data").iterdir())


def test_the_wrong_root_keys_are_no_reason_to_try_again(holdfast):
    holdfast.deposit(holdfast.client("app-us"), "una")
    holdfast.stop()
    run("init", holdfast.folder / "other", "--trustee", "oracle")
    shutil.copy(holdfast.folder / "other/keys/root.keys", holdfast.dir / "keys/root.keys")
    told = run("serve", "--dir", holdfast.dir, "--json", check=False)
    error = json.loads(told.stderr.splitlines()[-1])["error"]
    assert told.returncode == 2, "with which systemd leaves it stopped"
    assert error["code"] == "vault.root_key.missing" and error["where"].endswith("keys/root.keys")


def test_a_log_is_not_gone_on_with_under_another_key(holdfast):
    holdfast.stop()
    key = holdfast.dir / "keys/log.key"
    own = key.read_bytes()
    run("init", holdfast.folder / "other", "--trustee", "oracle")
    key.write_bytes((holdfast.folder / "other/keys/log.key").read_bytes())
    told = run("serve", "--dir", holdfast.dir, check=False)
    assert told.returncode == 1 and "agreement.log.other" in told.stderr
    told = run("doctor", "--dir", holdfast.dir, check=False)
    assert told.returncode == 1 and "agreement.log.other" in told.stdout
    key.write_bytes(own)
    holdfast.start(adopt=False)


def test_a_caller_is_told_what_is_wrong_with_its_files(holdfast):
    junk = holdfast.folder / "junk.pem"
    junk.write_text("no certificate")
    told = holdfast.cli("status", "--ca", junk, check=False)
    assert told.returncode == 2 and "http.tls.authority" in told.stderr and told.stderr.startswith(f"holdfast: {junk}: ")
    told = run("status", "--dir", holdfast.dir, "--cert", holdfast.dir / "tls/server.crt",
               "--key", holdfast.dir / "tls/server.key", check=False)
    assert told.returncode == 4 and "http.tls.refused" in told.stderr and "something else than a client" in told.stderr


def test_a_stopped_server_whose_port_nobody_knows_is_not_called(holdfast):
    holdfast.stop()
    rows = holdfast.folder / "rows.csv"
    rows.write_text("name,email,zip,birthdate,language\n")
    for words in (("import", "profile", rows, "--subject", "email"), ("status",)):
        told = holdfast.cli(*words, check=False)
        assert told.returncode == 3 and "cli.client.stopped" in told.stderr and "--server URL" in told.stderr, told
        assert "127.0.0.1:0" not in told.stderr
    assert "to mend: holdfast serve" in run("doctor", "--dir", holdfast.dir, check=False).stdout


def test_a_repair_that_would_not_help_drops_nothing(holdfast):
    app = holdfast.client("app-us")
    for number in range(10):
        holdfast.deposit(app, f"r{number}")
    assert holdfast.verify().returncode == 0  # a checkpoint over all of that was handed out
    holdfast.stop()
    (journal,) = holdfast.dir.glob("data/log/journals/log.*")
    whole = journal.read_bytes()
    for at, why in ((60, "evidence.log.missing"), (5 * 4096 + 60, "evidence.rollback")):
        damaged = bytearray(whole)
        damaged[at] ^= 4
        journal.write_bytes(damaged)
        for words in ((), ("--yes",)):
            told = run("repair", "--dir", holdfast.dir, *words, "--json", check=False)
            error = json.loads(told.stderr)["error"]
            assert told.returncode == 1 and error["code"] == "cli.repair.vain" and why in told.stderr, told
            assert error["where"] == str(journal) and journal.read_bytes() == damaged
        assert "BAD   store" in run("doctor", "--dir", holdfast.dir, check=False).stdout
    journal.write_bytes(whole)
    assert "nothing was dropped" in run("repair", "--dir", holdfast.dir).stdout


def test_the_server_certificate_is_renewed_without_stopping(holdfast):
    client = holdfast.client()
    assert client.call("GET", "/healthz").status == 200
    before = client.connection.sock.getpeercert()["serialNumber"]
    told = json.loads(run("key", "certificate", "--server", "--days", "90", "--dir", holdfast.dir, "--json").stdout)
    assert told["hosts"] == ["localhost", "127.0.0.1"]
    assert (holdfast.dir / "tls/server.key").stat().st_mode & 0o777 == 0o600
    holdfast.process.send_signal(signal.SIGHUP)

    def renewed():
        fresh = holdfast.client()
        answer = fresh.call("GET", "/healthz")
        found = fresh.connection.sock.getpeercert()["serialNumber"]
        fresh.close()
        return answer.status == 200 and found != before

    holdfast.wait_for(renewed)
    foreign = holdfast.dir / "tls/server.crt"
    run("init", holdfast.folder / "another", "--trustee", "oracle")
    shutil.copy(holdfast.folder / "another/tls/server.crt", foreign)
    refused = run("key", "certificate", "--server", "--dir", holdfast.dir, "--json", check=False)
    assert refused.returncode == 1 and json.loads(refused.stderr)["error"]["code"] == "certificate.foreign"


def test_repair_goes_on_with_what_precedes_the_damage_and_only_when_told(holdfast):
    app = holdfast.client("app-us")
    for number in range(200):
        holdfast.deposit(app, f"r{number}")
    running = run("repair", "--dir", holdfast.dir, "--yes", "--json", check=False)
    assert running.returncode == 3 and json.loads(running.stderr)["error"]["code"] == "storage.busy"
    holdfast.kill()
    unharmed = run("repair", "--dir", holdfast.dir, "--yes", "--json")
    assert json.loads(unharmed.stdout) == {"repaired": None}
    holdfast.start()
    app = holdfast.client("app-us")
    for number in range(200):
        holdfast.deposit(app, f"s{number}")
    holdfast.kill()
    log = max(holdfast.dir.glob("data/records/*.log"), key=lambda path: path.stat().st_size)
    content = bytearray(log.read_bytes().rstrip(b"\0"))  # without the zeros that are written ahead
    content[len(content) // 2] ^= 0x40
    log.write_bytes(content)
    start = run("serve", "--dir", holdfast.dir, check=False)
    assert start.returncode == 1 and "[storage.corrupt]" in start.stderr and "data/records" in start.stderr
    asked = run("repair", "--dir", holdfast.dir, check=False)
    assert asked.returncode == 2 and "--yes" in asked.stderr and "data/records" in asked.stderr
    assert log.read_bytes().rstrip(b"\0") == content, "asking changes nothing"
    told = json.loads(run("repair", "--dir", holdfast.dir, "--yes", "--json").stdout)
    assert told["log_entries"] > 400
    holdfast.start()
    app = holdfast.client("app-us")
    assert disclose(app, "account", "r199").status == 200
    assert disclose(app, "account", "s0").status == 200
    assert disclose(app, "account", "s199").status == 404


def test_a_repair_names_all_that_it_drops(holdfast):
    app = holdfast.client("app-us")
    for number in range(60):
        holdfast.deposit(app, f"r{number}")
    assert disclose(app, "account", "r59").status == 200  # an entry behind the last deposit
    holdfast.kill()
    logs = [max(holdfast.dir.glob(f"data/{part}/*.log"), key=lambda path: len(path.read_bytes().rstrip(b"\0")))
            for part in ("records", "keys")]
    for log, lost in zip(logs, ("rotten", "zeros")):
        content = bytearray(log.read_bytes())
        used = len(content.rstrip(b"\0"))
        if lost == "rotten":
            content[used // 2] ^= 0x40
        else:  # as if nothing had been written
            content[used // 2:used] = bytes(used - used // 2)
        log.write_bytes(content)
    whole = {path: path.read_bytes() for path in logs}
    assert "BAD   store" in run("doctor", "--dir", holdfast.dir, check=False).stdout
    asked = run("repair", "--dir", holdfast.dir, check=False)
    assert asked.returncode == 2 and "[cli.repair.yes]" in asked.stderr
    assert str(logs[0]) + ": " in asked.stderr and str(logs[1].parent) + ": its newest" in asked.stderr, asked.stderr
    assert whole == {path: path.read_bytes() for path in logs}, "asking changes nothing"
    told = json.loads(run("repair", "--dir", holdfast.dir, "--yes", "--json").stdout)
    assert [one["where"] for one in told["dropped"]] == [str(logs[0]), str(logs[1].parent)], told
    assert json.loads(run("repair", "--dir", holdfast.dir, "--yes", "--json").stdout) == {"repaired": None}


def test_an_unclean_end_is_no_damage_to_doctor_and_repair(holdfast):
    app = holdfast.client("app-us")
    for number in range(20):
        holdfast.deposit(app, f"r{number}")
    holdfast.kill()
    log = max(holdfast.dir.glob("data/records/*.log"), key=lambda path: len(path.read_bytes().rstrip(b"\0")))
    content = bytearray(log.read_bytes())
    used = len(content.rstrip(b"\0"))
    content[used - 5:used] = bytes(5)  # of a record that was written and never answered
    log.write_bytes(content)
    assert re.search(r"ok +store", run("doctor", "--dir", holdfast.dir, check=False).stdout)
    assert "nothing was dropped" in run("repair", "--dir", holdfast.dir).stdout
    assert log.read_bytes() == content
    holdfast.start(adopt=False)
    assert disclose(holdfast.client("app-us"), "account", "r18").status == 200


def test_a_damaged_table_is_said_to_be_past_repair(holdfast):
    app = holdfast.client("app-us")
    for number in range(50):
        holdfast.deposit(app, f"r{number}")
    holdfast.cli("backup", holdfast.folder / "b", "--keys", holdfast.folder / "k", profile="oracle")  # writes the tables
    holdfast.stop()
    assert "every block" in run("repair", "--dir", holdfast.dir).stdout
    (table,) = sorted(holdfast.dir.glob("data/log/*.sst"), key=lambda path: -path.stat().st_size)[:1]
    content = bytearray(table.read_bytes())
    content[len(content) // 3] ^= 0x01
    table.write_bytes(content)
    for words in ((), ("--yes",)):
        told = run("repair", "--dir", holdfast.dir, *words, "--json", check=False)
        error = json.loads(told.stderr)["error"]
        assert told.returncode == 1 and error["code"] == "cli.repair.vain" and error["where"].endswith(table.name), told
        assert table.read_bytes() == content


def test_without_its_evidence_or_its_keys_nothing_is_served_and_the_doctor_says_so(holdfast):
    app, data = holdfast.client("app-us"), holdfast.dir / "data"
    holdfast.deposit(app, "una")
    holdfast.stop()

    def doctor():
        checks = json.loads(run("doctor", "--dir", holdfast.dir, "--json", check=False).stdout)["checks"]
        (store,) = [check for check in checks if check["check"] == "store"]
        return store["grade"], store["found"]

    def start():
        refused = run("serve", "--dir", holdfast.dir, check=False)
        assert refused.returncode == 5, refused.stderr
        return refused.stderr

    assert doctor()[0] == "ok"
    for part in ("log", "keys", "records"):
        (data / part).rename(holdfast.folder / part)
        for left in ("nothing", "an empty folder"):
            if left == "an empty folder":
                (data / part).mkdir()
            grade, found = doctor()
            assert grade == "BAD" and str(data / part) in found, left
            told = start()
            assert "[storage.part.missing]" in told and str(data / part) in told and "restore" in told, left
            assert not (data / part).exists() or not list((data / part).iterdir()), "nothing is made in its place"
        (data / part).rmdir()
        (holdfast.folder / part).rename(data / part)
    holdfast.start()
    assert disclose(holdfast.client("app-us"), "account", "una").status == 200
    assert holdfast.verify().returncode == 0


def test_a_journal_or_the_end_of_a_log_that_is_gone_is_told_as_such_by_start_doctor_and_repair(holdfast):
    app, data = holdfast.client("app-us"), holdfast.dir / "data"
    for number in range(20):
        holdfast.deposit(app, f"g{number}")
    holdfast.stop()

    def told(where, code, by_repair):
        before = sorted((data / "log").rglob("*"))
        for command, said_as in (("serve", f"[{code}]"), ("repair", f"[{by_repair}]"), ("doctor", "BAD   store")):
            said = run(command, "--dir", holdfast.dir, check=False)
            assert said.returncode not in (0, 3), said
            assert said_as in said.stdout + said.stderr and str(where) in said.stdout + said.stderr, said
        assert sorted((data / "log").rglob("*")) == before, "nothing is made in its place"

    (journal,) = data.glob("log/journals/log.*")
    journal.rename(holdfast.folder / "aside")
    told(data / "log/journals/log.*", "storage.part.missing", "storage.part.missing")
    journal.parent.rmdir()
    told(data / "log/journals", "storage.part.missing", "storage.part.missing")
    journal.parent.mkdir()
    (holdfast.folder / "aside").rename(journal)

    holdfast.start(adopt=False)
    app = holdfast.client("app-us")
    for number in range(20):
        holdfast.deposit(app, f"h{number}")
    holdfast.stop()
    log = max(data.glob("records/*.log"), key=lambda path: len(path.read_bytes().rstrip(b"\0")))
    whole = log.read_bytes()
    used = len(whole.rstrip(b"\0"))
    os.truncate(log, used // 2)
    told(log, "storage.corrupt", "cli.repair.yes")
    assert log.stat().st_size == used // 2
    log.write_bytes(whole)
    holdfast.start(adopt=False)
    assert disclose(holdfast.client("app-us"), "account", "h19").status == 200
    assert holdfast.verify().returncode == 0


def test_the_doctor_tries_the_very_keys_that_a_start_would(holdfast):
    holdfast.deposit(holdfast.client("app-us"), "una")
    assert holdfast.verify().returncode == 0  # so that a checkpoint is signed
    holdfast.stop()
    run("init", holdfast.folder / "other", "--trustee", "oracle")

    def found(name):
        mine, kept = holdfast.dir / "keys" / name, holdfast.folder / name
        shutil.copy(mine, kept)
        shutil.copy(holdfast.folder / "other/keys" / name, mine)
        told = run("doctor", "--dir", holdfast.dir, check=False)
        shutil.copy(kept, mine)
        return told.stdout
    assert "vault.root_key.missing" in found("root.keys")
    assert "did not sign this log's checkpoints" in found("log.key")
    assert re.search("ok +store", run("doctor", "--dir", holdfast.dir, check=False).stdout) is not None


def test_an_agreement_that_names_another_logs_key_is_not_adopted(holdfast):
    run("init", holdfast.folder / "other", "--trustee", "oracle")
    other = (holdfast.folder / "other/keys/log.vkey").read_text().strip()
    signed = holdfast.signed(2, edit=lambda text: re.sub("(?m)^log: .*", f"log: {other}", text))
    done = holdfast.cli("agreement", "adopt", signed, profile="oracle", check=False)
    assert done.returncode != 0 and "agreement.log.other" in done.stderr
    assert holdfast.verify().returncode == 0


def test_a_store_of_a_later_format_is_refused_with_what_to_do(holdfast):
    holdfast.stop()
    (holdfast.dir / "data/log/FORMAT").write_text("holdfast store 99\n")
    refused = run("serve", "--dir", holdfast.dir, check=False)
    assert refused.returncode == 1
    assert "[storage.format]" in refused.stderr and "run the version of holdfast that wrote it" in refused.stderr


def test_lines_for_the_journal_bear_their_priority(holdfast, monkeypatch):
    holdfast.stop()
    log = holdfast.folder / "server.log"
    log.write_text("")
    stream = log.stat()
    config = holdfast.dir / "holdfast.yaml"
    config.write_text(config.read_text() + "log-level: info\n")
    for named, begins in ((f"{stream.st_dev}:{stream.st_ino}", r"<6>\{"), (f"{stream.st_dev}:1", r"\{")):
        monkeypatch.setenv("JOURNAL_STREAM", named)
        log.write_text("")
        holdfast.start()
        assert disclose(holdfast.client("bytedance"), "marketing", "una").status == 403
        holdfast.stop()
        (refused,) = [line for line in log.read_text().splitlines() if "flow.unknown" in line]
        assert re.match(begins, refused), refused
        assert json.loads(refused[refused.index("{"):])["level"] == "info"


def metric_names(text):
    return set(re.findall(r"\bholdfast_[a-z0-9_]+\b", text))


def test_dashboard_and_alerts_use_metrics_that_the_server_has(holdfast):
    app, operator = holdfast.client("app-us"), holdfast.client("bytedance")
    holdfast.deposit(app, "una")
    disclose(operator, "support", "una")
    told = app.call("GET", "/metrics").body.decode()
    lines = [line for line in told.splitlines() if line and not line.startswith("#")]
    offered = {re.split(r"[{ ]", line, maxsplit=1)[0] for line in lines}
    labels = {name: set() for name in offered}
    for line in lines:
        name = re.split(r"[{ ]", line, maxsplit=1)[0]
        labels[name] |= set(re.findall(r'(\w+)="', line.split("}")[0])) if "{" in line else set()
    statistics = set(re.findall(r'holdfast_statistic\{name="([^"]+)"', told))

    dashboard = json.loads((ROOT / "packaging/grafana/holdfast.json").read_text())
    rules = yaml.safe_load((ROOT / "packaging/prometheus/alerts.yaml").read_text())
    queries = [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", [])]
    alerts = [rule for group in rules["groups"] for rule in group["rules"]]
    queries += [rule["expr"] for rule in alerts]
    assert len(queries) > 20
    for query in queries:
        used = metric_names(query) - {"holdfast_alerts"}
        assert used or "up{" in query, query
        assert used <= offered, f"{query}: the server has no {used - offered}"
        for name, selector in re.findall(r"(holdfast_\w+)\{([^}]*)\}", query):
            asked = set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", selector)) - {"job", "instance"}
            assert asked <= labels[name], f"{query}: {name} has no label {asked - labels[name]}"
        for one in re.findall(r'holdfast_statistic\{[^}]*name="([^"]+)"', query):
            assert one in statistics, f"{query}: no statistic is called {one}"
    # Each alert says what it means and what to do, and the operations page has it.
    manual = (ROOT / "docs/operations.md").read_text()
    for rule in alerts:
        assert rule["annotations"]["summary"] and rule["annotations"]["action"], rule["alert"]
        assert rule["labels"]["severity"] in ("page", "ticket"), rule["alert"]
        assert f"`{rule['alert']}`" in manual, f"docs/operations.md does not explain {rule['alert']}"


@pytest.mark.skipif(os.geteuid() != 0, reason="the server lets nobody but root look at its environment")
def test_the_server_asks_for_huge_pages_unless_its_environment_says_otherwise(holdfast, monkeypatch):
    def began_with():
        process = pathlib.Path("/proc") / str(holdfast.process.pid)
        assert process.joinpath("cmdline").read_bytes().split(b"\0")[1:4] == [b"serve", b"--dir", bytes(holdfast.dir)]
        found = [word for word in process.joinpath("environ").read_bytes().split(b"\0") if word.startswith(b"GLIBC_TUN")]
        return b"".join(found)

    assert began_with() == b"GLIBC_TUNABLES=glibc.malloc.hugetlb=1"
    holdfast.stop()
    monkeypatch.setenv("GLIBC_TUNABLES", "glibc.malloc.tcache_count=5")
    holdfast.start()
    assert began_with() == b"GLIBC_TUNABLES=glibc.malloc.tcache_count=5"
