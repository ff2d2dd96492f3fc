"""Programs that share one guest: what they pass on, what they cannot reach of each other, how a chain ends."""

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import msgspec
import pytest
import trio

from tests.wasm_host.sandboxes import link_to, process_all, row_of
from wasm_host.errors import InitializeError, ProgramError, TooManyInstancesError
from wasm_host.guest import chain_abi, chain_ports
from wasm_host.guest.chain_abi import ChainResult, Message
from wasm_host.guest.identity import Identity
from wasm_host.host import SandboxHost, open_host
from wasm_host.limits import GuestLimits
from wasm_host.sandbox.chain import Chain
from wasm_host.sandbox.javascript import Link, Program
from wasm_host.sandbox.sandbox import Sandbox

OUTPUTS = ("out", "side", "error")


def handler(body: str, extra: str = "") -> Program:
    """A program whose process function has this body."""
    return Program("handler", f"return {{ {extra} async process(ctx, port, value) {{ {body} }} }}")


def doubling() -> Program:
    """An expression."""
    return Program("map", "value * 2")


@asynccontextmanager
async def linked(
    programs: Sequence[Program],
    *,
    limits: GuestLimits | None = None,
    host: SandboxHost | None = None,
    opened: bool = True,
    seed: int = 0,
    links: Sequence[Link] = (),
) -> AsyncIterator[tuple[Chain, list[Sandbox]]]:
    """A chain of programs by their first outputs, each of whose sides somebody hears: a row, or by ``links``."""
    limits = limits or GuestLimits()
    if host is None:
        async with open_host() as own:
            async with linked(programs, limits=limits, host=own, opened=opened, seed=seed, links=links) as made:
                yield made
            assert own.statistics().alive == 0
        return
    sandboxes = [
        host.sandbox(
            program, identity=Identity("e", f"n{at}", f"i{at}"), outputs=OUTPUTS, limits=limits, seed=seed
        )
        for at, program in enumerate(programs)
    ]
    chain = host.chain(sandboxes, links or row_of(len(programs), limits.memory_bytes))
    try:
        for at in range(len(programs) if opened else 0):
            await chain.open(at)
        yield chain, sandboxes
    finally:
        for at in range(len(programs)):
            await chain.close(at)


async def passed(chain: Chain, *values: bytes, place: int = 0, traced: bool = False) -> ChainResult:
    """What a call brings that comes to something; or several, where one took so long that it returned early."""
    work: Sequence[Message] = [(place, 0, value) for value in values]
    result = await chain.process(work, traced=traced)
    assert result is not None
    while result.begun < len(work) and not result.pending:
        more = await chain.process(work[result.begun :], traced=traced)
        assert more is not None
        result = ChainResult(
            steps=[*result.steps, *more.steps],
            begun=result.begun + more.begun,
            pending=more.pending,
            counts=[(a + c, b + d) for (a, b), (c, d) in zip(result.counts, more.counts, strict=True)],
            passed=[one + other for one, other in zip(result.passed, more.passed, strict=True)],
            size_bytes=result.size_bytes + more.size_bytes,
        )
    return result


def emitted(result: ChainResult) -> list[tuple[int, int, bytes]]:
    """All emissions that were told: program, port, value."""
    return [(step.program, port, value) for step in result.steps for port, value in step.emissions]


async def test_a_message_goes_through_all_programs() -> None:
    """Only what the last one emits is told, and how much each one did."""
    async with linked([doubling()] * 3) as (chain, _):
        result = await passed(chain, b"1", b"2")
        assert emitted(result) == [(2, 0, b"8"), (2, 0, b"16")]
        assert (result.counts, result.passed) == ([(2, 2), (2, 2), (2, 2)], [2, 2])
        assert (result.begun, result.pending) == (2, [])


async def test_a_traced_call_tells_everything_in_the_order_of_its_happening() -> None:
    """A message goes through the whole chain before the next one is begun."""
    async with linked([doubling()] * 2) as (chain, _):
        result = await passed(chain, b"1", b"3", traced=True)
        assert emitted(result) == [(0, 0, b"2"), (1, 0, b"4"), (0, 0, b"6"), (1, 0, b"12")]


HANDING_ON = [Program("map", "value"), Program("test", "true"), handler("ctx.emit('out', value)")]


