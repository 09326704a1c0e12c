"""SIGKILL under load: what was acknowledged is there, what left is on record, nothing is overspent."""
import base64
import hashlib
import pathlib
import random
import sys
import threading

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
from holdfast import Holdfast, disclose  # noqa: E402

LIMIT = 40


class Load(threading.Thread):
    """Deposits and reads until the server goes away; keeps what it was told."""

    def __init__(self, holdfast, number):
        super().__init__()
        self.holdfast, self.number = holdfast, number
        self.deposited, self.released, self.support = {}, [], set()

    def run(self):
        app, operator = self.holdfast.client("app-us"), self.holdfast.client("bytedance")
        try:
            for i in range(100000):
                subject = f"r{self.holdfast.round}-{self.number}-{i}"
                put = self.holdfast.deposit(app, subject, zip=f"{i:05}")
                if put.status == 201:
                    self.deposited[subject] = f"{i:05}"
                for client, flow in ((app, "account"), (operator, "support")):
                    answer = disclose(client, flow, subject)
                    if answer.status == 200:
                        digest = hashlib.sha256(bytes.fromhex(answer.headers["Holdfast-Salt"]) + answer.body).digest()
                        self.released.append((int(answer.headers["Holdfast-Receipt"]), digest))
                        if flow == "support":
                            self.support.add(subject)
        except OSError:
            pass
        except Exception as error:  # http.client's own, when an answer is cut short
            if type(error).__module__ != "http.client":
                raise


@pytest.mark.parametrize("seed", [1])
def test_sigkill_under_load_loses_nothing(tmp_path, seed):
    choose = random.Random(seed)
    print("seed", seed)
    one = Holdfast(tmp_path, limit=f"{LIMIT} subjects per day")
    one.round = 0
    deposited, released, support = {}, [], set()
    for one.round in range(4):
        one.start()
        loads = [Load(one, number) for number in range(4)]
        for load in loads:
            load.start()
        timer = threading.Timer(choose.uniform(0.3, 1.2), one.process.kill)
        timer.start()
        for load in loads:
            load.join()
        one.kill()
        for load in loads:
            deposited.update(load.deposited)
            released += load.released
            support |= load.support
    one.start()
    assert len(deposited) > 20 and len(released) > 20
    app = one.client("app-us")
    for subject, code in deposited.items():
        assert disclose(app, "account", subject).json()["profile"]["zip"] == code
    for index, digest in released:
        entry = app.call("GET", f"/v1/entries/{index}").json()
        assert entry["digest"] == base64.urlsafe_b64encode(digest).decode().rstrip("=")
    assert len(support) <= LIMIT
    out = one.verify()
    assert out.returncode == 0, out.stdout + out.stderr
    one.stop()
