"""A law stands beside the deal: an agreement adopts a rule pack, and its threshold is counted, refused and verified."""
import hashlib
import json
import pathlib
import shutil

import pytest

from holdfast import Holdfast, disclose, run

RULES = pathlib.Path(__file__).parents[2] / "rules"

LAW = """holdfast-rules: 1
rules-of: small-law
version: 1
title: A law of three
subjects: US
covered: {cite: SL 1, countries: {China: [CN, HK]}, owned-from: 50 %}
rules:
  contact:
    cite: SL 2(a)
    says: Contact data of at most three people goes there.
    bulk: user.contact
    at-most: 3 subjects per 12 months
"""


def under(text, pack=LAW, name="small-law@1"):
    return text + f"under: [{{rules: {name}, sha256: {hashlib.sha256(pack.encode()).hexdigest()}}}]\n"


def served_under(pack, edit, folder):
    server = Holdfast(folder / "holdfast")
    server.use_rules({"small-law": pack})
    server.start(adopt=False)
    server.adopt(edit=edit)
    yield server
    server.stop()


@pytest.fixture
def lawful(tmp_path):
    yield from served_under(LAW, under, tmp_path)


def test_a_bulk_threshold_is_reached_and_refused(lawful):
    app, operator = lawful.client("app-us"), lawful.client("bytedance")
    for subject in "abcd":
        lawful.deposit(app, subject)
    for subject in "abcab":
        assert disclose(operator, "support", subject).status == 200
    answer = disclose(operator, "support", "d")
    assert (answer.status, answer.code) == (429, "rule.threshold")
    assert "rule 'contact' of small-law@1 (SL 2(a))" in answer.json()["detail"]
    assert "3 are counted" in answer.json()["detail"]
    assert 364 * 86400 < int(answer.headers["Retry-After"]) <= 400 * 86400
    assert disclose(app, "account", "d").status == 200  # not to China
    status = json.loads(lawful.cli("status", "--json", profile="oracle").stdout)
    limit = next(each for each in status["limits"] if each["limit"] == "small-law/contact/China")
    assert (limit["amount"], limit["spent"]) == (3, 3)

    # It holds after a restart, and the log alone tells: the pack lies beside the agreement.
    lawful.stop()
    shutil.rmtree(lawful.rules)
    lawful.start(adopt=False)
    assert disclose(lawful.client("bytedance"), "support", "d").code == "rule.threshold"
    verified = lawful.verify("--json", check=True)
    assert json.loads(verified.stdout)["verdict"] == "good"


def test_a_mirror_takes_the_rules_along(lawful, tmp_path):
    mirror = tmp_path / "mirror"
    run("log", "export", mirror, "--dir", lawful.dir)
    digest = hashlib.sha256(LAW.encode()).hexdigest()
    assert (mirror / "agreement" / digest).read_text() == LAW


def test_what_cannot_be_held_is_not_adopted(tmp_path):
    document = tmp_path / "agreement.yaml"
    server = Holdfast(tmp_path / "holdfast")
    for edit, code in [
        (lambda text: under(text, name="no-law@1"), "agreement.under.unavailable"),
        (lambda text: under(text, pack=LAW + "# more\n"), "agreement.under.hash"),
        (lambda text: text + "under: [small-law@1]\n", "agreement.under.unpinned"),
    ]:
        server.use_rules({"small-law": LAW})
        document.write_text(edit(server.agreement()))
        found = run("agreement", "check", document, "--rules", server.rules, "--json", check=False)
        assert found.returncode == 1
        assert [each["code"] for each in json.loads(found.stdout)["findings"]] == [code]


def test_check_says_how_each_rule_stands(tmp_path):
    server = Holdfast(tmp_path / "holdfast")
    pack = (RULES / "us-28cfr202.yaml").read_text()
    document = tmp_path / "agreement.yaml"
    document.write_text(under(server.agreement(), pack, "us-28cfr202@1"))
    found = json.loads(run("agreement", "check", document, "--rules", RULES, "--json").stdout)
    stands = {each["rule"]: each["holds"] for each in found["rules"]}
    assert stands["genomic"] == "always" and set(stands.values()) <= {"always", "limited"}


DEVICES = """holdfast-rules: 1
rules-of: small-law
version: 1
title: A law of three devices
subjects: US
covered: {cite: SL 1, countries: {China: [CN, HK]}, owned-from: 50 %}
rules:
  places:
    cite: SL 3
    says: Precise places of at most three devices go there.
    bulk: user.location.precise
    at-most: 3 devices per 12 months
    told-apart-by: user.device.device_id
"""
PLACES = """  places:
    from: [app-us]
    key: event
    keep: 400d
    fields:
      device: {type: text, category: user.device.device_id}
      spot: {type: text, category: user.location.precise}
flows:
  nearby: {to: bytedance, use: essential.service, gives: {places: {spot: place to 2 decimals}}}
"""


