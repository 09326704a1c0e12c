"""What must not be felt: the agreement swapped, the root key rotated, a backup taken, one after another for as long
as full read load lasts. The p99 of the reads meanwhile, beside that of reads alone in the round's other half."""
import json
import shutil
import time

from ours import TRUSTEE

NEEDS = ()
PAUSE_S = 0.1  # between one and the next


def measure(bench):
    ours = bench.small()
    trustee = ours.client(TRUSTEE)
    most = bench.round_count * (int(bench.seconds / PAUSE_S) + 1)
    for name, work, act in (("swap", "agreement swapped", Swap(ours, most)), ("rotate", "root key rotated", rotate),
                            ("backup", "backup taken", Backup(bench.folder / "backup"))):
        during, alone, count = [], [], 0
        for _ in bench.rounds(f"reads while: {work}; and alone"):
            alone.append(ours.reads(bench.connections, bench.seconds)["p99_us"] / 1e3)
            reports, end = [], time.monotonic() + bench.seconds
            with ours.under_reads(bench.connections, reports):
                while time.monotonic() < end:
                    act(trustee)
                    count += 1
                    time.sleep(PAUSE_S)
            during.append(reports[0]["p99_us"] / 1e3)
        bench.table.row(f"p99_{name}", f"p99 of reads, {work} meanwhile again and again", "ms", during, "the reads alone",
                        alone, reach=1.5, stretch=1.2, less=True, times=count)
    trustee.close()


def must(answer, *expected):
    if answer.status not in expected:
        raise SystemExit(f"bench: {answer.status} instead of {expected}: {answer.body.decode()}")


class Swap:
    """Adopts the next version each time; all are signed before, outside of the time that is measured."""

    def __init__(self, ours, most):
        self.signed = [ours.holdfast.signed(2 + i, edit=ours.edit).read_bytes() for i in range(most)]

    def __call__(self, trustee):
        must(trustee.call("POST", "/v1/agreement", self.signed.pop(0), {"Content-Type": "text/plain"}), 201)


def rotate(trustee):
    must(trustee.call("POST", "/v1/root-key/rotation"), 200)


class Backup:
    def __init__(self, folder):
        self.folder = folder

    def __call__(self, trustee):
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir()
        places = {"directory": str(self.folder / "data"), "keys_directory": str(self.folder / "keys")}
        must(trustee.call("POST", "/v1/backup", json.dumps(places), {"Content-Type": "application/json"}), 204)
