"""The pages for people: sound files from the command line, and what a browser makes of them where there is one."""
import shutil
import struct
import subprocess
import xml.etree.ElementTree as ElementTree
import zlib

import pytest

from holdfast import Holdfast, run

CHROMIUM = shutil.which("chromium")
A4 = (794, 1123)  # at 96 dots an inch


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


def read_png(path):
    """Rows of bytes and bytes a pixel of an 8-bit PNG as Chromium writes it."""
    data, at, packed = path.read_bytes(), 8, b""
    while at < len(data):
        length, kind = struct.unpack(">I4s", data[at:at + 8])
        body = data[at + 8:at + 8 + length]
        if kind == b"IHDR":
            width, height, depth, colour = struct.unpack(">IIBB", body[:10])
            assert depth == 8
            size = {2: 3, 6: 4}[colour]
        elif kind == b"IDAT":
            packed += body
        at += 12 + length
    raw, rows, above = zlib.decompress(packed), [], bytes(width * size)
    for y in range(height):
        start = y * (width * size + 1)
        how, row = raw[start], bytearray(raw[start + 1:start + 1 + width * size])
        for i in range(len(row)):
            left = row[i - size] if i >= size else 0
            corner = above[i - size] if i >= size else 0
            if how == 1:
                row[i] = (row[i] + left) & 255
            elif how == 2:
                row[i] = (row[i] + above[i]) & 255
            elif how == 3:
                row[i] = (row[i] + (left + above[i]) // 2) & 255
            elif how == 4:
                guess = left + above[i] - corner
                near = min((abs(guess - left), 0, left), (abs(guess - above[i]), 1, above[i]), (abs(guess - corner), 2, corner))
                row[i] = (row[i] + near[2]) & 255
        rows.append(bytes(row))
        above = rows[-1]
    return rows, size


@pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium here")
@pytest.mark.parametrize("what", ["--html", "--svg"])
def test_a_browser_shows_it_within_a_sheet(agreement, tmp_path, what):
    page, picture = tmp_path / f"page.{what[2:]}", tmp_path / "page.png"
    run("agreement", "show", agreement, what, "-o", page)
    shown = subprocess.run(
        [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", f"--user-data-dir={tmp_path}/profile",
         f"--window-size={A4[0]},{A4[1]}", f"--screenshot={picture}", page.as_uri()],
        capture_output=True, text=True, timeout=120)
    assert picture.exists(), shown.stderr[-500:]
    rows, size = read_png(picture)
    paper = b"\xff" * size
    assert sum(row != paper * A4[0] for row in rows) > 250, "the page is blank"
    # What ran over the right edge would have ink in the margin.
    assert all(row[-12 * size:] == paper * 12 for row in rows), "something runs over the edge of the sheet"
