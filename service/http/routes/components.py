"""Routes of components: register, list, show, remove."""

from functools import partial
from typing import Any

import msgspec
from msgspec.structs import asdict
from quart import Blueprint, Response

from engine.contracts.lanes import emits_apocryphal, shown_lanes
from engine.errors import VersionNotFoundError
from engine.own_components import ComponentPlacement
from engine.views import RuntimeView
from proto.component import ComponentDefinition, ConfigField, Port, PortLane, Ports, authored
from proto.reload import ReloadedExecution
from service.http.bodies import nothing, read_document, reply
from service.http.conditions import (
    IF_MATCH,
    IF_NONE_MATCH,
    MAX_VERSION,
    NOT_MODIFIED,
    OTHER_VERSION,
    VERSION,
    condition_of_request,
    tagged,
    unchanged,
)
from service.http.operation import Body, Reply, operation
from service.http.query import DETAIL, PAGE, RELOAD, page_of, switch, wants_all, whole_number
from service.http.sliced_replies import page_reply


class ShownLane(msgspec.Struct, frozen=True, omit_defaults=True):
    """The lane of an output port (docs/lanes.md), and why, where that is to be said."""

    lane: PortLane
    note: str = ""


class ShownConfigField(ConfigField, frozen=True, kw_only=True, omit_defaults=True):
    """A key of a configuration; its type is always said, as the platform's clients read it."""

    type: str


class ListedField(msgspec.Struct, frozen=True, omit_defaults=True):
    """A key of a configuration in a list: without its words and bounds, and without a default of nothing."""

    type: str
    required: bool = False
    default: Any = msgspec.UNSET
    enum: tuple[Any, ...] = ()


class ListedLane(msgspec.Struct, frozen=True):
    """The lane of an output port in a list."""

    lane: PortLane


class ListedComponent(msgspec.Struct, frozen=True, omit_defaults=True):
    """A component as lists have it: what the platform's own runtime lists, and in no more characters than its MCP
    server shows.

    Attributes:
        id: by which nodes name it.
        name: for people.
        description: likewise.
        inputs: the names of its input ports.
        outputs: the names of its output ports.
        config: the keys of its configuration that authors give.
        lanes: of its output ports, apart from those that inherit theirs.
        emits_apocryphal: whether nothing that it makes is ever canonical.
    """

    id: str
    name: str
    description: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    config: dict[str, ListedField]
    lanes: dict[str, ListedLane] = {}
    emits_apocryphal: bool = msgspec.field(name="emitsApocryphal", default=False)


class ShownComponent(msgspec.Struct, frozen=True):
    """A component in full.

    ``inputs`` and ``outputs`` are names, as the platform's clients read them; ``ports`` says all of them.
    ``lanes`` are those of the outputs; ``emitsApocryphal`` says that nothing it makes is ever canonical.
    All that its author wrote is here, so that it can be changed and sent back.
    """

    id: str
    name: str
    version: str
    category: str
    description: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    ports: Ports
    config: dict[str, ShownConfigField]
    lanes: dict[str, ShownLane]
    emits_apocryphal: bool = msgspec.field(name="emitsApocryphal")
    execution: dict[str, Any]
    stateless: bool = False
    validate: bool = False


class WrittenPorts(msgspec.Struct, frozen=True):
    """The ports of a component as its author may write them: in full, or as bare names.

    Attributes:
        inputs: the ports where values come in.
        outputs: the ports where values leave; ``error`` need not be listed.
    """

    inputs: tuple[Port | str, ...] = ()
    outputs: tuple[Port | str, ...] = ()


class WrittenComponent(ComponentDefinition, frozen=True, kw_only=True):
    """A component as its author may write it."""

    ports: WrittenPorts  # type: ignore[assignment]  # read by nobody: it says what the engine takes


class ComponentList(msgspec.Struct, frozen=True):
    """Components, the built-in ones first; ``count`` are on this page, ``total`` there are."""

    components: list[ListedComponent]
    count: int
    total: int


class FullComponentList(msgspec.Struct, frozen=True):
    """The same with ``?detail=full``."""

    components: list[ShownComponent]
    count: int
    total: int


class RegisteredReply(msgspec.Struct, frozen=True):
    """The id of a component that has been taken in, and which of its versions is the present one now."""

    registered: str
    version_number: int = msgspec.field(default=1, name="versionNumber")
    reloads: list[ReloadedExecution] | msgspec.UnsetType = msgspec.UNSET


SQUARE = {
    "id": "custom.math.square",
    "name": "Square",
    "version": "1.0.0",
    "ports": {
        "inputs": [{"name": "in", "schema": {"type": "number"}}],
        "outputs": [{"name": "out", "schema": {"type": "number"}}],
    },
    "execution": {
        "type": "javascript",
        "entrypoint": "handler",
        "source": "return { process: async (ctx, port, value) => ctx.emit('out', value * value) }",
    },
}


WRITTEN = Body((WrittenComponent,), {"squares numbers": SQUARE}, yaml=True)


