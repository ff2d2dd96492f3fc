"""Members of a chain that only hand on: between programs, before and behind them, in one guest."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

from tests.wasm_host.sandboxes import row_of
from wasm_host.guest.chain_abi import ChainResult
from wasm_host.guest.chain_ports import Outlet, Way
from wasm_host.host import open_host
from wasm_host.sandbox.chain import Chain
from wasm_host.sandbox.javascript import Link, Program
from wasm_host.sandbox.relay import Relay
from wasm_host.sandbox.sandbox import Sandbox

DOUBLING = Program("map", "value * 2")
EVERY = Program("test", "true")
HANDS_ON = Relay((0,))
MEMORY_BYTES = 64 * 1024 * 1024


@asynccontextmanager
async def row(
    members: Sequence[Program | Relay], links: Sequence[Link] = (), opened: int = 100
) -> AsyncIterator[tuple[Chain, dict[int, Sandbox]]]:
    """A row of them, by their first outputs, or by ``links``; the programs opened, or so many of them."""
    programs = sum(isinstance(member, Program) for member in members)
    async with open_host(max_instances=2 * programs) as host:  # what hands on is none
        made = [host.sandbox(each) if isinstance(each, Program) else each for each in members]
        chain = host.chain(made, links or row_of(len(made), MEMORY_BYTES))
        sandboxes = {at: each for at, each in enumerate(made) if isinstance(each, Sandbox)}
        for at in list(sandboxes)[:opened]:
            await chain.open(at)
        yield chain, sandboxes
        for at in sandboxes:
            await chain.close(at)
        assert host.statistics().alive == 0


async def called(chain: Chain, *messages: tuple[int, int, bytes], traced: bool = False) -> ChainResult:
    """What a call brings that comes to something, and is not interrupted: that depends on the machine."""
    result = await chain.process(messages, traced=traced)
    assert result is not None
    while result.begun < len(messages):
        result = await chain.process(messages, traced=traced)
        assert result is not None
    return result


def told(result: ChainResult) -> list[tuple[int, int, bytes]]:
    """All emissions: program, port, value."""
    return [(step.program, port, value) for step in result.steps for port, value in step.emissions]


@pytest.mark.parametrize("traced", [False, True])
async def test_they_are_invoked_and_counted_like_programs(*, traced: bool) -> None:
    """Wherever they stand, several behind each other, too."""
    async with row([HANDS_ON, HANDS_ON, DOUBLING, HANDS_ON, DOUBLING, HANDS_ON]) as (chain, _):
        assert chain.is_whole
        result = await called(chain, (0, 0, b"1"), (0, 0, b"2"), traced=traced)
        assert (result.counts, result.passed, result.begun) == ([(2, 2)] * 6, [2] * 5, 2)
        assert [value for place, _, value in told(result) if place == 5] == [b"4", b"8"]
        if traced:
            assert [value for _, _, value in told(result)][:6] == [b"1", b"1", b"2", b"2", b"4", b"4"]


async def test_what_they_hand_on_is_the_message_itself() -> None:
    """Named through any number of them, and of programs that do not change it either; nothing is copied."""
    value = b'{"n": 1.10, "digits": 12345678901234567890}'
    async with row([HANDS_ON, EVERY, HANDS_ON, HANDS_ON]) as (chain, _):
        ((_, _, handed_on),) = told(await called(chain, (0, 0, value)))
        assert handed_on is value


async def test_what_a_program_wrote_is_handed_on_as_it_wrote_it() -> None:
    """However large, and several of one message."""
    body = "ctx.emit('out', ['x'.repeat(100000), 1.5]); ctx.emit('out', {a: '\\u00fc'})"
    program = Program("handler", f"return {{ process(ctx, port, value) {{ {body} }} }}")
    async with row([program, HANDS_ON, HANDS_ON]) as (chain, _):
        for _ in range(2):
            values = [value for _, _, value in told(await called(chain, (0, 0, b"1")))]
            assert values == [b'["%s",1.5]' % (b"x" * 100000), '{"a":"ü"}'.encode()]


async def test_a_value_that_is_larger_than_may_be_passed_on_ends_the_chain() -> None:
    """Who emitted it will hear of it when it does so alone; what only leaves is for the host to judge."""
    program = Program("map", "'x'.repeat(value)")
    links = [Link(outlets=row_of(2, 0)[0].outlets, memory_bytes=MEMORY_BYTES, value_bytes=100), Link()]
    async with row([program, HANDS_ON], links) as (chain, _):
        assert len(told(await called(chain, (0, 0, b"98")))[0][2]) == 100
        assert await chain.process([(0, 0, b"99")], traced=False) is None


async def test_each_input_leads_to_its_output() -> None:
    """To one for all, or to one each; the value goes to what is behind that one and to nothing else."""
    both, each = Relay((0, 0)), Relay((0, 1))
    links = [
        Link(outlets=(Outlet(0, is_told=False, ways=(Way(2, 0),)), Outlet(1, is_told=False, ways=(Way(1, 1),)))),
        Link(outlets=(Outlet(0, is_told=False, ways=(Way(2, 0, lane=1),)),)),
        Link(memory_bytes=MEMORY_BYTES),
    ]
    async with row([each, both, DOUBLING], links) as (chain, _):
        result = await called(chain, (0, 0, b"1"), (0, 1, b"2"))
        assert result.counts == [(2, 2), (1, 1), (2, 2)]
        assert [(step.program, step.lane, step.emissions) for step in result.steps] == [
            (2, 0, [(0, b"2")]),
            (2, 1, [(0, b"4")]),
        ]


async def test_values_of_theirs_that_nobody_hears_are_told_to_who_asks() -> None:
    """As with programs."""
    links = row_of(2, MEMORY_BYTES)
    links = [links[0], Link(unconnected_outputs=(0,))]
    async with row([DOUBLING, HANDS_ON], links) as (chain, _):
        assert told(await called(chain, (0, 0, b"1"))) == []
        result = await chain.process([(0, 0, b"1")], traced=False, hears_outputs=True)
        assert result is not None
        assert told(result) == [(1, 0, b"2")]


async def test_when_the_chain_is_no_more_the_programs_go_on_without_them() -> None:
    """Each with a guest of its own; nothing of the others is opened or closed."""
    spinning = Program("map", "(() => { for (;;); })()")
    async with row([HANDS_ON, DOUBLING, HANDS_ON, spinning, HANDS_ON]) as (chain, sandboxes):
        assert await chain.process([(0, 0, b"1")], traced=False) is None
        assert not chain.is_whole
        (effects,) = await sandboxes[1].process([(0, b"4")])
        assert effects.emissions == [(0, b"8")]


async def test_a_chain_that_was_opened_in_part_closes() -> None:
    """It comes to nothing before that."""
    async with row([HANDS_ON, DOUBLING, HANDS_ON, DOUBLING], opened=1) as (chain, _):
        assert not chain.is_whole
        assert await chain.process([(0, 0, b"1")], traced=False) is None


async def test_they_are_there_again_when_the_chain_is_formed_anew() -> None:
    """All of them, each at its place; and what was in between is nobody's."""
    async with row([HANDS_ON, DOUBLING, HANDS_ON, DOUBLING, HANDS_ON]) as (chain, sandboxes):
        chain.dissolve()
        assert (await sandboxes[1].process([(0, b"1")]))[0].emissions == [(0, b"2")]
        assert await chain.form()
        assert chain.is_whole
        result = await called(chain, (0, 0, b"3"))
        assert (told(result), result.counts) == ([(4, 0, b"12")], [(1, 1)] * 5)


async def test_early_starts_go_through_them() -> None:
    """A message alone, begun without an await."""
    async with row([HANDS_ON, DOUBLING, HANDS_ON]) as (chain, _):
        call = chain.begin((0, 0, b"3"), hears_outputs=True)
        assert call is not None
        assert call.result is not None
        assert told(call.result) == [(2, 0, b"6")]
