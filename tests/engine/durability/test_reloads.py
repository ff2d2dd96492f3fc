"""A durable execution that was changed goes on as it was changed; whatever the moment, nothing is a mix."""

import shutil
from pathlib import Path
from typing import Any

import msgspec
import pytest
import trio

from engine.durability.passage import Passage
from engine.errors import NotKeptError
from engine.handle import ExecutionHandle
from engine.keeping.keeper import Keeper
from engine.runtime import Runtime
from proto.execution import ExecuteOptions
from proto.message import Injection
from tests.engine.durability.runtimes import kept_runtime
from tests.engine.executions import document
from tests.engine.reload.running import STAMP, SUM, component, reload, row, send

DURABLE = ExecuteOptions(completion="manual", durable=True)
NINE = SUM.replace("+ value", "+ 9")
ADDED = document({"first": "own.stamp", "sum": "own.sum"}, [])


async def durable(runtime: Runtime, graph: dict[str, Any]) -> ExecutionHandle:
    """Start a durable execution."""
    loaded = await runtime.library.load_graph(graph)
    return runtime.execution((await runtime.execute(loaded.id, DURABLE)).id)


async def outputs(execution: ExecutionHandle) -> list[Any]:
    """All that has left, when nothing is on its way."""
    await execution.wait_quiescent()
    return [msgspec.json.decode(each.value) for each in execution.outputs()]


def killed(folder: Path, to: Path) -> Path:
    """The disk as it is at this moment, as a process finds it after a kill."""
    shutil.copytree(folder, to)
    return to


async def test_a_component_and_a_configuration_go_on_as_they_were_changed(tmp_path: Path) -> None:
    """The version, the state that it has made, and who handles what, whatever is the present version by then."""
    async with kept_runtime(tmp_path / "a") as runtime:
        await runtime.library.register_component(component("own.sum", "1", SUM))
        execution = await durable(runtime, document({"n0": "own.sum", "wait": "symbia.core.delay"}))
        await send(execution, "n0", [1])
        await runtime.library.replace_component("own.sum", component("own.sum", "2", SUM))
        report = await reload(
            execution, components={"own.sum": 2}, configs={"wait": {"ms": 7}, "n0": {"large": 10**30}}
        )
        assert (report.state, report.reason) == ("done", "")
        await send(execution, "n0", [2])
        await runtime.library.replace_component("own.sum", component("own.sum", "3", SUM))
        await execution.wait_quiescent()
        disk = killed(tmp_path / "a", tmp_path / "b")
    async with kept_runtime(disk) as runtime:
        execution = runtime.execution(execution.id)
        await send(execution, "n0", [4])
        made = await outputs(execution)
        assert [each["total"] for each in made] == [1, 3, 7]
        assert made[-1]["by"] == "2"
        assert {name: by.version for name, by in execution.handled_by().items()}["n0"] == "2"
        assert (await reload(execution, components={"own.sum": 3})).revision == 3


async def test_nodes_that_came_are_there_after_a_kill_and_have_what_was_accepted(tmp_path: Path) -> None:
    """The kill meets the moment of the answer, and a later one; what the log has fits the graph."""
    async with kept_runtime(tmp_path / "a") as runtime:
        for name, source in (("own.sum", SUM), ("own.stamp", STAMP)):
            await runtime.library.register_component(component(name, "1", source))
        execution = await durable(runtime, document({"sum": "own.sum"}))
        await send(execution, "sum", [1])
        await runtime.library.replace_graph(execution.graph_id, ADDED)
        assert (await reload(execution, graph="latest")).state == "done"
        answered = killed(tmp_path / "a", tmp_path / "b")
        await send(execution, "first", [["x"]])
        later = killed(tmp_path / "a", tmp_path / "c")
    for disk, more in ((answered, []), (later, [["x", "1"]])):
        async with kept_runtime(disk) as runtime:
            going_on = runtime.execution(execution.id)
            assert going_on.snapshot().graph_version == 2
            assert await outputs(going_on) == [{"by": "1", "total": 1}, *more]


