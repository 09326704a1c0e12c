#!/usr/bin/python3
"""Checks of generate_people.py: the same for the same seed, many scripts, whole rows. Prints nothing when all hold."""

import csv
import datetime
import io
import os
import subprocess
import sys
import unicodedata

HERE = os.path.dirname(os.path.abspath(__file__))


def generate(*arguments):
    command = [sys.executable, os.path.join(HERE, "generate_people.py"), *arguments]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, env=dict(os.environ, PYTHONIOENCODING="utf-8")).stdout


def main():
    first = generate("--people", "600", "--seed", "7")
    assert first == generate("--people", "600", "--seed", "7"), "the same seed made other people"
    assert first != generate("--people", "600", "--seed", "8"), "another seed made the same people"
    rows = list(csv.DictReader(io.StringIO(first.decode("utf-8"))))
    assert len(rows) == 600
    assert len({row["subject"] for row in rows}) == 600 and len({row["email"] for row in rows}) == 600
    scripts = {unicodedata.name(c).split()[0] for row in rows for c in row["name"] if c.isalpha()}
    wanted = {"LATIN", "CJK", "HANGUL", "DEVANAGARI", "ARABIC", "HEBREW", "CYRILLIC", "GREEK", "THAI"}
    assert wanted <= scripts, "missing: %s" % (wanted - scripts)
    for row in rows:
        assert all(row.values()), row
        assert row["email"].isascii() and row["zip"].isdigit() and len(row["zip"]) == 5, row
        datetime.date.fromisoformat(row["birthdate"])


if __name__ == "__main__":
    main()
