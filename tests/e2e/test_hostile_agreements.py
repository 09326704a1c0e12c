"""Documents made to harm whoever reads them, through the command line: one clear report each, in bounded time and memory."""
import json
import resource
import subprocess
import time

import pytest

from holdfast import BINARY, Holdfast, run

SECONDS, MEBIBYTES = 10, 512  # bounds that no document may make it pass; most take a hundredth


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return Holdfast(tmp_path_factory.mktemp("hostile"))


def examine(path, command=("agreement", "check")):
    """check, under a limit of memory; answers the findings' codes and all that was said."""
    begun = time.monotonic()
    done = subprocess.run([BINARY, *command, path, "--json"], capture_output=True, timeout=120,
                          preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (MEBIBYTES << 20,) * 2))
    assert time.monotonic() - begun < SECONDS
    assert done.returncode in (0, 1, 2), (done.returncode, done.stderr[-500:])
    assert len(done.stdout) + len(done.stderr) < 200_000
    said = done.stdout.decode() + done.stderr.decode()
    told = json.loads(done.stdout or done.stderr)
    codes = [each["code"] for each in told["findings"]] if "findings" in told else [told.get("error", {}).get("code")]
    return done.returncode, codes, said


def written(folder, edit, name="hostile.yaml"):
    path = folder.folder / name
    text = folder.agreement(edit=edit)
    path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass"))
    return path


def first(old, new):
    def edit(text):
        assert old in text
        return text.replace(old, new, 1)
    return edit


def laughs(text):
    return "a: &a [lol, lol]\n" + "".join(f"{chr(98 + i)}: &{chr(98 + i)} [*{chr(97 + i)}, *{chr(97 + i)}]\n" for i in range(20)) + text


HOMOGLYPH = "byted\u0430nce"  # a Cyrillic а

CASES = {
    "a billion laughs": (laughs, "agreement.yaml.anchor"),
    "an alias of nothing": (first("country: US, served-by", "country: *us, served-by"), "agreement.yaml"),
    "a merge key": (first("views: [video", "<<: {x: y}, views: [video"), "agreement."),
    "a tag": (first("version: 1", "version: !!python/object 1"), "agreement.yaml.tag"),
    "a thousand levels": (lambda text: text + "x: " + "[" * 1000 + "]" * 1000 + "\n", "agreement.yaml.deep"),
    "a hundred thousand levels": (lambda text: text + "x: " + "{a: " * 100_000 + "\n", "agreement.yaml"),
    "a key twice": (first("zip: first 3", "zip: first 3, zip: clear"), "agreement.yaml.repeated"),
    "a flow twice": (first("  history:", "  account:"), "agreement.yaml.repeated"),
    "a key that differs in its form only": (first("  support:", "  caf\u00e9: {}\n  cafe\u0301: {}\n  support:"), "agreement."),
    "two documents": (lambda text: text + "---\n" + text, "agreement.yaml.documents"),
    "a homoglyph as a party": (first("to: bytedance", f"to: {HOMOGLYPH}"), "agreement.party.unknown"),
    "a homoglyph among the parties": (first("  treasury:", f"  {HOMOGLYPH}: {{role: recipient, country: US}}\n  treasury:"), "agreement.name.malformed"),
    "a homoglyph as a key": (first("prohibitions:", "prohibiti\u043ens:"), "agreement.term.unknown"),
    "direction changes": (first("use: essential.service", "use: essential.service # \u202e}raelc :eman{\u202c"), "agreement."),
    "isolates": (first("agreement: us-users", "agreement: us-\u2066users\u2069"), "agreement."),
    "a zero-width space": (first("to: bytedance", "to: byte\u200bdance"), "agreement."),
    "a NUL": (first("version: 1", "version: 1 # \0"), "agreement."),
    "an escape sequence": (first("version: 1", "version: 1 # \x1b[2J"), "agreement."),
    "no UTF-8": (lambda text: text.encode() + b"# \xff\xfe\n", "agreement."),
    "a surrogate": (first("version: 1", "version: 1 # \ud800"), "agreement."),
    "a huge number": (first("200 subjects per day", "9" * 400 + " subjects per day"), "agreement.limit.malformed"),
    "a number that overflows": (first("200 subjects per day", "18446744073709551617 subjects per day"), "agreement.limit.malformed"),
    "a number below zero": (first("200 subjects per day", "-1 subjects per day"), "agreement.limit.malformed"),
    "no number": (first("200 subjects per day", "nan subjects per day"), "agreement.limit.malformed"),
    "a huge version": (first("version: 1", "version: " + "9" * 5000), "agreement.number.malformed"),
    "a huge retention": (first("keep: 5y", "keep: 99999999999999999999y"), "agreement.duration.malformed"),
    "a huge prefix": (first("first 3", "first 99999999999999999999"), "agreement.form.unknown"),
    "a huge band": (first("birthdate: year", "birthdate: age band of 4294967296"), "agreement.form.unknown"),
    "an octal country": (first("country: CN", "country: 0156"), "agreement.country.unknown"),
    "no such country": (first("country: CN", "country: XX"), "agreement.country.unknown"),
    "a country that is gone": (first("country: CN", "country: SU"), "agreement.country.unknown"),
    "an owner from no country": (first("role: recipient, country: US", "role: recipient, country: US, owners: [{country: ZZ, share: 5 %}]"), "agreement.country.unknown"),
    "more than the whole": (first("role: recipient, country: US", "role: recipient, country: US, owners: [{country: CN, share: 60 %}, {country: RU, share: 40.0001 %}]"), "agreement.owner.sum"),
    "a share over the whole": (first("role: recipient, country: US", "role: recipient, country: US, owners: [{country: CN, share: 100.1 %}]"), "agreement.share.malformed"),
    "a share below nothing": (first("role: recipient, country: US", "role: recipient, country: US, owners: [{country: CN, share: -5 %}]"), "agreement.share.malformed"),
    "an endless share": (first("role: recipient, country: US", "role: recipient, country: US, owners: [{country: CN, share: 1e9 %}]"), "agreement.share.malformed"),
    "owners in a circle": (first("  treasury:", "  x: {role: recipient, country: US, owners: [{party: y, share: 60 %}]}\n"
                                 "  y: {role: recipient, country: US, owners: [{party: x, share: 60 %}]}\n  treasury:"), "agreement.owner"),
    "operated in a circle": (first("  treasury:", "  x: {role: recipient, country: US, operated-by: y}\n"
                                   "  y: {role: recipient, country: US, operated-by: x}\n  treasury:"), "agreement.party.loop"),
    "its own owner": (first("role: recipient, country: US", "role: recipient, country: US, owners: [{party: app-us, share: 5 %}]"), "agreement.owner"),
    "a quorum that no one can meet": (first("[operator, trustee, overseer]", "any 4"), "agreement.quorum"),
    "a quorum of who cannot sign": (first("[operator, trustee, overseer]", "[operator, app-us]"), "agreement.quorum"),
    "a quorum of one": (first("[operator, trustee, overseer]", "[operator]"), "agreement.quorum"),
    "CRLF": (lambda text: text.replace("\n", "\r\n"), "agreement."),
    "tabs": (first("  views:", "\tviews:"), "agreement."),
    "nothing": (lambda text: "", "agreement."),
    "too much": (lambda text: text + "#" * (1 << 20), None),
    "200,000 keys": (lambda text: text + "".join(f"k{i}: x\n" for i in range(80_000)), "agreement."),
    "a name of a megabyte": (first("agreement: us-users", "agreement: " + "x" * 900_000), "agreement.name.malformed"),
}


