"""``symbia.io.passthrough``, ``symbia.io.collect``, ``symbia.io.log`` and ``symbia.io.delay``.

The platform's graphs name the entry, the exit, the log and the delay of a graph so; each does what its sister
among the specification's components does.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from engine.builtin.core_delay import Delay
from engine.builtin.core_logger import LOGGED_PREFIX_LIMIT_CHARACTERS, Logger
from engine.builtin.core_passthrough import Passthrough
from engine.builtin.declare import declare, port
from engine.contracts.component import Builtin
from engine.contracts.handler import Handler, InstanceContext
from proto.component import ConfigField
from proto.problem import Problem

CAPPED_DELAY_MS = 5_000
"""The longest that ``symbia.io.delay`` waits, as on the platform; ``symbia.core.delay`` waits longer."""

LEVELS = ("debug", "info", "warn", "error")


class Keyless(Builtin):
    """A component without configuration, which says so to whoever gives it one."""

    async def check(self, config: Mapping[str, Any]) -> Sequence[Problem]:
        return [
            Problem("config.unknown_key", key, f"Config key {key} is not known; {self.definition.id} has none")
            for key in config
        ]


def _passthrough(_context: InstanceContext) -> Handler:
    return Passthrough()


IO_PASSTHROUGH = Keyless(
    declare(
        "symbia.io.passthrough",
        "Pass-through",
        "Forwards every value unchanged; the entry of many of the platform's graphs.",
        inputs=(port("in", "Any value."),),
        outputs=(port("out", "The same value."),),
        stateless=True,
    ),
    _passthrough,
)

COLLECT = Keyless(
    declare(
        "symbia.io.collect",
        "Collect",
        "Forwards every value unchanged; the exit of a graph, where its results are collected.",
        inputs=(port("in", "Any value."),),
        outputs=(port("out", "The same value: without an edge, a result of the graph."),),
        stateless=True,
    ),
    _passthrough,
)


def _log(context: InstanceContext) -> Handler:
    return Logger(context.config["level"], context.config["message"])


IO_LOG = Builtin(
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
    return Delay(min(context.config["ms"], CAPPED_DELAY_MS) / 1000)


IO_DELAY = Builtin(
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