def with_places(text):
    return under(text.replace("flows:\n", PLACES, 1), DEVICES)


@pytest.fixture
def located(tmp_path):
    yield from served_under(DEVICES, with_places, tmp_path)


def test_devices_are_counted_where_the_law_counts_devices(located):
    def seen(*rows):
        path = located.folder / "places.csv"
        path.write_text("subject,event,device,spot\n" + "".join(
            f'{subject},{event},{device},"37.77,-122.4{event}"\n' for subject, event, device in rows))
        located.cli("import", "places", path)

    seen(("a", 1, "phone-1"), ("a", 2, "tablet-1"), ("a", 3, "phone-1"), ("b", 1, "phone-2"), ("c", 1, "phone-2"))
    operator = located.client("bytedance")
    first = disclose(operator, "nearby", "a")
    assert first.status == 200 and "device" not in first.body.decode()
    assert disclose(operator, "nearby", "a").status == 200  # the same two again
    assert disclose(operator, "nearby", "b").status == 200
    # c has b's phone. Evidence cannot tell, for nothing in it joins two people: it counts as a fourth.
    answer = disclose(operator, "nearby", "c")
    assert (answer.status, answer.code) == (429, "rule.threshold")
    assert "at most 3 devices per 12 months" in answer.json()["detail"] and "3 are counted" in answer.json()["detail"]
    seen(("a", 4, "watch-1"))
    assert disclose(operator, "nearby", "a").code == "rule.threshold"  # a device more than was counted of a

    entries = [json.loads(line) for line in run("log", "tail", "-n", "200", "--dir", located.dir).stdout.splitlines()]
    released = [each for each in entries if each["kind"] == "released"]
    assert [len(each["devices"]) for each in released] == [2, 2, 1]
    assert released[0]["devices"] == released[1]["devices"]
    assert not set(released[0]["devices"]) & set(released[2]["devices"])
    assert "phone" not in json.dumps(entries)
    status = json.loads(located.cli("status", "--json", profile="oracle").stdout)
    limit = next(each for each in status["limits"] if each["limit"].startswith("small-law/places"))
    assert (limit["amount"], limit["spent"]) == (3, 3)

    # Erased, a comes back as somebody else: no name in the log is made again.
    assert located.subject_client("a").call("DELETE", "/v1/subjects/a").status == 200
    seen(("a", 1, "phone-1"))
    located.stop()
    located.start(adopt=False)
    assert disclose(located.client("bytedance"), "nearby", "a").code == "rule.threshold"
    assert json.loads(located.verify("--json", check=True).stdout)["verdict"] == "good"


def test_a_record_that_names_no_device_counts_as_one(located):
    path = located.folder / "places.ndjson"
    path.write_text("".join(json.dumps({"subject": "a", "event": f"{i}", "spot": "37.77,-122.42"}) + "\n" for i in range(4)))
    located.cli("import", "places", path)
    answer = disclose(located.client("bytedance"), "nearby", "a")
    assert answer.code == "rule.threshold" and "this release tells of 4" in answer.json()["detail"]


def test_the_difference_tells_of_a_law_that_is_gone_or_another(tmp_path):
    server = Holdfast(tmp_path / "holdfast")
    stricter = LAW.replace("version: 1", "version: 2").replace("at-most: 3", "at-most: 2")
    server.use_rules({"small-law": LAW, "small-law@2": stricter})

    def written(name, edit=lambda text: text):
        path = tmp_path / name
        path.write_text(server.agreement(edit=edit))
        return path

    def diff(before, after):
        done = run("agreement", "diff", before, after, "--rules", server.rules, "--json", check=False)
        return done.returncode, [(change["kind"], change["text"]) for change in json.loads(done.stdout)["changes"]]

    law, none = written("law.yaml", under), written("none.yaml")
    other = written("other.yaml", lambda text: under(text, stricter, "small-law@2"))
    code, changes = diff(law, none)
    assert code == 1 and changes[0][0] == "loosens" and "this rule pack is gone: small-law@1" in changes[0][1]
    code, changes = diff(law, other)
    assert code == 1 and changes[0][0] == "alters" and "; before: small-law@1" in changes[0][1]
    code, changes = diff(none, law)
    assert code == 0 and changes[0][0] == "tightens"
