"""docs/openapi.yaml and the server say the same: every documented operation answers with each status it promises."""
import base64
import hashlib
import json
import re

import pytest
import yaml

from holdfast import BINARY, ROOT, SMALLEST_MODULE, Holdfast

DOCUMENT = yaml.safe_load((ROOT / "docs/openapi.yaml").read_text())
METHODS = {"get", "put", "post", "delete", "head"}
JSON, NDJSON = {"Content-Type": "application/json"}, {"Content-Type": "application/x-ndjson"}
# A body that is announced and not sent: the server must not wait for it.
LARGE = {"Content-Length": str(64 << 20)}
# What only a fault of the machine, a flood or a slow client brings about: tests/fault and the rooms' own tests do.
ELSEWHERE = {"408", "431", "500", "501", "503", "default"}  # 501: only without the program of sealed modules' workers


def documented():
    for path, operations in DOCUMENT["paths"].items():
        for method, operation in operations.items():
            if method in METHODS:
                for status in operation["responses"]:
                    yield method.upper(), path, str(status)


@pytest.fixture(scope="module")
def answers(tmp_path_factory):
    """Every call of the table below, made once; answers what came, by (method, path template)."""
    one = Holdfast(tmp_path_factory.mktemp("openapi"), limit="1 subjects per day")
    one.start(adopt=False)
    seen = {}
    # The path of a tile has as many segments as its number needs.
    templates = [(re.compile("^" + re.sub(r"\{[^}]+\}", ".+" if "/tile/" in path else "[^/]+", path) + "$"), path)
                 for path in DOCUMENT["paths"]]

    def call(client, method, path, body=None, headers=None):
        answer = client.call(method, path, body, headers)
        template = min((t for pattern, t in templates if pattern.match(path.split("?")[0])), key=lambda t: t.count("{"))
        seen.setdefault((method, template), {}).setdefault(str(answer.status), answer)
        return answer

    everyone = {name: one.client(name) for name in ("app-us", "oracle", "treasury", "bytedance")}
    app, oracle, operator, nobody = everyone["app-us"], everyone["oracle"], everyone["bytedance"], one.client()
    try:
        exercise(call, one, app, oracle, operator, nobody)
    finally:
        one.stop()
    return seen


def with_sums(text):
    """A flow that aggregates."""
    return text.replace("prohibitions:", """  sums:
    to: bytedance
    use: functional.service.improve
    aggregate: {from: views, by: [video], measure: {views: count},
                privacy: {epsilon: 1, delta: 1e-9, per: week, contributions: 20}}
prohibitions:""")


