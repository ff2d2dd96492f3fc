"""What fails, or comes between, while an execution is changed leaves everything as it was."""

from collections.abc import Sequence

import msgspec
import pytest

from engine.compile.compiler import compile_graph
from engine.compile.template import NOTHING_FILLED
from engine.contracts.handler import Handler, HandlerError, LogLine, Message, Outcome
from engine.contracts.observer import ExecutionObserver
from engine.errors import ReloadRefusedError
from engine.execution.revisions import Revision
from engine.handle import ExecutionHandle
from engine.reload.reloader import Reloader
from engine.runtime import open_runtime
from proto.reload import CanaryTerms, ReloadRequest
from tests.engine.executions import document, inject, open_execution
from tests.engine.handlers import Journal, components
from tests.engine.reload.running import STAMP, SUM, Told, component, outputs_of, reload, row, start

PASS = "symbia.core.passthrough"


class Raising(Handler):
    """Fails in a way of its own: ``inherit`` or ``process``."""

    def __init__(self, how: str, journal: Journal) -> None:
        self._how = how
        self._journal = journal

    async def inherit(self, former: Handler, from_version: str) -> HandlerError | None:
        del former, from_version
        if self._how == "inherit":
            raise ZeroDivisionError("no way")
        return None

    async def process(self, batch: Sequence[Message]) -> Sequence[Outcome]:
        if self._how == "process":
            raise ZeroDivisionError("no way")
        self._journal.write("n", "process", [message.value for message in batch])
        return [Outcome() for _ in batch]


async def _changed(reloader_told: Told, journal: Journal, how: str, canary: CanaryTerms | None) -> None:
    """Let an execution of one node run, change it to a handler that fails, and send it a message."""
    kinds = {"frail": lambda _, journal: Raising("", journal)}
    bad = {"frail": lambda _, journal: Raising(how, journal)}
    graph = document({"n": "frail"})
    parts = components(journal, kinds)
    async with open_execution(graph, journal, more=parts, observers=[reloader_told]) as execution:
        limits = execution.limits
        following = await compile_graph(graph, components(journal, bad), limits, execution.timestamp)
        following = msgspec.structs.replace(following, id=execution.graph.id)

        async def find(request: ReloadRequest) -> Revision:
            del request
            return Revision(following, NOTHING_FILLED, following)

        await Reloader(execution, find).reload(ReloadRequest(canary=canary))
        await inject(execution, "n:in", 1)
        await execution.wait_quiescent()
        if canary is not None:
            await reloader_told.wait_for("rolled-back")


async def test_a_handler_that_raises_when_it_takes_over_leaves_the_old_one() -> None:
    """An exception is a refusal like any other, and the execution goes on."""
    told, journal = Told(), Journal()
    await _changed(told, journal, "inherit", None)
    assert (told.states, told.reports[-1].reason) == (
        ["switching", "refused"],
        "Node n cannot take over the state: ZeroDivisionError: no way",
    )
    assert journal.values("n") == [[b"1"]]


async def test_a_handler_on_trial_that_raises_gives_its_message_to_the_old_one() -> None:
    """As one that returns its failure."""
    told, journal = Told(), Journal()
    await _changed(told, journal, "process", CanaryTerms(messages=5))
    assert told.states == ["switching", "trial", "rolled-back"]
    assert journal.values("n") == [[b"1"]]


class _Hand(ExecutionObserver):
    """Sets a breakpoint when something is logged."""

    def __init__(self) -> None:
        self.execution: ExecutionHandle | None = None

    def logged(self, execution_id: str, node_id: str, line: LogLine) -> None:
        del execution_id, node_id, line
        assert self.execution is not None
        control = self.execution._record.edge_control  # type: ignore[union-attr]
        control.judge(0, _judge)


async def _judge(messages: Sequence[Message]) -> list[Sequence[int]]:
    return [() for _ in messages]


async def test_what_is_taken_in_hand_while_new_nodes_begin_is_not_lost() -> None:
    """Somebody looks at a node by its index while ``initialize`` of another one runs."""
    told, hand = Told(), _Hand()
    logging = STAMP.replace("} };", "}, initialize(ctx) { ctx.log('info', 'now') } };")
    async with open_runtime() as runtime:
        runtime.observe(hand)
        runtime.observe(told)
        await runtime.library.register_component(component("own.log", "1", logging))
        execution = hand.execution = await start(runtime, row(PASS))
        following = document({"first": "own.log", "n0": PASS}, ["first:out > n0:in"])
        await runtime.library.replace_graph(execution.graph_id, following)
        report = await reload(execution, graph="latest")
        assert (report.state, report.reason) == ("refused", "Edges were held, or breakpoints set, meanwhile")
        assert await outputs_of(execution, "n0", [1]) == [1]


async def test_a_reload_that_would_wait_for_what_is_held_is_refused() -> None:
    """What stands on a held edge is of no version until it is let go, so no boundary can go past it."""
    async with open_runtime() as runtime:
        for name in ("own.a", "own.b"):
            await runtime.library.register_component(component(name, "1", STAMP))
        execution = await start(runtime, row("own.a", "own.b"))
        await execution.edge("0").pause()
        await runtime.library.replace_component("own.b", component("own.b", "2", STAMP))
        with pytest.raises(ReloadRefusedError) as refused:
            await reload(execution, components={"own.b": None}, consistency="message")
        assert [each.code for each in refused.value.problems] == ["reload.edges_held"]
        assert (await reload(execution, components={"own.b": None})).state == "done"
        assert (await execution.read_edge("0")).is_held


async def test_no_tag_of_an_edge_comes_again_after_a_reload() -> None:
    """Whoever has read an edge of the graph before changes none of the next one by its tag."""
    async with open_runtime() as runtime:
        execution = await start(runtime, row(PASS, PASS))
        tags = {(await execution.read_edge("0")).tag}
        for length in (3, 2):
            await runtime.library.replace_graph(execution.graph_id, row(*[PASS] * length))
            await reload(execution, graph="latest")
            tags.add((await execution.read_edge("0")).tag)
            await execution.edge("0").pause()
            tags.add((await execution.read_edge("0")).tag)
            await execution.edge("0").resume()
        assert len(tags) == 5


async def test_a_trial_that_is_rolled_back_is_answered_when_it_is_over() -> None:
    """The answer says what has become of it."""
    async with open_runtime() as runtime:
        await runtime.library.register_component(component("own.sum", "1", SUM))
        execution = await start(runtime, row("own.sum"))
        await runtime.library.replace_component("own.sum", component("own.sum", "2", SUM))
        assert (await reload(execution, components={"own.sum": None}, canary={"messages": 9})).state == "trial"
        report = await execution.roll_back()
        assert (report.state, report.reason) == ("rolled-back", "it was rolled back")
