"""Sums over all subjects, with noise, as an operator asks for them: once a window, and what was told is told again."""
import json
import time

import pytest

from holdfast import Holdfast, bring_in, run

PEOPLE = 400


def with_sums(text, epsilon=20):
    return text.replace("prohibitions:", f"""  weekly-report:
    to: bytedance
    use: functional.service.improve
    aggregate:
      from: views
      by: [video]
      measure: {{views: count, watch-time: sum of watched within 0s..600s}}
      privacy: {{epsilon: {epsilon}, delta: 1e-6, per: year, contributions: 2}}
  people:
    to: treasury
    use: functional.service.improve
    aggregate: {{from: profile, by: [], measure: {{people: count}},
                privacy: {{epsilon: 1, delta: 1e-9, per: year, contributions: 1}}}}
prohibitions:""")


@pytest.fixture
def server(tmp_path):
    one = Holdfast(tmp_path)
    one.start(adopt=False)
    one.adopt(edit=with_sums)
    one.adopted = True
    rows = [{"subject": f"p{i}", "event": f"e{i}", "video": "v-all", "watched": 30} for i in range(PEOPLE)]
    rows += [{"subject": f"p{i}", "event": f"f{i}", "video": "v-half", "watched": 9999} for i in range(PEOPLE // 2)]
    rows += [{"subject": "p7", "event": "rare", "video": "only-p7-saw-this"}]
    bring_in(one.client("app-us"), "views", rows)
    yield one
    one.stop()


def ask(server, flow="weekly-report", profile="bytedance"):
    return server.client(profile).call("GET", f"/v1/flows/{flow}/aggregate")


def entry_of(server, answer):
    return json.loads(server.client("oracle").call("GET", f"/v1/entries/{answer.headers['Holdfast-Receipt']}").body)


def test_the_operator_gets_sums_once_a_window_and_the_same_ones_again(server):
    first = ask(server)
    assert first.status == 200, first.body
    table = first.json()
    groups = {group["video"]: group for group in table["groups"]}
    assert set(groups) == {"v-all", "v-half"}  # what one person saw alone is not told
    assert b"only-p7-saw-this" not in first.body
    noise = table["noise"]
    assert abs(groups["v-all"]["views"] - PEOPLE) < 20 * noise["views"]
    assert abs(groups["v-half"]["views"] - PEOPLE / 2) < 20 * noise["views"]
    assert abs(groups["v-half"]["watch-time"] - 600 * PEOPLE / 2) < 20 * noise["watch-time"]
    entry = entry_of(server, first)
    assert (entry["kind"], entry["groups"], entry["size"]) == ("aggregate.released", 2, len(first.body))
    assert entry["spent"] == {"delta": "1e-6", "epsilon": "20"}
    assert entry["gives"]["views"] == {"at": "aggregate", "video": "aggregate", "watched": "aggregate"}

    again = ask(server)
    assert again.body == first.body and again.headers["Holdfast-Salt"] == first.headers["Holdfast-Salt"]
    entry = entry_of(server, again)
    assert "spent" not in entry and again.headers["Holdfast-Receipt"] != first.headers["Holdfast-Receipt"]
    year = time.gmtime().tm_year + 1
    assert again.headers["Holdfast-Renews-At"] == f"{year}-01-01T00:00:00.000Z"

    # Neither a clean stop nor a kill makes new figures of the same budget.
    server.stop()
    server.start()
    assert ask(server).body == first.body
    server.kill()
    server.start()
    assert ask(server).body == first.body

    payload, proof = server.folder / "table.json", server.folder / "proof"
    payload.write_bytes(first.body)
    receipt = first.headers["Holdfast-Receipt"]
    run("log", "proof", receipt, "--log", server.evidence_url, "-o", proof)
    run("log", "check-receipt", proof, "--log", server.evidence_url, "--log-key", server.dir / "keys/log.vkey",
        "--payload", payload, "--salt", first.headers["Holdfast-Salt"])
    assert json.loads(server.verify("--json").stdout)["verdict"] == "good"


def test_nobody_else_gets_them_and_no_single_subject(server):
    for profile, code in (("app-us", "flow.party"), ("treasury", "flow.party"), ("oracle", "flow.party")):
        answer = ask(server, profile=profile)
        assert (answer.status, answer.code) == (403, code)
    operator = server.client("bytedance")
    answer = operator.call("GET", "/v1/flows/weekly-report/subjects/p7")
    assert (answer.status, answer.code) == (403, "flow.kind") and "holdfast get weekly-report" in answer.json()["detail"]
    answer = operator.call("POST", "/v1/flows/weekly-report/batch", '"p7"\n', {"Content-Type": "application/x-ndjson"})
    assert (answer.status, answer.code) == (403, "flow.kind")
    answer = operator.call("GET", "/v1/flows/support/aggregate")
    assert (answer.status, answer.code) == (403, "flow.kind")
    answer = operator.call("GET", "/v1/flows/weekly-raport/aggregate")
    assert (answer.status, answer.code) == (403, "flow.unknown") and "weekly-report" in answer.json()["detail"]
    assert server.client().call("GET", "/v1/flows/weekly-report/aggregate").status == 401


def test_a_total_is_told_of_nobody_too_and_the_restricted_are_left_out(server):
    app = server.client("app-us")
    for i in range(PEOPLE // 2, PEOPLE):
        assert app.call("PUT", f"/v1/subjects/p{i}/restriction").status == 200
    assert app.call("DELETE", "/v1/subjects/p1").status == 200
    groups = {group["video"]: group for group in ask(server).json()["groups"]}
    assert abs(groups["v-all"]["views"] - (PEOPLE / 2 - 1)) < 60
    total = ask(server, "people", "treasury").json()  # no profile was deposited
    assert len(total["groups"]) == 1 and abs(total["groups"][0]["people"]) < 100


def test_the_command_line_prints_them(server):
    done = server.cli("get", "weekly-report", profile="bytedance")
    assert {group["video"] for group in json.loads(done.stdout)["groups"]} == {"v-all", "v-half"}
    assert "these figures stand until" in done.stderr
    told = json.loads(server.cli("get", "weekly-report", "--json", profile="bytedance").stdout)
    assert told["renews_at"].endswith("Z") and told["data"] == json.loads(done.stdout)
    refused = server.cli("get", "support", profile="bytedance", check=False)
    assert refused.returncode != 0 and "flow.kind" in refused.stderr


def test_other_terms_wait_for_the_next_window(server):
    first = ask(server)
    server.adopt(2, edit=with_sums)
    assert ask(server).body == first.body
    server.adopt(3, edit=lambda text: with_sums(text, epsilon=10))
    answer = ask(server)
    assert (answer.status, answer.code) == (429, "aggregate.spent") and int(answer.headers["Retry-After"]) > 0
    assert ask(server, "people", "treasury").status == 200  # another flow has a budget of its own


def test_the_report_tells_of_them(server):
    ask(server)
    ask(server)
    page_file = server.folder / "report.html"
    parties = [word for name in server.vkeys for word in ("--party", server.vkeys[name])]
    run("report", server.evidence_url, *parties, "-o", page_file)
    page = page_file.read_text()
    assert "in sums" in page and "4 groups" in page and "epsilon 20 and delta 1e-6 per year" in page
    told = json.loads(run("report", server.evidence_url, *parties, "--json").stdout)
    flow = next(flow for flow in told["flows"] if flow["flow"] == "weekly-report")
    assert (flow["releases"], flow["records"], flow["groups"]) == (2, 0, 4)
