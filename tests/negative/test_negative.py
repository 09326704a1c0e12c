"""The drill finds every bug that was put in, by what the server does; and nothing in the true binary, by the same seed."""
import os
import pathlib
import tempfile

import pytest

import drill

SEED = int(os.environ.get("HOLDFAST_SEED", "1"))
FOLDER = pathlib.Path(os.environ.get("HOLDFAST_MUTANTS", drill.e2e.ROOT / "build/release/tests/negative/bin"))
NAMES = os.environ.get("HOLDFAST_MUTANT_NAMES", ",".join(sorted(p.stem for p in drill.HERE.glob("*.patch")))).split(",")


@pytest.fixture(scope="session")
def template():
    with tempfile.TemporaryDirectory(prefix="holdfast-negative-") as folder:
        one = drill.judge.installation(pathlib.Path(folder))
        yield one


def test_nothing_is_found_in_the_true_binary(template, tmp_path):
    step, findings = drill.drill(template, tmp_path, drill.e2e.BINARY, SEED)
    assert not findings, f"seed {SEED}, step {step}: {findings}"


@pytest.mark.parametrize("name", NAMES)
def test_a_bug_is_found(template, tmp_path, name):
    step, findings = drill.drill(template, tmp_path, FOLDER / f"holdfast_{name}", SEED)
    print(f"seed {SEED}, found by {step}: {findings[:3]}")
    assert findings, f"seed {SEED}: the drill does not see {name}"


def test_every_patch_is_tried():
    """A patch that is in no line of CMakeLists.txt would prove nothing."""
    assert sorted(NAMES) == sorted(path.stem for path in drill.HERE.glob("*.patch"))
