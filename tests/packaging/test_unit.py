"""The packaged unit under a real systemd, from installing to removing, with a sealed module run by it."""
import json
import os
import pathlib
import shutil
import subprocess
import time

import pytest

from test_package import BUILD, ROOT, package, sh  # noqa: F401

HERE = pathlib.Path(__file__).resolve().parent
WORK = "/var/lib/holdfast"
LAYERS = ("user namespace", "mount namespace", "network namespace", "PID namespace", "IPC namespace", "no privileges",
          "Landlock", "seccomp", "no descriptors", "memory limit", "no core files", "death with the trustee")


def wait_for(condition, what, seconds=30):
    end = time.monotonic() + seconds
    while True:
        found = condition()
        if found:
            return found
        assert time.monotonic() < end, f"{what} did not come"
        time.sleep(0.05)


class Machine:
    """Runs commands in the namespaces of a systemd of one's own."""

    def __init__(self, folder):
        self.log = open(folder.parent / "boot.log", "wb")
        self.unshare = subprocess.Popen(["unshare", "-m", "-p", "-u", "-i", "-n", "-C", "--fork", "--kill-child",
                                         str(HERE / "boot.sh"), str(folder)], stdout=self.log, stderr=self.log)
        wait_for(lambda: self.ended or self.children(), "the first process")
        self.first = next(iter(self.children()), None)
        wait_for(lambda: self.ended or
                 self("systemctl", "is-active", "basic.target", check=False).stdout.strip() == "active", "systemd")

    @property
    def ended(self):
        return self.unshare.poll() is not None

    def children(self):
        return sh("pgrep", "-P", self.unshare.pid, check=False).stdout.split()

    def __call__(self, *command, **options):
        return sh("nsenter", "-t", self.first, "-m", "-p", "-u", "-i", "-n", "-C", "-r", "-w", "--", *command, **options)

    def path(self, inside):
        return pathlib.Path(f"/proc/{self.first}/root{inside}")

    def holdfast(self, *command, **options):
        return self("env", f"HOLDFAST_DIR={WORK}", "holdfast", *command, **options)

    def end(self):
        self.unshare.kill()
        self.unshare.wait()
        self.log.close()


@pytest.fixture
def machine(tmp_path):
    if os.geteuid() != 0 or not shutil.which("unshare") or not pathlib.Path("/lib/systemd/systemd").exists():
        pytest.skip("wants root, unshare and systemd")
    folder = tmp_path / "machine"
    folder.mkdir()
    one = Machine(folder)
    if one.ended:
        pytest.skip("no systemd starts here: " + (tmp_path / "boot.log").read_text()[-300:])
    yield one
    one.end()


def release(machine, folder, name, number, wasm):
    """Submitted by the operator, shown to the overseer, signed by all three."""
    file, mine, shown = f"{folder}/{wasm}", f"{folder}/{name}-{number}.statement", f"{folder}/{name}-{number}.shown"
    machine.holdfast("module", "commit-source", f"{folder}/source", "--module", file, "--name", name, "--number", number,
                     "--builder", "the operator", "--compiler", "clang",
                     "-o", mine)
    machine.holdfast("module", "sign", mine, "--key", f"{folder}/bytedance.key")
    machine.holdfast("module", "submit", mine, file, "--as", "bytedance")
    digest = sh("sha256sum", BUILD / "bin/modules" / wasm).stdout.split()[0]
    machine.holdfast("module", "show", digest, "--as", "treasury", "-o", shown)
    for party in ("oracle", "treasury"):
        machine.holdfast("module", "sign", shown, "--key", f"{folder}/{party}.key")
    machine.holdfast("module", "release", shown, "--as", "bytedance")


def serving(machine, but=None):
    """The pid of a server that answers, which is not `but`."""
    def pid():
        ready = machine.path(f"{WORK}/ready.json")
        told = json.loads(ready.read_text() or "{}") if ready.exists() else {}
        return told.get("pid") if told.get("pid") not in (None, but) else None
    return wait_for(pid, "the server")


