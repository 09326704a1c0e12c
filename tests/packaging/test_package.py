"""The Debian package: what it holds, that its parts load, and that it installs, serves and goes again."""
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import time

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = pathlib.Path(os.environ.get("HOLDFAST_BINARY", ROOT / "build/release/bin/holdfast"))
BUILD = BINARY.parents[1]
WORK = pathlib.Path("/var/lib/holdfast")


def sh(*command, check=True, **options):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=120, **options)
    if check and done.returncode != 0:
        raise AssertionError(f"{command}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    return done


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    """The .deb, of the program that is built already."""
    folder = tmp_path_factory.mktemp("deb")
    sh("cpack", "-G", "DEB", "-B", folder, cwd=BUILD)
    (found,) = folder.glob("holdfast_*.deb")
    return found


@pytest.fixture(scope="module")
def tree(package, tmp_path_factory):
    folder = tmp_path_factory.mktemp("tree")
    sh("dpkg-deb", "-x", package, folder)
    return folder


def commands():
    """Every command's path, from the completion of bash: "key", "key new" …"""
    script = sh(BINARY, "completion", "bash").stdout
    return [path for path in re.findall(r'^    "([^"]*)"\) words', script, re.M) if path]


def test_control_names_what_the_program_needs(package):
    depends = sh("dpkg-deb", "-f", package, "Depends").stdout
    for library in ("libc6", "libssl3", "librocksdb", "libsodium", "libboost-json", "adduser"):
        assert library in depends, depends
    assert not re.search(r"-dev\b|gtest|benchmark", depends), depends
    linked = re.findall(r"^\s+(\S+\.so\S*) => (\S+)", sh("ldd", BINARY).stdout, re.M)
    assert linked and all(path.startswith(("/lib", "/usr/lib")) for _, path in linked), linked
    version = sh(BINARY, "--version").stdout.split()[-1]
    assert sh("dpkg-deb", "-f", package, "Version").stdout.strip() == version


def test_files_are_roots_and_nobody_else_may_write_them(package):
    for line in sh("dpkg-deb", "-c", package).stdout.splitlines():
        mode, owner, *_, name = line.split()
        assert owner == "root/root" and mode[5] != "w" and mode[8] != "w" and "s" not in mode[1:], line
    # No keys, and no path of the machine that built it.
    names = sh("dpkg-deb", "-c", package).stdout
    assert not re.search(r"\.key\b|\.pem\b", names)


def test_every_command_has_a_page_that_formats_without_a_warning(tree):
    pages = tree / "usr/share/man/man1"
    names = {path.name for path in pages.iterdir()}
    assert names == {"holdfast.1.gz"} | {f"holdfast-{path.replace(' ', '-')}.1.gz" for path in commands()}
    if not shutil.which("groff"):
        pytest.skip("the pages are there; groff, which formats them, is not installed")
    for path in sorted(pages.iterdir()):
        source = sh("gzip", "-dc", path).stdout
        shown = sh("groff", "-man", "-Tutf8", "-Kutf8", "-ww", "-z", input=source)
        assert shown.stderr == "", f"{path.name}: {shown.stderr}"


def offered(shell, script, line):
    """What a shell offers behind `line`."""
    if shell == "bash":
        words = line.split(" ")
        program = (f'source "{script}"; COMP_WORDS=({" ".join(word or repr("") for word in words)}); '
                   f'COMP_CWORD={len(words) - 1}; _holdfast; printf "%s\\n" "${{COMPREPLY[@]}}"')
        return set(sh("bash", "--norc", "-c", program).stdout.split())
    if shell == "fish":
        out = sh("fish", "--no-config", "-c", f'source "{script}"; complete -C "{line}"').stdout
        return {row.split("\t")[0] for row in out.splitlines()}
    # zsh completes only on a terminal: the two functions that would show the choices print them instead.
    program = f"""
      autoload -Uz compinit && compinit -D -u
      source "{script}"; [[ ${{_comps[holdfast]}} == _holdfast ]] || exit 9
      _describe() {{ local list=${{@[-1]}}; print -l -- ${{(P)list}} }}
      _files() {{ print FILES }}
      words=({" ".join(word or repr("") for word in line.split(" "))}); CURRENT=$#words
      _holdfast
    """
    return {row.split(":")[0] for row in sh("zsh", "-f", "-c", program).stdout.splitlines()}


@pytest.mark.parametrize("shell, path", [
    ("bash", "usr/share/bash-completion/completions/holdfast"),
    ("zsh", "usr/share/zsh/vendor-completions/_holdfast"),
    ("fish", "usr/share/fish/vendor_completions.d/holdfast.fish"),
])
def test_completion_loads_and_completes(tree, shell, path):
    if not shutil.which(shell):
        pytest.skip(f"{shell} is not installed")
    script = tree / path
    sh(shell, "-n", script)
    assert {"serve", "key", "verify"} <= offered(shell, script, "holdfast ")
    assert {"new", "show", "certificate"} <= offered(shell, script, "holdfast key ")
    assert {"--party", "--server"} <= offered(shell, script, "holdfast key certificate --")


def test_the_unit_is_valid_and_confined(tree, tmp_path):
    if not shutil.which("systemd-analyze"):
        pytest.skip("systemd-analyze is not installed")
    unit = tree / "usr/lib/systemd/system/holdfast.service"
    here = tmp_path / "holdfast.service"  # verify wants the program that it starts
    here.write_text(unit.read_text().replace("/usr/bin/holdfast", str(BINARY)))
    told = sh("systemd-analyze", "verify", "--man=no", here, check=False)
    assert "holdfast.service" not in told.stderr, told.stderr
    # 2.1 of 10: the namespaces and mounts that the jail of sealed modules makes itself of are 1.2 of it.
    judged = sh("systemd-analyze", "security", "--offline=true", "--threshold=22", "--no-pager", unit, check=False)
    assert judged.returncode == 0, judged.stdout + judged.stderr


def test_the_example_configuration_is_one(tree, tmp_path):
    """Every key of it is known; what doctor misses are the files that it names."""
    shutil.copy(tree / "usr/share/doc/holdfast/examples/holdfast.yaml", tmp_path)
    checks = json.loads(sh(BINARY, "doctor", "--dir", tmp_path, "--json", check=False).stdout)["checks"]
    assert checks[0] == {"check": "configuration", "grade": "ok", "found": f"{tmp_path}/holdfast.yaml"}


def why_not_installed():
    """This machine is changed by installing: only where that is what the machine is for."""
    if os.geteuid() != 0:
        return "not root"
    if not (os.environ.get("CI") or os.environ.get("HOLDFAST_INSTALL_TEST")):
        return "set HOLDFAST_INSTALL_TEST=1 to have the package installed and removed on this machine"
    if pathlib.Path("/run/systemd/system").exists():
        return "systemd runs here, so this is no container for tests"
    if WORK.exists() or sh("dpkg-query", "-W", "holdfast", check=False).returncode == 0:
        return "Holdfast is installed here already"
    return None


def as_holdfast(*command, **options):
    return sh("runuser", "-u", "holdfast", "--", "holdfast", *command, cwd="/", **options)


def adopt_and_verify(ready):
    """An agreement of three parties is adopted, and the log checked from outside."""
    text = (ROOT / "examples/shortvideo/agreement.yaml.in").read_text()
    text = text.replace("@log.vkey@", (WORK / "keys/log.vkey").read_text().strip())
    parties = {name: as_holdfast("key", "new", name, "-o", WORK / f"{name}.key").stdout.strip()
               for name in ("bytedance", "oracle", "treasury")}
    for name, key in parties.items():
        text = text.replace(f"@{name}.vkey@", key)
    (WORK / "agreement.yaml").write_text(text)
    source = WORK / "agreement.yaml"
    for name in parties:
        as_holdfast("agreement", "sign", source, "--key", WORK / f"{name}.key", "-o", WORK / "agreement.signed")
        source = WORK / "agreement.signed"
    as_holdfast("agreement", "adopt", source, "--dir", WORK, "--as", "oracle")
    sh("holdfast", "verify", ready["evidence_url"], *[word for key in parties.values() for word in ("--party", key)])


def serve_briefly():
    as_holdfast("init", WORK, "--trustee", "oracle", "--listen", "127.0.0.1:0", "--evidence-listen", "127.0.0.1:0")
    serving = subprocess.Popen(["runuser", "-u", "holdfast", "--", "holdfast", "serve", "--dir", str(WORK)], cwd="/")
    try:
        ready = WORK / "ready.json"
        end = time.monotonic() + 30
        while not ready.exists():
            assert serving.poll() is None and time.monotonic() < end, "the installed server did not start"
            time.sleep(0.02)
        told = json.loads(ready.read_text())
        adopt_and_verify(told)
        # Root renews what the server's user must read.
        sh("holdfast", "key", "certificate", "--server", "--dir", WORK)
        assert sh("stat", "-c", "%U %a", WORK / "tls/server.key").stdout.strip() == "holdfast 600"
        checks = json.loads(as_holdfast("doctor", "--dir", WORK, "--json", check=False).stdout)["checks"]
        assert {"check": "server", "grade": "ok", "found": told["url"]} in checks
        os.kill(told["pid"], signal.SIGTERM)
        assert serving.wait(timeout=30) == 0
    finally:
        if serving.poll() is None:
            serving.kill()


def test_it_installs_serves_and_goes_again(package):
    reason = why_not_installed()
    if reason:
        pytest.skip(reason)
    try:
        told = sh("dpkg", "-i", package)
        assert "runuser -u holdfast -- holdfast init" in told.stdout
        assert sh("stat", "-c", "%U %a", WORK).stdout.strip() == "holdfast 700"
        assert pathlib.Path("/usr/lib/systemd/system/holdfast.service").exists()
        serve_briefly()
        pathlib.Path("/etc/default/holdfast").write_text("HOLDFAST_DIR=/srv/elsewhere\n")
        sh("dpkg", "-i", "--force-confold", package)  # an upgrade
        assert "elsewhere" in pathlib.Path("/etc/default/holdfast").read_text(), "what was configured stays"
        sh("dpkg", "-r", "holdfast")
        assert not pathlib.Path("/usr/bin/holdfast").exists() and (WORK / "keys/root.keys").exists()
        assert pathlib.Path("/etc/default/holdfast").exists()
        purged = sh("dpkg", "-P", "holdfast")
        assert not pathlib.Path("/etc/default/holdfast").exists()
        assert "/var/lib/holdfast" in purged.stderr and (WORK / "keys/root.keys").exists(), "custody is never purged"
    finally:
        sh("dpkg", "-P", "holdfast", check=False)
        shutil.rmtree(WORK, ignore_errors=True)
        sh("deluser", "--system", "holdfast", check=False)
