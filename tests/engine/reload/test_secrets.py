"""Secrets stay what they are while an execution is changed: in reports, in lines, and in what flows."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from engine.contracts.handler import Message
from engine.contracts.observer import FlowObserver
from engine.contracts.surroundings import SameForAll, Surroundings
from engine.errors import ReloadRefusedError
from engine.runtime import Runtime, open_runtime
from tests.engine.executions import document
from tests.engine.reload.running import Told, component, outputs_of, reload, start

SECRET = "a-very-secret-token"
PASS = "symbia.core.passthrough"
USER = {
    "component": "symbia.io.http-request",
    "config": {"url": "http://127.0.0.1:9/", "headers": {"x-key": "${secret.api.key}"}},
}
ECHO = "return { process(ctx, port, value) { ctx.setState('last', value); ctx.emit('out', value); }MORE };"


class Hops(FlowObserver):
    """Keeps what goes along edges."""

    def __init__(self) -> None:
        self.values: list[bytes] = []

    def sent(self, node_id: str, port: str, target_node: str, target_port: str, message: Message) -> None:
        del node_id, port, target_node, target_port
        self.values.append(message.value)


@asynccontextmanager
async def a_runtime() -> AsyncIterator[Runtime]:
    """A runtime with one secret, and a component."""
    async with open_runtime(vault=SameForAll(Surroundings(secrets={"api.key": SECRET}))) as runtime:
        await runtime.library.register_component(component("own.echo", "1", ECHO))
        yield runtime


@pytest.mark.parametrize("how", ["initialize", "migrate"])
async def test_why_a_reload_is_refused_quotes_no_secret(how: str) -> None:
    """The new version fails with what the old one has kept."""
    more = f", {how}(ctx) {{ throw new Error('{SECRET}') }}"
    async with a_runtime() as runtime:
        execution = await start(runtime, document({"n0": "own.echo", "user": USER}))
        await runtime.library.replace_component("own.echo", component("own.echo", "2", ECHO, more))
        with pytest.raises(ReloadRefusedError) as refused:
            await reload(execution, components={"own.echo": None})
        (problem,) = refused.value.problems
        assert "Error: ***" in problem.message
        assert SECRET not in f"{execution.reloads()}{refused.value}"


async def test_why_a_trial_ends_quotes_no_secret() -> None:
    """The message on which the new version fails has the secret in it."""
    told = Told()
    failing = ECHO.replace("ctx.emit", "throw new Error(value); ctx.emit")
    async with a_runtime() as runtime:
        runtime.observe(told)
        execution = await start(runtime, document({"n0": "own.echo", "user": USER}))
        await runtime.library.replace_component("own.echo", component("own.echo", "2", failing))
        await reload(execution, components={"own.echo": None}, canary={"messages": 5})
        await outputs_of(execution, "n0", [SECRET])
        last = await told.wait_for("rolled-back")
        assert "Error: ***" in last.reason
        assert SECRET not in f"{execution.reloads()}"


async def test_what_a_new_version_logs_when_it_begins_quotes_no_secret_that_comes_with_it() -> None:
    """The execution used none before."""
    more = f", initialize(ctx) {{ ctx.log('info', '{SECRET}') }}"
    async with a_runtime() as runtime:
        execution = await start(runtime, document({"n0": "own.echo"}))
        await runtime.library.replace_component("own.echo", component("own.echo", "2", ECHO, more))
        await runtime.library.replace_graph(execution.graph_id, document({"n0": "own.echo", "user": USER}))
        await reload(execution, graph="latest")
        assert [line.message for line in execution.logs()] == ["***"]


@pytest.mark.parametrize("is_first", [True, False])
async def test_who_watches_sees_no_secret_of_the_graph_before_or_of_the_next(*, is_first: bool) -> None:
    """Values may have the secret of a node that has come, or is gone."""
    plain, using = {"a": PASS, "b": PASS}, {"a": PASS, "b": PASS, "user": USER}
    edges = ["a:out > b:in"]
    async with a_runtime() as runtime:
        execution = await start(runtime, document(using if is_first else plain, edges))
        hops = Hops()
        with execution.watch(hops):
            await runtime.library.replace_graph(execution.graph_id, document(plain if is_first else using, edges))
            await reload(execution, graph="latest")
            assert await outputs_of(execution, "a", [SECRET]) == ["***"]
        assert hops.values == [b'"***"']
