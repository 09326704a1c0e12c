"""The agreement seen through before anybody signs: ask, diff and check --strict, as an analyst and a CI job call them."""
import json

import pytest

from holdfast import Holdfast, ROOT, run

RULES = ROOT / "rules"


@pytest.fixture(scope="module")
def document(tmp_path_factory):
    """Writes the agreement of the end-to-end tests, edited, and answers its path."""
    server = Holdfast(tmp_path_factory.mktemp("analysis"))

    def write(edit=lambda text: text, name="agreement.yaml"):
        path = server.folder / name
        path.write_text(server.agreement(edit=edit))
        return path

    return write


def ask(question, path, *more):
    done = run("agreement", "ask", question, path, "--json", *more, check=False)
    return done.returncode, json.loads(done.stdout or done.stderr)


def diff(before, after):
    done = run("agreement", "diff", before, after, "--json", check=False)
    return done.returncode, json.loads(done.stdout)


def line_of(path, text):
    return next(i for i, line in enumerate(path.read_text().splitlines(), 1) if text in line)


def test_an_analyst_asks_what_can_reach_china(document):
    path = document()
    code, told = ask("can CN learn user.contact.email?", path)
    assert code == 0 and told["answer"] is True
    assert "token" in told["sentence"]
    assert line_of(path, "support:") in {ground["line"] for ground in told["path"]} or str(line_of(path, "support:")) in json.dumps(told)
    assert ask("can bytedance learn user.name", path)[0] == 1
    assert ask("can bytedance learn user.contact.email as clear", path)[0] == 1
    assert ask("can bytedance learn user.contact by account", path)[0] == 1
    code, told = ask("who can learn user.name", path)
    assert code == 0 and "app-us" in told["sentence"] and "bytedance" not in told["sentence"]
    code, told = ask("what can CN learn", path)
    assert code == 0 and "birth" in json.dumps(told)


def test_an_engineer_asks_why_not_and_is_told_the_rule_and_the_nearest_form(document):
    path = document()
    code, told = ask("why can bytedance not learn user.contact.email as clear?", path)
    text = json.dumps(told)
    assert str(line_of(path, "never: user.contact.email")) in text
    assert "token" in text and "treasury" in text  # the nearest form, and who would have to sign
    code, told = ask("what if support were removed", path)
    assert code == 0 and "user.contact.email" in json.dumps(told)
    shown = run("agreement", "ask", "why can CN learn user.contact.email", path).stdout
    assert f"{path}:" in shown


@pytest.mark.parametrize("question, code", [
    ("", "cli.usage"),
    ("can", "analysis.question.malformed"),
    ("can CN learn", "analysis.question.malformed"),
    ("may CN learn user.name", "analysis.question.malformed"),
    ("can CN learn user.name as", "analysis.question.malformed"),
    ("can CN learn user.name " * 100, "analysis.question.malformed"),
    ("can bytedanse learn user.name", "analysis.party.unknown"),
    ("can XX learn user.name", "analysis.party.unknown"),
    ("can CN learn user.nam", "analysis.category.unknown"),
    ("can CN learn user.name as blurred", "analysis.form.unknown"),
    ("can CN learn user.name by suport", "analysis.flow.unknown"),
    ("can \u0421N learn user.name", "analysis.question.malformed"),  # a Cyrillic C
    ("can CN learn user.name \u202egpj", "analysis.question.malformed"),
])
def test_a_wrong_question_is_told_what_is_wrong(document, question, code):
    exit_code, told = ask(question, document())
    assert (exit_code, told["error"]["code"]) == (2, code)
    if code == "analysis.question.malformed":
        assert "who can learn CATEGORY" in told["error"]["detail"]
    assert "\u202e" not in told["error"]["detail"] + told["error"]["where"]


def test_a_draft_that_breaks_its_prohibitions_can_be_asked(document):
    path = document(lambda text: text.replace("email: token", "email: clear"))
    assert run("agreement", "check", path, check=False).returncode == 1
    code, told = ask("can CN learn user.contact.email as clear", path)
    assert code == 0 and any("breaks its own prohibitions" in note for note in told["notes"])


