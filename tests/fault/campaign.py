#!/usr/bin/env python3
"""Runs the real server under faults and judges it after each: campaign.py --runs 500 --seed 7 [--only KIND] [--json]

A run is one fault and one judgement. A chain is a number of runs on one working directory; its seed says all that is
chosen: campaign.py --chain 7/3 plays chain 3 of seed 7 again. Threads and the kernel add chance of their own, so a chain
repeats its choices, not each microsecond. The folder of a chain with findings is kept and named.
"""
import argparse
import collections
import errno
import json
import mmap
import multiprocessing
import os
import pathlib
import random
import resource
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import time

import judge
from power import PowerCut
from upkeep import Upkeep

sys.path.insert(0, str(judge.HERE.parent / "e2e"))
import holdfast as e2e  # noqa: E402

LIBRARY = pathlib.Path(os.environ.get("HOLDFAST_FAULTY_FS", e2e.ROOT / "build/release/tests/libfaulty_fs.so"))
CHAIN = 12     # runs on one working directory
LOADS = 3      # threads of work
SUBJECTS = 25  # at most, looked at in one judgement
TELL_EVERY = 60  # seconds
ARMED, CALL, COUNTDOWN, ACTION, PARAMETER, FIRED, CLOCK_MS, MATCHED, LOADED, SLOTS = range(10)
WRITE, SYNC, READ, OPEN, RECEIVE, SEND, RENAME, MALLOC = range(1, 9)
KILL_BEFORE, KILL_AFTER, FAIL_ONCE, FAIL_FOREVER, DELAY, TEAR = range(1, 7)
HOUR_MS = 3600 * 1000


class Control:
    """The numbers that faulty_fs.cc reads."""

    def __init__(self, path):
        path.write_bytes(bytes(8 * SLOTS))
        with open(path, "r+b") as file:
            self.map = mmap.mmap(file.fileno(), 8 * SLOTS)

    def __getitem__(self, slot):
        return int.from_bytes(self.map[8 * slot:8 * slot + 8], "little", signed=True)

    def __setitem__(self, slot, value):
        self.map[8 * slot:8 * slot + 8] = value.to_bytes(8, "little", signed=True)

    def arm(self, call, countdown, action, parameter=0):
        for slot, value in ((CALL, call), (COUNTDOWN, countdown), (ACTION, action), (PARAMETER, parameter), (FIRED, 0),
                            (ARMED, 1)):
            self[slot] = value

    def disarm(self):
        self[ARMED] = 0


class Refused(Exception):
    """The server did not start; what it said."""


class Server(e2e.Holdfast):
    """A copy of the installation whose server runs with the library that fails."""

    def __init__(self, template, folder):
        self.folder, self.dir = folder, folder / "hf"
        subprocess.run(["cp", "-a", f"{template.folder}/.", str(folder)], check=True)
        self.vkeys, self.adopted, self.process, self.ready = template.vkeys, True, None, None
        self.limit, self.rules = template.limit, template.rules
        self.control = Control(folder / "control")
        self.journal, self.saved = folder / "journal", folder / "saved"
        self.saved.mkdir()

    def start(self, journal=False):
        ready = self.dir / "ready.json"
        ready.unlink(missing_ok=True)
        self.forget_journal()
        self.control[LOADED] = 0
        environment = dict(os.environ, LD_PRELOAD=str(LIBRARY), HOLDFAST_FAULT_CONTROL=str(self.folder / "control"),
                           HOLDFAST_FAULT_DATA=str(self.dir / "data"))
        if journal:
            environment |= {"HOLDFAST_FAULT_JOURNAL": str(self.journal), "HOLDFAST_FAULT_SAVED": str(self.saved)}
        self.log = open(self.folder / "server.log", "wb")
        self.process = subprocess.Popen([str(e2e.BINARY), "serve", "--dir", str(self.dir)], stdout=self.log,
                                        stderr=self.log, env=environment)
        end = time.monotonic() + 60
        while not (ready.exists() and ready.stat().st_size > 0):
            if self.process.poll() is not None:
                self.require_library()
                raise Refused(self.said())
            if time.monotonic() > end:
                self.kill()
                raise Refused("it neither starts nor ends: " + self.said())
            time.sleep(0.004)
        self.require_library()
        self.ready = json.loads(ready.read_text())
        return self

    def require_library(self):
        """Without it nothing fails, and all would seem well."""
        if not self.control[LOADED]:
            self.kill()
            raise RuntimeError(f"{LIBRARY} is not in the server: build it, or see HOLDFAST_FAULTY_FS")

    def said(self):
        return (self.folder / "server.log").read_text(errors="replace")[-3000:]

    def forget_journal(self):
        self.journal.unlink(missing_ok=True)
        for file in self.saved.iterdir():
            file.unlink()

    @property
    def alive(self):
        return self.process is not None and self.process.poll() is None

    def ends(self):
        """Is it gone, or about to be?"""
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            pass
        return not self.alive

    def verify(self, *arguments, **options):
        return super().verify(*arguments, "--threads", "1", **options)


