"""Lines of a log that are wanted, by their nodes and levels."""

import pytest

from proto.execution import LogEntry
from service.cli.logs import is_wanted


@pytest.mark.parametrize(
    ("node", "at", "expected"),
    [
        (None, "home/price", True),
        ("home", "home", True),
        ("home", "home/price/net", True),
        ("home/price", "home/price/net", True),
        ("home", "homeless", False),
        ("home/price", "home", False),
    ],
)
def test_a_graph_stands_for_all_nodes_inside(node: str | None, at: str, *, expected: bool) -> None:
    """Its path is the beginning of theirs, up to a slash."""
    entry = LogEntry(timestamp="", level="info", node_id=at, message="")
    assert is_wanted(node, ("info", "warn"), entry) is expected
    assert not is_wanted(node, ("warn",), entry)
