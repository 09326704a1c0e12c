"""The log by itself, on its real store: entries of 300 B, many under each sync (bench/append.cc). Beside the SHA-256
of leaf and tree alone, on one core, in the same process and turn by turn."""
import json
import shutil
import subprocess

NEEDS = ()
ENTRIES_A_SECOND = 100_000  # of a round: long enough for several of the store's flushes


def measure(bench):
    folder = bench.folder / "append"
    bench.say(f"appending to the log, and SHA-256, {bench.round_count} rounds")
    done = subprocess.run([bench.build / "bin/holdfast_append", folder, "--rounds", str(bench.round_count), "--entries",
                           str(int(ENTRIES_A_SECOND * bench.seconds))], capture_output=True, text=True)
    shutil.rmtree(folder, ignore_errors=True)
    if done.returncode != 0:
        raise SystemExit(f"bench: holdfast_append failed: {done.stdout}{done.stderr}")
    report = json.loads(done.stdout)
    bench.table.row("append", f"appending entries of {report['entry_bytes']} B with group commit", "entries/s",
                    report["appended"], "SHA-256 of leaves and tree alone, one core", report["hashed"], reach=500_000,
                    stretch=1_000_000, of="value", cpu_us=sorted(report["cpu_us"])[bench.round_count // 2])
