"""The pages for people: sound files from the command line, and what a browser makes of them where there is one."""
import json
import shutil
import subprocess
import xml.etree.ElementTree as ElementTree

import pytest

from browser import PHONE, browse, needs_browser, width_on_a_phone
from holdfast import Holdfast, run

PDFTOTEXT = shutil.which("pdftotext")
A4 = (794, 1123)  # at 96 dots an inch
PAPER = ((255, 255),) * 3  # the least and the most of red, green and blue


@pytest.fixture
def agreement(tmp_path):
    return Holdfast(tmp_path).signed(1, signers=("oracle",))


def test_the_agreement_as_page_map_and_markdown(agreement, tmp_path):
    page = tmp_path / "agreement.html"
    run("agreement", "show", agreement, "--html", "-o", page)
    text = page.read_text()
    ElementTree.fromstring(text.split("\n", 1)[1])
    assert "<script" not in text and "✓ signed with this key" in text and text.count("○ not signed") == 2
    ElementTree.fromstring(run("agreement", "show", agreement, "--svg").stdout)
    markdown = run("agreement", "show", agreement, "--md").stdout
    assert markdown.startswith("# ") and "| category |" in markdown
    assert run("agreement", "show", agreement, "--html").stdout == text
    both = run("agreement", "show", agreement, "--html", "--svg", check=False)
    assert both.returncode == 2


def test_all_who_must_sign_what_are_shown(agreement):
    shown = run("agreement", "show", agreement).stdout
    module = "operator 'bytedance', overseer 'treasury', and seen by overseer 'treasury'"
    assert f"  a module         {module}\n" in shown and "  a change         operator 'bytedance'" in shown
    told = json.loads(run("agreement", "show", agreement, "--json").stdout)["changes"]
    assert told["module"] == {"signed_by": ["bytedance", "treasury"], "seen_by": ["treasury"]}
    assert told["agreement"] == {"signed_by": ["bytedance", "oracle", "treasury"]}
    assert "<b>a module</b>" in run("agreement", "show", agreement, "--html").stdout


@needs_browser
@pytest.mark.parametrize("what", ["--html", "--svg"])
def test_a_browser_shows_it_within_a_sheet(agreement, tmp_path, what):
    page, picture = tmp_path / f"page.{what[2:]}", tmp_path / "page.png"
    run("agreement", "show", agreement, what, "-o", page)
    shown = browse(tmp_path, page, f"--window-size={A4[0]},{A4[1]}", f"--screenshot={picture}")
    assert picture.exists(), shown.stderr[-500:]
    image = pytest.importorskip("PIL.Image").open(picture).convert("RGB")
    assert image.size == A4
    rows = [image.crop((0, y, A4[0], y + 1)).getextrema() for y in range(A4[1])]
    assert sum(row != PAPER for row in rows) > 250, "the page is blank"
    # What ran over the right edge would have ink in the margin.
    assert image.crop((A4[0] - 12, 0, *A4)).getextrema() == PAPER, "something runs over the edge of the sheet"


@needs_browser
def test_the_agreement_fits_on_a_phone(agreement, tmp_path):
    page = tmp_path / "page.html"
    run("agreement", "show", agreement, "--html", "-o", page)
    assert width_on_a_phone(tmp_path, page) == PHONE


@needs_browser
@pytest.mark.skipif(PDFTOTEXT is None, reason="there is no pdftotext here")
@pytest.mark.parametrize("recipients", [12, 25])
def test_a_printed_page_has_every_recipient_and_no_empty_sheet(tmp_path, recipients):
    def crowd(text):
        parties = "".join(f"  party-{i}: {{role: recipient, country: US}}\n" for i in range(recipients))
        flows = "".join(f"  flow-{i}:\n    to: party-{i}\n    use: essential.service\n    gives: {{profile: {{zip: clear}}}}\n"
                        for i in range(recipients))
        return text.replace("collections:\n", parties + "collections:\n").replace("flows:\n", "flows:\n" + flows)

    page, printed = tmp_path / "page.html", tmp_path / "page.pdf"
    run("agreement", "show", Holdfast(tmp_path).signed(1, edit=crowd), "--html", "-o", page)
    shown = browse(tmp_path, page, "--no-pdf-header-footer", f"--print-to-pdf={printed}")
    assert printed.exists(), shown.stderr[-500:]
    # What lies beside a sheet is not in its text.
    sheets = subprocess.run([PDFTOTEXT, "-layout", printed, "-"], capture_output=True, text=True, check=True).stdout.split("\f")[:-1]
    assert all(sheet.strip() for sheet in sheets), "an empty sheet"
    text = "\n".join(sheets)
    matrix = text[text.index("What reaches whom"):text.index("2 · The flows")].split()
    named = dict.fromkeys(word for word in matrix if word.startswith("party-"))  # a table's head stands on each of its sheets
    assert list(named) == [f"party-{i}" for i in range(recipients)]
    assert matrix.count("app-us") >= 1 and matrix.count("bytedance") >= 1
