"""Find where a text stops being TypeScript. The transformer says what is wrong with it, but not where.

A parser reads from left to right, so the beginning of the text, cut off behind the culprit, is refused for the
same reason whatever follows; and cut off before it, there is something that can follow and changes the verdict.
The least such beginning is found by halving, and its last token is the culprit. What the transformer would say
of the cut itself is told apart by trying several things behind it.

It is a guess in one case: where a text can be read in two ways for a while (``(a, b`` may begin a call or an arrow
function), the culprit is the token that rules out the reading which the parser tries last.
"""

from collections.abc import Sequence

from wasm_host.typescript.strip_types import TypeScriptError, TypeStripper
from wasm_host.typescript.tokens import start_after

_CONTINUATIONS = ("", " x", ";", ")", "}", "]", " = 1;", ": x", "(", "{")
"""Tokens that may follow a healthy beginning: the end, an operand, the end of a statement or a bracket, ..."""


async def culprit_of(
    stripper: TypeStripper, head: str, text: str, tail: str, ends: Sequence[int], cpu_ms: int
) -> tuple[str, int]:
    """Return what is wrong with a text that the stripper refuses, and the offset in ``text`` of the token that is.

    Args:
        stripper: refuses it
        head: what is wrapped around the text, so that it can be read in the form that is meant
        text: the author's
        tail: as head
        ends: of its tokens
        cpu_ms: for all of it together

    Returns:
        The message, and the offset; ``len(text)`` when it ends too soon.

    Raises:
        LimitError: it took too long, or too much memory.
    """
    search = _Search(stripper, head, cpu_ms)
    verdict = await search.verdict(text + tail)
    healthy, broken = 0, len(ends) + 1
    while broken - healthy > 1:
        middle = (healthy + broken) // 2
        if await search.is_broken(text[: ends[middle - 1]], verdict):
            broken = middle
        else:
            healthy = middle
    if broken > len(ends):
        return verdict, len(text)
    return verdict, start_after(text, ends[broken - 2] if broken > 1 else 0)


class _Search:
    """The stripper, asked within a budget."""

    def __init__(self, stripper: TypeStripper, head: str, cpu_ms: int) -> None:
        self._stripper = stripper
        self._head = head
        self._left_ms = cpu_ms

    async def verdict(self, text: str) -> str:
        """Return the first thing that is wrong with a text, or nothing."""
        verdict = ""
        try:
            _, spent_ms = await self._stripper.strip(self._head + text, max(self._left_ms, 1))
        except TypeScriptError as problem:
            verdict, spent_ms = str(problem).partition("; ")[0], problem.spent_ms
        self._left_ms -= 1 + spent_ms
        return verdict

    async def is_broken(self, beginning: str, verdict: str) -> bool:
        for continuation in _CONTINUATIONS:
            if await self.verdict(beginning + continuation) != verdict:
                return False
        return True
