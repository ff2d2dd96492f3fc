"""Problems are data: what is wrong, where, and in words; reported all at once, never one at a time."""

import msgspec


class Problem(msgspec.Struct, frozen=True):
    """One thing that is wrong with a document.

    Attributes:
        code: a stable name for programs, such as ``edge.unknown_port``.
        path: the place in the document, such as ``edges[2].target.port``; empty for the whole document.
        message: one sentence for people.
    """

    code: str
    path: str
    message: str


class Finding(Problem, frozen=True, omit_defaults=True):
    """A problem with its place in the text that its author wrote.

    Attributes:
        line: counted from 1; absent where the place is not known.
        column: in that line, in characters, counted from 1.
    """

    line: int | None = None
    column: int | None = None


class ErrorBody(msgspec.Struct, frozen=True, omit_defaults=True):
    """The body of every refusal: ``{"error", "code", "problems"}``.

    Attributes:
        error: one sentence for people.
        code: a stable name for programs.
        problems: each single thing that is wrong, where there is more than the sentence can say.
    """

    error: str
    code: str
    problems: tuple[Problem, ...] = ()
