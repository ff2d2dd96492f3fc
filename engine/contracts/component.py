"""Components as the engine runs them: a definition, and the making of handlers from it."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Literal, Protocol

import msgspec

from engine.contracts.handler import Handler, InstanceContext
from proto.component import ERROR_PORT, ComponentDefinition
from proto.problem import Problem


class Component(Protocol):
    """One resolved component: built in, or untrusted and therefore sandboxed."""

    @property
    def definition(self) -> ComponentDefinition:
        """The component's own description."""

    def check(self, config: Mapping[str, Any]) -> Awaitable[Sequence[Problem]]:
        """Return the problems of a node's configuration beyond its schema, such as an expression's syntax.

        Called once when a graph is loaded, with the defaults filled in; ``path`` of a problem is relative to
        the configuration.
        """

    def create(self, context: InstanceContext) -> Handler:
        """Make a new handler for one node of one execution. Neither awaits nor fails; ``initialize`` does."""


def input_names(definition: ComponentDefinition) -> tuple[str, ...]:
    """Names of the input ports, in order."""
    return tuple(port.name for port in definition.ports.inputs)


def output_names(definition: ComponentDefinition) -> tuple[str, ...]:
    """Names of the output ports, in order; the implicit ``error`` port last unless it is declared."""
    names = tuple(port.name for port in definition.ports.outputs)
    return names if ERROR_PORT in names else (*names, ERROR_PORT)


class Builtin:
    """A component that the runtime ships and runs in this process; its code is ours and trusted.

    Args:
        definition: what it says of itself.
        make: a new handler for a place.
        is_source: whether it emits by itself, so that the executions of its graphs live until they are stopped.
        produces: whether its handlers are sources (``engine.contracts.source``); then ``is_source`` holds, and the
            executions live until all of these have ended.
        twins: two output ports that are one port by two names: where edges leave by one of them only, what is
            emitted on the other takes them too.
        own_lanes: output ports whose values have the lane that the handler says, whatever the port declares.
        reaches_outside: whether what it emits is somebody else's answer, which nobody can compute again.
        grouping: whether it takes arrays apart, or gathers what was taken apart (``engine.contracts.groups``).
        relayed: the output port of each input port, where its handlers do nothing but to hand on what comes: at
            once, one value for each, as it came, whatever it is.
    """

    def __init__(
        self,
        definition: ComponentDefinition,
        make: Callable[[InstanceContext], Handler],
        *,
        is_source: bool = False,
        produces: bool = False,
        twins: tuple[str, str] | None = None,
        own_lanes: frozenset[str] = frozenset(),
        grouping: Literal["", "each", "gather"] = "",
        reaches_outside: bool = False,
        relayed: tuple[int, ...] = (),
    ) -> None:
        self._definition = definition
        self._make = make
        self.is_source = is_source or produces
        self.produces = produces
        self.twins = twins
        self.own_lanes = own_lanes
        self.grouping = grouping
        self.reaches_outside = reaches_outside
        self._relayed = relayed

    @property
    def definition(self) -> ComponentDefinition:
        return self._definition

    async def check(self, config: Mapping[str, Any]) -> Sequence[Problem]:
        del config  # the schema has said all there is to say
        return ()

    def is_lenient(self, config: Mapping[str, Any]) -> bool:
        """Tell whether a node's configuration is taken as it comes, whatever the definition says of its keys."""
        del config
        return False

    def acknowledges(self, config: Mapping[str, Any]) -> bool:
        """Tell whether a source with this configuration wants to know what came of its values."""
        del config
        return False

    def inputs(self, config: Mapping[str, Any]) -> tuple[str, ...]:
        """Names of a node's input ports, in order; a subclass may leave some out by the configuration."""
        del config
        return input_names(self.definition)

    def outputs(self, config: Mapping[str, Any]) -> tuple[str, ...]:
        """Names of a node's output ports, in order; a subclass may take further ones from the configuration."""
        del config
        return output_names(self.definition)

    def relayed(self, config: Mapping[str, Any]) -> tuple[int, ...]:
        """Return the output port of each input port, where a node with this configuration only hands on."""
        del config
        return self._relayed

    def create(self, context: InstanceContext) -> Handler:
        return self._make(context)


def inputs_of(component: Component, config: Mapping[str, Any]) -> tuple[str, ...]:
    """Names of the input ports of a node with this configuration, which need not be a good one."""
    return component.inputs(config) if isinstance(component, Builtin) else input_names(component.definition)


def outputs_of(component: Component, config: Mapping[str, Any]) -> tuple[str, ...]:
    """Names of the output ports of a node with this configuration, which need not be a good one."""
    return component.outputs(config) if isinstance(component, Builtin) else output_names(component.definition)


def is_lenient(component: Component, config: Mapping[str, Any]) -> bool:
    """Tell whether a configuration is not to be held to the declared keys, their types and their values."""
    return isinstance(component, Builtin) and component.is_lenient(config)


def is_source(component: Component) -> bool:
    """Tell whether a component emits by itself."""
    return component.is_source if isinstance(component, Builtin) else component.definition.source


def produces(component: Component) -> bool:
    """Tell whether a component's handlers are sources, which may end (``engine.contracts.source``)."""
    return component.produces if isinstance(component, Builtin) else component.definition.source


def own_lanes_of(component: Component) -> frozenset[str]:
    """Names of the output ports whose values have the lane that their handler says."""
    return component.own_lanes if isinstance(component, Builtin) else frozenset()


class PortIndex(msgspec.Struct, frozen=True):
    """The ports of one node, each name with its index. Made once for a node, however many edges it has."""

    inputs: Mapping[str, int]
    outputs: Mapping[str, int]


def ports_of(component: Component, config: Mapping[str, Any]) -> PortIndex:
    """Return the ports of a node with this configuration, which need not be a good one.

    An input port's index is its place in the definition, whichever of them the node has.
    """
    taken = inputs_of(component, config)
    return PortIndex(
        {name: index for index, name in enumerate(input_names(component.definition)) if name in taken},
        {name: index for index, name in enumerate(outputs_of(component, config))},
    )
