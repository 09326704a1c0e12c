"""A bulk threshold's check of a release, by itself (src/ledger/rolling_bench.cc): 12 months, ten million subjects seen,
while days pass. Memory: of each limit, beside what all limits share."""
import json
import subprocess

NEEDS = ()


def measure(bench):
    bench.say(f"bulk thresholds, ten million subjects, {bench.round_count} rounds")
    done = subprocess.run([bench.build / "bin/rolling_bench", "--benchmark_filter=release/rules:1$",
                           f"--benchmark_repetitions={bench.round_count}", "--benchmark_format=json"],
                          capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"bench: rolling_bench failed: {done.stdout}{done.stderr}")
    runs = [run for run in json.loads(done.stdout)["benchmarks"] if run["run_type"] == "iteration"]
    bench.table.row("bulk", "bulk threshold check of a release, 10 M subjects seen in 12 months", "ns",
                    [run["cpu_time"] for run in runs], reach=1000, of="value", less=True)
    bench.table.row("bulk-memory", "memory of a bulk threshold a subject and rule", "bytes",
                    [round(run["bytes_per_subject_and_rule"], 2) for run in runs], reach=4, of="value", less=True,
                    bytes_a_rule=runs[0]["bytes_per_rule"], bytes_a_subject_shared=runs[0]["bytes_per_subject_shared"])
