"""The findings of ``symbia-runtime doctor``: what of a stack works, what is absent, and what does not work."""

from typing import Literal

import msgspec

Grade = Literal["ok", "note", "absent", "wrong"]
"""``ok`` works, ``note`` is worth knowing, ``absent`` is not configured, ``wrong`` is and does not work."""


class Finding(msgspec.Struct, frozen=True):
    """One thing that was found.

    Attributes:
        grade: how good it is.
        subject: what it is about: a sibling, the runtime, or a setting.
        words: for people; what to do, where something is to be done.
    """

    grade: Grade
    subject: str
    words: str

    @property
    def line(self) -> str:
        """The finding as one line, which begins with its grade."""
        return f"{self.grade:<7}{self.subject}: {self.words}"


def status_of(findings: list[Finding]) -> int:
    """Return the exit status: 1 where something is wrong, otherwise 3 where something is absent, otherwise 0."""
    grades = {finding.grade for finding in findings}
    if "wrong" in grades:
        return 1
    return 3 if "absent" in grades else 0