def deposit(server, subject):
    """One profile outside of the load."""
    return server.client("app-us").call("PUT", f"/v1/collections/profile/subjects/{subject}",
                                        json.dumps({"name": "a", "email": f"{subject}@example.org", "zip": "22222"}),
                                        {"Content-Type": "application/json"})


class Chain:
    def __init__(self, template, seed, number, only):
        self.seed, self.number, self.only = seed, number, only
        self.choose = random.Random(f"{seed}/{number}")
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix=f"chain-{number}-", dir=template.folder.parent))
        self.server = Server(template, self.folder)
        self.memory = judge.Memory()
        self.runs, self.outcomes, self.what = 0, collections.Counter(), ""
        self.judged, self.journal = set(), False

    # ---- one run
    def run(self, kind):
        self.what = kind
        self.journal = kind == "power"
        if self.server.alive and self.journal:
            self.server.stop()
        if not self.server.alive:
            self.server.start(journal=self.journal)
        judge.probe_nonce(self.server, self.memory)
        name = f"canary-{self.runs}"
        judge.plant_canary(self.server, self.memory, name)
        if self.choose.random() < 0.3:
            judge.erase_canary(self.server, self.memory, name)
        KINDS[kind](self)
        if not self.server.alive:
            self.start_again()
        self.judge()
        self.runs += 1

    def load(self, seconds, meanwhile=None, threads=LOADS):
        """Work until the time is over or the server is gone."""
        loads = [judge.Load(self.server, self.memory, f"{self.seed}/{self.number}/{self.runs}", f"{self.runs}.{i}")
                 for i in range(threads)]
        for one in loads:
            one.start()
        if meanwhile:
            meanwhile()
        end = time.monotonic() + seconds
        while time.monotonic() < end and self.server.alive and any(one.is_alive() for one in loads):
            time.sleep(0.005)
        for one in loads:
            one.stop.set()
        return loads

    def finish(self, loads, kill=False):
        if kill:
            self.server.kill()
        for one in loads:
            one.join(30)
            if one.is_alive():
                self.memory.wrong("a client waits for an answer for more than 30 s")
                self.server.kill()

    def seconds(self):
        return self.choose.uniform(0.05, 0.3)

    def start_again(self):
        """It must start; if it does not, it must say what to do, and that must help."""
        try:
            self.server.start()
            self.outcomes["restarted"] += 1
        except Refused as refused:
            if "holdfast repair" not in str(refused):
                self.memory.wrong(f"does not start again, and names no remedy: {refused}")
                raise
            e2e.run("repair", "--dir", self.server.dir, "--yes")
            self.server.start()
            self.outcomes["repaired, as told"] += 1

    def judge(self):
        names = list(self.memory.subjects)
        old = [name for name in names if name in self.judged]
        names = [name for name in names if name not in self.judged]
        self.choose.shuffle(names)
        names = names[:SUBJECTS] + self.choose.sample(old, min(len(old), SUBJECTS // 3))
        self.judged.update(names)
        judge.judge(self.server, self.memory, names)

    def after_errors(self, loads):
        """The fault is over, the process lives on: it serves, or says why not and what to do; then it is restarted."""
        self.count_fired()
        self.server.control.disarm()
        self.finish(loads)
        try:
            if self.server.alive:
                self.serves_or_says_why()
                return
        except judge.CUT as error:  # it went while it was asked
            if not self.server.ends():
                self.memory.wrong(f"lives on, and is not to be reached: {error}")
                return
        self.outcomes["ended itself"] += 1
        if self.what != "memory":
            self.memory.wrong(f"ended itself: {self.server.said()}")

    def serves_or_says_why(self):
        ready = self.server.client().call("GET", "/readyz")
        if ready.status == 200:
            self.outcomes["went on serving"] += 1
            put = deposit(self.server, f"after-{self.runs}")
            if put.status == 503 and "restart the server" in put.json()["detail"]:
                # The engine of one database takes no writes after a failed sync; reads go on, and the answer says so.
                self.outcomes["said why not: " + put.code] += 1
                self.server.kill()
            elif put.status not in (200, 201):
                self.memory.wrong(f"/readyz is 200 but a deposit is answered {put.status} {put.body!r}")
        else:
            said = ready.json()
            self.outcomes["said why not: " + said["code"]] += 1
            if "restart" not in said["detail"] and "disk" not in said["detail"]:
                self.memory.wrong(f"/readyz does not say what to do: {said}")
        if self.server.alive and (ready.status != 200 or self.choose.random() < 0.5):
            self.server.kill()

    # ---- kinds of fault
    def kill(self):
        self.finish(self.load(self.seconds()), kill=True)

    def boundary(self, calls=(RECEIVE, READ, WRITE, SYNC, SEND), actions=(KILL_BEFORE, KILL_AFTER)):
        call = self.choose.choice(calls)
        most = {READ: 4, RENAME: 1}.get(call, 150)
        self.server.control.arm(call, self.choose.randint(1, most), self.choose.choice(actions),
                                self.choose.randint(0, 999))
        loads = self.load(0.6)
        self.finish(loads, kill=True)
        self.count_fired()
        self.server.control.disarm()

    def count_fired(self):
        self.outcomes["fired" if self.server.control[FIRED] else "did not fire"] += 1

    def torn(self):
        self.boundary((WRITE,), (TEAR,))

    def power(self):
        if self.choose.random() < 0.7:
            self.boundary((WRITE, SYNC, SEND), (KILL_BEFORE, KILL_AFTER))
        else:
            self.kill()
        cut = PowerCut(self.server.journal, self.server.dir / "data", self.choose)
        how = self.choose.choice(("drop", "torn", "misordered"))
        lost = cut.play(how)
        self.outcomes[f"{how}: {'something' if lost else 'nothing'} was unsynced"] += 1
        self.what += f" {how} {lost}"

    def failing(self, call, actions, number, most):
        self.server.control.arm(call, self.choose.randint(1, most), self.choose.choice(actions), number)
        self.after_errors(self.load(self.seconds()))

    def full(self):
        self.failing(WRITE, (FAIL_FOREVER,), errno.ENOSPC, 60)

    def write_error(self):
        self.failing(WRITE, (FAIL_ONCE, FAIL_FOREVER), errno.EIO, 60)

    def sync_error(self):
        self.failing(SYNC, (FAIL_ONCE, FAIL_FOREVER), errno.EIO, 60)

    def read_error(self):
        """Records lie in files only after a start, so that is when reads fail."""
        self.server.stop()
        self.server.control.arm(READ, self.choose.randint(1, 60), self.choose.choice((FAIL_ONCE, FAIL_FOREVER)),
                                errno.EIO)
        try:
            self.server.start()
            self.after_errors(self.load(self.seconds()))
        except Refused as refused:
            self.count_fired()
            self.outcomes["refused to start"] += 1
            if "[" not in str(refused):
                self.memory.wrong(f"does not start and names no code: {refused}")
        self.server.control.disarm()

    def slow(self):
        self.server.control.arm(SYNC, 1, DELAY, self.choose.randint(2000, 60000))
        self.after_errors(self.load(self.seconds()))

    def clock(self):
        """Forward and back under load; more than a day forward would rightly give limits back."""
        def step():
            for _ in range(3):
                self.server.control[CLOCK_MS] = self.choose.randint(-48 * HOUR_MS, 5 * HOUR_MS)
                time.sleep(0.05)
        loads = self.load(self.seconds(), step)
        self.finish(loads, kill=True)
        self.server.control[CLOCK_MS] = 0

    def retention(self):
        """What ended must not leave, neither before the next sweep nor after a start, and a start removes it."""
        self.finish(self.load(self.seconds()))
        self.server.control[CLOCK_MS] = 30 * HOUR_MS
        visited = [n for n, s in self.memory.subjects.items() if s.visits][-8:]
        judge.judge_before_sweep(self.server, self.memory, visited)
        self.server.kill()
        self.start_again()
        judge.judge(self.server, self.memory, visited, True)
        self.server.kill()
        self.server.control[CLOCK_MS] = 0

    def upkeep(self):
        """Rotations, backups and new versions of the agreement under load, and SIGKILL in the middle of one."""
        if self.choose.random() < 0.5:
            self.server.control.arm(self.choose.choice((WRITE, SYNC, OPEN, RENAME)), self.choose.randint(1, 400),
                                    self.choose.choice((KILL_BEFORE, KILL_AFTER)))
        work = Upkeep(self.server, self.memory, f"{self.seed}/{self.number}/{self.runs}/upkeep")
        work.start()
        loads = self.load(self.choose.uniform(0.1, 0.8))
        work.stop.set()
        self.finish([*loads, work], kill=True)
        self.server.control.disarm()
        self.start_again()
        work.judge()
        self.outcomes.update(work.done)

    def memory_out(self):
        self.server.control.arm(MALLOC, self.choose.randint(1, 30000), FAIL_ONCE, errno.ENOMEM)
        loads = self.load(self.seconds())
        self.after_errors(loads)

    def files(self):
        """No descriptor left: for the engine's files, or for connections too."""
        if self.choose.random() < 0.5:
            self.server.control.arm(OPEN, 1, FAIL_FOREVER, errno.EMFILE)
            self.after_errors(self.load(self.seconds()))
            return
        used = len(os.listdir(f"/proc/{self.server.process.pid}/fd"))
        before = resource.prlimit(self.server.process.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(self.server.process.pid, resource.RLIMIT_NOFILE, (used + 6, before[1]))
        held = []
        for _ in range(12):
            try:
                held.append(socket.create_connection(("127.0.0.1", int(self.server.url.rsplit(":", 1)[1])), 1))
            except OSError:
                break
        time.sleep(0.05)
        for one in held:
            one.close()
        loads = self.load(self.seconds())
        resource.prlimit(self.server.process.pid, resource.RLIMIT_NOFILE, before)
        self.after_errors(loads)

    def clients(self):
        """Some stall in the handshake or the head, some send a byte at a time, some vanish; then SIGKILL."""
        port, context = int(self.server.url.rsplit(":", 1)[1]), self.server.context("app-us")
        held = []

        def rude():
            for number in range(8):
                raw = socket.create_connection(("127.0.0.1", port), 5)
                held.append(raw)
                if number % 4 == 0:
                    raw.send(b"\x16\x03")
                    continue
                one = context.wrap_socket(raw, server_hostname="127.0.0.1")
                held[-1] = one
                request = b"PUT /v1/collections/profile/subjects/rude HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\n{"
                for byte in request[:20 + 10 * number]:
                    one.send(bytes([byte]))
                if number % 4 == 1:
                    one.close()
                if number % 4 == 2:
                    one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, bytes([1, 0, 0, 0, 0, 0, 0, 0]))
                    one.close()
        loads = self.load(self.seconds(), rude)
        self.finish(loads, kill=True)
        for one in held:
            one.close()

    def expired(self):
        """The callers' certificates end while their connections are open: none gets in anew."""
        def expire():
            time.sleep(0.1)
            self.server.control[CLOCK_MS] = 366 * 24 * HOUR_MS
        name = f"expiring-{self.runs}"
        deposit(self.server, name)
        app = self.server.client("app-us")
        if e2e.disclose(app, "account", name).status != 200:
            self.memory.wrong("what was deposited is not read before the certificate ends")
        opened = app.connection.sock
        loads = self.load(0.2, expire)
        try:
            answer = e2e.disclose(app, "account", name)
            if answer.status != 401:
                self.memory.wrong(f"on an open connection, an expired certificate is answered {answer.status}")
            self.outcomes["refused on the open connection" if app.connection and app.connection.sock is opened else "reconnected"] += 1
        except (ssl.SSLError, OSError):
            self.outcomes["the open connection was ended"] += 1
        try:
            answer = e2e.disclose(self.server.client("app-us"), "account", name)
            if answer.status != 401:
                self.memory.wrong(f"an expired certificate is answered {answer.status}")
        except (ssl.SSLError, OSError):
            self.outcomes["refused in the handshake"] += 1
        self.finish(loads, kill=True)
        app.close()
        self.server.control[CLOCK_MS] = 0

    def rot(self):
        """A bit flips while the server is down. Found and named, or in a place that does not matter; never served."""
        def flip(path):
            place = self.choose.randrange(path.stat().st_size)
            with open(path, "r+b") as file:
                file.seek(place)
                byte = file.read(1)[0]
                file.seek(place)
                file.write(bytes([byte ^ 1 << self.choose.randrange(8)]))
            self.what += f" at {place}"
        self.damage(flip)

    def lost(self):
        """A file is gone while the server is down: missed and named, or one of which nothing is needed."""
        self.damage(pathlib.Path.unlink)

    def cut(self):
        """A log, manifest or journal is shorter than it was: missed and named, or only zeros of it are gone."""
        def shorten(path):
            size = path.stat().st_size
            used = len(path.read_bytes().rstrip(b"\0"))
            at = self.choose.choice((0, self.choose.randrange(used + 1), used // 32768 * 32768, self.choose.randrange(size)))
            self.what += f" at {at} of {used}"
            os.truncate(path, at)
        self.damage(shorten, self.choose.choice(("*/*.log", "log/journals/*", "*/MANIFEST-*", "*/FILES")))

    def blank(self):
        """Zeros stand in the place of what was written, as a crash leaves it on some file systems: missed and named. Of
        records and keys that is what evidence came after, so something is read before."""
        def wipe(path):
            used = len(path.read_bytes().rstrip(b"\0"))
            begin = self.choose.choice((0, used // 2, max(used - 300, 0), self.choose.randrange(used + 1)))
            end = self.choose.choice((used, used, self.choose.randrange(begin, used + 1)))
            self.what += f" from {begin} to {end} of {used}"
            with open(path, "r+b") as file:
                file.seek(begin)
                file.write(bytes(end - begin))

        def read():
            name = f"blank-{self.runs}"
            deposit(self.server, name)
            e2e.disclose(self.server.client("app-us"), "account", name)
        self.damage(wipe, self.choose.choice(("*/*.log", "*/*.log", "*/MANIFEST-*", "*/FILES")), read)

    def damage(self, change, which="**/*", last=lambda: None):
        """Changes one file of the stopped store, starts and judges, and puts the store back as it was. Something is done
        last before."""
        self.finish(self.load(self.seconds()))
        last()
        self.server.kill() if self.choose.random() < 0.5 else self.server.stop()
        data, whole = self.server.dir / "data", self.folder / "whole"
        shutil.rmtree(whole, ignore_errors=True)
        subprocess.run(["cp", "-a", str(data), str(whole)], check=True)
        files = [path for path in sorted(data.glob(which)) if path.is_file() and path.stat().st_size]
        path = self.choose.choice(files)
        self.what += f" {path.relative_to(data)}"
        change(path)
        try:
            self.server.start()
            self.judge_damaged()
            self.server.kill()
        except Refused as refused:
            self.outcomes["refused to start, file named" if str(data) in str(refused) or "evidence" in str(refused)
                          else "refused to start"] += 1
            if "[" not in str(refused):
                self.memory.wrong(f"does not start and names no code: {refused}")
            if "holdfast repair" in str(refused):
                self.repair_damaged()
        shutil.rmtree(data)
        whole.rename(data)

    def repair_damaged(self):
        """A repair that says that it helped did; one that does not help drops nothing."""
        def content():
            return {path: path.read_bytes() for path in self.server.dir.glob("data/*/journals/log.*")}
        before = content()
        repaired = e2e.run("repair", "--dir", self.server.dir, "--yes", check=False)
        if repaired.returncode != 0:
            self.outcomes["repair would not help"] += 1
            if "cli.repair.vain" not in repaired.stderr:
                self.memory.wrong(f"was told to repair, which says: {repaired.stderr}")
            if content() != before:
                self.memory.wrong("a repair that does not help changed the journal")
            return
        self.outcomes["repaired, and served"] += 1
        try:
            self.server.start()
            self.server.kill()
        except Refused as refused:
            self.memory.wrong(f"is repaired, and does not start: {refused}")

    def judge_damaged(self):
        """Against a damaged store: an error is an answer, a wrong value or a silent loss is not."""
        app, told, lost = self.server.client("app-us"), collections.Counter(), []
        for name, one in list(self.memory.subjects.items())[-40:]:
            answer = e2e.disclose(app, "account", name)
            told[answer.status] += 1
            if answer.status == 200:
                judge.compare_profile(self.memory, name, one, answer.json())
            elif answer.status == 404 and None not in one.profiles:
                lost.append(name)
        found = told[500] + told[503] > 0
        try:
            _, entries = judge.read_entries(self.server)
            judge.judge_log(self.memory, entries)
        except judge.NotServed:
            found = True
        if lost and not found:
            self.memory.wrong(f"of a damaged store {len(lost)} acknowledged records are silently gone")
        self.outcomes["started, and named it when read" if found else "started, the damage touched nothing asked"] += 1


KINDS = {"kill": Chain.kill, "boundary": Chain.boundary, "torn": Chain.torn, "power": Chain.power, "full": Chain.full,
         "write-error": Chain.write_error, "sync-error": Chain.sync_error, "read-error": Chain.read_error,
         "slow": Chain.slow, "clock": Chain.clock, "upkeep": Chain.upkeep, "retention": Chain.retention,
         "memory": Chain.memory_out, "files": Chain.files, "clients": Chain.clients, "rot": Chain.rot, "lost": Chain.lost,
         "cut": Chain.cut, "blank": Chain.blank, "expired": Chain.expired}
WEIGHTS = {"kill": 3, "boundary": 6, "power": 6, "torn": 2, "rot": 2, "lost": 1, "cut": 1, "blank": 1}
FIRING = {"boundary", "torn", "full", "write-error", "sync-error", "read-error", "slow", "memory"}  # must, now and then
FIRING_RUNS = 8
ENDS = {"expired", "retention"}  # these leave the log's time far ahead, so their chain ends


def plan(choose, only, most):
    """The kinds of one chain."""
    kinds = []
    while len(kinds) < most and not (kinds and kinds[-1] in ENDS):
        kinds.append(only or choose.choices(list(KINDS), [WEIGHTS.get(kind, 1) for kind in KINDS])[0])
    return kinds


def play(task):
    """One chain; answers (number, kinds run, outcomes, findings, folder)."""
    template, seed, number, only, most = task
    chain = Chain(template, seed, number, only)
    outcomes, kinds, findings = collections.Counter(), [], []
    try:
        for kind in plan(chain.choose, only, most):
            chain.outcomes.clear()
            began = time.monotonic()
            chain.run(kind)
            kinds.append((kind, time.monotonic() - began))
            outcomes.update({f"{kind}: {what}": count for what, count in chain.outcomes.items()})
            if chain.memory.findings:
                break
    except Exception as error:  # a run that cannot go on is a finding
        chain.memory.wrong(f"{type(error).__name__}: {error}")
        kinds.append((chain.what.split()[0], 0.0))
    findings = [f"run {chain.runs} ({chain.what}): {sentence}" for sentence in chain.memory.findings[:5]]
    if chain.server.alive:
        chain.server.kill()
    if not findings:
        shutil.rmtree(chain.folder)
    return number, kinds, outcomes, findings, str(chain.folder), chain.memory.asked, len(chain.memory.releases)


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--runs", type=int, default=500)
    options.add_argument("--seed", default=str(random.SystemRandom().randrange(10**6)))
    options.add_argument("--only", choices=sorted(KINDS))
    options.add_argument("--chain", help="SEED/NUMBER: that chain alone")
    options.add_argument("--processes", type=int, default=2)
    options.add_argument("--json", action="store_true")
    given = options.parse_args()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="holdfast-faults-"))
    (folder / "template").mkdir()
    seed, numbers = given.seed, range(10**9)
    if given.chain:
        seed, number = given.chain.split("/")
        numbers = [int(number)]
    print(f"seed {seed}", file=sys.stderr, flush=True)
    began, told, runs, bad = time.monotonic(), time.monotonic(), 0, []
    kinds, outcomes, asked, released = collections.Counter(), collections.Counter(), 0, 0
    seconds = collections.Counter()
    template = judge.installation(folder / "template")
    template.log = template.process = None  # what a process of the pool cannot be handed

    def tasks():
        planned = 0
        for number in numbers:
            if planned >= given.runs:
                return
            length = len(plan(random.Random(f"{seed}/{number}"), given.only, min(CHAIN, given.runs - planned)))
            planned += length
            yield template, seed, number, given.only, length
    with multiprocessing.Pool(given.processes) as pool:
        for number, done, more, findings, where, calls, left in pool.imap_unordered(play, tasks()):
            runs += len(done)
            kinds.update(kind for kind, _ in done)
            for kind, took in done:
                seconds[kind] += took
            outcomes.update(more)
            asked, released = asked + calls, released + left
            for sentence in findings:
                print(f"FOUND chain {seed}/{number} {sentence}\n  kept: {where}", file=sys.stderr, flush=True)
            bad += findings
            if time.monotonic() - told >= TELL_EVERY:
                told = time.monotonic()
                print(f"{runs} of {given.runs} runs in {(told - began) / 60:.0f} min, findings: {len(bad) or 'none'}",
                      file=sys.stderr, flush=True)
    for kind in sorted(FIRING):
        if kinds[kind] >= FIRING_RUNS and not outcomes[f"{kind}: fired"]:
            bad.append(f"{kind}: in {kinds[kind]} runs the fault did not fire once, so nothing was tried")
            print(f"FOUND {bad[-1]}", file=sys.stderr, flush=True)
    report = {"seed": seed, "runs": runs, "seconds": round(time.monotonic() - began, 1), "findings": bad,
              "requests": asked, "releases": released, "kinds": dict(kinds), "outcomes": dict(sorted(outcomes.items()))}
    if given.json:
        print(json.dumps(report, indent=1))
    else:
        print(f"{runs} runs in {report['seconds']} s, {asked} requests, {released} releases; seed {seed}")
        for kind, count in sorted(kinds.items()):
            print(f"  {kind:12} {count:5} runs, {seconds[kind] / count:.2f} s each")
        for outcome, count in sorted(outcomes.items()):
            print(f"    {outcome}: {count}")
        print("findings: " + (str(len(bad)) if bad else "none"))
    if not bad:
        shutil.rmtree(folder)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
