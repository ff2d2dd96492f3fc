"""The components that graphs may name: built in first, then registered (specification, "Catalog Service").

The built-in ones are everybody's. What is registered belongs to an owner and exists for them alone: two owners may
use the same id for different code, and neither can learn of the other's (docs/decisions/0035).
"""

from collections.abc import Callable, Sequence
from typing import Any

import httpx
import msgspec

from engine.builtin.catalogue import builtins
from engine.builtin.core_expressions import ExpressionComponent
from engine.builtin.parts.message_key import KEY_EXPRESSION
from engine.components.definition import read_component
from engine.components.fields import without_unknown_fields
from engine.components.keyed import KeyedComponent
from engine.components.module import obtain_module
from engine.components.sandboxed import (
    OWNER,
    ExpressionRunner,
    HostStatistics,
    ModuleComponent,
    SandboxHost,
    SourceComponent,
)
from engine.components.source import FetchSource, no_source, obtain_source
from engine.contracts.component import Builtin, Component
from engine.contracts.reports import Sink
from engine.cooperative.slices import in_slices
from engine.documents.encodable import check_sayable
from engine.errors import (
    ComponentBuiltInError,
    ComponentExistsError,
    ComponentInUseError,
    ComponentNotFoundError,
    InvalidComponentError,
)
from engine.limits import EngineLimits
from engine.quota import Quotas
from engine.schemas.port_schemas import check_opaque_schemas
from proto.component import ComponentDefinition
from workers.pool import Pool, PoolStatistics


class Prepared(msgspec.Struct, frozen=True):
    """A component that can be registered.

    Attributes:
        component: compiled.
        module: the bytes of its module, of which the component keeps none; empty where it has a source.
    """

    component: Component
    module: bytes


