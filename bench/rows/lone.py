"""One client alone with one request under way: how much a durable read takes beyond the sync that it cannot do
without."""
from machine import fdatasync_us
from table import NOISE

NEEDS = ()


def measure(bench):
    ours, reads, disk, waits = bench.small(), [], [], False
    for _ in bench.rounds("one client alone, and fdatasync"):
        reads.append(ours.reads(1, bench.seconds / 2)["p50_us"])
        times = fdatasync_us(bench.folder, bench.seconds / 2, bench.server_core)
        disk.append(times[len(times) // 2])
        waits = waits or disk[-1] > NOISE * times[len(times) // 10]  # for the core, then, not for the disk
    bench.table.row("lone_read_p50", "one client alone, one request under way, p50", "µs", reads,
                    "fdatasync of 512 B appended on this disk, p50", disk, reach=1.5, stretch=1.2, less=True, noisy=waits)
