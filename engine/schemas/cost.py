"""A bound for the work that a JSON Schema can make of a value, found before it makes any. Pure.

A schema of two kilobytes can keep a validator busy for years: ``allOf`` with two references, forty levels deep,
asks the same question of one value 2**40 times, and a recursive ``oneOf`` doubles its questions with each level of
the value. Neither is against the rules, so the work is reckoned and not the form.

``A[k](s)`` is the most work that subschema ``s``, applied to one place of a value, makes at any one place ``k``
levels below it:

- ``A[0](s)`` is the work of its own keywords, and that of all subschemas that it applies in the same place
  (``allOf``, ``$ref``, ...), as often as it applies them;
- ``A[k](s)`` is the largest ``A[k - 1]`` of the subschemas that apply to one property or item or another, plus
  those that apply to each of them, plus ``A[k]`` of all that it applies in the same place.

A value with ``n`` elements, ``d`` levels deep, has one place at its root and no more than ``n`` at each other
level, so it makes no more work than ``A[0] + n * max(A[1..d])``. For most schemas, the numbers soon stay the same
from one level to the next, or become zero; recursion that branches makes them grow, and then it depends on how
deep a value is. Patterns and the like read their text, so their share is reckoned by bytes likewise.

A schema that cannot be reckoned is *opaque*: it refers by name, or looks back at what other keywords have said.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from engine.schemas.pattern_size import BOUNDLESS, pattern_weight
from proto.json_text import Weight

__all__ = ["BOUNDLESS", "EndlessSchemaError", "SchemaCost", "measure"]

MAX_SUBSCHEMAS = 500
"""Subschemas that are reckoned, in 3 ms. A larger schema is opaque."""

MAX_LEVELS = 16
"""Levels that are reckoned one by one. Work that still grows there is taken for boundless below."""

MAX_PATTERN_WEIGHT = 2_000
"""Characters of all patterns. A schema with more is opaque: compiling them takes milliseconds and megabytes."""

_BYTES_PER_STEP = 40
"""Bytes that a pattern of one character reads in the time of a step: 2.5 ns each at the worst."""

_IN_PLACE = frozenset(
    {"not", "if", "then", "else", "allOf", "anyOf", "oneOf", "dependentSchemas", "dependencies", "$ref"}
)
_ONE_CHILD = frozenset({"properties", "additionalProperties", "items", "prefixItems", "additionalItems"})
_EACH_CHILD = frozenset({"patternProperties", "propertyNames", "contains"})
_MAPS = frozenset({"dependentSchemas", "dependencies", "properties", "patternProperties"})
_OPAQUE = frozenset({"$dynamicRef", "$recursiveRef", "unevaluatedItems", "unevaluatedProperties"})
_WEIGHED = frozenset({"enum", "const", "required", "dependentRequired", "type"})
_READING = {
    "format": 20,
    "contentEncoding": 5,
    "contentMediaType": 5,
    "minLength": 1,
    "maxLength": 1,
    "uniqueItems": 40,
}
"""Keywords that read the text of their value, and how many characters of a pattern they are worth."""


_ARRAY_INDEX = re.compile(r"0|[1-9][0-9]{0,8}")  # of a JSON pointer (RFC 6901)


class EndlessSchemaError(ValueError):
    """A subschema that applies itself in the same place, so that checking would never end."""


class _Node:
    """One subschema.

    Attributes:
        own: the work of its keywords.
        reading: the characters of its patterns, or what is worth as much.
        in_place: subschemas that it applies in the same place.
        one_child: subschemas of which one applies to a place below.
        each_child: subschemas that apply to each place below.
    """

    __slots__ = ("each_child", "in_place", "one_child", "own", "reading")

    def __init__(self) -> None:
        self.own = 1
        self.reading = 0
        self.in_place: list[int] = []
        self.one_child: list[int] = []
        self.each_child: list[int] = []


class SchemaCost:
    """The work that a schema makes. Levels are reckoned when a value is first that deep.

    Args:
        nodes: all subschemas that can apply, the whole schema first; none where it is opaque.

    Attributes:
        is_opaque: whether nobody can say.
    """

    def __init__(self, nodes: list[_Node]) -> None:
        self.is_opaque = not nodes
        self._nodes = nodes
        self._order = _ordered(nodes)
        self._work = _Levels(nodes, self._order, [node.own for node in nodes])
        self._reading = _Levels(nodes, self._order, [node.reading for node in nodes])

    def steps(self, weight: Weight) -> int:
        """Return the most work that a value of this weight makes; ``BOUNDLESS`` where it may be any."""
        if self.is_opaque:
            return BOUNDLESS
        work = self._work.first + self._work.most(weight.depth) * weight.elements
        read = (self._reading.first + self._reading.sum(weight.depth)) * weight.bytes // _BYTES_PER_STEP
        return min(BOUNDLESS, work + read)


class _Levels:
    """``A[k]`` of the whole schema, level by level, until they repeat themselves."""

    def __init__(self, nodes: list[_Node], order: list[int], own: list[int]) -> None:
        self._nodes = nodes
        self._order = order
        self._all = [self._spread(own)]
        self._is_settled = not any(own)
        self.first = self._all[0][0] if nodes else 0
        self._most = [0]
        self._sums = [0]
        self._cycle_most = 0

    def most(self, depth: int) -> int:
        """Return the most of the levels from 1 to ``depth``."""
        return self._at(self._most, depth)

    def sum(self, depth: int) -> int:
        """Return the sum of the levels from 1 to ``depth``, or more."""
        total = self._at(self._sums, depth)
        beyond = max(0, depth - len(self._sums) + 1)
        return min(BOUNDLESS, total + beyond * self._cycle_most)

    def _at(self, levels: list[int], depth: int) -> int:
        while len(levels) <= depth and not self._is_settled:
            if len(levels) > MAX_LEVELS:
                return BOUNDLESS
            self._descend()
        return levels[min(depth, len(levels) - 1)]

    def _descend(self) -> None:
        above = self._all[-1]
        below = []
        for node in self._nodes:
            work = max([above[child] for child in node.one_child], default=0)
            work += sum(above[child] for child in node.each_child)
            below.append(min(BOUNDLESS, work))
        level = self._spread(below)
        self._most.append(max(self._most[-1], level[0]))
        self._sums.append(min(BOUNDLESS, self._sums[-1] + level[0]))
        if level in self._all:  # what comes has been there
            self._is_settled = True
            self._cycle_most = max(each[0] for each in self._all[self._all.index(level) :])
        self._all.append(level)

    def _spread(self, work: list[int]) -> list[int]:
        """Add what each subschema applies in the same place, the innermost first."""
        total = list(work)
        for index in self._order:
            for other in self._nodes[index].in_place:
                total[index] += total[other]
            total[index] = min(BOUNDLESS, total[index])
        return total


def measure(schema: Mapping[str, Any]) -> SchemaCost:
    """Measure a schema's cost.

    Args:
        schema: decoded JSON; it need not be a good schema.

    Raises:
        EndlessSchemaError: it applies itself in the same place.
    """
    reader = _Reader(schema)
    return SchemaCost(reader.nodes if reader.read() else [])


class _Reader:
    """A reader that finds the subschemas that can apply, by way of keywords and references."""

    def __init__(self, root: Mapping[str, Any]) -> None:
        self._root = root
        self._indices: dict[int, int] = {}
        self._waiting: list[tuple[int, Any]] = []
        self._reading = 0
        self.nodes: list[_Node] = []

    def read(self) -> bool:
        """Read all; False where something is opaque."""
        self._index_of(self._root)
        while self._waiting:
            if len(self.nodes) > MAX_SUBSCHEMAS:
                return False
            index, schema = self._waiting.pop()
            if isinstance(schema, dict) and not self._read_one(self.nodes[index], schema):
                return False
        return True

    def _index_of(self, schema: Any) -> int:
        """Return the index of a subschema, which is read later where it is new."""
        known = self._indices.get(id(schema)) if isinstance(schema, dict) else None
        if known is not None:
            return known
        index = len(self.nodes)
        self._indices[id(schema)] = index
        self.nodes.append(_Node())
        self._waiting.append((index, schema))
        return index

    def _read_one(self, node: _Node, schema: dict[str, Any]) -> bool:
        for keyword, value in schema.items():
            if keyword in _OPAQUE or (node is not self.nodes[0] and _is_name(keyword, value)):
                return False
            if keyword == "$ref":
                target = self._target(value)
                if target is None:
                    return False
                node.in_place.append(self._index_of(target))
            elif keyword in _IN_PLACE:
                node.in_place += map(self._index_of, _subschemas(keyword, value))
            elif keyword in _ONE_CHILD:
                node.one_child += map(self._index_of, _subschemas(keyword, value))
            elif keyword in _EACH_CHILD:
                node.each_child += map(self._index_of, _subschemas(keyword, value))
            _weigh(node, keyword, value)
            if keyword == "format" and value == "regex":
                return False  # compiling patterns that come as values is as much work as they like
        self._reading += node.reading
        return self._reading <= MAX_PATTERN_WEIGHT

    def _target(self, reference: Any) -> Any:
        """Return what a reference within the document points at; None for any other."""
        if not isinstance(reference, str) or not reference.startswith("#") or "%" in reference:
            return None
        found: Any = self._root
        for step in reference[1:].split("/")[1:]:
            key = step.replace("~1", "/").replace("~0", "~")
            if isinstance(found, dict) and key in found:
                found = found[key]
            elif isinstance(found, list) and _ARRAY_INDEX.fullmatch(key) and int(key) < len(found):
                found = found[int(key)]
            else:
                return None
            if isinstance(found, dict) and any(_is_name(*item) for item in found.items()):
                return None
        return found if isinstance(found, dict | bool) and reference[1:2] in ("", "/") else None


def _is_name(keyword: str, value: Any) -> bool:
    """Return whether it makes a document within the document, where references mean something else."""
    return keyword in ("$id", "id") and isinstance(value, str)


def _subschemas(keyword: str, value: Any) -> Iterator[Any]:
    values: Any = (value,)
    if isinstance(value, list):
        values = value
    elif keyword in _MAPS and isinstance(value, dict):
        values = value.values()
    return (each for each in values if isinstance(each, dict | bool))


def _weigh(node: _Node, keyword: str, value: Any) -> None:
    """Add the work of one keyword."""
    node.own += 1
    if keyword in _MAPS and isinstance(value, dict):
        node.own += len(value)
    elif keyword in _WEIGHED:
        node.own += _elements(value)
    node.reading += _READING.get(keyword, 0)
    patterns = [value] if keyword == "pattern" else value if keyword == "patternProperties" else ()
    node.reading += sum(pattern_weight(pattern) for pattern in patterns if isinstance(pattern, str))


def _elements(value: Any) -> int:
    count, waiting = 0, [value]
    while waiting:
        each = waiting.pop()
        count += 1
        if isinstance(each, dict):
            waiting += each.values()
        elif isinstance(each, list):
            waiting += each
    return count


def _ordered(nodes: list[_Node]) -> list[int]:
    """Return all nodes, each after those that it applies in the same place.

    Raises:
        EndlessSchemaError: there is no such order.
    """
    order: list[int] = []
    states = bytearray(len(nodes))  # 0 for new, 1 for begun, 2 for done
    for start in range(len(nodes)):
        waiting = [start]
        while waiting:
            index = waiting[-1]
            if states[index] == 0:
                states[index] = 1
                for other in nodes[index].in_place:
                    if states[other] == 1:
                        raise EndlessSchemaError("it applies itself to the same value again, without an end")
                    if states[other] == 0:
                        waiting.append(other)
            else:
                waiting.pop()
                if states[index] == 1:
                    states[index] = 2
                    order.append(index)
    return order
