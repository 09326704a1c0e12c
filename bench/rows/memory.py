"""What the server keeps in memory with two million views in it and all connections reading."""
import threading
import time

from machine import memory_mb

NEEDS = ()


def measure(bench):
    ours = bench.big()
    resident, stop = [], threading.Event()

    def watch():
        while not stop.is_set():
            resident.append(memory_mb(ours.pid)[0])
            time.sleep(0.1)

    bench.say("memory under load")
    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        ours.reads(bench.connections, bench.seconds)
        ours.reads(bench.connections, bench.seconds, flow="history", reader="app-us")
        ours.deposits(bench.connections, bench.seconds)
    finally:
        stop.set()
        watcher.join()
    bench.table.row("memory", f"memory of the server, {bench.big_views:,} views, {bench.connections} connections",
                    "MB", [max(resident)], reach=300, less=True, peak_mb=memory_mb(ours.pid)[1],
                    peak_since="its start, with the import of all views")
