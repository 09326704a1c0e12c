"""Cedar in WebAssembly, as npm has it: installed into the build folder, in the version that the lock file pins by hash."""
import json
import pathlib
import shutil
import subprocess

from machine import on_core

HERE = pathlib.Path(__file__).parent / "cedar"


def install(build):
    folder = build / "bench" / "cedar"
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json", "decide.mjs"):
        shutil.copy(HERE / name, folder)
    done = subprocess.run(["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"], cwd=folder, capture_output=True,
                          text=True, timeout=600)
    if done.returncode != 0:
        raise SystemExit(f"bench: npm could not install Cedar: {done.stderr[-500:]}")
    return folder


def decide(folder, seconds, core):
    """Nanoseconds of a decision, one figure a round, and Cedar's version."""
    with on_core(core):
        done = subprocess.run(["node", "decide.mjs", str(seconds), "1"], cwd=folder, capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"bench: Cedar failed: {done.stderr[-500:]}")
    told = json.loads(done.stdout)
    return told["ns"][0], told["version"]
