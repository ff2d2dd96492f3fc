"""A line of nodes that grows: what comes next is fed by the ends that are open. Pure."""

from collections.abc import Callable, Sequence
from typing import Any

from service.interchange.assembly import Wire
from service.interchange.benthos.config import MOST_PARTS, Part, parts_of, resources
from service.interchange.imported import NotImportableError
from service.interchange.names import UniqueNames, slug
from service.interchange.notes import Fate, Place, Report, shown

STUB = "benthos.stub"
MOST_DEPTH = 20
"""Levels of processors in processors."""

_SOURCE = (
    "const handler = { process(ctx) { throw new Error(`${ctx.config.type} is to be written by hand: "
    "docs/import.md says how`); } };"
)
_DEFINITION: dict[str, Any] = {
    "id": STUB,
    "name": "Benthos: to be written",
    "version": "1.0.0",
    "category": "benthos",
    "ports": {"inputs": ["in"], "outputs": ["out"]},
    "config": {"type": {"type": "string", "description": "The part that it stands for."}},
    "execution": {"type": "javascript", "entrypoint": "handler", "source": _SOURCE},
}

Convert = Callable[[Part, "Line"], None]


class Line:
    """Nodes and wires of a graph, with the ends that are open, and the ports by which errors can leave."""

    def __init__(self, document: dict[str, Any], report: Report, convert: Convert) -> None:
        self.nodes: dict[str, dict[str, Any]] = {}
        self.wires: list[Wire] = []
        self.ends: list[tuple[str, str]] = []
        self.components: dict[str, dict[str, Any]] = {}
        self._failing: list[str] = []
        self._document = document
        self._report = report
        self._convert = convert
        self._names = UniqueNames()
        self._parts = 0
        self._depth = 0

    def note(self, fate: Fate, message: str, part: Part, node: str = "") -> None:
        """Add a note about a part of the configuration."""
        place = Place(id=part.path, name=shown(part.label), type=shown(part.kind), node=node)
        self._report.note(fate, message, place)

    def resource(self, section: str, label: Any) -> Part | None:
        """Return what the configuration keeps under a label."""
        return resources(self._document, section).get(label) if isinstance(label, str) else None

    def add(self, part: Part, component: str, *, node: dict[str, Any] | None = None, **config: Any) -> str:
        """Add a node behind the open ends; return its id."""
        name = self._names.give(slug(part.label or part.kind, "part"))
        made: dict[str, Any] = {"id": name, "component": component}
        if kept := {key: value for key, value in config.items() if value not in ("", {}, None)}:
            made["config"] = kept
        self.nodes[name] = {**made, **(node or {})}
        self.wires += [Wire(*end, name, "in") for end in self.ends]
        self.ends = [(name, "out")]
        self._failing.append(name)
        if component != STUB:
            self.note("carried", f"It is a node of {component}", part, name)
        return name

    def by_hand(self, part: Part, remedy: str) -> str:
        """Add the place of a part that somebody has to write, which refuses each message."""
        self.components[STUB] = _DEFINITION
        name = self.add(part, STUB, type=part.kind[:100])
        self.note("byHand", f"It refuses each message until it is written: {remedy}", part, name)
        return name

    def row(self, items: Any, path: str) -> None:
        """Add the processors of a list, one after another."""
        self._depth += 1
        if self._depth > MOST_DEPTH:
            raise NotImportableError(f"Its processors are nested more than {MOST_DEPTH} levels deep")
        for part in parts_of(items, path):
            self._parts += 1
            if self._parts > MOST_PARTS:
                raise NotImportableError(f"It has more than {MOST_PARTS} parts")
            self._convert(part, self)
        self._depth -= 1

    def branches(self, part: Part, cases: Sequence[tuple[str, Any]]) -> None:
        """Add a split for each case; behind it are its processors, and all of them meet again."""
        done: list[tuple[str, str]] = []
        for index, (check, processors) in enumerate(cases):
            name = self.add(part, "symbia.core.split", condition=check)
            self.ends = [(name, "true")]
            self.row(processors, f"{part.path}.{part.kind}[{index}].processors")
            done += self.ends
            self.ends = [(name, "false")]
        self.ends += done

    def catch(self, part: Part) -> None:
        """Lead what has failed until now through the processors of a catch; behind it all go on together."""
        failed, whole = self._failing, self.ends
        if not failed:
            self.note("leftOut", "Nothing before it can fail", part)
            return
        self.ends = [(name, "error") for name in failed]
        self._failing = []
        self.add(part, "symbia.core.map", expression="value.value")
        self.row(part.settings, f"{part.path}.{part.kind}")
        self.ends = [*whole, *self.ends]

    def output(self, part: Part, component: str, **config: Any) -> str:
        """Add a node that ends the line, and leaves its ends open for others."""
        ends = list(self.ends)
        name = self.add(part, component, **config)
        self.ends = ends
        return name
