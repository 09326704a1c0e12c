"""README's first ten minutes, as they stand: whoever types them gets to the end."""
import os
import re
import shlex
import subprocess

from holdfast import BINARY, ROOT

SECTION = "## The first ten minutes"
SERVER = "**The server**"  # from here on one runs, started in the second terminal
EXIT_CODE = re.compile(r"^(.*?)\s+#.*exit code (\d+)$")


def blocks(text):
    return re.findall(r"^```sh\n(.*?)^```$", text, re.M | re.S)


def demanding(line):
    """A line that says with which exit code it ends has to end with it."""
    said = EXIT_CODE.match(line)
    return f'code=0; {said[1]} || code=$?; test "$code" = {said[2]}' if said else line


def test_the_first_ten_minutes_run_as_they_stand(tmp_path):
    section = (ROOT / "README.md").read_text().split(SECTION, 1)[1].split("\n## ", 1)[0]
    assert section.count(SERVER) == 1 and "`holdfast serve --dir hf`" in section
    before, after = ("\n".join(blocks(part)) for part in section.split(SERVER))
    first = tmp_path / "first"
    # What a reader's machine has and this one may not: the standard ports free, and nothing built yet.
    script = "\n".join([
        "set -euo pipefail",
        before,
        "sed -i -e 's/:8443/:0/' -e 's/:8480/:0/' hf/holdfast.yaml",
        "(unset HOLDFAST_DIR; exec holdfast serve --dir hf >server.log 2>&1) & trap 'kill $!; wait' EXIT",
        "for _ in $(seq 300); do [ -s hf/ready.json ] && break; sleep 0.1; done",
        "port() { jq -r .$1 hf/ready.json | grep -oE ':[0-9]+'; }; main=$(port url) evidence=$(port evidence_url)",
        after.replace(":8443", "$main").replace(":8480", "$evidence"),
        "echo to the end",
    ])
    script = script.replace("make build\n", "").replace("$PWD/build/release/bin", shlex.quote(str(BINARY.parent)))
    script = "\n".join(map(demanding, script.replace("/tmp/first", shlex.quote(str(first))).splitlines()))
    assert script.count('test "$code"') == 2
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HOLDFAST_")}
    done = subprocess.run(["bash", "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=300, env=environment)
    assert done.returncode == 0 and done.stdout.endswith("to the end\n"), f"{done.stdout}\n{done.stderr}"
    assert "GOOD" in done.stdout and (first / "report.html").stat().st_size > 0
