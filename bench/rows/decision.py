"""One runtime decision, by itself: party, flow, subject, limits in memory (src/ledger/decision_bench.cc), beside Cedar's
decision of the equivalent policy. Rounds alternate on one core."""
import json
import shutil
import subprocess

from machine import on_core
from peers import cedar

NEEDS = ()


def ours(bench, flows):
    with on_core(bench.load_core):
        done = subprocess.run([bench.build / "bin/decision_bench", f"--benchmark_filter=decision/flows:{flows}$",
                               f"--benchmark_min_time={bench.seconds / 2}", "--benchmark_format=json"],
                              capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"bench: decision_bench failed: {done.stdout}{done.stderr}")
    return json.loads(done.stdout)["benchmarks"][0]["cpu_time"]


def measure(bench):
    if not shutil.which("npm") or not shutil.which("node"):
        raise SystemExit("bench: Cedar comes by npm, and there is no npm here")
    bench.say("installing Cedar by npm")
    folder, taken, many, theirs = cedar.install(bench.build), [], [], []
    for _ in bench.rounds("decisions, and Cedar's"):
        taken.append(ours(bench, 4))
        many.append(ours(bench, 1000))
        nanoseconds, version = cedar.decide(folder, bench.seconds / 2, bench.load_core)
        theirs.append(nanoseconds)
    per_second = [[1e9 / each for each in figures] for figures in (taken, theirs)]
    bench.table.row("decision", "one decision in memory: party, flow, subject, limits", "decisions/s", per_second[0],
                    f"Cedar {version} (WebAssembly, policy parsed before) deciding the equivalent policy", per_second[1],
                    reach=20)
    bench.table.row("decision-time", "the same", "ns", taken, reach=100, of="value", less=True)
    bench.table.row("decision-flows", "the same under an agreement of 1,000 flows", "ns", many, reach=100, of="value",
                    less=True)
