import sys
import pathlib

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from holdfast import Holdfast  # noqa: E402


@pytest.fixture
def holdfast(tmp_path):
    """A server of the test's own, with the agreement adopted."""
    one = Holdfast(tmp_path)
    one.start()
    yield one
    one.stop()


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """A server that the tests of a file share; each works on subjects of its own."""
    one = Holdfast(tmp_path_factory.mktemp("holdfast"))
    one.start()
    yield one
    one.stop()
