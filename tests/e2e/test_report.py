"""The report of a period, from a real server's evidence: its figures, its page, the way back to the entries."""
import json
import xml.etree.ElementTree as ElementTree

import pytest

from browser import PHONE, needs_browser, width_on_a_phone
from holdfast import disclose, run


@pytest.fixture
def used(holdfast):
    app, operator = holdfast.client("app-us"), holdfast.client("bytedance")
    for i in range(12):
        holdfast.deposit(app, f"s{i}")
        disclose(app, "account", f"s{i}")
    for i in range(5):
        disclose(operator, "support", f"s{i}")
        disclose(operator, "support", f"s{i}")
    disclose(operator, "account", "s1")
    app.call("DELETE", "/v1/subjects/s3")
    return holdfast


def report(used, *more, check=True, source=None):
    parties = [word for name in used.vkeys for word in ("--party", used.vkeys[name])]
    return run("report", source or used.evidence_url, *parties, *more, check=check)


def test_the_figures_are_those_of_the_log(used):
    told = json.loads(report(used, "--json").stdout)
    assert told["evidence"]["verdict"] == "good"
    flows = {flow["flow"]: flow for flow in told["flows"]}
    assert flows["support"]["releases"] == 10 and flows["support"]["subjects"] == 5
    assert flows["account"]["releases"] == 12 and flows["account"]["to"] == "app-us"
    abroad = told["recipients"][0]
    assert abroad["abroad"] and abroad["party"]["name"] == "bytedance" and abroad["party"]["countries"] == ["CN"]
    assert "1 request refused" in report(used, "--json").stderr
    refused = [r for r in told["refusals"] if r["party"]["name"] == "bytedance"]
    assert len(refused) == 1 and refused[0]["requests"] == 1 and refused[0]["flow"] == "account"
    erasure = told["rights"]["erasures"][0]
    assert erasure["done_entry"] > erasure["asked_entry"] and erasure["took_ms"] >= 0
    adopted = [c for c in told["changes"] if c["kind"] == "agreement.adopted"]
    assert len(adopted) == 1 and len(adopted[0]["signed_by"]) == 3 and adopted[0]["right"]
    text = json.dumps(told)
    for i in range(12):
        assert f'"s{i}"' not in text


def test_a_figure_leads_back_to_its_entries(used):
    flow = next(f for f in json.loads(report(used, "--json").stdout)["flows"] if f["flow"] == "support")
    figure = flow["from"]["figure"]
    lines = [json.loads(line) for line in report(used, "--entries", figure).stdout.splitlines()]
    indexes = [i for first, last in flow["from"]["runs"] for i in range(first, last + 1)]
    assert [line["index"] for line in lines] == indexes and len(indexes) == flow["from"]["entries"] == 10
    for line in lines:
        assert line["entry"]["kind"] == "released" and line["entry"]["flow"] == "support"
        assert json.loads(run("log", "entry", line["index"], "--dir", used.dir).stdout) == line["entry"]
    unknown = report(used, "--entries", "flow:suport@1", check=False)
    assert unknown.returncode == 1 and "report.figure.unknown" in unknown.stderr


def test_the_page_is_one_sound_file_and_the_same_from_url_and_folder(used, tmp_path):
    out = tmp_path / "report.html"
    # Without the log's key the page would be the same; from a folder as well as from the server.
    assert report(used, "-o", out).returncode == 0
    page = out.read_text()
    ElementTree.fromstring(page.split("\n", 1)[1])
    assert "<script" not in page and "Content-Security-Policy" in page and "Verified." in page
    mirror = tmp_path / "mirror"
    run("log", "export", mirror, "--dir", used.dir)
    assert report(used, source=mirror).stdout == page


@needs_browser
def test_the_page_fits_on_a_phone(used, tmp_path):
    page = tmp_path / "report.html"
    report(used, "-o", page)
    assert width_on_a_phone(tmp_path, page) == PHONE