async def test_a_rollback_holds_after_a_kill(tmp_path: Path) -> None:
    """What was taken back is as it was before."""
    async with kept_runtime(tmp_path / "a") as runtime:
        await runtime.library.register_component(component("own.sum", "1", SUM))
        execution = await durable(runtime, row("own.sum"))
        await runtime.library.replace_component("own.sum", component("own.sum", "2", SUM))
        await reload(execution, components={"own.sum": 2})
        await execution.roll_back()
        disk = killed(tmp_path / "a", tmp_path / "b")
    async with kept_runtime(disk) as runtime:
        going_on = runtime.execution(execution.id)
        await send(going_on, "n0", [4])
        assert await outputs(going_on) == [{"by": "1", "total": 4}]


async def test_a_trial_does_not_outlive_its_process(tmp_path: Path) -> None:
    """The old version is back, with the state that it would have without the trial."""
    async with kept_runtime(tmp_path / "a") as runtime:
        await runtime.library.register_component(component("own.sum", "1", SUM))
        execution = await durable(runtime, row("own.sum"))
        await runtime.library.replace_component("own.sum", component("own.sum", "2", NINE))
        assert (await reload(execution, components={"own.sum": 2}, canary={"messages": 99})).state == "trial"
        await send(execution, "n0", [1])
        assert await outputs(execution) == [{"by": "2", "total": 9}]
    await trio.lowlevel.checkpoint()
    async with kept_runtime(tmp_path / "a") as runtime:
        going_on = runtime.execution(execution.id)
        await send(going_on, "n0", [4])
        assert (await outputs(going_on))[-1]["total"] == 5
        assert going_on.handled_by() == {}


async def test_what_is_not_on_disk_is_said_and_nothing_is_accepted_before_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A message for a node that the revision on disk has not got could not be taken in after a kill."""

    async def refuse(*_asked: object) -> None:
        raise NotKeptError("the store is full")

    async with kept_runtime(tmp_path / "a") as runtime:
        for name, source in (("own.sum", SUM), ("own.stamp", STAMP)):
            await runtime.library.register_component(component(name, "1", source))
        execution = await durable(runtime, document({"sum": "own.sum"}))
        await runtime.library.replace_graph(execution.graph_id, ADDED)
        with monkeypatch.context() as patch:
            patch.setattr(Keeper, "keep", refuse)
            report = await reload(execution, graph="latest")
            assert report.state == "done"
            assert "not on disk yet" in report.reason
            with pytest.raises(NotKeptError):
                await send(execution, "first", [["x"]])
        await send(execution, "first", [["y"]])
        disk = killed(tmp_path / "a", tmp_path / "b")
    async with kept_runtime(disk) as runtime:
        assert await outputs(runtime.execution(execution.id)) == [["y", "1"]]


async def test_what_is_on_its_way_to_the_disk_is_taken_in_before_the_graph_changes(tmp_path: Path) -> None:
    """Many inject while nodes come and go before theirs, so that its index is another: all is summed up, once."""
    async with kept_runtime(tmp_path / "a") as runtime:
        for name, source in (("own.sum", SUM), ("own.stamp", STAMP)):
            await runtime.library.register_component(component(name, "1", source))
        execution = await durable(runtime, document({"sum": "own.sum"}))
        sent, is_over = 0, False

        async def inject() -> None:
            nonlocal sent
            while not is_over:
                await execution.inject([Injection("sum", "in", msgspec.Raw(b"1"))])
                sent += 1

        async with trio.open_nursery() as nursery:
            for _ in range(5):
                nursery.start_soon(inject)
            for graph in (ADDED, document({"sum": "own.sum"})) * 2:
                await runtime.library.replace_graph(execution.graph_id, graph)
                assert (await reload(execution, graph="latest")).state == "done"
            is_over = True
        await execution.wait_quiescent()
        assert int(execution.state()["sum"]["total"]) == sent


async def test_a_change_waits_for_what_is_being_accepted_and_what_comes_waits_for_it(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    """One at a time, in this order."""
    del autojump_clock
    passage, told = Passage(), list[str]()

    async def accept() -> None:
        await passage.wait_open()
        with passage.accepting():
            await trio.sleep(1)
            told.append("accepted")

    nursery.start_soon(accept)
    await trio.testing.wait_all_tasks_blocked()
    with trio.fail_after(2):
        await passage.close()
    nursery.start_soon(accept)
    await trio.sleep(5)
    told.append("changed")
    passage.open()
    await trio.sleep(2)
    assert told == ["accepted", "changed", "accepted"]
