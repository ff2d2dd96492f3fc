"""A sandbox outlives its guests: state, batches, cancellation, the end."""

import pytest
import trio
import trio.lowlevel
import trio.testing

from tests.wasm_host.sandboxes import QUICK, opened, process_all
from wasm_host.errors import SandboxClosedError, SandboxError
from wasm_host.host import open_host
from wasm_host.limits import GuestLimits
from wasm_host.sandbox.javascript import Program

COUNTER = """return {
    initialize(ctx) { ctx.setState('n', 0); ctx.emit('out', 'new'); ctx.log('info', 'opened') },
    process(ctx, port, value) {
        const n = ctx.getState('n') + 1; ctx.setState('n', n); ctx.emit('out', n);
        if (value === 'spin') while (true);
        if (value === 'throw') throw new Error('thrown');
    },
}"""


async def test_state_survives_a_destroyed_guest() -> None:
    """The successor has the state of the last complete invocation; its initialize does not reset it."""
    async with opened(COUNTER, limits=QUICK) as sandbox:
        first, spun, third = await process_all(sandbox, [(0, b"1"), (0, b'"spin"'), (0, b"1")])
        assert first.emissions == [(0, b"1")]
        assert spun.error is not None
        assert spun.error.name == "CpuLimitExceeded"
        assert third.emissions == [(0, b"2")]
        assert [line.message for line in third.logs] == ["opened"]
        (fourth,) = await sandbox.process([(0, b"1")])
        assert fourth.emissions == [(0, b"3")]
        assert fourth.logs == ()
        statistics = sandbox.statistics()
        assert statistics.restarts == 1
        assert statistics.state_bytes == 2


async def test_only_the_culprits_of_a_batch_are_charged() -> None:
    """Every message has effects of its own, whatever happened to its neighbours."""
    values = [b"1", b'"throw"', b'"spin"', b"1", b'"spin"', b'"throw"', b"1"]
    async with opened(COUNTER, limits=QUICK) as sandbox:
        results = await process_all(sandbox, [(0, value) for value in values])
    assert [effects.error and effects.error.name for effects in results] == [
        None, "Error", "CpuLimitExceeded", None, "CpuLimitExceeded", "Error", None,
    ]  # fmt: skip
    assert [effects.emissions for effects in results if effects.error is None] == [
        [(0, b"1")],
        [(0, b"2")],
        [(0, b"3")],
    ]


async def test_a_single_message_that_kills_its_guest() -> None:
    """The batch of one takes a shorter way and ends the same."""
    async with opened(COUNTER, limits=QUICK) as sandbox:
        (spun,) = await sandbox.process([(0, b'"spin"')])
        assert spun.error is not None
        (after,) = await sandbox.process([(0, b"1")])
        assert after.emissions == [(0, b"1")]


async def test_one_message_ends_as_a_batch_of_one_does() -> None:
    """Whatever a message does to its guest, the shorter way has the effects of the way of batches."""
    async with opened(COUNTER, limits=QUICK) as shorter, opened(COUNTER, limits=QUICK) as longer:
        for value in (b"1", b'"throw"', b"1", b'"spin"', b"1", b"1"):
            (one,) = await shorter.process([(0, value)])
            (other,) = await longer._process_all([(0, value)])
            assert (one.emissions, one.error, one.logs, one.state) == (
                other.emissions,
                other.error,
                other.logs,
                other.state,
            )
            assert shorter.statistics().restarts == longer.statistics().restarts
            assert shorter.statistics().state_bytes == longer.statistics().state_bytes


async def test_when_no_replacement_opens_the_rest_of_the_batch_says_why() -> None:
    """Each message gets the error; the next batch tries again."""
    source = """return {
        initialize(ctx) { if (ctx.getState('born')) throw new Error('not again'); ctx.setState('born', true) },
        process(ctx, port, value) { if (value) while (true); ctx.emit('out', 1) },
    }"""
    async with opened(source, limits=QUICK) as sandbox:
        results = await process_all(sandbox, [(0, b"0"), (0, b"1"), (0, b"0"), (0, b"0")])
        assert [effects.error and effects.error.message for effects in results] == [
            None, "one invocation computed for 40 ms", "not again", "not again",
        ]  # fmt: skip
        (again,) = await sandbox.process([(0, b"0")])
        assert again.error is not None


async def test_a_cancelled_call_leaves_a_usable_sandbox() -> None:
    """A cancel scope ends an endless loop; the next call opens another guest with the state as it was."""
    async with opened(COUNTER) as sandbox:
        await sandbox.process([(0, b"1")])
        with trio.move_on_after(0.02) as scope:
            await process_all(sandbox, [(0, b'"spin"')])
        assert scope.cancelled_caught
        (effects,) = await sandbox.process([(0, b"1")])
        assert effects.emissions == [(0, b"2")]


async def test_a_discard_in_the_middle_of_a_call_ends_the_call() -> None:
    """Another task may take the sandbox away while it spins; what waits for it gets errors, not a crash."""
    async with opened(COUNTER) as sandbox, trio.open_nursery() as nursery:

        @nursery.start_soon
        async def _() -> None:
            await trio.sleep(0.01)
            sandbox.discard()

        results = await process_all(sandbox, [(0, b'"spin"'), (0, b"1")])
        assert [effects.error and effects.error.name for effects in results] == ["GuestTrapped", "SandboxClosed"]


async def test_a_closed_sandbox_refuses_work() -> None:
    """After close or discard, open raises and messages fail, by name."""
    async with opened(COUNTER) as sandbox:
        await sandbox.close()
        (effects,) = await sandbox.process([(0, b"1")])
        assert effects.error is not None
        assert effects.error.name == "SandboxClosed"
        with pytest.raises(SandboxClosedError):
            await sandbox.open()