async def test_what_no_program_changes_is_the_message_that_came() -> None:
    """The same bytes, through any number of programs and of any kind; and only those that were not changed."""
    values = [b"[1.0]", b'{"a": 2e0}', b'{"change":[3.0]}', b"[4.0]", b"5"]
    change = Program("map", "value.change ?? value")
    async with linked([*HANDING_ON, change, *HANDING_ON]) as (chain, _):
        told = emitted(await passed(chain, *values))
        assert [value for _, _, value in told] == [b"[1]", b'{"a":2}', b"[3.0]", b"[4]", b"5"]
    async with linked(HANDING_ON * 2) as (chain, _):
        result = await passed(chain, *values)
        told = emitted(result)
        assert result.counts == [(5, 5)] * 6
        assert [value for _, _, value in told] == values
        assert all(one is other for (_, _, one), other in zip(told[:4], values, strict=False))


async def test_what_is_handed_on_stands_beside_what_is_written() -> None:
    """Several values of one message on their way, some named and some not: in their order, each whole."""
    body = "ctx.emit('out', [value.n]); ctx.emit('out', value); ctx.emit('out', 'x'.repeat(3000) + value.n)"
    first = handler("ctx.emit('out', value); ctx.emit('out', value)")
    async with linked([first, handler(body), *HANDING_ON]) as (chain, _):
        told = emitted(await passed(chain, *(b'{"n": %d}' % n for n in range(30))))
    expected = [[b"[%d]" % n, b'{"n":%d}' % n, b'"%s%d"' % (b"x" * 3000, n)] * 2 for n in range(30)]
    assert [value for _, _, value in told] == [value for values in expected for value in values]


async def test_values_of_unconnected_outputs_are_told_to_who_asks() -> None:
    """They are the outputs of a graph: mostly nobody hears them, and what nobody hears is not carried out."""
    program = handler("ctx.emit('out', value); ctx.emit('side', 'aside')")
    async with open_host() as host:
        sandboxes = [
            host.sandbox(program, identity=Identity("e", f"n{at}", f"i{at}"), outputs=OUTPUTS) for at in range(2)
        ]
        first, last = row_of(2, 10**8)
        links = [
            msgspec.structs.replace(first, unconnected_outputs=(1,)),
            msgspec.structs.replace(last, unconnected_outputs=(0, 1)),
        ]
        chain = host.chain(sandboxes, links)
        for at in range(2):
            await chain.open(at)
        silent = await chain.process([(0, 0, b"1")], traced=False)
        telling = await chain.process([(0, 0, b"1")], traced=False, hears_outputs=True)
        assert silent is not None
        assert telling is not None
        assert emitted(silent) == []
        assert emitted(telling) == [(0, 1, b'"aside"'), (1, 0, b"1"), (1, 1, b'"aside"')]
        assert silent.counts == telling.counts == [(1, 2), (1, 2)]
        for at in range(2):
            await chain.close(at)


async def test_a_call_may_begin_anywhere_in_the_chain() -> None:
    """The programs before it do nothing."""
    async with linked([doubling()] * 3) as (chain, _):
        result = await passed(chain, b"1", place=1)
        assert (result.counts, result.passed) == ([(0, 0), (1, 1), (1, 1)], [0, 1])


@pytest.mark.parametrize(
    ("result", "arrives"),
    [
        ("undefined", "null"),
        ("NaN", "null"),
        ("-0", "0"),
        ("1e400", "null"),
        ("0.1 + 0.2", "0.30000000000000004"),
        ("'\\ud800'", '"\\ud800"'),
        ("({b: 1, a: undefined, toJSON: undefined, c: [() => 1]})", '{"b":1,"c":[null]}'),
        ("({toJSON() { return [this.constructor === Object] }})", "[true]"),
        ("new Date(0)", '"1970-01-01T00:00:00.000Z"'),
        ("JSON.rawJSON('12345678901234567890')", "12345678901234567000"),
        ("new Proxy({x: 7}, {get: (target, key) => target[key]})", '{"x":7}'),
    ],
)  # fmt: skip
async def test_what_is_passed_on_is_json(result: str, arrives: str) -> None:
    """The next program gets what would have come out and gone in again, never an object of the other."""
    async with linked([Program("map", result), Program("map", "[value, typeof value]")]) as (chain, _):
        ((_, _, text),) = emitted(await passed(chain, b"1"))
        assert json.loads(text)[0] == json.loads(arrives)


