"""``symbia.io.passthrough``, ``symbia.io.collect``, ``symbia.io.log`` and ``symbia.io.delay``.

The platform's graphs name the entry, the exit, the log and the delay of a graph so; each does what its sister
among the specification's components does.
"""

import math
from typing import Any

from engine.builtin.core_delay import Delay
from engine.builtin.core_logger import LOGGED_PREFIX_LIMIT_CHARACTERS, Logger
from engine.builtin.core_passthrough import Passthrough
from engine.builtin.declare import declare, port
from engine.builtin.parts.javascript_values import to_number, to_text
from engine.builtin.parts.platform_builtin import PlatformBuiltin
from engine.builtin.parts.platform_field import given
from engine.contracts.handler import Handler, InstanceContext
from proto.component import ConfigField

CAPPED_DELAY_MS = 5_000
"""The longest that ``symbia.io.delay`` waits, as on the platform; ``symbia.core.delay`` waits longer."""

LEVELS = ("debug", "info", "warn", "error")


def level_of(value: Any) -> str:
    """Return the level that a configuration names; ``info`` where it names none of ours."""
    return value if value in LEVELS else "info"


def prefix_of(value: Any) -> str:
    """Return the text before each value that a configuration has; none where JavaScript takes it for false."""
    return to_text(value) if value or isinstance(value, dict | list) else ""


def _passthrough(_context: InstanceContext) -> Handler:
    return Passthrough()


IO_PASSTHROUGH = PlatformBuiltin(
    declare(
        "symbia.io.passthrough",
        "Pass-through",
        "Forwards every value unchanged; the entry of many of the platform's graphs.",
        inputs=(port("in", "Any value."),),
        outputs=(port("out", "The same value."),),
        stateless=True,
    ),
    _passthrough,
    relayed=(0,),
)

COLLECT = PlatformBuiltin(
    declare(
        "symbia.io.collect",
        "Collect",
        "Forwards every value unchanged; the exit of a graph, where its results are collected.",
        inputs=(port("in", "Any value."),),
        outputs=(port("out", "The same value: without an edge, a result of the graph."),),
        stateless=True,
    ),
    _passthrough,
    relayed=(0,),
)


def _log(context: InstanceContext) -> Handler:
    return Logger(level_of(context.config["level"]), prefix_of(context.config["message"]))


IO_LOG = PlatformBuiltin(
    declare(
        "symbia.io.log",
        "Log",
        "Writes every value to the execution's log and forwards it unchanged.",
        inputs=(port("in", "Any value."),),
        outputs=(port("out", "The same value."),),
        config={
            "level": ConfigField(type="string", description="Severity of the lines.", default="info", enum=LEVELS),
            "message": ConfigField(
                type="string",
                description="Text before each value; at most "
                f"{LOGGED_PREFIX_LIMIT_CHARACTERS} characters are shown.",
                default="",
            ),
        },
        stateless=True,
    ),
    _log,
)


def _delay(context: InstanceContext) -> Handler:
    ms = to_number(given(context.config, "ms", 100))
    return Delay(0 if math.isnan(ms) else max(0, min(ms, CAPPED_DELAY_MS)) / 1000)


IO_DELAY = PlatformBuiltin(
    declare(
        "symbia.io.delay",
        "Delay",
        "Holds every value for a short time and keeps the order.",
        inputs=(port("in", "Any value."),),
        outputs=(port("out", "The same value, later."),),
        config={
            "ms": ConfigField(
                type="number",
                description="How long each value is held, in milliseconds from its arrival; "
                f"more than {CAPPED_DELAY_MS} counts as {CAPPED_DELAY_MS}.",
                default=100,
                minimum=0,
                maximum=2**53,
            )
        },
    ),
    _delay,
)
