"""Routes of components: register, list, show."""

from typing import Any

import msgspec
from quart import Blueprint, Response

from engine.runtime import Runtime
from proto.component import ComponentDefinition, ConfigField, Port, Ports
from service.exchange import read_document, reply


class ShownComponent(msgspec.Struct, frozen=True):
    """A component as it is listed.

    ``inputs`` and ``outputs`` are names, as the platform's clients read them; ``ports`` says all of them.
    """

    id: str
    name: str
    version: str
    category: str
    description: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    ports: Ports
    config: dict[str, ConfigField]
    execution: dict[str, Any]


def component_routes(runtime: Runtime) -> Blueprint:
    """The routes under ``/api/components``."""
    routes = Blueprint("components", __name__, url_prefix="/api/components")

    @routes.post("")
    async def register() -> Response:
        definition = await runtime.register_component(await read_document())
        return reply({"registered": definition.id}, 201)

    @routes.get("")
    async def list_all() -> Response:
        shown = [_shown(definition, with_source=False) for definition in runtime.components()]
        return reply({"components": shown, "count": len(shown)})

    @routes.get("/<component_id>")
    async def show(component_id: str) -> Response:
        return reply(_shown(runtime.component(component_id), with_source=True))

    return routes


def _shown(definition: ComponentDefinition, *, with_source: bool) -> ShownComponent:
    """The component; its source only where a single one was asked for, because sources are long."""
    code = definition.execution
    execution = {"type": code.type, "entrypoint": code.entrypoint}
    if with_source and code.source:
        execution["source"] = code.source
    if code.source_url:
        execution["sourceUrl"] = code.source_url
    if code.source_hash:
        execution["sourceHash"] = code.source_hash
    return ShownComponent(
        id=definition.id,
        name=definition.name,
        version=definition.version,
        category=definition.category,
        description=definition.description,
        inputs=_names(definition.ports.inputs),
        outputs=_names(definition.ports.outputs),
        ports=definition.ports,
        config=definition.config,
        execution=execution,
    )


def _names(ports: tuple[Port, ...]) -> tuple[str, ...]:
    return tuple(port.name for port in ports)
