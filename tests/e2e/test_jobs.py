"""Jobs: a sealed module runs over all subjects, and what it makes stays in custody. The modules are the example's."""
import json
import os
import signal

import pytest

from holdfast import BINARY, Holdfast, bring_in, disclose

MODULES = BINARY.parent / "modules"
PEOPLE = 12
JSON = {"Content-Type": "application/json"}
FLOWS = """  train:
    use: personalize.content
    run: feed-trainer
    reads: {views: [video, watched, at], profile: [language]}
    makes: model
    output: 1MiB
"""


def with_jobs(text):
    feed = "    reads: {views: [video, watched, at], profile: [language]}\n    output: 16KiB\n"
    assert text.count(feed) == 1
    text = text.replace(feed, feed.replace("    output", "    with: model\n    output"))
    text = text.replace("flows:\n", "flows:\n" + FLOWS, 1)
    head, changes = text.split("changes:\n")
    changes = "".join(line + "\n" for line in changes.splitlines() if not line.startswith("  module:"))
    return f"{head}changes:\n{changes}  module: {{signed-by: [operator, overseer], seen-by: [overseer]}}\n"


def release(one, name, wasm, number=1):
    one.release_module((MODULES / f"{wasm}.wasm").read_bytes(), number, name)


def deposit_views(one, subject, videos):
    bring_in(one.client("app-us"), "views", [
        {"subject": subject, "event": f"e{i:04}", "video": video, "watched": "20s",
         "at": f"2026-11-{1 + i % 20:02}T12:00:00Z"} for i, video in enumerate(videos)])


@pytest.fixture
def one(tmp_path):
    """A server whose agreement has a job, with people who watched something."""
    it = Holdfast(tmp_path)
    it.start(adopt=False)
    it.adopt(edit=with_jobs)
    it.adopted = True
    app = it.client("app-us")
    for number in range(PEOPLE):
        assert it.deposit(app, f"p{number}").status == 201
        deposit_views(it, f"p{number}", [f"v{(number * 3 + i) % 40}" for i in range(10)])
    yield it
    it.stop()


def start(one, flow="train", profile="oracle"):
    return one.client(profile).call("POST", "/v1/jobs", json.dumps({"flow": flow}), JSON)


def job(one, number, profile="oracle"):
    return one.client(profile).call("GET", f"/v1/jobs/{number}").json()


def wait_until(one, number, states):
    one.wait_for(lambda: job(one, number)["state"] in states, seconds=60)
    return job(one, number)


def entry(one, number):
    return one.client("oracle").call("GET", f"/v1/entries/{number}").json()


def kinds(one, since):
    """The kinds of the entries from `since` on."""
    out, index = [], since
    while (answer := one.client("oracle").call("GET", f"/v1/entries/{index}")).status == 200:
        out.append(answer.json()["kind"])
        index += 1
    return out


def test_a_feed_runs_with_what_a_job_made(one):
    release(one, "feed-trainer", "trainer")
    release(one, "feed-ranker", "ranker")
    app = one.client("app-us")
    none = disclose(app, "feed", "p1")
    assert (none.status, none.code) == (403, "product.none")

    done = one.cli("job", "start", "train", "--wait", "--json", profile="oracle")
    made = json.loads(done.stdout)
    assert (made["state"], made["subjects"], made["records"]) == ("finished", PEOPLE, PEOPLE * 11)
    ended = one.cli("job", "cancel", made["job"], profile="oracle", check=False)
    assert ended.returncode == 1 and "job.ended" in ended.stderr
    started, finished = entry(one, made["job"]), entry(one, made["receipt"])
    assert started["kind"] == "job.started" and started["gives"]["views"] == {"at": "read", "video": "read", "watched": "read"}
    assert (finished["kind"], finished["product"], finished["size"]) == ("job.finished", "model", made["size"])

    feed = disclose(app, "feed", "p1")
    assert feed.status == 200, feed.body
    videos = {row["video"] for row in feed.json()["feed"]}
    assert len(videos) == 20 and not videos & {f"v{(3 + i) % 40}" for i in range(10)}
    assert entry(one, feed.headers["Holdfast-Receipt"])["run"]["product"] == made["job"]
    # A newer product takes the place of the first.
    one.cli("job", "start", "train", profile="oracle")
    # Without a number it is the newest that is waited for.
    newer = json.loads(one.cli("job", "status", "--wait", "--json", profile="oracle").stdout)
    assert newer["state"] == "finished" and newer["job"] > made["job"]
    again = disclose(app, "feed", "p1")
    assert again.status == 200, again.body
    assert entry(one, again.headers["Holdfast-Receipt"])["run"]["product"] == newer["job"]
    # A product is given to nobody, not to the trustee either.
    assert disclose(one.client("oracle"), "train", "p1").code == "flow.job"
    # It is there after a restart.
    one.stop()
    one.start()
    assert disclose(one.client("app-us"), "feed", "p2").status == 200
    check = one.verify()
    assert check.returncode == 0, check.stdout + check.stderr


