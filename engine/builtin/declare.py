"""The declaration of built-in components: the fields that are the same for all of them stand here once."""

from collections.abc import Mapping
from typing import Any

from proto.component import ERROR_PORT, Code, ComponentDefinition, ConfigField, Port, PortLane, Ports

ANY = {"type": "any"}
"""The schema of a port that takes every JSON value."""


def declare(
    identifier: str,
    name: str,
    description: str,
    *,
    inputs: tuple[Port, ...],
    outputs: tuple[Port, ...],
    config: Mapping[str, ConfigField] | None = None,
    stateless: bool = False,
) -> ComponentDefinition:
    """Make the definition of a built-in component; its category is the second part of its identifier.

    It is ``stateless`` where no invocation depends on another, so that a node may run several at once.
    """
    return ComponentDefinition(
        id=identifier,
        name=name,
        version="1.0.0",
        ports=Ports(inputs=inputs, outputs=outputs),
        execution=Code(type="builtin"),
        category=identifier.split(".")[1],
        description=description,
        config=dict(config or {}),
        stateless=stateless,
    )


def port(
    name: str,
    description: str,
    schema: Mapping[str, Any] = ANY,
    *,
    lane: PortLane = "inherit",
    lane_note: str = "",
) -> Port:
    """Make a port that takes every JSON value, unless a schema says otherwise; the lane is an output's."""
    return Port(name=name, schema=dict(schema), description=description, lane=lane, lane_note=lane_note)


def error_port(description: str) -> Port:
    """Make the documented form of the port that every node has (specification, "Components")."""
    note = "a refusal is no result of anything"
    return port(ERROR_PORT, description, {"type": "object"}, lane="apocryphal", lane_note=note)