async def test_an_invocation_that_fails_passes_nothing_on_and_names_its_message() -> None:
    """Its state is undone, its logs stay, and the next message goes through."""
    body = (
        "ctx.setState('n', value); ctx.log('info', 'at ' + value); ctx.emit('out', value); ctx.emit('side', 1);"
        " if (value === 2) throw new TypeError('two');"
    )
    async with linked([doubling(), handler(body), doubling()]) as (chain, sandboxes):
        result = await passed(chain, b"1", b"3")
        failed = next(step for step in result.steps if step.error is not None)
        assert failed.error is not None
        assert (failed.program, failed.error.message, failed.cause) == (1, "two", (0, b"2"))
        assert [line.message for line in failed.logs] == ["at 2"]
        assert emitted(result) == [(1, 1, b"1"), (2, 0, b"12")]
        assert (result.counts, result.passed) == ([(2, 2), (2, 2), (1, 1)], [2, 1])
        assert dict(sandboxes[1].state) == {"n": b"6"}


DIAMOND = (
    link_to(1, 2, memory_bytes=10**8, is_told=True),
    link_to(3, memory_bytes=10**8),
    link_to(3, memory_bytes=10**8),
    link_to(memory_bytes=10**8),
)
LANES = (
    link_to(1, 2, memory_bytes=10**8),
    link_to(3, memory_bytes=10**8, lane=1),
    link_to(3, memory_bytes=10**8),
    link_to(memory_bytes=10**8),
)


async def test_a_value_goes_all_ways_from_its_port() -> None:
    """And is told where it leaves the chain, too; each way that meets another is a message of its own there."""
    programs = [doubling(), Program("map", "value + 1"), Program("map", "value + 3"), doubling()]
    async with linked(programs, links=DIAMOND) as (chain, _):
        result = await passed(chain, b"1", b"10")
        assert sorted(emitted(result)) == [
            (0, 0, b"2"), (0, 0, b"20"), (3, 0, b"10"), (3, 0, b"42"), (3, 0, b"46"), (3, 0, b"6"),
        ]  # fmt: skip
        assert (result.counts, result.passed) == ([(2, 2), (2, 2), (2, 2), (4, 4)], [2, 2, 2])
        traced = await passed(chain, b"1", traced=True)
        assert [(step.program, step.emissions) for step in traced.steps] == [
            (0, [(0, b"2")]), (2, [(0, b"5")]), (3, [(0, b"10")]), (1, [(0, b"3")]), (3, [(0, b"6")]),
        ]  # fmt: skip


async def test_a_program_of_a_higher_rank_goes_first() -> None:
    """So of several branches the first may be taken first, whatever the order in which programs are opened."""
    links = [msgspec.structs.replace(link, rank=rank) for link, rank in zip(DIAMOND, (0, 2, 1, 3), strict=True)]
    async with linked([doubling()] * 4, links=links) as (chain, _):
        traced = await passed(chain, b"1", traced=True)
        assert [step.program for step in traced.steps] == [0, 1, 3, 2, 3]


async def test_what_fails_takes_back_what_it_passed_on_by_all_ways() -> None:
    """Not one of those behind it is called with it, and what they were passed before stands."""
    first = handler("ctx.emit('out', value); if (value === 2) throw new Error('two')")
    async with linked([first, doubling(), doubling(), doubling()], links=DIAMOND) as (chain, _):
        result = await passed(chain, b"1", b"2", b"3")
        assert (result.counts, result.passed) == ([(3, 2), (2, 2), (2, 2), (4, 4)], [2, 2, 2])
        assert sorted(value for program, _, value in emitted(result) if program == 3) == [b"12", b"12", b"4", b"4"]


async def test_each_message_is_in_the_lane_of_its_way() -> None:
    """Or in that of the message that it derives from; so where two ways meet, there may be both."""
    async with linked([Program("map", "value")] * 4, links=LANES) as (chain, _):
        result = await passed(chain, b"7")
        assert [(step.program, step.lane) for step in result.steps] == [(3, 0), (3, 1)]
        all_apocryphal = await chain.process([(0, 0, b"7")], lane=1, traced=False)
        assert all_apocryphal is not None
        assert [(step.program, step.lane, len(step.emissions)) for step in all_apocryphal.steps] == [(3, 1, 2)]


