"""The order in which handlers are handed what others made: what can be seen without watching the execution."""

from collections import defaultdict
from collections.abc import Sequence
from collections.abc import Set as AbstractSet


class HandledOrder:
    """The order along every edge, and within every request, as the handlers see it.

    Args:
        parallel: nodes that run several invocations at once: they begin, and make, in any order.
    """

    def __init__(self, parallel: frozenset[str]) -> None:
        self._parallel = parallel
        self._made: dict[bytes, tuple[str, int]] = {}
        self._latest: dict[tuple[str, str], int] = {}
        self._begun: dict[str, dict[bytes, int]] = defaultdict(dict)
        self._requests: list[tuple[str, Sequence[bytes]]] = []

    def note_made(self, node: str, value: bytes, number: int) -> None:
        """A node has made a value, the run's so manieth."""
        self._made[value] = node, number

    def note_request(self, node: str, values: Sequence[bytes]) -> None:
        """A request has brought several values for a node."""
        self._requests.append((node, values))

    def begin(self, node: str, value: bytes) -> str:
        """A handler begins with a value for the first time; what is wrong with that."""
        self._begun[node].setdefault(value, len(self._begun[node]))
        maker, number = self._made.get(value, ("", 0))
        if not maker or node in self._parallel or maker in self._parallel:
            return ""
        latest = self._latest.get((node, maker), -1)
        self._latest[node, maker] = max(number, latest)
        return f"{node} began with {value!r} of {maker} behind a later one" if number < latest else ""

    def violations(self, reordered: AbstractSet[str]) -> list[str]:
        """The requests that were not processed in their order, but for nodes where somebody has changed it."""
        wrong = []
        for node, values in self._requests:
            places = [self._begun[node][value] for value in values if value in self._begun[node]]
            if node not in self._parallel | reordered and places != sorted(places):
                wrong.append(f"a request for {node} was processed in the order {places}")
        return wrong
