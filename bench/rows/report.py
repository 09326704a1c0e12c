"""The report of the log of two million releases from files, beside the verification of the same, each the whole command on
one core. The report verifies too."""
import time

from holdfast import SIGNERS, run
from machine import on_core

NEEDS = ()


def measure(bench):
    (mirror, entries), ours, reports, verifications = bench.mirror(), bench.big_log(), [], []
    parties = [word for name in SIGNERS for word in ("--party", ours.holdfast.folder / f"{name}.vkey")]

    def seconds(*command):
        with on_core(bench.load_core):
            begun = time.perf_counter()
            run(*command, timeout=1800)
            return time.perf_counter() - begun

    for _ in bench.rounds(f"report over {entries:,} entries, and their verification"):
        reports.append(seconds("report", mirror, *parties, "-o", bench.folder / "report.html"))
        verifications.append(seconds("verify", mirror, *parties, "--json"))
    bench.table.row("report", f"report over {entries:,} entries", "s", reports, "holdfast verify of the same", verifications,
                    reach=1.3, less=True)
