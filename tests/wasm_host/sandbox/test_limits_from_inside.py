"""Each limit that a component may set, met by its own JavaScript: what it gets, and that nobody else notices.

Data: to add a limit, add a `Meeting`. What a single limit means in detail is in test_limits.py.
"""

import msgspec
import pytest

from tests.wasm_host.sandboxes import opened, process_all
from wasm_host.errors import ProgramError, TooManyInstancesError
from wasm_host.host import open_host
from wasm_host.limits import GuestLimits
from wasm_host.sandbox.javascript import Program

MB = 1024 * 1024


class Meeting(msgspec.Struct, frozen=True, kw_only=True):
    """How a limit is met.

    Attributes:
        body: of a process function, run for the message `"bad"` only.
        limits: the one that is met, low.
        error: the name of the error that the message ends in; empty where the limit costs no message.
        says: a part of its message, or of the last log line.
        restarts: guests that have to be replaced.
    """

    body: str
    limits: GuestLimits
    error: str = ""
    says: str = ""
    restarts: int = 0


MEETINGS = {
    "memory_bytes": Meeting(
        body="const all = []; while (true) all.push(new Array(1000).fill(1))",
        limits=GuestLimits(memory_bytes=8 * MB),
        error="MemoryLimitExceeded",
        says="more memory than a guest may have: 8,388,608 bytes",
        restarts=1,
    ),
    "cpu_ms": Meeting(
        body="while (true);",
        limits=GuestLimits(cpu_ms=30),
        error="CpuLimitExceeded",
        says="computed for 30 ms",
        restarts=1,
    ),
    "wall_ms": Meeting(
        body="while (true);",
        limits=GuestLimits(wall_ms=30),
        error="WallTimeExceeded",
        says="took 30 ms",
        restarts=1,
    ),
    "output_bytes": Meeting(
        body="ctx.emit('out', 'x'.repeat(200))",
        limits=GuestLimits(output_bytes=100),
        error="OutputLimitExceeded",
        says="output_bytes is limited to 100",
    ),
    "emissions": Meeting(
        body="for (let i = 0; i < 11; i++) ctx.emit('out', i)",
        limits=GuestLimits(emissions=10),
        error="OutputLimitExceeded",
        says="emissions is limited to 10",
    ),
    "log_lines": Meeting(
        body="for (let i = 0; i < 25; i++) ctx.log('info', i)",
        limits=GuestLimits(log_lines=10),
        says="15 more log lines dropped",
    ),
    "log_bytes": Meeting(
        body="for (let i = 0; i < 25; i++) ctx.log('info', 'x'.repeat(100))",
        limits=GuestLimits(log_bytes=1000),
        says="more log lines dropped",
    ),
    "state_keys": Meeting(
        body="for (let i = 0; i < 5; i++) ctx.setState('k' + i, i)",
        limits=GuestLimits(state_keys=3),
        error="StateLimitExceeded",
        says="state_keys is limited to 3",
    ),
    "state_bytes": Meeting(
        body="ctx.setState('k', 'x'.repeat(200))",
        limits=GuestLimits(state_bytes=100),
        error="StateLimitExceeded",
        says="state_bytes is limited to 100",
    ),
}

PROGRAM = """return {
  process(ctx, port, value) {
    if (value === 'bad') { %s }
    ctx.setState('seen', (ctx.getState('seen') ?? 0) + 1)
    ctx.emit('out', ctx.getState('seen'))
  }
}"""
"""Counts, in its state, the messages that it finished."""


@pytest.mark.parametrize("limit", MEETINGS)
async def test_a_limit_ends_its_message_and_nothing_else(limit: str) -> None:
    """The culprit gets the named error, is replaced where it must be, and goes on; its neighbour sees nothing."""
    meeting = MEETINGS[limit]
    async with open_host() as host:
        sandbox = host.sandbox(Program("handler", PROGRAM % meeting.body), limits=meeting.limits)
        neighbour = host.sandbox(Program("handler", PROGRAM % ""))
        await sandbox.open()
        await neighbour.open()
        before, bad, after = await process_all(sandbox, [(0, b"1"), (0, b'"bad"'), (0, b"3")])
        (beside,) = await neighbour.process([(0, b'"bad"')])
        (again,) = await sandbox.process([(0, b"4")])
        statistics, untouched = sandbox.statistics(), neighbour.statistics()
        sandbox.discard()
        neighbour.discard()
    assert before.emissions == [(0, b"1")]
    if meeting.error:
        assert bad.error is not None
        assert bad.error.name == meeting.error
        assert meeting.says in bad.error.message
        assert bad.emissions == []
        counted = 1
    else:
        assert bad.error is None
        assert meeting.says in bad.logs[-1].message
        counted = 2
    assert after.emissions == [(0, b"%d" % (counted + 1))]
    assert again.emissions == [(0, b"%d" % (counted + 2))]
    assert statistics.restarts == meeting.restarts
    assert beside.emissions == [(0, b"1")]
    assert untouched.restarts == 0


@pytest.mark.parametrize("limit", MEETINGS)
async def test_without_the_low_limit_the_same_message_passes_or_meets_another(limit: str) -> None:
    """It is this limit that the meeting meets: with it at its default, the outcome is a different one."""
    meeting = MEETINGS[limit]
    others = GuestLimits(cpu_ms=200, wall_ms=150 if limit == "cpu_ms" else 30_000)
    async with opened(PROGRAM % meeting.body, limits=others) as sandbox:
        (bad,) = await sandbox.process([(0, b'"bad"')])
    if bad.error is not None:
        assert (bad.error.name, meeting.says in bad.error.message) != (meeting.error, True)
    else:
        assert not any("dropped" in line.message for line in bad.logs)


async def test_the_source_has_a_limit() -> None:
    """A source that is too long is refused before any guest is made."""
    async with open_host() as host:
        with pytest.raises(ProgramError, match="longer than 10 bytes"):
            await host.check(Program("handler", "(c, p, v) => 1"), limits=GuestLimits(source_bytes=10))


async def test_recursion_has_a_limit_that_can_be_caught() -> None:
    """The stack's end is JavaScript's own RangeError, and costs no guest."""
    async with opened(PROGRAM % "(function f() { f() })()") as sandbox:
        bad, after = await process_all(sandbox, [(0, b'"bad"'), (0, b"1")])
        assert sandbox.statistics().restarts == 0
    assert bad.error is not None
    assert (bad.error.name, bad.error.message) == ("RangeError", "Maximum call stack size exceeded")
    assert after.emissions == [(0, b"1")]


async def test_a_host_has_room_for_so_many_instances() -> None:
    """One too many is refused by name; when one is gone there is room again, and a replacement keeps its place."""
    async with open_host(max_instances=2) as host:
        program = Program("handler", PROGRAM % "while (true);")
        first, second, third = (host.sandbox(program, limits=GuestLimits(cpu_ms=20)) for _ in range(3))
        await first.open()
        await second.open()
        with pytest.raises(TooManyInstancesError, match="2 instances are alive"):
            await third.open()
        bad, after = await process_all(second, [(0, b'"bad"'), (0, b"1")])
        assert bad.error is not None
        assert after.emissions == [(0, b"1")]
        await first.close()
        await third.open()
        second.discard()
        third.discard()
        await host.check(program)
