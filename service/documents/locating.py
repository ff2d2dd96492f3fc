"""Problems of a document, with their lines and columns in the text that its author wrote, and what to do. Pure."""

import re
from collections.abc import Generator, Mapping, Sequence

import msgspec

from engine.documents.problem_report import shown
from proto.problem import Finding, Problem
from service.documents.json_places import tracking_json
from service.documents.place_tracker import PlaceTracker, Spot, nearest
from service.documents.reading import Format
from service.documents.text_places import place_within
from service.documents.yaml_advice import advice_for_value

_WITHIN = re.compile(r" \(line (\d{1,9}), column (\d{1,9})\)\Z")
"""The place in a program, at the end of a problem's message."""

_UNKNOWN_FIELD = re.compile(r"Object contains unknown field `([\w-]{1,100})`")
"""The words of the decoder for a key that an object cannot have; its path is that of the object."""

_OF_KEYS = (
    ".unknown_field",
    ".unknown_key",
    "cases.unknown_port",
    "UNKNOWN_FIELD",
    "UNKNOWN_PARAM",
    "RESERVED_PARAM",
)
"""Ends of the codes of problems that are about a key, and not its value."""


class Located(msgspec.Struct, frozen=True):
    """The findings of one text.

    Attributes:
        findings: the problems, in their order.
        repeated: keys that come twice in one object, of which the last counts.
    """

    findings: tuple[Finding, ...]
    repeated: tuple[Finding, ...] = ()


def locating(text: bytes, form: Format, problems: Sequence[Problem]) -> Generator[None, None, Located]:
    """Find the places of problems in the text of a document that could be decoded, with pauses."""
    decoded = text.decode("utf-8-sig", "replace")
    tracker = PlaceTracker({_place_of(problem) for problem in problems})
    repeated: list[tuple[str, int, int]] = []
    if form == "json":
        repeated = yield from tracking_json(decoded, tracker)
    elif problems:
        from service.documents.yaml_places import tracking_yaml  # noqa: PLC0415  only for those who write YAML

        yield from tracking_yaml(decoded, tracker)
    yield
    return Located(
        tuple(_finding(problem, tracker.spots) for problem in problems),
        tuple(_repetition(*place) for place in repeated),
    )


def _place_of(problem: Problem) -> str:
    """Return the place to look for: that of a field that its object cannot have, where the problem names one."""
    field = _UNKNOWN_FIELD.match(problem.message)
    return ".".join(filter(None, (problem.path, field[1]))) if field else problem.path


def _finding(problem: Problem, spots: Mapping[str, Spot]) -> Finding:
    place = _place_of(problem)
    found = nearest(spots, place)
    if found is None:
        return Finding(problem.code, problem.path, problem.message)
    path, spot = found
    line, column = spot.line, spot.column
    message = problem.message
    within = _WITHIN.search(message)
    if path != place:
        line, column = spot.key or (line, column)
    elif spot.key is not None and (not spot.style or place != problem.path or problem.code.endswith(_OF_KEYS)):
        line, column = spot.key
    else:
        if within is not None:
            line, column = place_within(spot, int(within[1]) - 1, int(within[2]) - 1)
            message = message[: within.start()]
        advice = advice_for_value(spot, message, is_program=within is not None)
        message += advice and f"; {advice}"
    return Finding(problem.code, problem.path, message, line + 1, column + 1)


def _repetition(name: str, line: int, column: int) -> Finding:
    message = f"The key {shown(name)} comes twice in one object, and the last one counts; leave one away"
    return Finding("document.repeated_key", "", message, line + 1, column + 1)
