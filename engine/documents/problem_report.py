"""The problems of one document, bounded in number and in length: who reads them repairs the first ones first.

A document of a few kilobytes can have a problem at every one of ten thousand edges, and each may quote a name of a
megabyte. So what is reported is bounded here, at the one place where it is collected, and what is quoted is cut
where it is quoted: cutting a message afterwards would be too late for the time that it took to make it.
"""

from collections.abc import Iterable, Iterator

import msgspec

from engine.documents.mask import Mask
from proto.problem import Problem

MAX_PROBLEMS = 100
"""Problems reported of one request; one more says how many there are besides."""

MAX_MESSAGE_CHARACTERS = 1_000
"""Characters of one problem's message."""

MAX_PATH_CHARACTERS = 500
"""Characters of one problem's place."""

SHOWN_CHARACTERS = 100
"""Characters of a name or value that a problem quotes."""

SHOWN_NAMES = 20
"""Names that a problem lists, such as those of a node's ports."""


class ProblemReport:
    """A collection of problems in the order in which they are found.

    Attributes:
        mask: of secrets that problems found from now on may quote; None for none.
    """

    def __init__(self, problems: Iterable[Problem] = ()) -> None:
        self._problems: list[Problem] = []
        self._left_out = 0
        self.mask: Mask | None = None
        self.extend(problems)

    def __bool__(self) -> bool:
        return bool(self._problems)

    @property
    def is_full(self) -> bool:
        """True when further problems are only counted, so that their messages need not be made."""
        return len(self._problems) >= MAX_PROBLEMS

    def note(self, code: str, path: str, message: str) -> None:
        """Take in a problem, cut to its bounds; where there are too many, count it."""
        if self.is_full:
            self._left_out += 1
            return
        if self.mask is not None:
            path, message = self.mask.text(path), self.mask.text(message)
        problem = Problem(code, _cut(path, MAX_PATH_CHARACTERS), _cut(message, MAX_MESSAGE_CHARACTERS))
        self._problems.append(problem)

    def extend(self, problems: Iterable[Problem]) -> None:
        """Take in problems that others have found."""
        for problem in problems:
            self.note(problem.code, problem.path, problem.message)

    def problems(self) -> list[Problem]:
        """Return the first problems, and one more that counts the others, if there are any."""
        if not self._left_out:
            return list(self._problems)
        return [*self._problems, further(self._left_out)]


def bounded(problem: Problem) -> Problem:
    """Return a problem that quotes no more than a report would: of those that were not collected in one."""
    if len(problem.message) <= MAX_MESSAGE_CHARACTERS and len(problem.path) <= MAX_PATH_CHARACTERS:
        return problem
    path, message = _cut(problem.path, MAX_PATH_CHARACTERS), _cut(problem.message, MAX_MESSAGE_CHARACTERS)
    return msgspec.structs.replace(problem, path=path, message=message)  # also where it has a line


def further(count: int) -> Problem:
    """Return the last problem of a list that was cut."""
    return Problem("problems.more", "", f"There are {count} further problems; repair these first")


def shown(text: object, limit: int = SHOWN_CHARACTERS) -> str:
    """Return a name or value as a problem quotes it: no longer than people read."""
    if not isinstance(text, str):
        text = f"a value of type {type(text).__name__}" if isinstance(text, dict | list | tuple) else _plain(text)
    return _cut(text, limit)


def listed(names: Iterable[str], most: int = SHOWN_NAMES) -> str:
    """Names as a problem lists them; "" where there are none."""
    kept: list[str] = []
    left_out = 0
    for name in names:
        if len(kept) < most:
            kept.append(shown(name))
        else:
            left_out += 1
    return ", ".join([*kept, f"and {left_out} more"] if left_out else kept)


def numbered(problems: Iterable[Problem], prefix: str) -> Iterator[Problem]:
    """Problems of a part, as problems of the whole; ``prefix`` is the part's place."""
    for problem in problems:
        joint = "" if not problem.path or problem.path.startswith("[") else "."
        yield Problem(problem.code, f"{prefix}{joint}{problem.path}", problem.message)


def _plain(value: object) -> str:
    """Return a number, truth value or null as text; an integer of thousands of digits takes long to write."""
    if isinstance(value, int) and value.bit_length() > SHOWN_CHARACTERS * 3:
        return "a very long number"
    return str(value)


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[: limit - 1]}…"