def test_a_forged_log_gives_a_report_that_says_so_and_another_log_none(used, tmp_path):
    mirror = tmp_path / "mirror"
    run("log", "export", mirror, "--dir", used.dir)
    bundle = next((mirror / "tile/entries").rglob("*p/*"))
    bundle.write_bytes(bundle.read_bytes().replace(b'"email":"token"', b'"email":"clear"', 1))
    forged = report(used, "-o", tmp_path / "forged.html", source=mirror, check=False)
    assert forged.returncode == 2 and "evidence.entry.forged" in (tmp_path / "forged.html").read_text()
    note = (mirror / "checkpoint").read_text()
    (mirror / "checkpoint").write_text(note.replace("\n\n", "\n", 1).replace("\n— ", "\n\n— ", 1)[:-8] + "AAAAAA==\n")
    other = report(used, "-o", tmp_path / "none.html", source=mirror, check=False)
    assert other.returncode in (1, 3) and not (tmp_path / "none.html").exists()


def test_a_period_is_whole_days_and_must_be_one(used):
    told = json.loads(report(used, "--json", "--from", "2001-01-01", "--to", "2001-12-31").stdout)
    assert told["flows"] == [] and told["period"]["entries"] == 0 and told["period"]["covered"] is False
    assert told["period"]["until"] == "2002-01-01T00:00:00.000Z"
    for wrong in (["--from", ""], ["--to", ""], ["--from", "yesterday"], ["--from", "2026-02-30"], ["--from", "2002-01-01", "--to", "2001-01-01"]):
        out = report(used, *wrong, check=False)
        assert out.returncode == 1 and out.stdout == "" and "report" in out.stderr


@pytest.mark.parametrize("period, why", [
    (("--from", "2090-01-01"), "before the period begins"),
    (("--to", "2001-12-31"), "after the period ends"),
])
def test_a_period_that_the_evidence_says_nothing_of_is_told(used, period, why):
    done = report(used, *period)
    assert "No evidence of this period." in done.stdout and why in done.stdout and "Verified." not in done.stdout
    assert "NO EVIDENCE OF THIS PERIOD" in done.stderr and why in done.stderr
    assert json.loads(report(used, "--json").stdout)["period"]["covered"] is True


def test_the_last_entrys_time_is_told_also_when_nothing_new_came(used, tmp_path):
    first = json.loads(used.verify("--state", tmp_path / "state", "--json").stdout)
    again = json.loads(used.verify("--state", tmp_path / "state", "--json").stdout)
    assert again["checked_from"] == again["log"]["size"] == first["log"]["size"]
    assert again["newest_entry"] == first["newest_entry"] != None
    assert f"newest entry: {first['newest_entry']}" in used.verify("--state", tmp_path / "state").stdout


def test_what_the_wrong_keys_make_of_a_log_is_told_in_two_lines(used):
    words = ("--party", used.vkeys["oracle"], "--log-key", used.dir / "keys/log.vkey")
    done = run("verify", used.evidence_url, *words, check=False)
    wrong = [line for line in done.stdout.splitlines() if line.startswith("WRONG")]
    assert done.returncode == 2 and len(wrong) == 2, done.stdout
    assert "agreement.key.untrusted" in wrong[0] and "agreement.none" in wrong[1] and "entries could not be" in wrong[1]
    done = run("report", used.evidence_url, *words, check=False)
    assert done.returncode == 2 and done.stderr.count("WRONG") == 2, done.stderr


def test_a_subject_that_was_refused_is_no_party(used):
    used.subject_client("s1").call("GET", "/v1/flows/support/subjects/s1")
    told = json.loads(report(used, "--json").stdout)
    assert {"name": "subject"} in [refusal["party"] for refusal in told["refusals"]]
    page = report(used).stdout
    assert "a person in custody; no party" in page and "not in the agreement" not in page


def test_a_size_that_is_not_true_is_no_log(used, tmp_path):
    mirror = tmp_path / "mirror"
    run("log", "export", mirror, "--dir", used.dir)
    note = (mirror / "checkpoint").read_text().split("\n")
    size = int(note[1])
    for other in (size - 1, size + 1, size + 1000):
        (mirror / "checkpoint").write_text("\n".join([note[0], str(other), *note[2:]]))
        for log_key in ((), ("--log-key", used.dir / "keys/log.vkey")):
            out = report(used, *log_key, source=mirror, check=False)
            assert out.returncode == 3 and out.stdout == "" and "evidence.checkpoint.signature" in out.stderr
            assert used.verify(*log_key, source=mirror).returncode == 3
