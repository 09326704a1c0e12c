"""The trustee's own work beside the load: the root key is rotated, backups are taken, new versions are adopted.

    work = Upkeep(server, memory, seed)   # a thread; start(), stop.set(), join()
    work.judge()                          # once the server is back: what is in force, and the newest backup, restored
"""
import json
import random
import shutil
import subprocess
import threading

import judge
from holdfast import disclose, run


class Upkeep(threading.Thread):
    """One thing after the other until the server goes, or `stop` is set."""

    def __init__(self, server, memory, seed):
        super().__init__(daemon=True)
        self.server, self.memory, self.seed = server, memory, seed.replace("/", "-")
        self.choose, self.stop = random.Random(seed), threading.Event()
        self.count = 0
        self.taken = None  # the newest backup that was acknowledged: where it goes, subject, receipt of what it must hold
        self.done = []     # what was acknowledged, in order

    def run(self):
        try:
            self.trustee, self.app = self.server.client("oracle"), self.server.client("app-us")
            while not self.stop.is_set():
                self.count += 1
                self.choose.choice((self.rotate, self.adopt, self.back_up))()
        except judge.CUT:
            pass
        except Exception as error:  # a thread's exception would be lost
            self.memory.wrong(f"the upkeep met an answer it cannot read: {type(error).__name__}: {error}")

    def call(self, client, *arguments, **options):
        return client.call(*arguments, retry=False, **options)

    def rotate(self):
        if self.call(self.trustee, "POST", "/v1/root-key/rotation").status == 200:
            self.done.append("rotated")

    def adopt(self):
        version = self.memory.version + 1
        note = self.server.signed(version, edit=lambda _: judge.agreement(self.server, version)).read_bytes()
        self.memory.version_asked = version
        answer = self.call(self.trustee, "POST", "/v1/agreement", note, headers={"Content-Type": "text/plain"})
        if answer.status == 201:
            self.memory.version = version
            self.memory.receipts[int(answer.headers["Holdfast-Receipt"])] = ("agreement.adopted",)
            self.done.append("adopted")
        elif answer.status < 500:
            self.memory.wrong(f"version {version} is answered {answer.status} {answer.body!r}")

    def back_up(self):
        name = f"before-backup-{self.seed}-{self.count}"
        one = self.memory.subjects[name]
        one.profiles = {None, "33333"}
        put = self.call(self.app, "PUT", f"/v1/collections/profile/subjects/{name}",
                        json.dumps({"name": "b", "email": f"{name}@example.org", "zip": "33333"}),
                        headers={"Content-Type": "application/json"})
        if put.status != 201:
            return
        one.profiles = {"33333"}
        folder = self.server.folder / name
        answer = self.call(self.trustee, "POST", "/v1/backup", json.dumps(
            {"directory": str(folder / "records"), "keys_directory": str(folder / "keys")}),
            headers={"Content-Type": "application/json"})
        if answer.status == 204:
            # As a trustee would, before the next rotation: with the root key of that moment.
            self.taken = (self.server.moved(folder), name, int(put.headers["Holdfast-Receipt"]))
            self.done.append("backed up")

    def judge(self):
        """Against a server that was started again and works."""
        app = self.server.client("app-us")
        note = app.call("GET", "/v1/agreement").body.decode()
        app.close()
        version = int(next(line for line in note.splitlines() if line.startswith("version: ")).split()[1])
        if version not in (self.memory.version, self.memory.version_asked):
            self.memory.wrong(f"version {version} is in force, {self.memory.version} was acknowledged")
        self.memory.version = version
        if self.taken:
            self.judge_backup(*self.taken)

    def judge_backup(self, other, name, receipt):
        """Restored elsewhere it serves what was acknowledged before it was asked for, and its log is one with this."""
        try:
            run("restore", other.folder / "records", "--keys", other.folder / "keys", "--to", other.dir / "data")
            super(type(other), other).start(adopt=False)  # without the library that fails
            ours, theirs = judge.read_log(self.server, self.memory), judge.read_log(other, judge.Memory())
            if len(theirs) <= receipt or theirs[:receipt + 1] != ours[:receipt + 1]:
                self.memory.wrong(f"the log of a backup, {len(theirs)} entries, is not this one up to {receipt}")
            app = other.client("app-us")
            answer = disclose(app, "account", name)
            if answer.status != 200 or answer.json()["profile"]["zip"] != "33333":
                self.memory.wrong(f"{name} was acknowledged before the backup, and read from it: {answer.status}")
            app.close()
            verified = other.verify()
            if verified.returncode != 0:
                self.memory.wrong(f"a backup does not verify: {verified.stdout[-600:]}{verified.stderr[-600:]}")
        except (AssertionError, subprocess.SubprocessError) as error:
            self.memory.wrong(f"a backup is of no use: {error}")
        finally:
            if other.process:
                super(type(other), other).kill()
        if not self.memory.findings:
            shutil.rmtree(other.folder)
