"""The components that graphs may name: built in first, then registered (specification, "Catalog Service")."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import httpx
import msgspec

from engine.builtin.catalogue import builtins
from engine.builtin.expressions import ExpressionComponent
from engine.component import Component
from engine.declaration import parse_component
from engine.errors import ComponentExistsError, ComponentNotFoundError, InvalidComponentError
from engine.limits import EngineLimits
from engine.sandboxed import ExpressionRunner, SandboxHost, SourceComponent
from engine.source import FetchSource, no_source, obtain_source
from proto.component import ComponentDefinition


class Registry(Mapping[str, Component]):
    """All components by id. A graph resolves its components when it is loaded, once.

    Args:
        host: runs what is not ours.
        limits: bounds of definitions.
        open_http_client: makes the client that a node uses for outgoing HTTP.
        fetch_source: fetches the source of a component that names a URL in its place.
    """

    def __init__(
        self,
        host: SandboxHost,
        limits: EngineLimits,
        open_http_client: Callable[[], httpx.AsyncClient],
        fetch_source: FetchSource = no_source,
    ) -> None:
        self._host = host
        self._limits = limits
        self._fetch_source = fetch_source
        self._components: dict[str, Component] = {}
        for item in builtins(open_http_client):
            component = ExpressionRunner(item, host) if isinstance(item, ExpressionComponent) else item
            self._components[component.definition.id] = component

    def __getitem__(self, component_id: str) -> Component:
        return self._components[component_id]

    def __iter__(self) -> Iterator[str]:
        return iter(self._components)

    def __len__(self) -> int:
        return len(self._components)

    def definition(self, component_id: str) -> ComponentDefinition:
        """What a component says of itself.

        Raises:
            ComponentNotFoundError: there is none with this id.
        """
        component = self._components.get(component_id)
        if component is None:
            raise ComponentNotFoundError(component_id)
        return component.definition

    async def register(self, document: Any) -> ComponentDefinition:
        """Take in a stranger's component, given as a decoded JSON document.

        Raises:
            InvalidComponentError: its shape, names or source are wrong, or the source cannot be fetched; carries
                every problem.
            ComponentExistsError: its id is taken.
        """
        definition, problems = parse_component(document, self._limits)
        if definition is None or problems:
            raise InvalidComponentError(problems)
        if definition.id in self._components:
            raise ComponentExistsError(definition.id)
        code, problems = await obtain_source(definition.execution, self._fetch_source, self._limits)
        if problems:
            raise InvalidComponentError(problems)
        definition = msgspec.structs.replace(definition, execution=code)
        component = SourceComponent(definition, self._host)
        problems = list(await component.check_source())
        if problems:
            raise InvalidComponentError(problems)
        if definition.id in self._components:  # another registration came while ours was being checked
            raise ComponentExistsError(definition.id)
        self._components[definition.id] = component
        return definition
