"""Third parties' real files, where they are present: imported by the same commands, nothing of them kept."""
import json
import zipfile

import pytest

from holdfast import SHARED, disclose

pytestmark = pytest.mark.skipif(not SHARED.exists(), reason="the folder of third parties' data is not here")

PEOPLE_MAP = "name=Surname,email=EmailAddress,zip=ZipCode,birthdate=Birthday,occupation=Occupation,id-number=NationalID"


def test_people_with_spreadsheet_damage(holdfast):
    done = holdfast.cli("import", "profile", SHARED / "people.csv", "--subject", "Number", "--map", PEOPLE_MAP,
                        "--date-format", "birthdate=M/D/YYYY", "--json")
    told = json.loads(done.stdout)
    assert told["accepted"] == 3000 and told["rejected"] == 0
    # Numbers that a spreadsheet wrote as 5.70611E+12 are told, not mended.
    assert "E+" in done.stderr or told.get("warnings")
    person = disclose(holdfast.client("app-us"), "account", "1").json()["profile"]
    assert person["name"] == "Hamanová" and person["birthdate"] == "1982-03-29"


def test_a_real_log_of_reading(holdfast, tmp_path):
    with zipfile.ZipFile(SHARED / "deskdrop/users_interactions.csv.zip") as archive:
        (tmp_path / "log.csv").write_bytes(archive.read(archive.namelist()[0]))
    import csv

    views = tmp_path / "views.csv"
    with open(tmp_path / "log.csv", newline="", encoding="utf-8") as source, open(views, "w", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(["subject", "event", "video", "at"])
        import datetime

        for number, row in enumerate(csv.DictReader(source)):
            at = datetime.datetime.fromtimestamp(int(row["timestamp"]), datetime.timezone.utc)
            writer.writerow([row["personId"], f"{number:07}", row["contentId"], at.strftime("%Y-%m-%dT%H:%M:%SZ")])
    told = json.loads(holdfast.cli("import", "views", views, "--json").stdout)
    assert told["accepted"] == 72312 and told["rejected"] == 0
    assert holdfast.verify().returncode == 0
