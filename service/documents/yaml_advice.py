"""Advice for those whose YAML cannot be read, or is read otherwise than they meant: mostly, to quote it. Pure."""

import re

from engine.documents.problem_report import shown
from service.documents.place_tracker import Spot

QUOTE = 'put the text in quotes, or behind "|" on lines of its own'

_TABS = "indent with spaces, not with tabs"
_BRACKETS = f'within {{ }} and [ ] a text ends at a comma, a bracket or ": ": {QUOTE}'
_INDENTATION = "its indentation does not fit the lines above"
_ADVICE = (
    ("tab character", _TABS),
    ("flow mapping", _BRACKETS),
    ("flow sequence", _BRACKETS),
    ("mapping values are not allowed", _INDENTATION),
    ("document start", _INDENTATION),
    ("expected key", _INDENTATION),
    ("block end", _INDENTATION),
    ("could not find expected ':'", 'each line of an object is "key: value"'),
)
"""Words of libyaml, and what to do; the first that fit count."""

_CLOSING = frozenset({'"', "'", "]", "}"})
_SPLIT = re.compile(r":(?:[ \t]|\Z)")
_WANTS_TRUTH = re.compile(r"Expected `bool`|must be of type boolean")
_WANTS_NUMBER = re.compile(r"Expected `(?:int|float)|must be of type (?:number|integer)")
_TRUTHS = {"yes": "true", "on": "true", "y": "true", "no": "false", "off": "false", "n": "false"}
_QUOTED_NUMBER = re.compile(r"""(['"])(-?[0-9]+(?:\.[0-9]+)?)\1""")
_WANTS_TEXT = re.compile(r"Expected `str`|must be (?:of type string|text)")


def advice_for(problem: str, line: str, column: int) -> str:
    """Return the remedy for a text that libyaml refuses; "" where none is known.

    Args:
        problem: in libyaml's words.
        line: the one in which it was met.
        column: in it, counted from 0.
    """
    sign, before = line[column : column + 1], line[:column]
    if sign == "\t":
        return _TABS
    if "cannot start any token" in problem:
        return f"a text cannot begin with {sign}: {QUOTE}" if sign else ""
    if "mapping values are not allowed" in problem and _SPLIT.search(before.lstrip("- ")):
        return f'": " ends a key, as the one of "? :" does: {QUOTE}'
    if "expected key" in problem and before.rstrip()[-1:] in _CLOSING:
        return f"a text that begins with a quote or a bracket ends with it: {QUOTE}"
    return next((advice for words, advice in _ADVICE if words in problem), "")


def advice_for_value(spot: Spot, message: str, *, is_program: bool) -> str:
    """Return what to do where a value was read as something else than text, or a text ended too early.

    Args:
        spot: where it stands.
        message: what is wrong with it.
        is_program: whether it is a program that cannot be read.
    """
    if is_program:
        return _BRACKETS if spot.style == "plain" and spot.is_in_brackets else ""
    if _WANTS_TRUTH.search(message):
        meant = _TRUTHS.get(spot.raw.strip("'\"").lower())
        return f"write {meant}: {spot.raw} is a text" if meant else ""
    if _WANTS_NUMBER.search(message):
        number = _QUOTED_NUMBER.fullmatch(spot.raw)
        return f"leave the quotes away: {number[2]}" if number else ""
    if not _WANTS_TEXT.search(message):
        return ""
    if not spot.style:
        return QUOTE if spot.is_in_brackets else ""
    return f'write it in quotes: "{shown(spot.raw)}"' if spot.style == "plain" and spot.raw else ""