class Registry:
    """All components by owner and id. A graph resolves its components when it is loaded, once.

    Args:
        host: runs what is not ours.
        limits: bounds of definitions.
        open_http_client: makes the client that a node uses for outgoing HTTP.
        fetch_source: fetches the source of a component that names a URL in its place.
        sink: takes what graphs report as metrics and log lines.
        workers: where work runs that cannot be sliced; without them it is refused.
    """

    def __init__(
        self,
        host: SandboxHost,
        limits: EngineLimits,
        open_http_client: Callable[[], httpx.AsyncClient],
        fetch_source: FetchSource = no_source,
        sink: Sink | None = None,
        workers: Pool | None = None,
    ) -> None:
        self._host = host
        self._limits = limits
        self._fetch_source = fetch_source
        self._quotas = Quotas(limits)
        self._workers = workers
        self._owned: dict[str, dict[str, Component]] = {}
        self._builtins: dict[str, Component] = {}
        for item in builtins(open_http_client, sink, workers):
            component: Component = ExpressionRunner(item, host) if isinstance(item, ExpressionComponent) else item
            if isinstance(component, Builtin) and KEY_EXPRESSION in component.definition.config:
                computing = ExpressionComponent(component.definition, "map", (KEY_EXPRESSION,))
                component = KeyedComponent(component, ExpressionRunner(computing, host))
            self._builtins[component.definition.id] = component

    def sandbox_statistics(self) -> HostStatistics:
        """Return what all guests of the sandbox host have used so far."""
        return self._host.statistics()

    def compiler_statistics(self) -> PoolStatistics:
        """Return what the processes that compile modules do now and have done."""
        return self._host.compiler_statistics()

    def of(self, owner: str) -> dict[str, Component]:
        """Return a copy of the components that an owner may use, by id, the built-in ones first."""
        return {**self._builtins, **self._owned.get(owner, {})}

    def definition(self, component_id: str, owner: str = "") -> ComponentDefinition:
        """Return the definition of a component.

        Raises:
            ComponentNotFoundError: there is none with this id that the owner may use.
        """
        component = self._builtins.get(component_id) or self._owned.get(owner, {}).get(component_id)
        if component is None:
            raise ComponentNotFoundError(component_id)
        return component.definition

    async def register(self, document: Any, owner: str = "") -> ComponentDefinition:
        """Take in an owner's untrusted component, given as a decoded JSON document.

        Raises:
            InvalidComponentError: its shape, names or source are wrong, or the source cannot be fetched; carries
                every problem.
            ComponentExistsError: its id is a built-in one's, or the owner has used it.
            QuotaError: the owner has as many components as they may.
            WorkersBusyError: too much of the owner's work waits for worker processes already.
        """
        prepared = await self.prepare(document, owner, is_new=True)
        self.add(prepared.component, owner)
        return prepared.component.definition

    async def prepare(self, document: Any, owner: str, *, is_new: bool) -> Prepared:
        """Make an owner's untrusted component, given as a decoded JSON document, that is to be stored.

        Args:
            document: decoded JSON.
            owner: whose it is.
            is_new: whether its id must be free, which is asked before anything is compiled.

        Raises:
            EngineError: as ``register`` does.
        """
        definition = await self._parsed(document)
        if is_new:
            self.check_place(definition.id, owner)
        prepared = await self._made(definition, owner)
        return self._owned_by(prepared)

    async def prepare_kept(self, definition: ComponentDefinition, module: bytes, owner: str) -> Prepared:
        """Make a component that was registered before, from what was kept of it.

        Raises:
            InvalidComponentError: it cannot be made any more; carries every problem.
        """
        return self._owned_by(await self._checked(definition, module, owner))

    @staticmethod
    def _owned_by(prepared: Prepared) -> Prepared:
        if isinstance(prepared.component, SourceComponent):
            prepared.component.chain_domain = OWNER
        return prepared

    def add(self, component: Component, owner: str) -> None:
        """Store a component that is not there yet.

        Raises:
            ComponentExistsError: its id is a built-in one's, or the owner has used it.
            QuotaError: the owner has as many components as they may.
        """
        self.check_place(component.definition.id, owner)
        self._owned.setdefault(owner, {})[component.definition.id] = component

    def put(self, component: Component, owner: str) -> None:
        """Store a component, in the place of the one that has its id."""
        self._owned.setdefault(owner, {})[component.definition.id] = component

    def builtin(self, component_id: str) -> Component | None:
        """Return the built-in component of an id; None where there is none."""
        return self._builtins.get(component_id)

    def check_own(self, component_id: str) -> None:
        """Refuse the id of a built-in component, where an owner's is to be changed.

        Raises:
            ComponentBuiltInError: it is one.
        """
        if component_id in self._builtins:
            raise ComponentBuiltInError(component_id)

    async def make(self, document: Any, owner: str = "") -> Component:
        """Make an untrusted component that others publish, for an owner; it is not stored.

        Fields that it cannot have are left out: nobody here could mend them.

        Raises:
            InvalidComponentError: as ``register`` does.
        """
        return (await self._made(await self._parsed(without_unknown_fields(document)), owner)).component

    async def _parsed(self, document: Any) -> ComponentDefinition:
        if unsayable := await in_slices(check_sayable(document, "component.unsayable")):
            raise InvalidComponentError(unsayable)
        definition, problems = await in_slices(read_component(document, self._limits))
        if definition is None or problems:
            raise InvalidComponentError(problems)
        return definition

    async def _made(self, definition: ComponentDefinition, owner: str) -> Prepared:
        """Return the component, its code at hand and compiled."""
        if problems := await check_opaque_schemas(definition, self._workers, owner):
            raise InvalidComponentError(problems)
        definition, module = await self._with_code(definition)
        return await self._checked(definition, module, owner)

    async def _checked(self, definition: ComponentDefinition, module: bytes, owner: str) -> Prepared:
        """Return the component, its code compiled."""
        component: SourceComponent | ModuleComponent
        if definition.execution.type == "wasm":
            component = ModuleComponent(definition, module, self._host)
        else:
            component = SourceComponent(definition, self._host)
        problems = list(await component.check_source(owner))
        if problems:
            raise InvalidComponentError(problems)
        return Prepared(component, module)

    async def _with_code(self, definition: ComponentDefinition) -> tuple[ComponentDefinition, bytes]:
        """Return the definition with its source at hand, or the bytes of its module beside it."""
        content = b""
        if definition.execution.type == "wasm":
            limit_bytes = self._host.maximum_limits.module_bytes
            code, content, problems = await obtain_module(definition.execution, self._fetch_source, limit_bytes)
        else:
            code, problems = await obtain_source(definition.execution, self._fetch_source, self._limits)
        if problems:
            raise InvalidComponentError(problems)
        return msgspec.structs.replace(definition, execution=code), content

    def check_removal(self, component_id: str, users: Sequence[str], owner: str = "") -> None:
        """Refuse to forget a component that is not registered, or that is used.

        Args:
            component_id: the id of the component.
            users: ids of the graphs that use it.
            owner: the owner that it belongs to.

        Raises:
            ComponentNotFoundError: there is none with this id that the owner may use.
            ComponentBuiltInError: it is a built-in one.
            ComponentInUseError: there are users.
        """
        self.definition(component_id, owner)
        if component_id in self._builtins:
            raise ComponentBuiltInError(component_id)
        if users:
            raise ComponentInUseError(component_id, users)

    def remove(self, component_id: str, owner: str = "") -> None:
        """Forget a registered component."""
        del self._owned[owner][component_id]

    def check_place(self, component_id: str, owner: str) -> None:
        """Refuse a new component whose id is taken, or for which its owner has no place.

        Raises:
            ComponentExistsError: its id is a built-in one's, or the owner has used it.
            QuotaError: the owner has as many components as they may.
        """
        owned = self._owned.get(owner, {})
        if component_id in self._builtins or component_id in owned:
            raise ComponentExistsError(component_id)
        self._quotas.check_components(len(owned))