def test_only_the_trustee_starts_and_cancels_and_the_overseer_looks(one):
    release(one, "feed-trainer", "trainer")
    for profile in ("bytedance", "treasury", "app-us"):
        entries = lambda: one.client("oracle").call("GET", "/v1/status").json()["log"]["entries"]
        before = entries()
        refused = start(one, profile=profile)
        assert (refused.status, refused.code) == (403, "caller.trustee")
        one.wait_for(lambda: entries() > before)  # it is answered before it is on record
        assert entry(one, before)["operation"] == "job"
        assert one.client(profile).call("DELETE", "/v1/jobs/1").status == 403
    assert one.client("treasury").call("GET", "/v1/jobs").json() == {"jobs": []}
    for profile in ("bytedance", "app-us"):
        assert one.client(profile).call("GET", "/v1/jobs").code == "caller.role"
    assert one.client().call("GET", "/v1/jobs").status == 401

    unknown = start(one, "trian")
    assert (unknown.status, unknown.code) == (403, "flow.unknown") and "train" in unknown.json()["detail"]
    assert start(one, "support").code == "job.undeclared"
    assert one.client("oracle").call("POST", "/v1/jobs", "{}", JSON).status == 400
    assert one.client("oracle").call("GET", "/v1/jobs/77").code == "job.unknown"
    assert one.client("oracle").call("GET", "/v1/jobs/x").status == 400
    absent = one.client("oracle").call("DELETE", "/v1/jobs/77")
    assert (absent.status, absent.code) == (404, "job.unknown")
    for words in (("status", 77), ("cancel", 77)):
        assert one.cli("job", *words, profile="oracle", check=False).returncode == 5
    assert one.cli("job", "status", "--wait", profile="oracle").stdout == "no job was started\n"


def test_no_module_no_job(one):
    none = start(one)
    assert (none.status, none.code) == (403, "module.none")
    done = one.cli("job", "start", "train", profile="oracle", check=False)
    assert done.returncode == 4 and "module.none" in done.stderr


def test_who_is_restricted_or_erased_is_left_out(one):
    release(one, "feed-trainer", "trainer")
    app = one.client("app-us")
    assert app.call("PUT", "/v1/subjects/p3/restriction").status == 200
    assert app.call("DELETE", "/v1/subjects/p4").status == 200
    made = wait_until(one, start(one).json()["job"], {"finished", "failed"})
    assert (made["state"], made["subjects"], made["records"]) == ("finished", PEOPLE - 2, (PEOPLE - 2) * 11)