async def test_what_is_pending_names_its_way_and_its_lane() -> None:
    """Two ways lead to the last program, one in the other lane: on each of them everything arrives in order."""
    fan = handler("for (let i = 0; i < 3000; i++) ctx.emit('out', i)")
    ways = [way for link in LANES for outlet in link.outlets for way in outlet.ways]
    seen: dict[int, list[bytes]] = {0: [], 1: []}
    async with linked([fan, *[Program("map", "value")] * 3], links=LANES) as (chain, _):
        work = [(0, 0, b"1")]
        while work:
            place, lane, _ = work[0]
            count = next((at for at, each in enumerate(work) if each[:2] != (place, lane)), len(work))
            batch = [(place, 0, value) for _, _, value in work[:count]]
            result = await chain.process(batch, lane=lane, traced=False)
            assert result is not None
            for step in result.steps:
                seen[step.lane] += [value for _, value in step.emissions]
            pending = [(ways[way].program, lane, value) for way, lane, value in result.pending]
            work = [*pending, *work[result.begun :]]
    numbers = [b"%d" % number for number in range(3000)]
    assert seen == {0: numbers, 1: numbers}


async def test_a_call_that_tells_much_returns_early() -> None:
    """What is pending comes with it, the last program's first, and nothing is missing or doubled."""
    fan = handler("for (let i = 0; i < 100; i++) ctx.emit('out', value * 100 + i)")
    seen: list[bytes] = []
    async with linked([fan, fan, Program("map", "value")]) as (chain, _):
        work: list[Message] = [(0, 0, b"0"), (0, 0, b"1")]
        calls = 0
        while work:
            count = next((at for at, item in enumerate(work) if item[0] != work[0][0]), len(work))
            result = await chain.process(work[:count], traced=False)
            assert result is not None
            seen += [value for _, _, value in emitted(result)]
            pending = [(way + 1, 0, value) for way, _, value in result.pending]
            work = [*pending, *work[result.begun :]]
            calls += 1
    assert seen == [b"%d" % number for number in range(20_000)]
    assert calls > 4


HOSTILE = {
    "a loop without end": "for (;;);",
    "memory without end": "const all = []; for (;;) all.push(new Array(1000).fill(all.length))",
    "memory without end, caught": "try { const all = []; for (;;) all.push(new Array(50000).fill(0)) } catch {}",
    "a value that is nested deeply": "let v = 1; for (let i = 0; i < 1500; i++) v = [v]; ctx.emit('out', v)",
    "a value that is nested a little too deeply": "let v = 1; for (let i = 0; i < 205; i++) v = [v];"
    " ctx.emit('out', v); ctx.emit('out', 'x'.repeat(9e6))",
    "a text that is larger than the memory": "ctx.emit('out', Array(79).fill('x'.repeat(1e5)))",
    "a loop in a promise job": "await null; for (;;);",
    "a loop in toJSON": "ctx.emit('out', {toJSON() { for (;;); }})",
    "a loop in a getter of what is thrown": "throw {get message() { for (;;); }}",
    "a regular expression without end": "/(a*)*b/.test('a'.repeat(40))",
}


@pytest.mark.parametrize("attack", HOSTILE)
async def test_what_is_too_much_voids_the_call_and_ends_the_chain(attack: str) -> None:
    """Nothing of the call was ever done; each program goes on alone, and the culprit alone is charged."""
    count = handler("ctx.setState('n', (ctx.getState('n') ?? 0) + 1); ctx.emit('out', ctx.getState('n'))")
    bad = handler(f"if (value === 3) {{ {HOSTILE[attack]} }} ctx.emit('out', value)")
    limits = GuestLimits(memory_bytes=8 * 1024 * 1024, cpu_ms=250)
    async with open_host() as host, linked([count, bad, count], limits=limits, host=host) as (chain, sandboxes):
        await passed(chain, b"0", b"0")
        assert await chain.process([(0, 0, b"0")] * 4, traced=False) is None
        assert not chain.is_whole
        assert host.statistics().restarts == 1
        assert dict(sandboxes[0].state) == dict(sandboxes[2].state) == {"n": b"2"}
        assert [each.emissions for each in await process_all(sandboxes[0], [(0, b"0")] * 2)] == [
            [(0, b"3")],
            [(0, b"4")],
        ]
        three, four = await process_all(sandboxes[1], [(0, b"3"), (0, b"4")])
        assert three.error is not None or attack.endswith("caught")
        assert four.emissions == [(0, b"4")]
        assert (await sandboxes[2].process([(0, b"4")]))[0].emissions == [(0, b"3")]


