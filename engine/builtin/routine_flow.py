"""``symbia.routine.wait``, ``symbia.routine.call``, ``symbia.routine.repeat`` and ``symbia.routine.stop``.

None of them looks inside a message. A ``call`` marks where the steps of another routine begin, which the compiler
has put behind it; a ``repeat`` makes no loop, it sends each message on several times; a ``stop`` ends the way of a
message, and not the execution, in which others may be on theirs.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from engine.builtin.core_delay import DELAY_LIMIT_MS, Delay
from engine.builtin.declare import port
from engine.builtin.parts.routine_step import Refusing, declare_step, model_missing, passing
from engine.contracts.component import Builtin
from engine.contracts.handler import Handler, InstanceContext, Message, Outcome
from proto.component import ConfigField
from proto.problem import Problem

REPEAT_LIMIT = 100
"""The times that a message is sent on by one ``repeat``. Several of them multiply, and inboxes are bounded."""

DEFAULT_WAIT_MS = 1000

_STOPPED = 1  # the index of the port

WAIT_DEFINITION = declare_step(
    "wait",
    "Holds every message for a while.",
    outputs=(passing("The same message, later."),),
    config={
        "ms": ConfigField(
            type="number",
            description=f"How long, in milliseconds; {DEFAULT_WAIT_MS} where `seconds` is absent, too.",
            minimum=0,
            maximum=DELAY_LIMIT_MS,
        ),
        "seconds": ConfigField(
            type="number", description="How long, in seconds.", minimum=0, maximum=DELAY_LIMIT_MS // 1000
        ),
    },
    stateless=False,
)
CALL_DEFINITION = declare_step(
    "call",
    "Goes through the steps of another routine of the same definition, which stand behind it in the graph.",
    outputs=(passing(),),
    config={
        "routineName": ConfigField(type="string", description="The name of the routine."),
        "_routine": ConfigField(type="string", description="The id of the routine whose steps follow."),
    },
)
REPEAT_DEFINITION = declare_step(
    "repeat",
    "Sends every message on several times, so that all that follows happens as often.",
    outputs=(passing("The same message, once for each time."),),
    config={
        "times": ConfigField(type="integer", description="How often.", minimum=1, maximum=REPEAT_LIMIT),
    },
)
STOP_DEFINITION = declare_step(
    "stop",
    "Ends the way of every message.",
    outputs=(passing("Nothing."), port("stopped", "The same message.")),
)


class Forwarder(Handler):
    """A handler that sends each message out by one port, so many times."""

    def __init__(self, out: int, times: int = 1) -> None:
        self._out = out
        self._times = times

    async def process(self, batch: Sequence[Message]) -> Sequence[Outcome]:
        return [Outcome(((self._out, message.value),) * self._times) for message in batch]


class WaitStep(Builtin):
    """The wait, refused with its graph where two times might both be meant."""

    async def check(self, config: Mapping[str, Any]) -> Sequence[Problem]:
        if "ms" in config and "seconds" in config:
            message = "ms and seconds both say how long; give one of them"
            return (Problem("config.expression_count", "seconds", message),)
        return ()


def _make_wait(context: InstanceContext) -> Handler:
    config = context.config
    return Delay(config["seconds"] if "seconds" in config else config.get("ms", DEFAULT_WAIT_MS) / 1000)


def _make_call(context: InstanceContext) -> Handler:
    if context.config.get("_routine") is not None:
        return Forwarder(0)
    name = context.config.get("routineName")
    if name:
        reason = "its definition has none of this name, or the graph was not compiled from it"
        return Refusing("UnknownRoutine", f"The steps of the routine {name[:200]!r} are not here: {reason}")
    return model_missing("call", context, "routineName")


def _make_repeat(context: InstanceContext) -> Handler:
    times = context.config.get("times")
    return model_missing("repeat", context, "times") if times is None else Forwarder(0, int(times))


WAIT = WaitStep(WAIT_DEFINITION, _make_wait)
CALL = Builtin(CALL_DEFINITION, _make_call)
REPEAT = Builtin(REPEAT_DEFINITION, _make_repeat)
STOP = Builtin(STOP_DEFINITION, lambda _context: Forwarder(_STOPPED))