async def test_closing_returns_what_cleanup_did() -> None:
    """Its lines, or its error; the second time nothing is left to do."""
    for body, said, name in (
        ("ctx.log('info', 'bye', ctx.getState('n'))", [("bye", b"1")], None),
        ("ctx.log('info', 'bye'); throw new TypeError('no')", [("bye", None)], "TypeError"),
        ("while (true);", [], "CpuLimitExceeded"),
    ):
        source = COUNTER.replace("initialize(", f"cleanup(ctx) {{ {body} }}, initialize(")
        async with opened(source, limits=GuestLimits(close_ms=20)) as sandbox:
            await sandbox.process([(0, b"1")])
            effects = await sandbox.close()
            assert [(line.message, line.meta) for line in effects.logs] == said
            assert (effects.error and effects.error.name) == name
            again = await sandbox.close()
            assert (again.emissions, again.logs, again.error) == ([], (), None)


async def test_a_guest_that_cannot_be_opened_is_not_kept() -> None:
    """Whatever it is that its author did wrong: its place is free again."""
    async with open_host(max_instances=1) as host:
        for source in ("return {", "return { initialize() { throw 1 }, process() {} }", "return 1"):
            with pytest.raises(SandboxError):
                await host.sandbox(Program("handler", source)).open()
            assert host.statistics().alive == 0
        sandbox = host.sandbox(Program("handler", COUNTER))
        await sandbox.open()
        assert host.statistics().alive == 1
        sandbox.discard()


async def test_a_sandbox_is_between_guests_from_a_fault_to_the_next_message() -> None:
    """Neither before it was opened nor after it was closed."""
    async with open_host() as host:
        sandbox = host.sandbox(Program("handler", COUNTER), limits=QUICK)
        seen = [sandbox.is_between_guests]
        await sandbox.open()
        seen.append(sandbox.is_between_guests)
        await sandbox.process([(0, b'"spin"')])
        seen.append(sandbox.is_between_guests)
        await sandbox.process([(0, b"1")])
        seen.append(sandbox.is_between_guests)
        await sandbox.process([(0, b'"spin"')])
        await sandbox.close()
        assert [*seen, sandbox.is_between_guests] == [False, False, True, False, False]
        assert host.statistics().restarts == 2


async def test_a_short_call_is_one_slice() -> None:
    """Each call is counted once, and so is its slice."""
    async with opened(COUNTER) as sandbox:
        before = sandbox.statistics()
        for _ in range(5):
            await sandbox.process([(0, b"1")])
        after = sandbox.statistics()
        assert after.calls - before.calls == 5
        assert 5 <= after.slices - before.slices < 10  # one or another may be longer on a busy machine


async def test_a_sandbox_must_be_opened_first() -> None:
    """A message before open is an error, because initialize's effects would have nowhere to go."""
    async with open_host() as host:
        (effects,) = await host.sandbox(Program("handler", COUNTER)).process([(0, b"1")])
        assert effects.error is not None
        assert "open this sandbox" in effects.error.message


async def test_opening_twice_does_nothing_twice() -> None:
    """The second open answers no effects."""
    async with opened(COUNTER) as sandbox:
        assert (await sandbox.open()).emissions == []


async def test_budgets_stand_still_while_a_guest_is_held_between_slices(
    mock_clock: trio.testing.MockClock,
) -> None:
    """What freezes a guest, a pause for instance, costs it nothing; no time goes by on its clock but that."""
    held = 0

    async def hold() -> None:
        nonlocal held
        held += 1
        mock_clock.jump(0.1)
        await trio.lowlevel.checkpoint()

    async with opened("(() => { const n = 1500000; for (let i = 0; i < n; i++); return n })()", "map",
                      limits=GuestLimits(wall_ms=90, cpu_ms=10_000), on_slice_end=hold) as sandbox:  # fmt: skip
        (effects,) = await sandbox.process([(0, b"1")])
    assert effects.error is None
    assert held > 1


async def test_statistics_are_a_snapshot() -> None:
    """Calls, slices, memory and time are counted for the sandbox, over all its guests."""
    async with opened(COUNTER, limits=QUICK) as sandbox:
        before = sandbox.statistics()
        await sandbox.process([(0, b"1")])
        await sandbox.process([(0, b'"spin"')])
        after = sandbox.statistics()
    assert before.memory_bytes > 0
    assert after.memory_bytes == 0
    assert after.calls >= before.calls + 2
    assert after.slices >= before.slices + 20
    assert after.cpu_seconds > before.cpu_seconds
    assert sandbox.statistics().memory_bytes == 0


async def test_an_empty_batch_has_no_effects() -> None:
    """Nothing in, nothing out."""
    async with opened(COUNTER) as sandbox:
        assert await sandbox.process([]) == []


async def test_spinning_guests_leave_the_event_loop_to_others() -> None:
    """Twelve endless loops take one slice per pass together; a task that only wants to run keeps running."""
    async with open_host() as host, trio.open_nursery() as nursery:
        for _ in range(12):
            sandbox = host.sandbox(Program("map", "(() => { while (true); })()"))
            await sandbox.open()
            nursery.start_soon(sandbox.process, [(0, b"1")])
        slices = []
        before = host.statistics().slices
        for _ in range(100):
            await trio.lowlevel.checkpoint()
            now = host.statistics().slices
            slices.append(now - before)
            before = now
        nursery.cancel_scope.cancel()
    # The first pass holds twelve first slices; after it, passes hold one slice each.
    assert sum(slices) > 10
    assert max(slices[2:]) <= 1, slices
