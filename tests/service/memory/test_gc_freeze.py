"""What lives as long as the process costs the garbage collector nothing."""

import gc
from collections.abc import Iterator

import pytest

from service.cli.serve import announce


@pytest.fixture
def _thawed() -> Iterator[None]:
    yield
    gc.unfreeze()


@pytest.mark.usefixtures("_thawed")
def test_serving_begins_with_nothing_to_collect(capsys: pytest.CaptureFixture[str]) -> None:
    """When the service says that it serves, all that was loaded has been set aside."""
    announce("http://127.0.0.1:1")
    assert "http://127.0.0.1:1" in capsys.readouterr().out
    assert gc.get_freeze_count() > 10_000
    assert len(gc.get_objects()) < 1_000