@pytest.mark.parametrize("name", CASES)
def test_one_clear_report(folder, name):
    edit, slug = CASES[name]
    code, codes, said = examine(written(folder, edit))
    assert code in (1, 2), said
    assert slug is None or any(each.startswith(slug) for each in codes), codes
    # Nothing of it acts on the reader's terminal or hides what it says.
    for sign in ("\u202e", "\u202c", "\u2066", "\u2069", "\u200b", "\x1b", "\0"):
        assert sign not in said and json.dumps(sign)[1:-1] not in said, repr(sign)
    plain = run("agreement", "check", folder.folder / "hostile.yaml", check=False)
    assert plain.returncode in (1, 2) and plain.stdout + plain.stderr
    assert max(map(len, (plain.stdout + plain.stderr).splitlines())) < 2000


@pytest.mark.parametrize("command", [("agreement", "show"), ("agreement", "ask", "who can learn user.name")])
def test_the_other_commands_refuse_it_too(folder, command):
    code, codes, _ = examine(written(folder, laughs), command)
    assert code in (1, 2) and codes[0].startswith("agreement.yaml")


def test_sharing_in_a_circle_ends(folder):
    """150 parties, each passing on to the next, the last to the first: everything reaches China in the end."""
    ring = "".join(f"  p{i}: {{role: recipient, country: US, shares-with: [p{(i + 1) % 150}]}}\n" for i in range(149))
    ring += "  p149: {role: recipient, country: CN, shares-with: [p0]}\n"
    flow = "  leak: {to: p0, use: essential.service, gives: {profile: {name: clear}}}\n  feed:\n"

    def edit(text):
        return text.replace("  app-us: {", ring + "  app-us: {").replace("  feed:\n", flow)

    code, codes, said = examine(written(folder, edit))
    assert code == 1 and set(codes) == {"agreement.prohibition.broken"}
    assert "'p148'" in said or "p149" in said  # the path is told to its end, or shortened
    code, codes, said = examine(folder.folder / "hostile.yaml", ("agreement", "ask", "can CN learn user.name as clear"))
    assert code == 0 and '"answer":true' in said.replace(" ", "")
    allowed = written(folder, lambda text: edit(text).replace("name: clear}}}", "language: clear}}}"))
    strict = examine(allowed, ("agreement", "check", "--strict"))
    assert strict[0] == 1 and "analysis.party.circle" in strict[1]


def test_contradictory_rules_are_named(folder):
    """What one prohibition opens, another closes: the stricter one holds, and says so."""
    path = written(folder, lambda text: text.replace("prohibitions:\n", "prohibitions:\n  - {never: user.contact, to: {country: CN}}\n"))
    code, codes, said = examine(path)
    assert code == 1 and set(codes) == {"agreement.prohibition.broken"}
