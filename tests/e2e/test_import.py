"""Where an import writes its rejects to: tried before anything is deposited, and told of whatever happens."""
import json
import os

import pytest

from holdfast import disclose, run

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
