"""Verification of the log of two million releases from files, on one core: the whole command, every entry judged."""
import time

from machine import on_core

NEEDS = ()


def measure(bench):
    (mirror, entries), ours, rates = bench.mirror(), bench.big_log(), []
    for _ in bench.rounds(f"verification of {entries:,} entries"):
        with on_core(bench.load_core):
            begun = time.perf_counter()
            done = ours.holdfast.verify("--json", source=mirror)
        if done.returncode != 0:
            raise SystemExit(f"bench: verify ended with {done.returncode}: {done.stdout[:2000]}{done.stderr}")
        rates.append(entries / (time.perf_counter() - begun))
    bench.table.row("verify", f"verifying {entries:,} entries from files, one core", "entries/s", rates, reach=500_000,
                    stretch=1_000_000)
