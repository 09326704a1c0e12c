"""Records come into custody: checked, versioned, once."""
import json


def put(client, subject, record, **headers):
    return client.call("PUT", f"/v1/collections/profile/subjects/{subject}", json.dumps(record),
                       {"Content-Type": "application/json", **{k.replace("_", "-"): v for k, v in headers.items()}})


def test_versions_are_compared_and_set(shared):
    app = shared.client("app-us")
    first = put(app, "v1", {"zip": "1"}, If_None_Match="*")
    assert first.status == 201
    assert put(app, "v1", {"zip": "2"}, If_None_Match="*").status == 412
    second = put(app, "v1", {"zip": "2"}, If_Match=first.headers["ETag"])
    assert second.status == 200 and second.headers["ETag"] != first.headers["ETag"]
    assert put(app, "v1", {"zip": "3"}, If_Match=first.headers["ETag"]).status == 412


def test_a_retry_is_told_the_same(shared):
    app = shared.client("app-us")
    first = put(app, "v2", {"zip": "1"}, Idempotency_Key="k1")
    again = put(app, "v2", {"zip": "1"}, Idempotency_Key="k1")
    assert again.headers["Holdfast-Receipt"] == first.headers["Holdfast-Receipt"]
    assert again.headers["ETag"] == first.headers["ETag"]
    other = put(app, "v2", {"zip": "9"}, Idempotency_Key="k1")
    assert (other.status, other.code) == (409, "idempotency.reused")


def test_bad_records_are_refused_with_the_field_and_without_the_value(shared):
    app = shared.client("app-us")
    for record, code, where in [
        ({"birthdate": "yesterday-secret"}, "disclosure.value.date", "birthdate"),
        ({"emial": "x"}, "record.field.unknown", "emial"),
    ]:
        answer = put(app, "v3", record)
        assert (answer.status, answer.code, answer.json()["where"]) == (400, code, where)
        assert b"secret" not in answer.body
    assert put(app, "v3", ["no object"]).code == "record.json"
    answer = app.call("PUT", "/v1/collections/profile/subjects/v3", "{", {"Content-Type": "application/json"})
    assert (answer.status, answer.code) == (400, "record.json")


def test_only_named_parties_deposit(shared):
    answer = put(shared.client("bytedance"), "v4", {"zip": "1"})
    assert (answer.status, answer.code) == (403, "collection.party")


def test_rows_are_appended_once(shared):
    app = shared.client("app-us")
    path = "/v1/collections/views/subjects/v5/records/e1"
    json_type = {"Content-Type": "application/json"}
    assert app.call("POST", path, '{"video":"a"}', json_type).status == 201
    assert app.call("POST", path, '{"video":"a"}', json_type).status == 200
    assert app.call("POST", path, '{"video":"b"}', json_type).status == 409


def test_what_looks_like_a_guard_and_guards_nothing_is_refused(shared):
    app = shared.client("app-us")
    headers = {"Content-Type": "application/json", "If-Match": '"1"'}
    answer = app.call("POST", "/v1/collections/views/subjects/v6/records/e1", "{}", headers)
    assert (answer.status, answer.code) == (400, "request.precondition")
    assert put(app, "v6", {"zip": "1"}, Idempotency_Key="").code == "request.idempotency_key"
    assert app.call("GET", "/v1/subjects/v6/export").status == 404


def test_an_import_of_another_type_is_told_both(shared):
    answer = shared.client("app-us").call("POST", "/v1/collections/views/import", "x", {"Content-Type": "text/csv; charset=latin1"})
    assert answer.status == 415 and "text/csv" in answer.json()["detail"] and "ndjson" in answer.json()["detail"]


def test_an_import_of_a_stream(shared):
    app = shared.client("app-us")
    rows = "".join(json.dumps({"subject": f"w{i % 7}", "event": f"e{i:06}", "video": f"v{i % 5}", "watched": i % 60,
                               "at": "2026-01-02T03:04:05Z"}) + "\n" for i in range(20000))
    answer = app.call("POST", "/v1/collections/views/import", rows + "broken\n",
                      {"Content-Type": "application/x-ndjson"})
    assert answer.status == 200
    told = answer.json()
    assert (told["accepted"], told["rejected"]) == (20000, 1)
    assert told["errors"][0]["line"] == 20001
    history = app.call("GET", "/v1/flows/history/subjects/w3").json()["views"]
    assert len(history) == len([i for i in range(20000) if i % 7 == 3])
    again = app.call("POST", "/v1/collections/views/import", rows, {"Content-Type": "application/x-ndjson"}).json()
    assert (again["accepted"], again["unchanged"]) == (0, 20000)


def test_the_command_imports_a_long_file_in_its_order(shared, tmp_path):
    path = tmp_path / "people.csv"  # longer than several pieces, which are on their way at the same time
    path.write_text("subject,zip,occupation\n" + "".join(f"c{i % 3},{i},{'x' * (i % 50)}\n" for i in range(60_000)))
    told = json.loads(shared.cli("import", "profile", path, "--json").stdout)
    assert (told["rows"], told["accepted"], told["rejected"]) == (60_000, 60_000, 0)
    for i in range(3):
        person = shared.client("app-us").call("GET", f"/v1/flows/account/subjects/c{i}").json()["profile"]
        assert person["zip"] == f"{59_997 + i}", "of rows for one person the last counts"


def test_of_a_file_that_breaks_off_what_precedes_is_deposited_and_told(shared, tmp_path):
    path, rejects = tmp_path / "broken.csv", tmp_path / "rejects.ndjson"
    path.write_text("subject,zip,birthdate\nb1,1,\nb2,2,\nb3,3,yesterday\nb4,4,\nb5,\"5,\nb6,6,\n")
    done = shared.cli("import", "profile", path, "--json", "--rejects", rejects, check=False)
    told, error = json.loads(done.stdout), json.loads(done.stderr)["error"]
    assert done.returncode == 2
    assert (error["code"], error["where"]) == ("cli.import.csv", f"{path}:row 6")
    assert (told["rows"], told["accepted"], told["rejected"]) == (4, 3, 1)
    assert [json.loads(line)["row"] for line in rejects.read_text().splitlines()] == [4]
    app = shared.client("app-us")
    assert app.call("GET", "/v1/flows/account/subjects/b4").json()["profile"]["zip"] == "4"
    for absent in ("b3", "b5", "b6"):
        assert app.call("GET", f"/v1/flows/account/subjects/{absent}").status == 404
    again = shared.cli("import", "profile", path, check=False)
    assert again.returncode == 2 and "4 rows in" in again.stdout and "row 6" in again.stderr
    # A header that is no CSV has nothing before it.
    path.write_text('subject,"zip\n')
    none = shared.cli("import", "profile", path, "--json", check=False)
    assert none.returncode == 2 and none.stdout == "" and "row 1" in none.stderr
