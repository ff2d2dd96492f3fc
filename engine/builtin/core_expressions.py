"""``symbia.core.filter``, ``symbia.core.map`` and ``symbia.core.split``: components made of one expression.

Their expressions are untrusted JavaScript. Nothing here runs or even reads one: this file only declares the
components, and ``engine.components.sandboxed`` turns the declarations into handlers that evaluate inside the
sandbox.
"""

from typing import Literal

import msgspec

from engine.builtin.declare import declare, error_port, port
from proto.component import ComponentDefinition, ConfigField

SCOPE = "JavaScript; it sees `value`, `port`, `config` and `param`."


class ExpressionComponent(msgspec.Struct, frozen=True):
    """A component whose work is one expression.

    Attributes:
        definition: what it says of itself.
        mode: ``map`` emits the result on output 0; ``test`` forwards the unchanged input, to output 0 when the
            result is truthy and to output 1 when it is not.
        keys: the configuration keys that may hold the expression; a node gives exactly one of them.
        before: what stands before the expression where it sees more than others; must not hold a line break, so
            that the author's lines keep their numbers.
        after: what stands behind it then.
        otherwise: the expression of nodes that give none, framed likewise; empty where they must.
    """

    definition: ComponentDefinition
    mode: Literal["map", "test"]
    keys: tuple[str, ...]
    before: str = ""
    after: str = ""
    otherwise: str = ""


FILTER = ExpressionComponent(
    declare(
        "symbia.core.filter",
        "Filter",
        "Lets through the values for which a predicate holds.",
        inputs=(port("in", "Any value."),),
        outputs=(
            port("out", "Values for which the predicate is truthy, unchanged."),
            port("rejected", "All others, unchanged."),
            error_port("What the predicate threw, with the value."),
        ),
        config={
            "predicate": ConfigField(
                type="string", description=f"When a value may pass. {SCOPE}", required=True, code=True
            )
        },
        stateless=True,
    ),
    mode="test",
    keys=("predicate",),
)

MAP = ExpressionComponent(
    declare(
        "symbia.core.map",
        "Map",
        "Turns every value into the result of an expression.",
        inputs=(port("in", "Any value."),),
        outputs=(port("out", "The result."), error_port("What the expression threw, with the value.")),
        config={
            "expression": ConfigField(
                type="string",
                description=f"The new value; either this or `transform` is given. {SCOPE}",
                code=True,
            ),
            "transform": ConfigField(
                type="string", description="The same as `expression`, by its other name.", code=True
            ),
        },
        stateless=True,
    ),
    mode="map",
    keys=("expression", "transform"),
)

SPLIT = ExpressionComponent(
    declare(
        "symbia.core.split",
        "Split",
        "Sends every value one of two ways.",
        inputs=(port("in", "Any value."),),
        outputs=(
            port("true", "Values for which the condition is truthy, unchanged."),
            port("false", "All others, unchanged."),
            error_port("What the condition threw, with the value."),
        ),
        config={
            "condition": ConfigField(
                type="string", description=f"Which way it goes. {SCOPE}", required=True, code=True
            )
        },
        stateless=True,
    ),
    mode="test",
    keys=("condition",),
)
