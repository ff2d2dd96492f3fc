"""Calls to the outside have a key, which is the same whenever the call for one message is made again."""

from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing
from msgspec import Raw

from engine.durability.checkpoints import read_checkpoint
from engine.durability.durable_execution import DurableExecution
from engine.durability.entries import Called
from engine.durability.outside_calls import KeptCalls
from proto.execution import ExecuteOptions
from proto.message import Injection
from tests.engine.builtin.http_server import Server, answer, serving, silence
from tests.engine.durability.runtimes import kept_runtime
from tests.engine.executions import document, node

DURABLE = ExecuteOptions(completion="manual", durable=True)


def keys(server: Server) -> list[str]:
    """The keys of the requests that have come, in order."""
    return [request.headers["idempotency-key"] for request in server.requests]


def requesting(server: Server, **fields: Any) -> dict[str, Any]:
    """A graph that posts each message."""
    return document(
        {"a": {**node("symbia.io.http-request", config={"url": server.url, "method": "POST"}), **fields}}
    )


async def requested(server: Server, count: int) -> None:
    """Wait until so many requests have come."""
    while len(server.requests) < count:
        await trio.lowlevel.checkpoint()


@pytest.mark.parametrize("is_cut_off", [False, True])
async def test_a_call_that_a_restart_makes_again_has_its_key(tmp_path: Path, *, is_cut_off: bool) -> None:
    """From a last checkpoint or without one, and after a second restart; an equal message has another key."""
    same = Injection("a", "in", Raw(b"1"))
    again = 2 if is_cut_off else 1
    async with serving(answer(), silence, silence, *[answer()] * (again + 1)) as server:
        execution = ""
        for wanted in (2, 3):
            with trio.CancelScope() as process:
                async with kept_runtime(tmp_path) as runtime:
                    if not execution:
                        graph = await runtime.library.load_graph(requesting(server))
                        execution = (await runtime.execute(graph.id, DURABLE)).id
                        await runtime.execution(execution).inject([same, same])
                    await requested(server, wanted)
                    if is_cut_off:
                        process.cancel()
                        await trio.lowlevel.checkpoint()
        async with kept_runtime(tmp_path) as runtime:
            await requested(server, 3 + again)
            await runtime.execution(execution).inject([same])
            await requested(server, 4 + again)
    first, second, *later, last = keys(server)
    assert later == ([first, first, second] if is_cut_off else [second, second])
    assert len({first, second, last}) == 3


async def test_what_is_tried_again_has_its_key(tmp_path: Path) -> None:
    """After an answer that asks for that; the next message has another one."""
    busy = answer(status="503 Busy")
    async with serving(busy, answer(), answer()) as server, kept_runtime(tmp_path) as runtime:
        retried = {"onError": "retry", "retry": {"backoffMs": 1}}
        graph = requesting(server, **retried)
        graph["nodes"][0]["config"]["strict"] = True
        execution = (await runtime.execute((await runtime.library.load_graph(graph)).id, DURABLE)).id
        await runtime.execution(execution).inject([Injection("a", "in", Raw(b"1"))] * 2)
        await runtime.execution(execution).wait_quiescent()
        first, second, third = keys(server)
        assert first == second != third


async def test_an_author_who_sets_a_key_keeps_it(tmp_path: Path) -> None:
    """And a request that only asks has none."""
    for method, headers, expected in (("POST", {"Idempotency-Key": "mine"}, "mine"), ("GET", {}, None)):
        async with serving(answer()) as server, kept_runtime(tmp_path / method) as runtime:
            graph = requesting(server)
            graph["nodes"][0]["config"] |= {"method": method, "headers": headers}
            execution = (await runtime.execute((await runtime.library.load_graph(graph)).id, DURABLE)).id
            await runtime.execution(execution).inject([Injection("a", "in", Raw(b"1"))])
            await runtime.execution(execution).wait_quiescent()
            assert server.requests[0].headers.get("idempotency-key") == expected


@pytest.mark.parametrize(("waits", "is_known"), [("", False), ("time", True), ("command", True)])
async def test_a_key_is_known_while_its_call_may_come_again(tmp_path: Path, *, waits: str, is_known: bool) -> None:
    """What waits for its time or is held by a pause is not in flight, and may lead to that call."""
    graph = document({"a": node("symbia.core.accumulator", config={"count": 9, "timeoutMs": 3_600_000})})
    async with kept_runtime(tmp_path) as runtime:
        execution = (await runtime.execute((await runtime.library.load_graph(graph)).id, DURABLE)).id
        durable = runtime._executions.underway[execution]
        assert isinstance(durable, DurableExecution)
        durable.calls.begin_again(KeptCalls(known=(Called("b", b"digest", "key"),)), ())
        if waits == "command":
            await durable.pause()
        if waits:
            await runtime.execution(execution).inject([Injection("a", "in", Raw(b"1"))])
        await trio.testing.wait_all_tasks_blocked()
        await durable.checkpoints.take()
        found = await read_checkpoint(runtime.keeper, "", execution)
        assert found is not None
        assert bool(found[0].calls.known) is is_known