async def test_a_program_has_no_more_time_in_a_chain_than_alone() -> None:
    """Less than a chain has patience for: the call is void, and the program's own limit is what it meets then."""
    slow = handler("let n = 0; for (let i = 0; i < 800000; i++) n += i % 7; ctx.emit('out', n)")
    async with open_host() as host:
        sandboxes = [
            host.sandbox(program, outputs=OUTPUTS, limits=GuestLimits(cpu_ms=cpu_ms))
            for program, cpu_ms in ((doubling(), 2000), (slow, 1))
        ]
        chain = host.chain(sandboxes, row_of(2, 10**8))
        for place in range(2):
            await chain.open(place)
        assert await chain.process([(0, 0, b"1")], traced=False) is None
        (effects,) = await sandboxes[1].process([(0, b"2")])
        assert effects.error is not None
        assert effects.error.name == "CpuLimitExceeded"
        for place in range(2):
            await chain.close(place)


async def test_a_cancelled_call_has_done_nothing() -> None:
    """The chain is no more, and its programs go on alone with the state that they had."""
    count = handler("ctx.setState('n', (ctx.getState('n') ?? 0) + 1); ctx.emit('out', value)")
    async with linked([count, handler("for (;;);")]) as (chain, sandboxes):
        with trio.move_on_after(0.005) as scope:
            await chain.process([(0, 0, b"1")], traced=False)
        assert scope.cancelled_caught
        assert dict(sandboxes[0].state) == {}
        assert (await sandboxes[0].process([(0, b"1")]))[0].error is None


async def test_a_call_that_is_cancelled_while_its_writes_are_taken_over_leaves_none_of_them() -> None:
    """A key that was not there before is gone, one that was has its value again."""
    one = handler("ctx.setState('new', value); ctx.setState('old', value); ctx.emit('out', value)")
    many = handler("for (let key = 0; key < 2000; key++) ctx.setState(`k${key}`, 1)")
    limits = GuestLimits(state_keys=3_000)
    async with linked([one, many], limits=limits) as (chain, sandboxes), trio.open_nursery() as nursery:
        sandboxes[0].restore([("old", b"0")])

        async def cancel_midway() -> None:
            while "new" not in sandboxes[0].state:
                await trio.lowlevel.checkpoint()
            nursery.cancel_scope.cancel()

        nursery.start_soon(cancel_midway)
        await chain.process([(0, 0, b"1")], traced=False)
    assert nursery.cancel_scope.cancelled_caught
    assert [dict(sandbox.state) for sandbox in sandboxes] == [{"old": b"0"}, {}]


async def test_every_program_cleans_up_and_one_that_spins_keeps_none_from_it() -> None:
    """Those that come after it do so in guests of their own."""
    programs = [
        handler("", f"cleanup(ctx) {{ {body} ctx.log('info', 'bye', ctx.getState('born')) }},"
                "initialize(ctx) { ctx.setState('born', ctx.nodeId) },")
        for body in ("", "for (;;);", "")
    ]  # fmt: skip
    async with linked(programs, limits=GuestLimits(close_ms=20)) as (chain, _):
        effects = [await chain.close(at) for at in range(3)]
        assert [[line.meta for line in each.logs] for each in effects] == [[b'"n0"'], [], [b'"n2"']]
        assert effects[1].error is not None
        assert effects[1].error.name == "CpuLimitExceeded"
        assert (await chain.close(0)).logs == ()


