"""docs/errors.md: every error code that the sources can answer with, and what it says. With --write it is made anew;
without, it must be what the sources say now."""
import collections
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs/errors.md"
# What a failure's kind becomes: src/server/problem.cc, src/cli/frame/command.cc.
KINDS = {
    "invalid": (400, 2), "unauthenticated": (401, 4), "refused": (403, 4), "not_found": (404, 5), "conflict": (409, 1),
    "exhausted": (429, 3), "corrupt": (500, 1), "unavailable": (503, 3), "unsupported": (501, 1), "internal": (500, 1),
}
TOKEN = re.compile(r'//[^\n]*|R"(\w*)\(.*?\)\1"|"(?:[^"\\]|\\.)*"|\'(?:[^\'\\]|\\.)\'|.', re.S)
CODE = re.compile(r'"([a-z]+(?:\.[a-z_-]+)+)"')
NOT_ERRORS = re.compile(r"log\.event$|^bad_statement$")

HEAD = """# Error codes

Every answer that is an error has a code, which is stable and meant for programs; the sentence beside it says what is wrong and
what to do, and may change. Over HTTP it is `code` of an RFC 9457 document, on the command line it stands in brackets behind the
sentence, and with `--json` it is `code` of the document on standard error. `…` stands for what the case at hand puts there.

**HTTP** and **exit** are what most calls answer with it; where a code stands without them it is a finding: one of a list, in an
answer about an agreement, a configuration, a batch, an import or a log. `tests/error_codes.py --write` makes this page from
the sources, and a test holds it against them.
"""


def calls(text):
    """Each pair of brackets as (what stands before it, its arguments)."""
    tokens = [token for match in TOKEN.finditer(text) if not (token := match.group(0)).startswith("//")]
    open_ones = []
    for at, token in enumerate(tokens):
        if token in ("(", "[", "{"):
            open_ones.append((at, [[]]))
        elif token in (")", "]", "}") and open_ones:
            begin, arguments = open_ones.pop()
            name = re.search(r"[\w:.>-]*$", "".join(tokens[max(0, begin - 40):begin])).group(0)
            yield name, ["".join(argument).strip() for argument in arguments]
            if open_ones:
                open_ones[-1][1][-1].append("".join(tokens[begin:at + 1]))
        elif token == "," and open_ones:
            open_ones[-1][1].append([])
        elif token == ";" and open_ones:
            open_ones[-1][1][:] = [[]]
        elif open_ones:
            open_ones[-1][1][-1].append(token)


def sentence(argument):
    """The text of an argument, with … for what is put into it at run time."""
    out = ""
    for quoted, code in re.findall(r'"((?:[^"\\]|\\.)*)"|([^"]+)', argument):
        if not code:
            out += re.sub(r"\{[^{}]*\}", "…", quoted)
        elif code.strip() == ":":  # of a choice between two texts
            out += " / "
        elif code.lstrip().startswith(","):  # what is put into a format
            break
        elif code.strip(" +)\n") and not re.fullmatch(r"\s*(?:fmt::format|std::string(?:_view)?)\(\s*", code):
            out += "…"
    return re.sub(r"…(?:[ ,]*…)+", "…", re.sub(r"\s+", " ", out.replace('\\"', '"').replace("\\n", " "))).strip()


def codes():
    """code -> (kinds, sentences), in the order of the sources."""
    found = collections.defaultdict(lambda: ([], []))
    for path in sorted((ROOT / "src").rglob("*")):
        if path.suffix not in (".h", ".cc") or re.search(r"_(test|fuzz|bench)\.", path.name) or path.name == "taxonomy_terms.cc":
            continue
        for name, arguments in calls(path.read_text()):
            for at, argument in enumerate(arguments):
                code = CODE.fullmatch(argument)
                if not code or NOT_ERRORS.search(name):
                    continue
                kind = next((a[6:] for a in arguments[:at] if a.startswith("Code::")), None)
                says = next((s for a in reversed(arguments[at + 1:]) if '"' in a and " " in (s := sentence(a))), None)
                if not kind and not says:
                    continue
                kinds, sentences = found[code.group(1)]
                if kind in KINDS and kind not in kinds:
                    kinds.append(kind)
                if says and says not in sentences:
                    sentences.append(says)
    return found


def page():
    problem = (ROOT / "src/server/problem.cc").read_text()
    special = {code: int(status) for code, status in re.findall(r'\{"([a-z.]+)", (\d+)\}', problem)}
    out, room = [HEAD], None
    for code, (kinds, sentences) in sorted(codes().items()):
        if code.split(".")[0] != room:
            room = code.split(".")[0]
            out.append(f"\n## {room}\n\n| code | HTTP | exit | says |\n| --- | --- | --- | --- |\n")
        statuses = [str(special.get(code, KINDS[kind][0])) for kind in kinds]
        exits = [str(KINDS[kind][1]) for kind in kinds]
        says = "<br>".join(sentences).replace("|", "\\|") or "…"
        out.append(f"| `{code}` | {', '.join(dict.fromkeys(statuses))} | {', '.join(dict.fromkeys(exits))} | {says} |\n")
    return "".join(out)


def main():
    if "--write" in sys.argv[1:]:
        PAGE.write_text(page())
    elif PAGE.read_text() != page():
        print(f"{PAGE.relative_to(ROOT)} is not what the sources say; run tests/error_codes.py --write")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
