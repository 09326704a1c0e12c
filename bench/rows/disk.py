"""Bytes on disk for a released read: the log's store between two stops, for the reads in between, so that nothing is
still to be sealed or compacted."""
from machine import disk_bytes

NEEDS = ()


def measure(bench):
    ours = bench.small()
    log = ours.holdfast.dir / "data" / "log"
    bench.say("bytes on disk per read")
    before = settled(ours, log)
    first = ours.entries()
    ours.reads(bench.connections, 2 * bench.seconds)
    released = ours.entries() - first
    grown = settled(ours, log) - before
    bench.table.row("read_disk_bytes", f"bytes on disk per released read (of {released:,})", "bytes",
                    [grown / released], reach=150, stretch=110, less=True)


def settled(ours, log):
    """Without the journal: what of it was sealed waits for its file's turn to go, some megabytes however much was read."""
    ours.restart()
    ours.stop()
    size = disk_bytes(log) - disk_bytes(log / "journals")
    ours.start()
    return size
