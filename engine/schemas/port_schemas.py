"""Port schemas: real JSON Schema, bounded when a component is registered, compiled once, and reckoned.

Whether a schema is asked on the event loop or in a worker process goes by what it may cost
(:mod:`engine.schemas.cost`): a few steps are done at once, more in a process that can be ended.
"""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any

from engine.cooperative.slices import Steps
from engine.errors import WorkersBusyError
from engine.schemas.cost import SchemaCost, measure
from engine.schemas.tasks import COMPILE, Complaint, Validator, compile_schema, explain, request
from proto import codec
from proto.component import ComponentDefinition, Port
from proto.json_text import Weight, weigh
from proto.problem import Problem
from workers.errors import PoolBusyError, WorkerError
from workers.pool import Pool

SCHEMAS_BYTES = 64 * 1024
"""JSON text of all schemas of a component: compiling and reckoning them takes less than 10 ms."""

INLINE_STEPS = 30_000
"""Work that is done on the event loop: a millisecond, three at the worst."""

INLINE_VALUE_BYTES = 64 * 1024
"""A value that is decoded on the event loop for its schema: a millisecond, three at the worst."""

EXPLAINED_STEPS = 200
"""Work of a schema whose complaint is made on the event loop: each step may build an error of up to 20 µs."""

COMPILE_SECONDS = 5.0
"""Wall time of compiling in a worker."""

_QUICK_BYTES = (4096, 1024, 256, 64, 16)

_KEPT_BYTES = 2 * 1024 * 1024
"""JSON text of the schemas that are kept compiled for the next graph; compiled, they take ten times as much."""


class PortSchema:
    """The schema of one port. It is compiled, and its levels are reckoned, when a value asks for it.

    Args:
        rules: the schema itself, as decoded JSON.

    Attributes:
        text: itself as JSON text.
        cost: what it may make of a value.
        quick_bytes: a value of so many bytes is checked at once, whatever it is.

    Raises:
        ValueError: checking would never end.
    """

    def __init__(self, rules: Mapping[str, Any]) -> None:
        self._rules = rules
        self._validator: Validator | None = None
        self.text = codec.encode(rules)
        self.cost: SchemaCost = measure(rules)
        self.quick_bytes = next((size for size in _QUICK_BYTES if self._is_quick(size)), 0)

    @property
    def validator(self) -> Validator:
        """Compiled.

        Raises:
            ValueError: it is no JSON Schema; ``check_schemas`` says so before anybody needs it.
        """
        if self._validator is None:
            self._validator = compile_schema(self._rules)
        return self._validator

    def is_for_here(self, text: bytes) -> bool:
        """Return whether a value, as JSON text, may be checked on the event loop."""
        if len(text) <= self.quick_bytes:
            return True
        return (
            not self.cost.is_opaque
            and len(text) <= INLINE_VALUE_BYTES
            and self.cost.steps(weigh(text)) <= INLINE_STEPS
        )

    def explain_here(self, text: bytes, value: Any) -> Complaint | None:
        """Explain what does not fit first in a value; None where that has to be found out in a worker."""
        if len(text) > self.quick_bytes or self.cost.steps(weigh(text)) > EXPLAINED_STEPS:
            return None
        return explain(self.validator, value)

    def request(self, text: bytes = b"") -> bytes:
        """Return the payload of a task for a worker, about a value as JSON text."""
        return request(self.text, text)

    def _is_quick(self, size: int) -> bool:
        levels = size // 2
        return self.cost.steps(Weight(bytes=size, depth=levels, elements=levels + 1)) <= INLINE_STEPS


class PortSchemas:
    """The schemas of a component's ports, by index; None for a port that takes everything."""

    def __init__(self, inputs: Sequence[PortSchema | None], outputs: Sequence[PortSchema | None]) -> None:
        self.inputs = inputs
        self.outputs = outputs


