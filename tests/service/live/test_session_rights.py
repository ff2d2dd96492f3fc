"""Each command of live clients, for each kind of caller.

``NEEDS`` says of each command which right it needs; one that is not in it fails the first test.
"""

from typing import Any, Literal

import msgspec
import pytest
import trio

from engine.handle import ExecutionHandle
from proto.breakpoint import BreakpointRequest
from proto.events import Command
from proto.execution import ExecuteOptions
from proto.message import Injection
from proto.reload import ReloadRequest
from service.auth.caller import ANONYMOUS, UNRESTRICTED, Caller
from tests.service.live.live_runtime import chain, open_live_runtime

Right = Literal["to see", "to change", "none"]

NEEDS: dict[Command, Right] = {
    Command.SUBSCRIBE: "to see",
    Command.UNSUBSCRIBE: "none",  # it ends what the caller has begun, and says nothing
    Command.START: "to change",
    Command.PAUSE: "to change",
    Command.RESUME: "to change",
    Command.COMPLETE: "to change",
    Command.STOP: "to change",
    Command.INJECT: "to change",
    Command.RECORD: "to change",
    Command.BOTTLENECK: "to see",
    Command.RELOAD: "to change",
    Command.ROLLBACK: "to change",
    Command.PAUSE_EDGE: "to change",
    Command.RESUME_EDGE: "to change",
    Command.STEP_EDGE: "to change",
    Command.DROP: "to change",
    Command.EDIT: "to change",
    Command.MOVE: "to change",
    Command.INSERT: "to change",
    Command.REDIRECT: "to change",
    Command.BREAKPOINT_ADD: "to change",
    Command.BREAKPOINT_LIST: "to see",
    Command.BREAKPOINT_RELEASE: "to change",
    Command.BREAKPOINT_REMOVE: "to change",
}

EDGE_FIELDS: dict[Command, dict[str, Any]] = {
    Command.PAUSE_EDGE: {"nodeId": "a"},
    Command.RESUME_EDGE: {"nodeId": "a"},
    Command.STEP_EDGE: {"nodeId": "b"},
    Command.DROP: {"nodeId": "a", "all": True},
    Command.EDIT: {"edge": "input:b", "sequence": 1, "value": 2},
    Command.MOVE: {"edge": "input:b", "sequence": 1, "to": "last"},
    Command.INSERT: {"edge": "e0", "value": 1},
    Command.REDIRECT: {"edge": "e0", "to": "e1"},
}
"""The fields of a command to an edge of a chain of three nodes; a message waits before the second."""

MEMBER = Caller(org="org-a")
CALLERS: dict[str, tuple[Caller, set[Right]]] = {
    "member": (MEMBER, {"to see", "to change"}),
    "onlooker": (Caller(org="org-a", changes_own=False), {"to see"}),
    "reader of all": (Caller(org="org-b", sees_all=True), {"to see"}),
    "administrator": (Caller(sees_all=True, changes_all=True), {"to see", "to change"}),
    "unrestricted": (UNRESTRICTED, {"to see", "to change"}),
    "other": (Caller(org="org-b"), set()),
    "anonymous": (ANONYMOUS, set()),
}
"""Who comes to an execution of org-a, and the rights that they have to it."""


def test_every_command_has_its_right() -> None:
    """A new command cannot be obeyed before somebody has said who may give it."""
    assert set(NEEDS) == set(Command)


def code_expected(command: Command, rights: set[Right]) -> str | None:
    """The refusal that a command meets; None where it is obeyed."""
    needed = NEEDS[command]
    if needed == "none" or needed in rights:
        return None
    if "to see" in rights:
        return "org.read_only"
    return "graph.not_found" if command is Command.START else "execution.not_found"


async def _holding(execution: ExecutionHandle) -> str:
    """A breakpoint that holds a message."""
    made = await execution.set_breakpoint(BreakpointRequest(node="a"))
    await execution.inject([Injection("a", "in", msgspec.Raw(b"1"))])
    while not execution.breakpoint(made.id).held:
        await trio.lowlevel.checkpoint()
    return made.id


@pytest.mark.parametrize("command", Command)
async def test_a_command_is_obeyed_for_whoever_has_its_right(command: Command) -> None:
    """Others are refused as over HTTP, and nothing has happened."""
    refused: dict[str, str | None] = {}
    for name, (caller, _) in CALLERS.items():
        async with open_live_runtime() as live:
            graph = await live.runtime.library.load_graph(chain("a", "b", "c"), owner="org-a")
            execution_id = (await live.runtime.execute(graph.id, ExecuteOptions(completion="manual"))).id
            execution = live.runtime.execution(execution_id)
            if command is Command.RESUME:
                await execution.pause()
            elif command is Command.ROLLBACK:
                await execution.reload(ReloadRequest(configs={"b": {}}))
            if command in EDGE_FIELDS:
                await execution.edges_of("b").pause()
                await execution.inject([Injection("b", "in", msgspec.Raw(b"0"))])
            before = execution.head().state
            data: dict[str, Any] = {"executionId": execution_id}
            if command is Command.START:
                data = {"graphId": graph.id}
            elif command is Command.INJECT:
                data |= {"nodeId": "a", "port": "in", "value": 1}
            elif command is Command.RECORD:
                data |= {"level": "inputs"}
            elif command is Command.BREAKPOINT_ADD:
                data |= {"node": "a"}
            elif command in (Command.BREAKPOINT_RELEASE, Command.BREAKPOINT_REMOVE):
                data |= {"breakpointId": await _holding(execution)}
                data |= {"verb": "edit", "value": 2} if command is Command.BREAKPOINT_RELEASE else {}
            data |= EDGE_FIELDS.get(command, {})
            answer = await live.open_client(caller).say(command, **data)
            refused[name] = answer.get("code")
            if refused[name] is not None:
                snapshot = execution.snapshot()
                assert (snapshot.state, snapshot.metrics.messages_processed) == (before, 0)
                assert len(live.runtime.underway()) == 1
    assert refused == {name: code_expected(command, rights) for name, (_, rights) in CALLERS.items()}


async def test_a_client_that_loses_its_right_is_refused_from_then_on() -> None:
    """A session acts as whom it is now: its caller is looked at again while it lives."""
    async with open_live_runtime() as live:
        graph = await live.runtime.library.load_graph(chain("a"), owner="org-a")
        execution_id = (await live.runtime.execute(graph.id, ExecuteOptions(completion="manual"))).id
        client = live.open_client(MEMBER)
        assert "code" not in await client.say(Command.PAUSE, executionId=execution_id)
        client.session.caller = CALLERS["onlooker"][0]
        assert (await client.say(Command.RESUME, executionId=execution_id))["code"] == "org.read_only"
