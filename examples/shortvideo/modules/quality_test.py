#!/usr/bin/python3
"""The trainer and the ranker, built for this machine, must beat popularity: on the example's own history, and on a real
one where its folder is present (the Deskdrop log; nothing of it is kept). Prints the figures."""

import csv
import io
import os
import pathlib
import subprocess
import sys
import tempfile
import zipfile

PROGRAMS = pathlib.Path(os.environ["SHORTVIDEO_PROGRAMS"])
DESKDROP = pathlib.Path(os.environ.get(
    "HOLDFAST_SHARED_DATA", pathlib.Path(__file__).parents[4] / "shared/data")) / "deskdrop/users_interactions.csv.zip"
# What each sign of interest counts for, as if it were time watched.
INTEREST_MS = {"VIEW": 10_000, "LIKE": 20_000, "BOOKMARK": 25_000, "COMMENT CREATED": 30_000, "FOLLOW": 30_000}


def measure(*arguments):
    command = [PROGRAMS / "shortvideo_quality", "--trainer", PROGRAMS / "shortvideo_trainer",
               "--ranker", PROGRAMS / "shortvideo_ranker", *arguments]
    run = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    print(run.stdout, flush=True)
    return run.returncode


def write_deskdrop(file):
    with zipfile.ZipFile(DESKDROP) as archive:
        name = next(n for n in archive.namelist() if n.endswith(".csv"))
        for row in csv.DictReader(io.TextIOWrapper(archive.open(name), "utf-8")):
            # It names no languages; the country stands for them.
            file.write("\t".join((row["personId"], row["contentId"], str(INTEREST_MS[row["eventType"]]),
                                  str(int(row["timestamp"]) * 1000), row["userCountry"][:8])) + "\n")


def main():
    print("the example's own history, made up:")
    failed = measure("--generate", "300000", "--people", "300")
    if DESKDROP.exists():
        print("Deskdrop, a year of people reading articles:")
        with tempfile.NamedTemporaryFile("w", suffix=".tsv") as file:
            write_deskdrop(file)
            file.flush()
            failed |= measure("--history", file.name, "--people", "2000")
    sys.exit(failed)


if __name__ == "__main__":
    main()