def exercise(call, one, app, oracle, operator, nobody):
    call(nobody, "GET", "/readyz")
    first = one.signed(1, edit=with_sums).read_bytes()
    text = {"Content-Type": "text/plain; charset=utf-8"}
    call(oracle, "GET", "/v1/agreement")
    call(oracle, "POST", "/v1/agreement", b"no note", text)
    call(oracle, "POST", "/v1/agreement", one.signed(1, signers=("oracle",)).read_bytes(), text)
    call(oracle, "POST", "/v1/agreement", first, text)
    call(oracle, "POST", "/v1/agreement", first, text)
    call(oracle, "POST", "/v1/agreement", first, {"Content-Type": "image/png"})
    call(oracle, "POST", "/v1/agreement", None, {**text, **LARGE})
    call(nobody, "POST", "/v1/agreement", first, text)
    for path in ("/v1/agreement", "/v1/status", "/v1/entries/0", "/v1/receipts/0"):
        call(oracle, "GET", path)
        call(nobody, "GET", path)
        call(app, "GET", path)
    for path in ("/v1/entries/99999", "/v1/receipts/99999", "/v1/entries/x", "/v1/receipts/x"):
        call(oracle, "GET", path)
    profile = "/v1/collections/profile/subjects/p1"
    record = json.dumps({"zip": "94105", "email": "p1@example.org"})
    call(app, "PUT", profile, record, {**JSON, "If-None-Match": "*"})
    call(app, "PUT", profile, record, {**JSON, "If-None-Match": "*"})
    call(app, "PUT", profile, record, {**JSON, "Idempotency-Key": "one"})
    call(app, "PUT", profile, '{"zip":"1"}', {**JSON, "Idempotency-Key": "one"})
    call(app, "PUT", profile, "{", JSON)
    call(app, "PUT", profile, record, NDJSON)
    call(app, "PUT", profile, None, {**JSON, **LARGE})
    call(operator, "PUT", profile, record, JSON)
    call(nobody, "PUT", profile, record, JSON)
    row = "/v1/collections/views/subjects/p1/records/e1"
    for body, headers in (('{"video":"a"}', JSON), ('{"video":"a"}', JSON), ('{"video":"b"}', JSON), ("{", JSON),
                          ("{}", NDJSON), (None, {**JSON, **LARGE})):
        call(app, "POST", row, body, headers)
    call(operator, "POST", row, "{}", JSON)
    call(nobody, "POST", row, "{}", JSON)
    rows = '{"subject":"p1","event":"e2","video":"a"}\n'
    call(app, "POST", "/v1/collections/views/import", rows, {**NDJSON, "Idempotency-Key": "two"})
    call(app, "POST", "/v1/collections/profile/import", "subject,zip\np2,1\n", {"Content-Type": "text/csv", "Idempotency-Key": "two"})
    call(app, "POST", "/v1/collections/views/import", rows, JSON)
    call(app, "POST", "/v1/collections/views/import", "zip\n1\n", {"Content-Type": "text/csv"})
    call(operator, "POST", "/v1/collections/views/import", rows, NDJSON)
    call(nobody, "POST", "/v1/collections/views/import", rows, NDJSON)
    call(app, "GET", "/v1/flows/account/subjects/p1")
    call(app, "GET", "/v1/flows/account/subjects/p99")
    for client, flow in ((operator, "sums"), (app, "sums"), (nobody, "sums"), (operator, "none")):
        call(client, "GET", f"/v1/flows/{flow}/aggregate")
    call(app, "GET", "/v1/flows/account/subjects/" + "x" * 600)
    call(operator, "GET", "/v1/flows/account/subjects/p1")
    call(operator, "GET", "/v1/flows/support/subjects/p1")
    one.deposit(app, "p3")
    call(operator, "GET", "/v1/flows/support/subjects/p3")
    call(nobody, "GET", "/v1/flows/account/subjects/p1")
    for client, flow, headers in ((app, "account", NDJSON), (operator, "account", NDJSON), (nobody, "account", NDJSON),
                                  (app, "account", JSON), (operator, "sums", NDJSON)):
        call(client, "POST", f"/v1/flows/{flow}/batch", '"p1"\n', headers)
    call(app, "POST", "/v1/flows/account/batch?all", '"p1"\n', NDJSON)  # no path takes a query
    for method, path in (("GET", "/v1/subjects/{}/export"), ("PUT", "/v1/subjects/{}/restriction"),
                         ("DELETE", "/v1/subjects/{}/restriction"), ("DELETE", "/v1/subjects/{}")):
        for client, subject in ((operator, "p1"), (nobody, "p1"), (app, "p99"), (app, "x" * 600), (app, "p1")):
            call(client, method, path.format(subject))
    for path, body in (("/v1/root-key/rotation", None), ("/v1/backup", json.dumps(
            {"directory": str(one.folder / "copy"), "keys_directory": str(one.folder / "copy-keys")}))):
        headers = JSON if body else {}
        for client in (oracle, operator, nobody):
            call(client, "POST", path, body, headers)
        if body:
            call(oracle, "POST", path, body, headers)
            call(oracle, "POST", path, "{", headers)
            call(oracle, "POST", path, None, {**JSON, **LARGE})
            call(oracle, "POST", path, body, NDJSON)
    for path in ("/healthz", "/readyz", "/metrics", "/openapi.yaml", "/log/checkpoint", "/log/tile/0/000.p/1",
                 "/log/tile/entries/000.p/1", "/log/tile/0/999", "/log/tile/entries/999", "/log/tile/8/0", "/log/log.vkey"):
        call(nobody, "GET", path)
    exercise_modules(call, one, app, operator, nobody)
    for client, name in ((oracle, "feed-ranker"), (operator, "feed-ranker"), (nobody, "feed-ranker"), (oracle, "none")):
        call(client, "GET", f"/v1/modules/{name}/log")
    entry = json.loads(oracle.call("GET", "/v1/entries/0").body)
    adopted = base64.urlsafe_b64decode(entry["document"] + "=").hex()
    call(nobody, "GET", f"/log/agreement/{adopted}")
    call(nobody, "GET", "/log/agreement/" + "0" * 64)


