"""What a browser makes of the pages, where there is one."""
import html
import shutil
import subprocess

import pytest

CHROMIUM = shutil.which("chromium")
PHONE = 390  # dots wide; a browser's own window would not be made as narrow, so the page is put into a frame
needs_browser = pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium here")


def browse(folder, page, *options):
    return subprocess.run(
        [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", f"--user-data-dir={folder}/profile",
         *options, page.as_uri()], capture_output=True, text=True, timeout=120)


def width_on_a_phone(folder, page):
    """How wide the page becomes on a phone; more than PHONE, if anything runs over the edge."""
    frame = folder / "frame.html"
    frame.write_text(f"""<!DOCTYPE html><p></p><iframe width="{PHONE}" style="border: 0" onload="document.querySelector('p')
        .textContent = 'wide: ' + this.contentDocument.documentElement.scrollWidth"
        srcdoc="{html.escape(page.read_text())}"></iframe>""")
    shown = browse(folder, frame, "--dump-dom")
    assert "<p>wide: " in shown.stdout, shown.stderr[-500:]
    return int(shown.stdout.split("<p>wide: ")[1].split("<")[0])
