"""``symbia.core.logger`` writes every value into the execution's log and forwards it unchanged.

The line is the value's JSON text, as it travels: nothing is decoded, so what is logged is what was sent.
"""

from collections.abc import Sequence

from engine.builtin.declare import declare, port
from engine.contracts.component import Builtin
from engine.contracts.handler import Handler, InstanceContext, LogLine, Message, Outcome
from proto.component import ConfigField

LOGGED_VALUE_LIMIT_BYTES = 2_000
"""JSON text shown of one value. Lines are kept per execution and sent to watchers; they are for eyes."""

LOGGED_PREFIX_LIMIT_CHARACTERS = 200
"""Text shown before each value, for the same reason."""

DEFINITION = declare(
    "symbia.core.logger",
    "Logger",
    "Logs every value and forwards it unchanged.",
    inputs=(port("in", "Any value."),),
    outputs=(port("out", "The same value."),),
    config={
        "level": ConfigField(
            type="string",
            description="Severity of the lines.",
            default="info",
            enum=("debug", "info", "warn", "error"),
        ),
        "message": ConfigField(
            type="string",
            description=f"Text before each value; at most {LOGGED_PREFIX_LIMIT_CHARACTERS} characters are shown.",
            default="",
        ),
    },
    stateless=True,
)


class Logger(Handler):
    """The logger, whose lines leave with the outcomes; who keeps and who reads them is the engine's business."""

    def __init__(self, level: str, prefix: str) -> None:
        self._level = level
        self._prefix = f"{prefix[:LOGGED_PREFIX_LIMIT_CHARACTERS]} " if prefix else ""

    async def process(self, batch: Sequence[Message]) -> Sequence[Outcome]:
        return [
            Outcome(((0, message.value),), (LogLine(self._level, self._prefix + shown(message.value)),))
            for message in batch
        ]


def shown(value: bytes) -> str:
    """Return a value's JSON text for a log line; beyond the limit it is cut between characters, and says so."""
    if len(value) <= LOGGED_VALUE_LIMIT_BYTES:
        return value.decode(errors="replace")
    head = value[:LOGGED_VALUE_LIMIT_BYTES].decode(errors="ignore")
    return f"{head}… (cut: {len(value)} bytes in all)"


def _make(context: InstanceContext) -> Handler:
    return Logger(context.config["level"], context.config["message"])


LOGGER = Builtin(DEFINITION, _make)