def test_a_job_is_cancelled(one):
    release(one, "feed-trainer", "hostile-spin")
    number = start(one).json()["job"]
    running = wait_until(one, number, {"running"})
    assert running["subjects"] == running["subjects_in_all"] == PEOPLE and running["bytes"] > 0
    second = start(one)
    assert (second.status, second.code) == (409, "job.running")
    shown = one.cli("job", "status", profile="treasury").stdout
    assert f"{number} train → model: running" in shown
    one.cli("job", "cancel", number, profile="oracle")
    end = job(one, number)
    assert end["state"] == "cancelled" and entry(one, end["receipt"])["kind"] == "job.cancelled"
    assert one.client("oracle").call("DELETE", f"/v1/jobs/{number}").code == "job.ended"
    # Its worker is gone with it, so the next one comes to run.
    next_one = start(one).json()["job"]
    wait_until(one, next_one, {"running"})
    one.cli("job", "cancel", next_one, profile="oracle")
    assert one.verify().returncode == 0


def test_a_job_that_fails_says_why(one):
    release(one, "feed-trainer", "hostile-trap")
    done = one.cli("job", "start", "train", "--wait", profile="oracle", check=False)
    assert done.returncode == 1 and "sealed.run.trapped" in done.stdout, done.stdout + done.stderr
    listed = one.client("treasury").call("GET", "/v1/jobs").json()["jobs"]
    assert [each["reason"] for each in listed] == ["sealed.run.trapped"]
    assert entry(one, listed[0]["receipt"])["reason"] == "sealed.run.trapped"
    assert one.verify().returncode == 0


def test_a_job_whose_worker_dies_says_so_where_the_module_is_looked_at(one):
    release(one, "feed-trainer", "hostile-spin")
    number = start(one).json()["job"]
    wait_until(one, number, {"running"})
    for worker in one.workers():
        os.kill(worker, signal.SIGKILL)
    assert wait_until(one, number, {"failed"})["reason"] == "sealed.worker.died"
    log = one.cli("module", "log", "feed-trainer", profile="treasury").stdout
    assert f"job {number}, the worker died while it ran this module" in log
    assert one.verify().returncode == 0


def test_another_agreement_ends_a_job(one):
    release(one, "feed-trainer", "hostile-spin")
    number = start(one).json()["job"]
    wait_until(one, number, {"running"})
    one.adopt(2, edit=with_jobs)
    end = wait_until(one, number, {"failed"})
    assert end["reason"] == "job.agreement"
    assert one.verify().returncode == 0


def test_a_job_that_a_crash_interrupted_is_begun_again(one):
    release(one, "feed-trainer", "hostile-spin")
    number = start(one).json()["job"]
    wait_until(one, number, {"running"})
    one.kill()
    one.start()
    again = wait_until(one, number, {"running"})
    assert again["subjects"] == PEOPLE
    one.cli("job", "cancel", number, profile="oracle")

    # One that can end does, without being started anew.
    release(one, "feed-trainer", "trainer", number=2)
    number = start(one).json()["job"]
    one.kill()
    one.start()
    made = wait_until(one, number, {"finished", "failed"})
    assert made["state"] == "finished" and made["subjects"] == PEOPLE
    assert kinds(one, number) == ["job.started", "server.started", "job.finished"]
    check = one.verify()
    assert check.returncode == 0, check.stdout + check.stderr


def bounded(one, bounds):
    """Started again with these of `sealed`."""
    config = one.dir / "holdfast.yaml"
    one.stop()
    config.write_text(config.read_text() + f"sealed: {{{bounds}}}\n")
    one.start()


def deposit_many(one):
    """More than a mebibyte, as a module gets it."""
    for number in range(7):
        deposit_views(one, f"q{number}", [f"v{i % 40}" for i in range(9999)])


@pytest.mark.parametrize("bound, reason", [("job-input: 1MiB", "sealed.input.large"),
                                           ("job-memory: 1MiB", "sealed.run.trapped")])
def test_more_than_a_job_may_take(one, bound, reason):
    deposit_many(one)
    bounded(one, bound)
    release(one, "feed-trainer", "trainer")
    end = wait_until(one, start(one).json()["job"], {"failed", "finished"})
    assert (end["state"], end["reason"]) == ("failed", reason)
    assert entry(one, end["receipt"])["reason"] == reason
    assert one.verify().returncode == 0
