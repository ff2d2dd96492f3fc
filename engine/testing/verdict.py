"""The verdict on one case: what was seen, held against what was expected. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from engine.testing.case_file import Case
from engine.testing.http_stand_ins import Sent, StandIn
from engine.testing.matching import Difference, differences, is_pattern, show
from proto import codec

WHOLE_CHARACTERS = 60
"""Values of so many characters are shown whole, what was expected beside what came; larger ones place by place."""

TOLD_DIFFERENCES = 12
"""Differences of one value that are told one by one."""


class SeenError(msgspec.Struct, frozen=True, omit_defaults=True):
    """An error that occurred.

    Attributes:
        name: its kind.
        message: for people.
        node: of a graph, where it occurred.
    """

    name: str
    message: str
    node: str = ""

    @property
    def text(self) -> str:
        """The name and the message."""
        return f"{self.name}: {self.message}" if self.name else self.message


class SeenLine(msgspec.Struct, frozen=True, omit_defaults=True):
    """A line that was logged.

    Attributes:
        level: of the line.
        message: for people.
        node: of a graph, who logged it.
    """

    level: str
    message: str
    node: str = ""


class Seen(msgspec.Struct):
    """All that a case has caused.

    Attributes:
        emissions: by output port, in order.
        errors: in order.
        logs: in order.
        state: at the end.
        sent: HTTP requests.
        unused: stand-ins of the case that nobody asked for, by their place.
        complaints: what has been found to be wrong already.
    """

    emissions: dict[str, list[Any]] = msgspec.field(default_factory=dict)
    errors: list[SeenError] = msgspec.field(default_factory=list)
    logs: list[SeenLine] = msgspec.field(default_factory=list)
    state: Mapping[str, Any] = msgspec.field(default_factory=dict)
    sent: Sequence[Sent] = ()
    unused: Sequence[int] = ()
    complaints: list[str] = msgspec.field(default_factory=list)


class Verdict(msgspec.Struct, frozen=True):
    """The verdict on one case.

    Attributes:
        name: of the case.
        complaints: all that was not as expected.
        index: the place of the case in its file; -1 for what concerns none of them.
        seconds: how long it took, in earnest.
        snapshot: what a snapshot would hold; none where the case has no use for one.
    """

    name: str
    complaints: tuple[str, ...]
    index: int = -1
    seconds: float = 0.0
    snapshot: Mapping[str, Any] | None = None


def compare(case: Case, seen: Seen) -> list[str]:
    """Return everything that is not as the case expects it, one sentence each."""
    complaints = list(seen.complaints)
    if not case.snapshot:
        complaints += compare_ports(case.expect, seen.emissions)
        complaints += _compare_errors(case, seen.errors)
    if case.logs is not None:
        complaints += _compare_lines("logs", case.logs, [line.message for line in seen.logs], seen.logs)
    if case.state is not None:
        complaints += told("state", case.state, seen.state)
    if case.requests is not None:
        texts = [f"{sent.method} {sent.url}" for sent in seen.sent]
        complaints += _compare_lines("requests", case.requests, texts, seen.sent)
    for index in seen.unused:
        complaints.append(f"http[{index}] was never requested{_requested(case.http[index], seen.sent)}")
    return complaints


def compare_ports(expected: Mapping[str, Any], emitted: Mapping[str, Sequence[Any]]) -> list[str]:
    """Return what is not as expected at output ports; one that is not named is to be silent."""
    complaints = []
    for port in sorted({*emitted, *expected}):
        complaints += told(f"port {port}", expected.get(port, []), list(emitted.get(port, ())))
    return complaints


def compare_snapshot(kept: Mapping[str, Any], got: Mapping[str, Any]) -> list[str]:
    """Return where what came is not what a snapshot holds."""
    complaints = []
    for key in sorted({*kept, *got}):
        complaints += told(key, _literal(kept.get(key)), got.get(key), shown=kept.get(key))
    return complaints


def snapshot_of(seen: Seen) -> dict[str, Any]:
    """Return what a snapshot holds of what was seen: parts that are empty are left out."""
    parts = {
        "expect": {port: seen.emissions[port] for port in sorted(seen.emissions)},
        "errors": [error.text for error in seen.errors],
        "logs": [f"{line.level}: {line.message}" for line in seen.logs],
    }
    return {key: value for key, value in parts.items() if value}


def told(what: str, wanted: Any, got: Any, *, shown: Any = msgspec.UNSET) -> list[str]:
    """Return the differences of a value as sentences: one for a small value, otherwise one for each place."""
    found = differences(wanted, got)
    if not found:
        return []
    expected = wanted if shown is msgspec.UNSET else shown
    if len(codec.encode(expected)) + len(codec.encode(got)) <= 2 * WHOLE_CHARACTERS:
        return [f"{what}: expected {show(expected)}, got {show(got)}"]
    lines = [f"{what}{_at(each)}: {each.words}" for each in found[:TOLD_DIFFERENCES]]
    more = len(found) - TOLD_DIFFERENCES
    return [*lines, f"{what}: and {more} more differences"] if more > 0 else lines


def _literal(value: Any) -> Any:
    """Return an expectation of a value, in which nothing is a pattern."""
    if is_pattern(value):
        return {"$exactly": value}
    if isinstance(value, dict):
        return {key: _literal(each) for key, each in value.items()}
    return [_literal(each) for each in value] if isinstance(value, list) else value


def _at(difference: Difference) -> str:
    separator = "" if not difference.path or difference.path.startswith("[") else "."
    return f"{separator}{difference.path}"


def _compare_errors(case: Case, errors: Sequence[SeenError]) -> list[str]:
    texts = [error.text for error in errors]
    if case.error is None and case.errors is None:
        return [f"unexpected error: {_with_node(error)}" for error in errors]
    complaints = []
    if case.error is not None and not texts:
        complaints.append(f"expected an error with {case.error!r}, and none occurred")
    elif case.error is not None and case.error not in texts[-1]:
        complaints.append(f"expected an error with {case.error!r}, got {texts[-1]}")
    if case.errors is not None:
        complaints += _compare_lines("errors", case.errors, texts, errors, is_part=True)
    return complaints


def _with_node(error: SeenError) -> str:
    return f"{error.text} (at node {error.node})" if error.node else error.text


def _compare_lines(
    what: str, wanted: Any, texts: list[str], records: Sequence[msgspec.Struct], *, is_part: bool = False
) -> list[str]:
    """Compare a list of texts or of records: a text is all or a part of one, an object some of its fields."""
    if not isinstance(wanted, list):
        return told(what, wanted, texts)
    if not any(isinstance(item, dict) for item in wanted):
        expected = [{"$contains": item} if is_part and isinstance(item, str) else item for item in wanted]
        return [f"{what}: expected {show(wanted)}, got {show(texts)}"] if differences(expected, texts) else []
    complaints = []
    for index in range(max(len(wanted), len(texts))):
        place = f"{what}[{index}]"
        if index >= len(wanted):
            complaints.append(f"{place}: got {show(texts[index])}, which was not expected")
        elif index >= len(texts):
            complaints.append(f"{place}: expected {show(wanted[index])}, and nothing came")
        elif isinstance(item := wanted[index], dict) and not is_pattern(item):
            complaints += told(place, {"$subset": item}, msgspec.to_builtins(records[index]), shown=item)
        else:
            complaints += told(
                place, {"$contains": item} if is_part and isinstance(item, str) else item, texts[index]
            )
    return complaints


def _requested(stand_in: StandIn, sent: Sequence[Sent]) -> str:
    """Return what was requested in its place, for whoever has mistyped a URL."""
    if not sent:
        return ": there were no requests"
    if not isinstance(stand_in.request, str):
        return ""
    return "; there was " + ", ".join(f"{each.method} {each.url}" for each in sent[:3])