async def test_a_program_that_cannot_be_opened_says_why() -> None:
    """As it would alone; those that were opened before it clean up."""
    bye = handler("", "cleanup(ctx) { ctx.log('info', 'bye') },")
    async with open_host() as host:
        for bad, kind in (
            (Program("map", "1 +"), ProgramError),
            (handler("", "initialize() { throw 1 },"), InitializeError),
        ):
            async with linked([bye, bad], host=host, opened=False) as (chain, _):
                await chain.open(0)
                with pytest.raises(kind):
                    await chain.open(1)
                assert [line.message for line in (await chain.close(0)).logs] == ["bye"]
        assert host.statistics().alive == 0


async def test_opening_that_is_too_much_is_tried_again_alone() -> None:
    """So that its own limit is what it meets."""
    async with linked([doubling(), handler("", "initialize() { for (;;); },")], opened=False) as (
        chain,
        sandboxes,
    ):
        del sandboxes
        await chain.open(0)
        with pytest.raises(Exception, match="computed for"):
            await chain.open(1)
        assert not chain.is_whole


async def test_a_chain_counts_as_many_instances_as_it_has_programs() -> None:
    """And is refused where there is no room for all of them."""
    async with open_host(max_instances=3) as host:
        async with linked([doubling()] * 3, host=host):
            assert host.statistics().alive == 3
        async with linked([doubling()] * 4, host=host, opened=False) as (chain, _):
            with pytest.raises(TooManyInstancesError):
                await chain.open(0)
        assert host.statistics().alive == 0


async def test_each_program_has_its_own_chance() -> None:
    """Random numbers depend on a program's seed and on nothing that another did."""
    chance = Program("map", "Math.random()")
    async with linked([chance, Program("map", "[value, Math.random()]")], seed=5) as (chain, _):
        ((_, _, both),) = emitted(await passed(chain, b"1"))
    async with open_host() as host:
        alone = host.sandbox(chance, outputs=OUTPUTS, seed=5)
        await alone.open()
        (effects,) = await alone.process([(0, b"1")])
        alone.discard()
    assert json.loads(both) == [json.loads(effects.emissions[0][1])] * 2


def test_the_guest_and_the_host_agree_on_their_constants() -> None:
    """What quickjs/ says is what the framing says."""
    from pathlib import Path  # noqa: PLC0415 - here only

    folder = Path(chain_abi.__file__).parents[1] / "quickjs"
    header, source = (folder / "symbia.h").read_text(), (folder / "chain.c").read_text()
    assert f"SYMBIA_CHAIN_MOST {chain_ports.MOST_PROGRAMS} " in header
    assert f"MOST_INVOCATIONS = {chain_abi.MOST_INVOCATIONS}," in source


COUNTING = handler(
    "const n = (ctx.getState('n') ?? 0) + 1; ctx.setState('n', n); ctx.emit('out', value + n);",
    "initialize(ctx) { ctx.emit('side', 'begun'); },",
)


async def test_programs_that_were_parted_share_a_guest_again_with_what_they_keep() -> None:
    """Each processes alone meanwhile; what one begins with leaves once, and no guest is left over."""
    async with open_host() as host, linked([COUNTING] * 2, host=host) as (chain, sandboxes):
        assert emitted(await passed(chain, b"10")) == [(1, 0, b"12")]
        chain.dissolve()
        (alone,) = await process_all(sandboxes[0], [(0, b"20")])
        assert [value for _, value in alone.emissions] == [b"22"]
        assert await chain.form()
        assert chain.is_whole
        assert emitted(await passed(chain, b"30")) == [(1, 0, b"35")]
        assert await chain.form()
        assert [each.state["n"] for each in sandboxes] == [b"3", b"2"]


async def test_programs_of_which_one_cannot_be_opened_again_stay_alone() -> None:
    """The others go on with what they keep."""
    fickle = handler(
        "ctx.setState('n', 1); ctx.emit('out', value)", "initialize(ctx) { if (ctx.getState('n')) for (;;); },"
    )
    limits = GuestLimits(cpu_ms=50)
    async with linked([COUNTING, fickle], limits=limits) as (chain, sandboxes):
        await passed(chain, b"1")
        chain.dissolve()
        assert not await chain.form()
        assert not chain.is_whole
        (alone,) = await process_all(sandboxes[0], [(0, b"2")])
        assert [value for _, value in alone.emissions] == [b"4"]