def check_schemas(definition: ComponentDefinition) -> Steps[list[Problem]]:
    """Return what is wrong with a definition's port schemas, as far as that can be said at once."""
    size_bytes = 0
    problems: list[Problem] = []
    for path, port in _places(definition):
        try:
            size_bytes += len(codec.encode(port.schema))
            if size_bytes > SCHEMAS_BYTES:
                message = f"The schemas of all ports together have more than {SCHEMAS_BYTES} bytes"
                return [*problems, Problem("component.schema_too_large", path, message)]
            schema = _known(port)
            if schema is not None and not schema.cost.is_opaque:
                _ = schema.validator
        except ValueError as error:
            problems.append(_problem(path, port, str(error)))
        yield
    return problems


async def check_opaque_schemas(definition: ComponentDefinition, workers: Pool | None, owner: str) -> list[Problem]:
    """Return what is wrong with the port schemas that ``check_schemas`` did not compile; ask a worker.

    Args:
        definition: in which ``check_schemas`` has found no fault.
        workers: where they are compiled; without them, they are refused.
        owner: the owner of the component.

    Raises:
        WorkersBusyError: too much work of the owner waits already.
    """
    problems = []
    for path, port in _places(definition):
        schema = _known(port)
        if schema is None or not schema.cost.is_opaque:
            continue
        if workers is None:
            problems.append(_problem(path, port, "it is too complex to be checked here"))
            continue
        try:
            complaint = await workers.run(owner, COMPILE, schema.request(), seconds=COMPILE_SECONDS)
        except PoolBusyError as error:
            raise WorkersBusyError(f"The schema of port {port.name} was not checked: {error}") from error
        except WorkerError as error:
            message = f"The schema of port {port.name} cannot be compiled: {error}"
            problems.append(Problem("component.schema_too_costly", path, message))
            continue
        if complaint:
            problems.append(_problem(path, port, complaint.decode()))
    return problems


def compile_schemas(definition: ComponentDefinition, outputs: Sequence[str]) -> PortSchemas:
    """Compile the schemas of a definition that ``check_schemas`` has found good.

    Args:
        definition: the component.
        outputs: names of its output ports in order, the implicit ``error`` port among them.
    """
    by_name: Mapping[str, Port] = {port.name: port for port in definition.ports.outputs}
    return PortSchemas(
        inputs=[_known(port) for port in definition.ports.inputs],
        outputs=[_known(by_name[name]) if name in by_name else None for name in outputs],
    )


def _places(definition: ComponentDefinition) -> list[tuple[str, Port]]:
    sides = (("inputs", definition.ports.inputs), ("outputs", definition.ports.outputs))
    return [(f"ports.{side}[{index}].schema", port) for side, ports in sides for index, port in enumerate(ports)]


def _problem(path: str, port: Port, complaint: str) -> Problem:
    line = (complaint.splitlines() or [""])[0][:500]
    return Problem("component.invalid_schema", path, f"The schema of port {port.name} is not JSON Schema: {line}")


class _Kept:
    """Schemas by the identity of the definition's own mapping, which is kept too, and so the only one with it."""

    def __init__(self) -> None:
        self._schemas: OrderedDict[int, tuple[Mapping[str, Any], PortSchema]] = OrderedDict()
        self._bytes = 0

    def get(self, given: Mapping[str, Any]) -> PortSchema | None:
        """Return the schema that is kept for this mapping."""
        found = self._schemas.get(id(given))
        if found is None:
            return None
        self._schemas.move_to_end(id(given))
        return found[1]

    def add(self, given: Mapping[str, Any], schema: PortSchema) -> None:
        """Keep it, and forget what was not asked for for longest."""
        self._schemas[id(given)] = given, schema
        self._bytes += len(schema.text)
        while self._bytes > _KEPT_BYTES:
            _, (_, oldest) = self._schemas.popitem(last=False)
            self._bytes -= len(oldest.text)


_kept = _Kept()


def _known(port: Port) -> PortSchema | None:
    """Return the schema of a port; None where it takes everything.

    Raises:
        ValueError: checking would never end.
    """
    found = _kept.get(port.schema)
    if found is not None:
        return found
    rules = {name: value for name, value in port.schema.items() if (name, value) != ("type", "any")}
    if not rules:
        return None
    schema = PortSchema(rules)
    _kept.add(port.schema, schema)
    return schema