def component_routes(runtime: RuntimeView) -> Blueprint:
    """Make the routes under ``/api/components``."""
    routes = Blueprint("components", __name__, url_prefix="/api/components")

    @routes.post("")
    @operation(
        Reply(201, RegisteredReply, {"registered": "custom.math.square"}),
        tag="components",
        summary="Register a component",
        description="Its code runs in the sandbox only. Source that cannot be compiled is refused with its line.",
        body=WRITTEN,
        refusals={409: "The id is taken, or there are as many components as there may be."},
    )
    async def register() -> Response:
        definition = await runtime.library.register_component(await read_document())
        present = runtime.library.component_versions(definition.id)[-1]
        return tagged(reply(RegisteredReply(definition.id), 201), present.tag)

    @routes.get("")
    @operation(
        Reply(200, ComponentList),
        Reply(200, FullComponentList),
        tag="components",
        summary="List all components",
        description="Without their sources, which may be long.",
        query=(*PAGE, DETAIL),
        is_public=True,
    )
    async def list_all() -> Response:
        components = runtime.library.components()
        entry = partial(_shown, with_source=False) if wants_all() else _listed
        shown = map(entry, page_of(components))
        return await page_reply("components", shown, {"total": len(components)}, count_as="count")

    @routes.get("/<component_id>")
    @operation(
        Reply(200, ShownComponent),
        tag="components",
        summary="Show a component with its source",
        query=(VERSION,),
        headers=(NOT_MODIFIED,),
        is_public=True,
    )
    async def show(component_id: str) -> Response:
        number = whole_number("version", least=1, most=MAX_VERSION)
        versions = runtime.library.component_versions(component_id)
        if not versions and number is None:  # built in
            return reply(_shown(runtime.library.component(component_id), with_source=True))
        numbers = [version.number for version in versions]
        if number is not None and number not in numbers:
            raise VersionNotFoundError(component_id, number, numbers)
        version = versions[-1 if number is None else numbers.index(number)]
        shown = _shown(version.content.definition, with_source=True)
        return unchanged(version.tag) or tagged(reply(shown), version.tag)

    @routes.put("/<component_id>")
    @operation(
        Reply(200, RegisteredReply, {"registered": "custom.math.square", "versionNumber": 2}),
        Reply(201, RegisteredReply, description="It is the first one of this id."),
        tag="components",
        summary="Replace a component by a new version, or register it",
        description="All or nothing: where the new one is wrong, or a graph that names it could not use it, the "
        "old one stays. Graphs that name it use it from their next execution on; those that name `id@version` "
        "keep to the version that bears this text. With `reload` executions go over to it, too, without losing a "
        "message, and `reloads` say what has become of each.",
        body=WRITTEN,
        query=(RELOAD,),
        headers=(IF_MATCH, IF_NONE_MATCH),
        refusals={409: "It is built in, or a loaded graph could not use it.", 412: OTHER_VERSION},
    )
    async def replace(component_id: str) -> Response:
        condition, reloads = condition_of_request(), switch("reload")
        document = await read_document()
        placement = await runtime.library.replace_component(component_id, document, condition=condition)
        return placed_reply(placement, await runtime.reload_component(component_id) if reloads else msgspec.UNSET)

    @routes.delete("/<component_id>")
    @operation(
        Reply(204),
        tag="components",
        summary="Remove a registered component that no loaded graph uses",
        headers=(IF_MATCH,),
        refusals={409: "It is built in, or a loaded graph uses it.", 412: OTHER_VERSION},
    )
    async def remove(component_id: str) -> Response:
        await runtime.library.unregister_component(component_id, condition=condition_of_request())
        return nothing()

    return routes


def placed_reply(
    placement: ComponentPlacement, reloads: list[ReloadedExecution] | msgspec.UnsetType = msgspec.UNSET
) -> Response:
    """Reply with what has come of a component, and of the executions that were to follow it."""
    version = placement.version
    status = 201 if placement.outcome == "created" else 200
    return tagged(reply(RegisteredReply(placement.definition.id, version.number, reloads), status), version.tag)


def _listed(definition: ComponentDefinition) -> ListedComponent:
    return ListedComponent(
        id=definition.id,
        name=definition.name,
        description=definition.description,
        inputs=_names(definition.ports.inputs),
        outputs=_names(definition.ports.outputs),
        config={
            key: ListedField(field.type, field.required, field.default or msgspec.UNSET, field.enum)
            for key, field in authored(definition.config).items()
        },
        lanes={name: ListedLane(lane) for name, (lane, _) in shown_lanes(definition).items() if lane != "inherit"},
        emits_apocryphal=emits_apocryphal(definition),
    )


def _shown(definition: ComponentDefinition, *, with_source: bool) -> ShownComponent:
    """Return the component; its source only where a single one was asked for, because sources are long."""
    code = definition.execution
    execution = {"type": code.type, "entrypoint": code.entrypoint}
    if with_source and code.source:
        execution["source"] = code.source
    if code.source_url:
        execution["sourceUrl"] = code.source_url
    if code.source_hash:
        execution["sourceHash"] = code.source_hash
    if code.limits is not None:
        execution["limits"] = msgspec.to_builtins(code.limits)
    return ShownComponent(
        id=definition.id,
        name=definition.name,
        version=definition.version,
        category=definition.category,
        description=definition.description,
        inputs=_names(definition.ports.inputs),
        outputs=_names(definition.ports.outputs),
        ports=definition.ports,
        config={key: ShownConfigField(**asdict(field)) for key, field in definition.config.items()},
        lanes={name: ShownLane(lane, note) for name, (lane, note) in shown_lanes(definition).items()},
        emits_apocryphal=emits_apocryphal(definition),
        execution=execution,
        stateless=definition.stateless,
        validate=definition.validate,
    )


def _names(ports: tuple[Port, ...]) -> tuple[str, ...]:
    return tuple(port.name for port in ports)