def test_questions_see_the_rules_that_are_adopted(document):
    import hashlib
    pack = (RULES / "us-28cfr202.yaml").read_bytes()
    path = document(lambda text: text + f"under: [{{rules: us-28cfr202@1, sha256: {hashlib.sha256(pack).hexdigest()}}}]\n")
    assert ask("can CN learn user.name", path, "--rules", RULES)[0] == 1
    code, told = ask("can CN learn user.name", path, "--rules", path.parent)  # no packs there
    assert code != 1 and told["error"]["code"] == "agreement.under.unavailable"


def test_diff_says_what_opens_and_ci_can_stop_on_it(document):
    before = document()
    wider = document(lambda text: text.replace("zip: first 3", "zip: first 5"), "wider.yaml")
    code, told = diff(before, wider)
    assert code == 1 and told["opens"] is True
    assert any(change["kind"] in ("widens", "alters") and "postal_code" in change["text"] for change in told["changes"])
    assert told["changes"][0]["line"] == line_of(wider, "first 5")

    opened = document(lambda text: text.replace("  feed:\n", "  mail:\n    to: bytedance\n    use: essential.service\n"
                                                "    gives: {profile: {occupation: clear}}\n  feed:\n"), "opened.yaml")
    code, told = diff(before, opened)
    assert code == 1 and told["changes"][0]["kind"] == "opens" and "user.job_title" in told["changes"][0]["text"]

    closed = document(lambda text: text.replace(", language: clear}}\n    limit", "}}\n    limit"), "closed.yaml")
    code, told = diff(before, closed)
    assert code == 0 and told["opens"] is False and told["changes"][0]["kind"] == "closes"
    assert "nothing opens" in run("agreement", "diff", before, closed).stdout

    fewer = document(lambda text: text.replace("[operator, trustee, overseer]", "[operator, trustee]"), "fewer.yaml")
    code, told = diff(before, fewer)
    assert code == 1 and [change["kind"] for change in told["changes"]] == ["signs"]
    assert diff(before, before) == (0, {"opens": False, "changes": [], "notes": []})

    # What cannot be adopted is a note: of the version here, which is not the next.
    assert "[agreement.version.stale]" in diff(before, closed)[1]["notes"][0]
    assert "note     to adopt this will be refused: version 1 is in force" in run("agreement", "diff", before, closed).stdout
    following = document(lambda text: text.replace("version: 1", "version: 2"), "following.yaml")
    assert diff(before, following) == (0, {"opens": False, "changes": [], "notes": []})

    # A field that is called otherwise, so that no prohibition is about it any more.
    called = document(lambda text: text.replace("category: user.contact.email", "category: user.demographic.language")
                      .replace("email: token", "email: clear"), "called.yaml")
    assert run("agreement", "check", called).returncode == 0
    code, told = diff(before, called)
    texts = [change["text"] for change in told["changes"]]
    assert code == 1 and "profile.email in the clear; before: profile.email as token" in texts[0]
    assert texts[1] == "profile.email is of user.demographic.language; before: user.contact.email"

    # A module is released by its own quorum.
    alone = document(lambda text: text.replace("{signed-by: [operator, overseer], seen-by: [overseer]}", "{signed-by: [operator]}"),
                     "alone.yaml")
    code, told = diff(before, alone)
    assert code == 1 and [change["kind"] for change in told["changes"]] == ["signs"]
    assert "a module" in told["changes"][0]["text"] and "seen by overseer 'treasury'" in told["changes"][0]["text"]
    assert "the same must sign" not in run("agreement", "diff", before, alone, check=False).stdout

    # Danger first, whatever the order in the document.
    both = document(lambda text: text.replace("[operator, trustee, overseer]", "[operator, trustee]")
                    .replace("email: token", "email: token, occupation: clear").replace(", language: clear}}\n    limit", "}}\n    limit"),
                    "both.yaml")
    kinds = [change["kind"] for change in diff(before, both)[1]["changes"]]
    assert kinds.index("opens") < kinds.index("closes") and kinds.index("signs") < kinds.index("closes")


