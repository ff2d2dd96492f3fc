"""Holds a runtime's answers against the table's, with the differences that are known."""

import json
from pathlib import Path
from typing import Any, Literal

import msgspec

from tests.platform.recording import Outputs

KNOWN = Path(__file__).parent / "differences.json"

MORE_FIELDS = frozenset({("symbia.io.http-request", "out")})
"""Ports whose objects may have further fields beside the platform's; every ``error`` may."""


class Case(msgspec.Struct, forbid_unknown_fields=True):
    """A row in which ours is known to differ.

    Attributes:
        component: of which table.
        config: of the row.
        ours: our answers by the index of the message; null where the graph is refused; ``words`` where nothing but
            the words of an error differ.
    """

    component: str
    config: dict[str, Any]
    ours: dict[int, Outputs] | Literal["words"] | None

    def expected(self, index: int, theirs: Outputs) -> Outputs:
        """Return what ours makes of a message."""
        if self.ours == "words":
            fields = {name: part for name, part in theirs["error"]["value"].items() if name != "error"}
            return {"error": {**theirs["error"], "value": fields}}
        assert isinstance(self.ours, dict)
        return self.ours.get(index, theirs)


class Difference(msgspec.Struct, forbid_unknown_fields=True):
    """Something that differs on purpose.

    Attributes:
        why: the reason, for people.
        switch: what makes it the platform's, or why nothing does.
        cases: the rows in which it is seen.
    """

    why: str
    switch: str
    cases: list[Case]


def known_cases(component: str) -> list[Case]:
    """Return the known differences of one component."""
    every = msgspec.json.decode(KNOWN.read_bytes(), type=list[Difference])
    return [case for each in every for case in each.cases if case.component == component]


def is_like(component: str, theirs: Outputs, ours: Outputs) -> bool:
    """Return whether two outputs are the same to a graph.

    The lane of an ``error`` is not compared: ours is always apocryphal (docs/lanes.md), and so is the platform's
    on its working branch.
    """
    if theirs.keys() != ours.keys():
        return False
    return all(_is_same(component, port, output, ours[port]) for port, output in theirs.items())


def _is_same(component: str, port: str, theirs: dict[str, Any], ours: dict[str, Any]) -> bool:
    wanted, found = theirs["value"], ours["value"]
    if port == "error" or (component, port) in MORE_FIELDS:
        found = {name: found.get(name) for name in wanted} if isinstance(found, dict) else found
    is_lane_same = port == "error" or theirs["lane"] == ours["lane"]
    return is_lane_same and as_text(wanted) == as_text(found)


def as_text(value: Any) -> str:
    """Write a value so that true is not 1, and 1.0 is."""
    return json.dumps(_plain(value), sort_keys=True)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_plain(part) for part in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