def exercise_modules(call, one, app, operator, nobody):
    overseer, subject = one.client("treasury"), one.subject_client("p3")
    statement = one.statement(SMALLEST_MODULE)
    module, released = "/v1/modules/" + hashlib.sha256(SMALLEST_MODULE).hexdigest(), statement.read_bytes()
    body = json.dumps({"envelope": json.loads(released), "module": base64.b64encode(SMALLEST_MODULE).decode()})
    for client, text, headers in ((operator, "{", JSON), (nobody, body, JSON), (app, body, JSON), (operator, body, JSON),
                                  (operator, body, JSON), (operator, None, {**JSON, **LARGE}), (operator, body, NDJSON)):
        call(client, "POST", "/v1/modules", text, headers)
    for client in (operator, nobody, subject):
        call(client, "GET", "/v1/modules")
        call(client, "GET", module)
    call(operator, "GET", "/v1/modules/" + "0" * 64)
    call(operator, "POST", module + "/release", released, JSON)  # not signed by the overseer, and not shown to it
    call(overseer, "GET", module)
    released = one.sign_statement(statement, "treasury").read_bytes()
    for client, path, text, headers in ((nobody, module, released, JSON), (operator, module, "{", JSON),
                                        (operator, "/v1/modules/" + "0" * 64, released, JSON),
                                        (operator, module, None, {**JSON, **LARGE}), (operator, module, released, NDJSON),
                                        (operator, module, released, JSON), (operator, module, released, JSON)):
        call(client, "POST", path + "/release", text, headers)
    shown = json.loads(overseer.call("GET", module).body)
    call(nobody, "GET", "/log/statement/" + shown["statement"])
    call(nobody, "GET", "/log/statement/" + "0" * 64)
    for client in (nobody, app, operator, operator):
        call(client, "DELETE", module)
    exercise_jobs(call, one, app, nobody)


def exercise_jobs(call, one, app, nobody):
    oracle, body = one.client("oracle"), json.dumps({"flow": "tally"})
    flow = ("flows:\n  tally: {use: personalize.content, run: feed-ranker, reads: {views: [video]}, makes: tally, "
            "output: 1KiB}\n")
    one.adopt(2, edit=lambda text: with_sums(text).replace("flows:\n", flow, 1).replace("epsilon: 1,", "epsilon: 2,"))
    call(one.client("bytedance"), "GET", "/v1/flows/sums/aggregate")  # the budget is spent, on other terms
    one.release_module((BINARY.parent / "modules/hostile-spin.wasm").read_bytes(), number=2)
    for client, text, headers in ((nobody, body, JSON), (app, body, JSON), (oracle, "{", JSON), (oracle, body, NDJSON),
                                  (oracle, None, {**JSON, **LARGE}), (oracle, body, JSON), (oracle, body, JSON)):
        call(client, "POST", "/v1/jobs", text, headers)
    number = oracle.call("GET", "/v1/jobs").json()["jobs"][0]["job"]
    for client, name in ((nobody, number), (app, number), (oracle, number), (oracle, "x"), (oracle, 99999),
                         (oracle, number)):
        call(client, "GET", "/v1/jobs")
        call(client, "GET", f"/v1/jobs/{name}")
        call(client, "DELETE", f"/v1/jobs/{name}")


def test_the_server_serves_its_own_description(shared):
    assert yaml.safe_load(shared.client().call("GET", "/openapi.yaml").body) == DOCUMENT


def test_every_documented_status_is_answered(answers):
    missing = [(method, path, status) for method, path, status in documented()
               if status not in ELSEWHERE and status not in answers.get((method, path), {})]
    assert not missing, "\n".join(map(str, missing))


def test_every_answer_is_documented(answers):
    known = set(documented())
    unknown = [(method, path, status, answer.body[:200]) for (method, path), statuses in answers.items()
               for status, answer in statuses.items()
               if (method, path, status) not in known and (method, path, "default") not in known]
    assert not unknown, unknown


def test_every_error_is_a_problem_with_a_code(answers):
    for statuses in answers.values():
        for status, answer in statuses.items():
            if int(status) >= 400:
                assert answer.headers["Content-Type"] == "application/problem+json"
                assert {"type", "title", "status", "detail", "code"} <= set(answer.json())
                if status == "429":
                    assert int(answer.headers["Retry-After"]) > 0


def test_what_is_not_there(shared):
    app = shared.client("app-us")
    assert app.call("GET", "/v1/nothing").status == 404
    wrong = app.call("DELETE", "/v1/status")
    assert wrong.status == 405 and "GET" in wrong.headers["Allow"]
