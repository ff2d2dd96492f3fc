"""A component of a running execution gives way to another version: state, queues and order go on."""

import pytest

from engine.errors import NothingToRollBackError, ReloadRefusedError, ReloadUnderWayError
from engine.runtime import open_runtime
from tests.engine.executions import document
from tests.engine.reload.running import STAMP, SUM, Told, component, outputs_of, reload, row, send, start

MIGRATE = """,
    migrate(state, from) { return {total: state.total * 100, from}; },
    initialize(ctx) { ctx.setState('seen', ctx.getState('total')); }"""


async def test_state_goes_on_in_the_next_version() -> None:
    """The sum of what the old version saw is the new one's to add to."""
    async with open_runtime() as runtime:
        await runtime.library.register_component(component("own.sum", "1.0.0", SUM))
        execution = await start(runtime, row("own.sum"))
        assert await outputs_of(execution, "n0", [1, 2]) == [
            {"by": "1.0.0", "total": 1},
            {"by": "1.0.0", "total": 3},
        ]
        await runtime.library.replace_component("own.sum", component("own.sum", "1.1.0", SUM))
        report = await reload(execution, components={"own.sum": "1.1.0"})
        assert (report.state, report.revision) == ("done", 2)
        assert await outputs_of(execution, "n0", [4]) == [{"by": "1.1.0", "total": 7}]


async def test_a_component_says_what_becomes_of_its_state() -> None:
    """``migrate`` is given the state and the version that it is of; then ``initialize`` runs."""
    async with open_runtime() as runtime:
        await runtime.library.register_component(component("own.sum", "1.0.0", SUM))
        execution = await start(runtime, row("own.sum"))
        await outputs_of(execution, "n0", [5])
        await runtime.library.replace_component("own.sum", component("own.sum", "2.0.0", SUM, MIGRATE))
        await reload(execution, components={"own.sum": 2})
        assert execution.state() == {"n0": {"total": b"500", "from": b'"1.0.0"', "seen": b"500"}}


@pytest.mark.parametrize(
    "more",
    [
        ", migrate() { throw new Error('no way') }",
        ", initialize() { throw new Error('no way') }",
        ", migrate() { return 7 }",
    ],
)
async def test_a_version_that_cannot_begin_leaves_the_old_one(more: str) -> None:
    """Where ``migrate`` or ``initialize`` fails, nothing has changed."""
    async with open_runtime() as runtime:
        await runtime.library.register_component(component("own.sum", "1.0.0", SUM))
        execution = await start(runtime, row("own.sum"))
        await outputs_of(execution, "n0", [5])
        await runtime.library.replace_component("own.sum", component("own.sum", "2.0.0", SUM, more))
        with pytest.raises(ReloadRefusedError, match="Node n0 would not begin"):
            await reload(execution, components={"own.sum": None})
        assert await outputs_of(execution, "n0", [1]) == [{"by": "1.0.0", "total": 6}]


async def test_nodes_that_run_as_one_are_changed_one_by_one() -> None:
    """The one in the middle of a chain changes; all of them run as one before and after."""
    async with open_runtime() as runtime:
        for name in ("own.a", "own.b", "own.c"):
            await runtime.library.register_component(component(name, "1", STAMP))
        execution = await start(runtime, row("own.a", "own.b", "own.c"))
        assert await outputs_of(execution, "n0", [[]]) == [["1", "1", "1"]]
        await runtime.library.replace_component("own.b", component("own.b", "2", STAMP))
        await reload(execution, components={"own.b": None})
        assert await outputs_of(execution, "n0", [[], []]) == [["1", "2", "1"]] * 2


async def test_a_rollback_goes_to_the_version_before() -> None:
    """The state that the newer version has made goes back with it."""
    async with open_runtime() as runtime:
        await runtime.library.register_component(component("own.sum", "1", SUM))
        execution = await start(runtime, row("own.sum"))
        with pytest.raises(NothingToRollBackError):
            await execution.roll_back()
        await runtime.library.replace_component("own.sum", component("own.sum", "2", SUM))
        await reload(execution, components={"own.sum": None})
        await outputs_of(execution, "n0", [3])
        report = await execution.roll_back()
        assert (report.state, report.revision) == ("done", 3)
        assert await outputs_of(execution, "n0", [1]) == [{"by": "1", "total": 4}]
        with pytest.raises(NothingToRollBackError):
            await execution.roll_back()


