"""Sealed modules: their code beside the same code compiled for this machine; what a run costs beside it; the whole feed
request, alone and beside hostile ones."""
import json
import subprocess
import threading
import time

from machine import LOAD_CORE, SERVER_CORE
from ours import WRITER, Ours, write_views

NEEDS = ()
PEOPLE, VIEWS_EACH, CONNECTIONS = 1000, 50, 40
TRAIN_VIEWS = 2_000_000
HOSTILE_EACH, HOSTILE_EVERY = 100, 0.1  # a thousand a second


def of_code(bench):
    modules = bench.build / "bin/modules"
    command = ["taskset", "-c", str(SERVER_CORE), bench.build / "bin/holdfast_sealed", "--kernel", modules / "bench-kernel.wasm",
               "--trainer", modules / "trainer.wasm", "--native", bench.build / "examples/shortvideo/modules/shortvideo_trainer",
               "--views", str(TRAIN_VIEWS), "--core", str(LOAD_CORE), "--rounds", str(bench.round_count)]
    bench.say(f"rankings, runs, and training on {TRAIN_VIEWS:,} views, sealed and native")
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=3600)
    if done.returncode != 0:
        raise SystemExit(f"bench: holdfast_sealed failed: {done.stderr}")
    found = json.loads(done.stdout)
    row = bench.table.row
    row("sealed_kernel", "ranking of 1000 items of 64 factors inside a sealed module", "µs", found["kernel"]["sealed_us"],
        "the same C++, natively with -O3 -march=native", found["kernel"]["native_us"], reach=2.5, stretch=1.5, less=True)
    row("sealed_overhead", "a run beside its module's own work: ring, instance, copies; many in turn", "µs",
        found["overhead"]["run_us"], "a fork", found["overhead"]["fork_us"], reach=40, stretch=10, of="value", less=True)
    row("sealed_alone", "the same, one at a time, both sides' wake-ups in it", "µs", found["overhead"]["alone_us"], less=True)
    row("sealed_training", f"training on {TRAIN_VIEWS:,} views inside a sealed module", "s", found["training"]["sealed_s"],
        "the same trainer, natively", found["training"]["native_s"], reach=2.5, stretch=1.5, less=True)


def feed_flows(text):
    """The flow of the agreement, and the same once more by a module that means harm."""
    feed = text[text.index("  feed:\n"):text.index("prohibitions:")]
    return text.replace(feed, feed + feed.replace("  feed:", "  trap:", 1).replace("feed-ranker", "trapper"))


class Hostile(threading.Thread):
    """A thousand requests a second whose runs are all contained."""

    def __init__(self, ours):
        super().__init__(daemon=True)
        self.client, self.ended, self.contained = ours.client(WRITER), threading.Event(), 0
        self.body = "".join(f'"p{i}"\n' for i in range(HOSTILE_EACH))

    def run(self):
        due = time.monotonic()
        while not self.ended.wait(max(0, due - time.monotonic())):
            due += HOSTILE_EVERY
            answer = self.client.call("POST", "/v1/flows/trap/batch", self.body, {"Content-Type": "application/x-ndjson"})
            self.contained += answer.body.count(b"sealed.run.trapped")

    def end(self):
        self.ended.set()
        self.join()


def measure(bench):
    of_code(bench)
    ours = bench.running["sealed"] = Ours(bench.folder / "sealed", bench.build, PEOPLE, feed_flows,
                                          f"sealed: {{cores: [{LOAD_CORE}], beat: 2ms}}\n")
    modules = bench.build / "bin/modules"
    ours.holdfast.release_module((modules / "bench-feed.wasm").read_bytes())
    ours.holdfast.release_module((modules / "hostile-trap.wasm").read_bytes(), name="trapper")
    path = bench.folder / "views.csv"
    write_views(path, 0, PEOPLE * VIEWS_EACH, PEOPLE)
    ours.take("views", path)
    path.unlink()
    feeds = lambda: ours.reads(CONNECTIONS, bench.seconds, flow="feed", reader=WRITER)  # noqa: E731
    ours.body("feed", WRITER)
    feeds()
    alone, beside, contained = [], [], []
    for _ in bench.rounds("feeds, alone and beside hostile ones"):
        alone.append(feeds())
        hostile, begun = Hostile(ours), time.monotonic()
        hostile.start()
        beside.append(feeds())
        hostile.end()
        contained.append(hostile.contained / (time.monotonic() - begun))
    row, of = bench.table.row, lambda reports, key, by=1: [report[key] / by for report in reports]
    row("sealed_feed", f"feed of one subject from {VIEWS_EACH} views, mTLS, evidence durable; server on one core, worker and load on another",
        "requests/s", of(alone, "rps"), reach=10_000, stretch=15_000, of="value", cpu_us=of(alone, "cpu_us"))
    row("sealed_feed_p99", "its p99", "ms", of(alone, "p99_us", 1e3), reach=8, of="value", less=True)
    row("sealed_feed_cpu", "processor time of the server for one", "µs", of(alone, "cpu_us"), less=True)
    row("sealed_hostile", f"p99 of the feed beside {sum(contained) / len(contained):,.0f} contained runs a second", "ms",
        of(beside, "p99_us", 1e3), "the feed alone", of(alone, "p99_us", 1e3), reach=2, stretch=1.2, less=True)
    ours.stop()
