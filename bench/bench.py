"""Measures a Holdfast and its peers side by side, alternating; bench/run.sh starts it. README.md says what and how."""
import importlib
import os
import pathlib
import shutil
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests/e2e"), str(ROOT / "bench")]
import machine  # noqa: E402
from holdfast import run  # noqa: E402
from ours import Ours, write_views  # noqa: E402
from peers import postgres  # noqa: E402
from table import Table  # noqa: E402

GROUPS = ("read", "lone", "disk", "deposit", "importing", "append", "analysis", "decision", "bulk", "upheaval", "batch",
          "memory", "start", "verify", "report", "sealed", "growth")
BIG_VIEWS, BIG_ENTRIES, BIG_SUBJECTS = 2_000_000, 2_000_000, 10_000


class Bench:
    """What the rows share: the table, rounds, and servers that are brought up when the first row wants them."""

    connections = 32
    server_core, load_core = machine.SERVER_CORE, machine.LOAD_CORE
    big_views = BIG_VIEWS

    def __init__(self, build):
        self.build, self.folder, self.table = build, build / "bench" / "run", Table()
        self.round_count = int(os.environ.get("ROUNDS", "5"))
        self.seconds = float(os.environ.get("SECONDS_EACH", "4"))
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        self.running, self.mirrored = {}, None

    # ---- telling
    @staticmethod
    def say(what):
        print(f"bench: {what}", file=sys.stderr, flush=True)

    def rounds(self, what, most=100):
        count = min(self.round_count, most)
        for each in range(count):
            self.say(f"{what}: round {each + 1} of {count}")
            yield each

    @staticmethod
    def sleep(seconds):
        time.sleep(seconds)

    # ---- servers
    def once(self, name, make):
        if name not in self.running:
            self.say(f"bringing up: {name}")
            self.running[name] = make()
        return self.running[name]

    def another(self, name, subjects, edit=lambda text: text):
        """A Holdfast for one row, which stops it; stopped at the end in any case."""
        self.running[name] = Ours(self.folder / name, self.build, subjects, edit)
        return self.running[name]

    def small(self):
        """A thousand people, a profile each."""
        return self.once("small", lambda: Ours(self.folder / "small", self.build, 1000))

    def big(self):
        """Ten thousand people, two million views."""
        def make():
            ours, path = Ours(self.folder / "big", self.build, BIG_SUBJECTS), self.folder / "views.csv"
            write_views(path, 0, BIG_VIEWS, BIG_SUBJECTS)
            self.say(f"importing {BIG_VIEWS:,} views")
            took = ours.take("views", path)
            path.unlink()
            self.table.row("growth_import", f"import of {BIG_VIEWS:,} views of {BIG_SUBJECTS:,} people, each of another "
                           "than the one before", "rows/s", [BIG_VIEWS / took])
            return ours
        return self.once("big", make)

    def big_log(self):
        """The same, with two million releases in its log."""
        ours = self.big()
        subjects = [f"p{i}" for i in range(BIG_SUBJECTS)]
        entries = ours.entries()
        if entries < BIG_ENTRIES:
            self.say(f"filling the log up to {BIG_ENTRIES:,} entries")
        while entries < BIG_ENTRIES:
            ours.batch(subjects)
            entries += BIG_SUBJECTS
        return ours

    def mirror(self):
        """That log as files; answers the folder and how many entries it has."""
        if self.mirrored is None:
            ours, self.mirrored = self.big_log(), self.folder / "mirror"
            run("log", "export", self.mirrored, "--dir", ours.holdfast.dir, timeout=1800)  # on a busy machine
        return self.mirrored, int((self.mirrored / "checkpoint").read_bytes().splitlines()[1])

    def postgres(self):
        tls = self.small().holdfast.dir / "tls"
        return self.once("postgres", lambda: postgres.Postgres(self.folder / "postgres", tls / "server.crt",
                                                               tls / "server.key", self.small().subjects))

    def stop(self):
        for server in self.running.values():
            server.stop()


def missing_packages():
    """Which of the Debian packages that some row needs are not there."""
    return set(postgres.missing()) | ({"nginx-light"} if machine.program("nginx") is None else set())


def chosen():
    names = os.environ.get("ONLY", "").replace(",", " ").split()
    unknown = [name for name in names if name not in GROUPS]
    if unknown:
        raise SystemExit(f"bench: no group of rows is called {', '.join(unknown)}; there are {', '.join(GROUPS)}")
    return [name for name in GROUPS if not names or name in names]


def main():
    groups, missing, not_measured = chosen(), missing_packages(), []
    if len(os.sched_getaffinity(0)) < 2:
        Bench.say("only one core: server and load share it, so the figures are not comparable")
    bench = Bench(pathlib.Path(sys.argv[1]))
    try:
        for name in groups:
            group = importlib.import_module(f"rows.{name}")
            lacking = sorted(missing.intersection(group.NEEDS))
            if lacking:
                not_measured.append(f"'{name}' is NOT measured, {' and '.join(lacking)} missing: make deps-bench")
                Bench.say(not_measured[-1])
                continue
            try:
                group.measure(bench)
            except (SystemExit, AssertionError, OSError, subprocess.SubprocessError) as failed:
                not_measured.append(f"'{name}' could NOT be measured: {failed}")
                Bench.say(not_measured[-1])
            except KeyboardInterrupt:  # what was measured until then is still told
                not_measured.append(f"'{name}' and what follows it is NOT measured: interrupted")
                break
    finally:
        bench.stop()
    print(f"{machine.name()}; {bench.round_count} rounds of {bench.seconds:g} s\n")
    bench.table.print()
    out = ROOT / "build/bench.json"
    bench.table.write(out)
    bench.table.write_markdown(out.with_suffix(".md"))
    print(f"written: {out} and {out.with_suffix('.md').name}")
    for each in not_measured:
        print(f"bench: {each}")
    if not_measured:
        raise SystemExit(1)
    shutil.rmtree(bench.folder)


if __name__ == "__main__":
    main()