async def test_a_bad_version_on_trial_is_rolled_back_by_itself() -> None:
    """All that comes out is as if it had never been there: values, order, state."""
    bad = SUM.replace("const total", "if (value > 2) throw new TypeError('too much'); const total").replace(
        "VERSION", "1"
    )
    told = Told()
    async with open_runtime() as runtime:
        runtime.observe(told)
        await runtime.library.register_component(component("own.sum", "1", SUM))
        execution = await start(runtime, row("own.sum"))
        await outputs_of(execution, "n0", [1])
        await runtime.library.replace_component("own.sum", component("own.sum", "2", bad))
        report = await reload(
            execution,
            components={"own.sum": None},
            canary={"messages": 500, "maxErrors": 2},
            consistency="message",
        )
        assert report.state == "trial"
        with pytest.raises(ReloadUnderWayError):
            await reload(execution, components={"own.sum": None})
        made = await outputs_of(execution, "n0", [1, 2, 3, 1, 4, 5, 6])
        assert [each["total"] for each in made] == [2, 4, 7, 8, 12, 17, 23]
        assert {each["by"] for each in made} == {"1"}
        last = await told.wait_for("rolled-back")
        assert (execution.reloads(), last.canary and last.canary.errors) == ([last], 3)
        assert "TypeError: too much" in last.reason
        assert told.states == ["switching", "trial", "rolled-back"]
        assert await outputs_of(execution, "n0", [1]) == [{"by": "1", "total": 24}]


async def test_a_good_version_on_trial_stays() -> None:
    """After the messages that decide, the old one is gone."""
    told = Told()
    async with open_runtime() as runtime:
        runtime.observe(told)
        await runtime.library.register_component(component("own.sum", "1", SUM))
        execution = await start(runtime, row("own.sum"))
        await runtime.library.replace_component("own.sum", component("own.sum", "2", SUM))
        await reload(execution, components={"own.sum": None}, canary={"messages": 2})
        made = await outputs_of(execution, "n0", [1, 1, 1])
        assert [each["total"] for each in made] == [1, 2, 3]
        assert (await told.wait_for("done")).revision == 2
        assert await outputs_of(execution, "n0", [1]) == [{"by": "2", "total": 4}]


async def test_what_waits_before_a_paused_node_is_the_next_versions() -> None:
    """Who pauses, mends and resumes sees nothing of what waited processed by the faulty version."""
    async with open_runtime() as runtime:
        await runtime.library.register_component(component("own.s", "1", STAMP))
        execution = await start(runtime, row("own.s"))
        await execution.pause()
        await send(execution, "n0", [[1], [2]])
        await runtime.library.replace_component("own.s", component("own.s", "2", STAMP))
        assert (await reload(execution, components={"own.s": None})).state == "done"
        await execution.resume()
        assert await outputs_of(execution, "n0", [[3]]) == [[1, "2"], [2, "2"], [3, "2"]]


async def test_what_is_shown_says_which_version_it_is_of() -> None:
    """Log lines, instances and the error that ends it, from the first reload on; what did not change says none."""
    source = (
        "return { process(ctx, port, value) { ctx.log('info', 'hello'); if (value) throw new Error('no'); } };"
    )
    async with open_runtime() as runtime:
        for name in ("own.a", "own.b"):
            await runtime.library.register_component(component(name, "1.0.0", source))
        execution = await start(runtime, document({"a": "own.a", "b": "own.b"}))
        await outputs_of(execution, "a", [0])
        await runtime.library.replace_component("own.a", component("own.a", "1.1.0", source))
        await reload(execution, components={"own.a": None})
        await outputs_of(execution, "a", [0])
        assert [(each.version, each.revision) for each in execution.logs()] == [("", 0), ("1.1.0", 2)]
        instances = {each.node_id: (each.version, each.revision) for each in execution.snapshot().instances}
        assert instances == {"a": ("1.1.0", 2), "b": ("", 0)}
        await send(execution, "a", [1])
        ended = await execution.wait_finished()
        assert ended.error is not None
        assert (ended.error.node_id, ended.error.version, ended.error.revision) == ("a", "1.1.0", 2)