def test_strict_finds_what_nobody_means(document):
    def found(edit):
        done = run("agreement", "check", "--strict", document(edit, "strict.yaml"), "--json", check=False)
        return done.returncode, {each["code"] for each in json.loads(done.stdout)["findings"]}

    code, slugs = found(lambda text: text)
    assert code == 1 and "analysis.field.unused" in slugs  # id-number and occupation
    twice = "  again:\n    to: app-us\n    use: essential.service\n    gives: {profile: {zip: clear}}\n  feed:\n"
    code, slugs = found(lambda text: text.replace("  feed:\n", twice))
    assert code == 1 and "analysis.flow.repeated" in slugs
    code, slugs = found(lambda text: text.replace("    limit: 200 subjects per day", "    limit: [200 subjects per day, 9000 subjects per month]"))
    assert "analysis.limit.idle" in slugs
    code, slugs = found(lambda text: text.replace("language: clear}}\n    limit", "language: clear}}\n    limit")
                        .replace("  - {never: user.name, to: {country: CN}}", "  - {never: user.name, to: {country: KP}}"))
    assert "analysis.prohibition.idle" in slugs


def test_a_note_whose_signature_does_not_hold_is_refused_by_all_alike(tmp_path):
    server = Holdfast(tmp_path)
    signed, changed = server.signed(1), tmp_path / "changed.signed"
    text = signed.read_text()
    changed.write_text(text.replace("200 subjects per day", "900 subjects per day"))
    assert changed.read_text() != text
    key = tmp_path / "treasury.key"
    for command in (("check",), ("check", "--strict"), ("show",), ("show", "--html"), ("sign", "--key", key),
                    ("ask", "who can learn user.name")):
        done = run("agreement", *command, changed, "--json", check=False)
        assert (done.returncode, done.stdout) == (2, ""), command
        error = json.loads(done.stderr)["error"]
        assert (error["code"], error["where"]) == ("note.signature.wrong", f"{changed}: bytedance"), command
        assert run("agreement", *command, signed, check=False).returncode != 2, command
    for before, after in ((signed, changed), (changed, signed)):
        done = run("agreement", "diff", before, after, check=False)
        assert done.returncode == 2 and "[note.signature.wrong]" in done.stderr and not done.stdout


def test_errors_name_the_file_and_what_to_do(document, tmp_path):
    path = document(lambda text: text.replace("email: token", "email: tokn").replace("  - {never: user.name, to", "  - {never: user.nam, to"),
                    "wrong.yaml")
    place = f"{path}:{line_of(path, 'email: tokn')}:"
    for command in (("sign", path, "--key", tmp_path / "none.key"), ("diff", path, path), ("ask", "who can learn user.name", path)):
        done = run("agreement", *command, check=False)
        assert done.returncode == 2 and done.stderr.startswith("holdfast: " + place), done.stderr
        assert done.stderr.count("\n") == 1 and done.stderr.count("[agreement.") == 1
        assert f"and one more, which holdfast agreement check {path} tells" in done.stderr
    bare = document()
    done = run("agreement", "adopt", bare, check=False)
    assert done.returncode == 2 and f"{bare}: it is not signed" in done.stderr and "[cli.agreement.unsigned]" in done.stderr
    assert f"holdfast agreement sign {bare} --key KEY" in done.stderr
    torn = tmp_path / "torn.signed"
    torn.write_text(bare.read_text() + "\n\u2014 oracle\n")
    done = run("agreement", "adopt", torn, check=False)
    assert done.returncode == 2 and f"{torn}: its signatures cannot be read" in done.stderr
    for command in ("check", "show", "adopt"):
        done = run("agreement", command, tmp_path, check=False)
        assert done.returncode == 2 and f"{tmp_path}: cannot read: Is a directory [file.io]" in done.stderr