def adopt(machine, folder):
    text = (ROOT / "examples/shortvideo/agreement.yaml.in").read_text()
    text = text.replace("@log.vkey@", machine.path(f"{WORK}/keys/log.vkey").read_text().strip())
    for party in ("bytedance", "oracle", "treasury"):
        key = machine.holdfast("key", "new", party, "-o", f"{folder}/{party}.key").stdout.strip()
        text = text.replace(f"@{party}.vkey@", key)
    machine.path(f"{folder}/agreement.yaml").write_text(text)
    source = f"{folder}/agreement.yaml"
    for party in ("bytedance", "oracle", "treasury"):
        machine.holdfast("agreement", "sign", source, "--key", f"{folder}/{party}.key", "-o", f"{folder}/agreement.signed")
        source = f"{folder}/agreement.signed"
    machine.holdfast("agreement", "adopt", source, "--as", "oracle")


def test_it_serves_and_jails_modules_and_comes_back(machine, package):  # noqa: F811
    folder = "/root/parties"
    machine.path(f"{folder}/source").mkdir(parents=True)
    shutil.copy(package, machine.path(f"{folder}/holdfast.deb"))
    for wasm in ("trainer.wasm", "ranker.wasm", "hostile-spin.wasm"):
        shutil.copy(BUILD / "bin/modules" / wasm, machine.path(f"{folder}/{wasm}"))
    machine.path(f"{folder}/source/main.cc").write_text("int main() {}\n")
    machine("rm", "-f", "/usr/sbin/policy-rc.d")  # with which images of containers keep packages from their services
    machine("dpkg", "-i", f"{folder}/holdfast.deb")
    machine("systemctl", "start", "holdfast")  # nothing to serve yet, which is no failure
    assert machine("systemctl", "is-failed", "holdfast", check=False).stdout.strip() != "failed"

    machine("runuser", "-u", "holdfast", "--", "holdfast", "init", WORK, "--trustee", "oracle", "--party", "app-us",
            "--party", "bytedance", "--party", "treasury")
    machine("systemctl", "enable", "--now", "holdfast")
    first = serving(machine)
    assert machine("systemctl", "is-active", "holdfast").stdout.strip() == "active"
    checks = {each["check"]: each for each in json.loads(
        machine("runuser", "-u", "holdfast", "--", "holdfast", "doctor", "--dir", WORK, "--json", check=False).stdout)["checks"]}
    assert checks["server"]["grade"] == "ok", checks
    for layer in LAYERS:
        assert layer in checks["sealed modules"]["found"], checks["sealed modules"]

    adopt(machine, folder)
    machine.path(f"{folder}/people.csv").write_text("subject,name,language\np1,Ana,en\n")
    machine.path(f"{folder}/views.csv").write_text(
        "subject,event,video,watched,at\n" + "".join(f"p1,e{i},v{i % 9},30s,2026-11-20T10:00:00Z\n" for i in range(40)))
    machine.holdfast("import", "profile", f"{folder}/people.csv", "--as", "app-us")
    machine.holdfast("import", "views", f"{folder}/views.csv", "--as", "app-us")
    release(machine, folder, "feed-trainer", 1, "trainer.wasm")
    release(machine, folder, "feed-ranker", 1, "ranker.wasm")
    machine.holdfast("job", "start", "train", "--as", "oracle", "--wait")
    assert "feed" in json.loads(machine.holdfast("get", "feed", "p1", "--as", "app-us").stdout)
    release(machine, folder, "feed-ranker", 2, "hostile-spin.wasm")
    contained = machine.holdfast("get", "feed", "p1", "--as", "app-us", check=False)
    assert contained.returncode != 0 and "sealed.run.time" in contained.stderr

    machine("systemctl", "kill", "-s", "KILL", "holdfast")
    second = serving(machine, but=first)
    assert json.loads(machine.holdfast("get", "account", "p1", "--as", "app-us").stdout)["profile"]["name"] == "Ana"
    machine("systemctl", "reload", "holdfast")
    machine("systemctl", "restart", "holdfast")
    serving(machine, but=second)
    assert '"evidence_url"' in machine("journalctl", "-u", "holdfast", "-o", "cat", "--no-pager").stdout
    machine("dpkg", "-r", "holdfast")
    assert machine("systemctl", "is-active", "holdfast", check=False).stdout.strip() != "active"
    assert machine.path(f"{WORK}/keys/root.keys").exists()
