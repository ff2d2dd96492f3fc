"""Component definitions: ports, configuration and code, as authors register them."""

from typing import Annotated, Any, Literal

import msgspec

from proto.names import Name

ExecutionType = Literal["builtin", "javascript", "typescript", "wasm"]

ERROR_PORT = "error"
"""Every node has this output port, declared or not: what its handler throws leaves there."""


PortLane = Literal["inherit", "canonical", "apocryphal", "conditional"]
"""The lane that an output port says its values have, which is never looser than that of what they derive from.

``inherit`` adds nothing; ``canonical`` claims that they are recomputable from the graph and its inputs;
``apocryphal`` that they are not; ``conditional`` that each value decides, by what ``laneNote`` says."""


class Port(msgspec.Struct, frozen=True, omit_defaults=True):
    """A typed port.

    Attributes:
        name: unique among the inputs, or the outputs, of its component.
        schema: JSON Schema of the values, an object; ``{"type": "any"}`` or ``{}`` admit everything. Its dialect
            is the one that ``$schema`` names, draft 4 to 2020-12, and 2020-12 when absent; ``format`` is not
            asserted.
        description: words for people about what travels here.
        lane: the lane of an output port's values. Of a registered component nothing but ``apocryphal`` is
            believed.
        lane_note: the reason for the lane, for people.
    """

    name: Name
    schema: dict[str, Any] = {}
    description: str = ""
    lane: PortLane = "inherit"
    lane_note: str = msgspec.field(default="", name="laneNote")


class Ports(msgspec.Struct, frozen=True):
    """The ports of a component.

    Attributes:
        inputs: the ports where values come in.
        outputs: the ports where values leave; ``error`` need not be listed, for every node has it.
    """

    inputs: tuple[Port, ...] = ()
    outputs: tuple[Port, ...] = ()


class ConfigField(msgspec.Struct, frozen=True, omit_defaults=True):
    """One key of a component's configuration.

    Attributes:
        type: a JSON type name, or ``any``.
        description: words for people about what the key does.
        default: the value used when the key is absent; unset when there is none.
        required: whether a node must give it.
        enum: the values allowed, empty for all.
        minimum: the smallest number allowed.
        maximum: the largest number allowed.
        secret: whether a secret may stand here: only such keys take ``${secret.name}``.
        code: whether the value is a program or an expression, which is taken as it stands: nothing is filled in.
    """

    type: str = "any"
    description: str = ""
    default: Any = msgspec.UNSET
    required: bool = False
    enum: tuple[Any, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    secret: bool = False
    code: bool = False


def authored(config: dict[str, ConfigField]) -> dict[str, ConfigField]:
    """Return the keys of a configuration that authors give; those that begin with ``_`` are a compiler's."""
    return {key: field for key, field in config.items() if not key.startswith("_")}


_AtLeastOne = Annotated[int, msgspec.Meta(ge=1)]


class ExecutionLimits(
    msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True, forbid_unknown_fields=True
):
    """The limits of one instance of a component; what is absent stays at the runtime's default.

    Asked for by a component within the service's maximum (docs/limits.md). A name that is not here is refused,
    because a misspelt limit would silently not hold.

    Attributes:
        memory_bytes: linear memory.
        cpu_ms: computing time of one invocation.
        wall_ms: time on the clock of one invocation.
        close_ms: computing time of cleanup.
        output_bytes: JSON text emitted by one invocation.
        emissions: values emitted by one invocation.
        log_lines: log lines kept of one invocation.
        log_bytes: JSON text of the log lines kept of one invocation.
        state_keys: keys of the instance's state.
        state_bytes: keys and JSON text of the instance's state.
    """

    memory_bytes: _AtLeastOne | None = None
    cpu_ms: _AtLeastOne | None = None
    wall_ms: _AtLeastOne | None = None
    close_ms: _AtLeastOne | None = None
    output_bytes: _AtLeastOne | None = None
    emissions: _AtLeastOne | None = None
    log_lines: _AtLeastOne | None = None
    log_bytes: _AtLeastOne | None = None
    state_keys: _AtLeastOne | None = None
    state_bytes: _AtLeastOne | None = None


class Code(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """The executable part of a component (the specification's ``execution``).

    Attributes:
        type: the language; ``builtin`` for the components that the runtime ships.
        entrypoint: the name that a script or module gives its handler.
        source: the program's text.
        module: for ``wasm`` in place of ``source``: a WebAssembly component or module, in base64; only read at
            registration.
        source_url: the URL that the text is fetched from when the component is registered, in place of ``source``.
        sha256: the hash that the author expects of the source, in hexadecimal; only read at registration.
        source_hash: the SHA-256 of the source, or of the module's bytes, set when the component is registered.
        limits: the limits of an instance, where the default does not fit.
    """

    type: ExecutionType
    entrypoint: str = "handler"
    source: str = ""
    module: str = ""
    source_url: str = ""
    sha256: str = ""
    source_hash: str = ""
    limits: ExecutionLimits | None = None


class ComponentDefinition(msgspec.Struct, frozen=True, omit_defaults=True):
    """A reusable processing unit with typed ports (specification, "Components").

    Attributes:
        id: a namespaced identifier, such as ``symbia.core.filter``.
        name: the display name.
        version: semantic version.
        ports: inputs and outputs.
        execution: the code behind it.
        category: ``core``, ``io``, ``data`` or the author's own.
        description: one sentence for people.
        config: each configuration key.
        source: whether it produces by itself: its ``next`` is asked for more as long as there is room.
        validate: whether values are always checked against the schemas of the ports.
        stateless: whether no invocation depends on another, so that a node may run several at once; ``setState``
            is an error then.
    """

    id: Name
    name: Name
    version: Name
    ports: Ports
    execution: Code
    category: str = "custom"
    description: str = ""
    config: dict[str, ConfigField] = {}
    stateless: bool = False
    validate: bool = False
    source: bool = False
