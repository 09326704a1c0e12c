"""From the command until /readyz answers 200, with two million entries in the log."""
NEEDS = ()
READING_S = 1  # before each kill: so much has not been sealed or flushed in order


def measure(bench):
    ours, clean, killed = bench.big_log(), [], []
    entries = ours.entries()
    for _ in bench.rounds("start after a clean stop, and after SIGKILL"):
        ours.stop()
        clean.append(ours.start_seconds())
        with ours.under_reads(bench.connections, []):
            bench.sleep(READING_S)
        ours.holdfast.kill()
        killed.append(ours.start_seconds())
    for name, how, seconds in (("start_clean", "a clean stop", clean), ("start_killed", "SIGKILL after load", killed)):
        bench.table.row(name, f"start after {how}, {entries:,} entries", "s", seconds, reach=2, stretch=0.5, less=True,
                        of="value")
