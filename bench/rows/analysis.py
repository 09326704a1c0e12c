"""The whole analysis of an agreement of 1,000 flows and 10,000 fields, from its bytes (src/analysis/analysis_bench.cc)."""
import json
import subprocess

NEEDS = ()


def measure(bench):
    bench.say(f"analysis, {bench.round_count} rounds")
    done = subprocess.run([bench.build / "bin/analysis_bench", f"--benchmark_repetitions={bench.round_count}",
                           "--benchmark_format=json"], capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"bench: analysis_bench failed: {done.stdout}{done.stderr}")
    runs = [run for run in json.loads(done.stdout)["benchmarks"] if run["run_type"] == "iteration"]

    def times(name):
        return [run["cpu_time"] for run in runs if run["name"].startswith(name)]

    bench.table.row("analysis", "analysis of an agreement of 1,000 flows, 10,000 fields", "ms", times("analysis"), reach=50,
                    of="value", less=True)
    bench.table.row("analysis_read", "reading and checking its YAML before", "ms", times("reading"))
