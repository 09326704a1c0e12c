"""Holds docs/agreement.schema.json against the cases that the parser is tested on (tests/cases/agreement)."""
import json
import pathlib
import re

import jsonschema
import pytest
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
CASES = ROOT / "tests" / "cases" / "agreement"
SCHEMA = json.loads((ROOT / "docs" / "agreement.schema.json").read_text(encoding="utf-8"))


class CoreLoader(yaml.SafeLoader):
    """YAML 1.2's core schema, as editors and the parser read it: PyYAML's own takes NO for false and 1e-9 for text."""


CoreLoader.yaml_implicit_resolvers = {}
for tag, pattern, first in [
    ("bool", r"^(true|True|TRUE|false|False|FALSE)$", "tTfF"),
    ("null", r"^(~|null|Null|NULL|)$", ["~", "n", "N", ""]),
    ("int", r"^[-+]?[0-9]+$", "-+0123456789"),
    ("float", r"^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$", "-+.0123456789"),
]:
    CoreLoader.add_implicit_resolver("tag:yaml.org,2002:" + tag, re.compile(pattern), list(first))
# The stock constructor of floats refuses none of these, but the one of integers reads a leading zero as octal.
CoreLoader.add_constructor("tag:yaml.org,2002:int", lambda loader, node: int(loader.construct_scalar(node)))
CoreLoader.add_constructor("tag:yaml.org,2002:float", lambda loader, node: float(loader.construct_scalar(node)))


def read_case(path):
    """(document, what the schema should say, whether the parser accepts)."""
    head, *rest = re.split(r"^=== (.*)\n", path.read_text(encoding="utf-8"), flags=re.M)
    verdict = re.search(r"^schema: (.*)$", head, flags=re.M)
    document, instead, findings = (CASES / "base.yaml").read_text(encoding="utf-8"), None, None
    for title, body in zip(rest[::2], rest[1::2]):
        if title == "document":
            document = body
        elif title == "instead of":
            instead = body
        elif title == "write":
            assert document.count(instead) == 1
            document = document.replace(instead, body)
        elif title == "findings":
            findings = body.split("\n")[:-1]
        else:
            raise ValueError(title)
    return document, verdict.group(1) if verdict else "accepts", findings == []


@pytest.mark.parametrize("path", sorted(CASES.glob("*.case")), ids=lambda path: path.stem)
def test_case(path):
    document, verdict, accepted = read_case(path)
    assert verdict in ("accepts", "rejects", "not asked")
    if accepted:
        assert verdict == "accepts"
    if verdict == "not asked":
        return
    errors = list(jsonschema.Draft202012Validator(SCHEMA).iter_errors(yaml.load(document, Loader=CoreLoader)))
    assert bool(errors) == (verdict == "rejects"), [error.message for error in errors]


def test_schema_is_itself_valid():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_the_example_fits():
    text = (ROOT / "examples" / "shortvideo" / "agreement.yaml.in").read_text(encoding="utf-8")
    text = re.sub(r"@([a-z]+)\.vkey@", r"\1+00000000+AAAA", text)
    jsonschema.Draft202012Validator(SCHEMA).validate(yaml.load(text, Loader=CoreLoader))


def test_there_are_cases():
    assert len(list(CASES.glob("*.case"))) > 50
