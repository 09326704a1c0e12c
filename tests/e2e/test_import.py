"""Where an import writes its rejects to: tried before anything is deposited, and told of whatever happens."""
import json
import os
import subprocess

import pytest

from holdfast import BINARY, disclose, run

ROWS = '{"subject": "%s", "email": "a@example.org"}\n{"subject": "%s", "birthdate": "yesterday"}\n'


def held(holdfast, subject):
    return disclose(holdfast.client("app-us"), "account", subject).status == 200


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "rows.ndjson"
    path.write_text(ROWS % (tmp_path.name, tmp_path.name))
    return path


def test_a_place_that_cannot_be_written_to_is_told_before_a_row_is_sent(shared, file, tmp_path):
    for place in (tmp_path / "nodir" / "x", tmp_path):
        done = shared.cli("import", "profile", file, "--rejects", place, check=False)
        assert done.returncode == 2 and "file.folder" in done.stderr and done.stdout == "", done.stderr
    assert not held(shared, tmp_path.name)


def test_counts_and_reasons_are_told_also_when_the_rejects_cannot_be_written(shared, file, tmp_path):
    done = shared.cli("import", "profile", file, "--rejects", "/dev/full", check=False)
    assert done.returncode == 3 and "/dev/full" in done.stderr and "file.io" in done.stderr
    assert "2 rows in" in done.stdout and "1 accepted" in done.stdout and "1 rejected" in done.stdout
    assert "row 2: birthdate:" in done.stderr
    assert held(shared, tmp_path.name)
    told = shared.cli("import", "profile", file, "--rejects", "/dev/full", "--json", check=False)
    assert told.returncode == 3 and json.loads(told.stdout)["rejected"] == 1


def test_the_rejects_replace_neither_what_is_read_nor_a_key(shared, file, tmp_path):
    content = file.read_text()
    (tmp_path / "link").symlink_to(file)
    os.link(file, tmp_path / "hard")
    for place in (file, tmp_path / "link", tmp_path / "hard", shared.dir / "clients/app-us.crt", shared.dir / "tls/ca.crt"):
        done = shared.cli("import", "profile", file, "--rejects", place, check=False)
        assert done.returncode == 2 and "cli.output.input" in done.stderr, done.stderr
    run("key", "new", "mine", "-o", tmp_path / "mine.key")
    for place in (tmp_path / "mine.key", shared.dir / "clients/treasury.key"):
        before = place.read_bytes()
        done = shared.cli("import", "profile", file, "--rejects", place, check=False)
        assert done.returncode == 2 and "cli.output.key" in done.stderr, done.stderr
        assert place.read_bytes() == before
    assert file.read_text() == content and not held(shared, tmp_path.name)
    (tmp_path / "old").write_text("of another day\n")
    done = shared.cli("import", "profile", file, "--rejects", tmp_path / "old", check=False)
    assert done.returncode == 1 and json.loads((tmp_path / "old").read_text())["row"] == 2


def test_one_row_is_one_row(shared, tmp_path):
    (tmp_path / "one.csv").write_text(f"subject,language\n{tmp_path.name},en\n")
    assert "profile: 1 row in" in shared.cli("import", "profile", tmp_path / "one.csv").stdout


def test_rows_of_json_in_a_file_of_another_name_are_told_to_be_so(shared, file, tmp_path):
    odd = file.rename(tmp_path / "rows.txt")
    done = shared.cli("import", "profile", odd, check=False)
    assert done.returncode == 2 and "--format ndjson" in done.stderr and "[cli.import.csv]" in done.stderr
    assert not held(shared, tmp_path.name)
    assert shared.cli("import", "profile", odd, "--format", "ndjson", check=False).returncode == 1


@pytest.mark.parametrize("place", ["/dev/stdout", "/dev/stderr", "fifo", "/dev/null"])
def test_rejects_go_to_what_is_no_file_of_its_own(shared, file, tmp_path, place):
    if place == "fifo":
        os.mkfifo(place := tmp_path / "fifo")
        reader = subprocess.Popen(["cat", place], stdout=subprocess.PIPE, text=True)
    before = sorted(tmp_path.iterdir())
    done = shared.cli("import", "profile", file, "--rejects", place, check=False)
    assert done.returncode == 1 and "1 rejected" in done.stdout, done.stderr
    told = {"/dev/stdout": done.stdout, "/dev/stderr": done.stderr}.get(place)
    if told is None:
        told = "" if place == "/dev/null" else reader.communicate(timeout=10)[0]
    assert place == "/dev/null" or '"row":2' in told
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize("name", ["stdout", "stderr"])
def test_rejects_go_on_in_the_file_that_a_stream_goes_to(shared, file, tmp_path, name):
    out = tmp_path / "out"
    out.write_text("before\n")
    inode = out.stat().st_ino
    words = [BINARY, "import", "profile", file, "--rejects", f"/dev/{name}", "--dir", shared.dir, "--as", "app-us"]
    with open(out, "a") as stream:
        subprocess.run([str(word) for word in words], **{"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, name: stream})
    lines = out.read_text().splitlines()
    assert lines[0] == "before" and '"row":2' in lines[-1] and len(lines) == 3, lines
    assert out.stat().st_ino == inode and sorted(tmp_path.iterdir()) == [out, file]


def test_standard_input_is_imported(shared, file, tmp_path):
    unnamed = shared.cli("import", "profile", "-", check=False)
    assert unnamed.returncode == 2 and "--format" in unnamed.stderr and "[cli.import.format]" in unnamed.stderr
    rows = "subject,language\n" + "".join(f"{tmp_path.name}-{i},en\n" for i in range(10_000))  # two pieces
    done = shared.cli("import", "profile", "-", "--format", "csv", "--json", input=rows)
    assert json.loads(done.stdout)["accepted"] == 10_000
    with open(file) as rows:
        done = shared.cli("import", "profile", "-", "--format", "ndjson", stdin=rows, check=False)
    assert done.returncode == 1 and "1 accepted" in done.stdout and held(shared, tmp_path.name)
    with open(file) as rows:
        done = shared.cli("import", "profile", "-", "--format", "ndjson", "--rejects", file, stdin=rows, check=False)
    assert done.returncode == 2 and "[cli.output.input]" in done.stderr
