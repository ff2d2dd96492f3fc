"""The payload of each event that a client sends, by its name; ``LiveSession`` says who obeys it."""

import msgspec

from proto.events import Command
from service.live.breakpoint_commands import OfBreakpoint, Release, SetBreakpoint
from service.live.commands import Inject, OfExecution, Record, Reload, Start, Stop
from service.live.edge_commands import (
    DropMessages,
    EditMessage,
    InsertMessage,
    MoveMessage,
    OfEdges,
    RedirectMessages,
    StepEdges,
)
from service.live.selection import Subscribe

COMMAND_SHAPES: dict[Command, type[msgspec.Struct]] = {
    Command.SUBSCRIBE: Subscribe,
    Command.UNSUBSCRIBE: OfExecution,
    Command.START: Start,
    Command.PAUSE: OfExecution,
    Command.RESUME: OfExecution,
    Command.COMPLETE: OfExecution,
    Command.RECORD: Record,
    Command.STOP: Stop,
    Command.INJECT: Inject,
    Command.BOTTLENECK: OfExecution,
    Command.PAUSE_EDGE: OfEdges,
    Command.RESUME_EDGE: OfEdges,
    Command.STEP_EDGE: StepEdges,
    Command.DROP: DropMessages,
    Command.EDIT: EditMessage,
    Command.MOVE: MoveMessage,
    Command.INSERT: InsertMessage,
    Command.REDIRECT: RedirectMessages,
    Command.BREAKPOINT_ADD: SetBreakpoint,
    Command.BREAKPOINT_LIST: OfExecution,
    Command.BREAKPOINT_RELEASE: Release,
    Command.BREAKPOINT_REMOVE: OfBreakpoint,
    Command.RELOAD: Reload,
    Command.ROLLBACK: OfExecution,
}

COMMAND_WORDS: dict[Command, str] = {
    Command.SUBSCRIBE: "Hear of an execution.",
    Command.UNSUBSCRIBE: "Hear no more of it.",
    Command.START: "Start an execution, and hear of it from its first moment on.",
    Command.PAUSE: "Hold its messages.",
    Command.RESUME: "Let it go on.",
    Command.COMPLETE: "Say that no more input comes.",
    Command.RECORD: "Take note of what happens from now on, or no more.",
    Command.STOP: "End it.",
    Command.INJECT: "Push messages into it.",
    Command.BOTTLENECK: "Ask what holds it up.",
    Command.PAUSE_EDGE: "Hold an edge, or all that lead to a node.",
    Command.RESUME_EDGE: "Hold an edge no more.",
    Command.STEP_EDGE: "Let the first messages through a held edge.",
    Command.DROP: "Drop messages that wait.",
    Command.EDIT: "Give a message that waits another value.",
    Command.MOVE: "Let a message that waits be the first or the last.",
    Command.INSERT: "Put a new message on an edge.",
    Command.REDIRECT: "Let messages wait on another edge.",
    Command.BREAKPOINT_ADD: "Set a breakpoint.",
    Command.BREAKPOINT_LIST: "See the breakpoints of an execution, and what they hold.",
    Command.BREAKPOINT_RELEASE: "Say how what is held goes on.",
    Command.BREAKPOINT_REMOVE: "Remove a breakpoint.",
    Command.RELOAD: "Change what an execution runs, or plan it.",
    Command.ROLLBACK: "Take an execution back to what it ran before.",
}
