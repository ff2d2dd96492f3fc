"""How guests share memory: given by need, bounded for all and for each owner, given back piece by piece."""

import pytest
import trio
import trio.testing
import wasmtime
from hypothesis import given
from hypothesis import strategies as st

from tests.wasm_host.sandboxes import a_runtime, row_of
from wasm_host.guest.memory import FREE_BYTES, GuestMemory, GuestReclaimer, resident_bytes
from wasm_host.guest.metering import GuestRuntime
from wasm_host.host import open_host
from wasm_host.limits import GuestLimits
from wasm_host.sandbox.javascript import Program
from wasm_host.wasmtime_c import core as capi

MEBIBYTE = 1024 * 1024


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 50)), max_size=30))
def test_what_is_added_is_what_is_used(takes: list[tuple[str, int]]) -> None:
    """The sum is that of the owners, no room is negative, and when all is given back nothing is left."""
    memory = GuestMemory(500, 200)
    for owner, size in takes:
        memory.add(owner, min(size, memory.room_bytes(owner)))
        assert memory.used_bytes == sum(map(memory.used_by, "abc")) <= 500
        assert memory.used_by(owner) <= 200
    for owner in "abc":
        memory.add(owner, -memory.used_by(owner))
    assert memory.used_bytes == 0
    assert memory.room_bytes("a") == 200


async def test_an_idle_guest_counts_nothing() -> None:
    """What every guest has from its beginning is bounded by how many there may be."""
    async with open_host() as host:
        sandbox = host.sandbox(Program("map", "value"))
        await sandbox.open()
        await sandbox.process([(0, b"1")])
        assert 0 < sandbox.statistics().memory_bytes < FREE_BYTES
        assert host._runtime.memory.used_bytes == 0
        sandbox.discard()


async def test_growth_is_counted_when_it_has_happened() -> None:
    """After the call in which a guest grew, and until it is gone."""
    async with open_host() as host:
        sandbox = host.sandbox(Program("map", "new Uint8Array(3e7).length"), owner="me")
        await sandbox.open()
        await sandbox.process([(0, b"1")])
        counted = host._runtime.memory.used_by("me")
        assert counted == sandbox.statistics().memory_bytes - FREE_BYTES > 2e7
        sandbox.discard()
        await host._runtime.reclaimer.settled()
        assert host._runtime.memory.used_bytes == 0


async def test_a_limit_that_was_lowered_rises_again() -> None:
    """A guest that was refused memory for others' sake gets it when they are gone."""
    async with open_host(memory_bytes=40 * MEBIBYTE, owner_memory_bytes=40 * MEBIBYTE) as host:
        program = Program("map", "new Uint8Array(value).fill(1).length")
        first, second = (host.sandbox(program) for _ in range(2))
        for sandbox in (first, second):
            await sandbox.open()
        ((one,), (other,)) = await first.process([(0, b"20000000")]), await second.process([(0, b"30000000")])
        assert one.error is None
        assert other.error is not None
        assert "may have together" in other.error.message
        first.discard()
        (again,) = await second.process([(0, b"30000000")])
        assert again.error is None
        second.discard()


async def test_the_bound_of_all_is_named_where_it_is_met() -> None:
    """A guest that meets what all guests together may have is told of that bound, and not of its own."""
    async with open_host(memory_bytes=40 * MEBIBYTE, owner_memory_bytes=39 * MEBIBYTE) as host:
        program = Program("map", "new Uint8Array(value).fill(1).length")
        first, second = (host.sandbox(program, owner=owner) for owner in "ab")
        for sandbox in (first, second):
            await sandbox.open()
            (effects,) = await sandbox.process([(0, b"20000000")])
        assert effects.error is not None
        assert "more memory than all guests may have together: 41,943,040 bytes" in effects.error.message
        for sandbox in (first, second):
            sandbox.discard()


def _store(runtime: GuestRuntime, memory_bytes: int = 100 * MEBIBYTE) -> capi.Store:
    """Of a module that begins with 12.5 MiB."""
    module = capi.Module(runtime.engine, bytes(wasmtime.wat2wasm('(module (memory (export "memory") 200))')))
    store = capi.Store(runtime.engine, memory_bytes=memory_bytes, table_elements=1)
    pending, raw = store.start_instance(runtime.linker, module)
    assert pending.poll()
    pending.result()
    store.instance(raw).use_memory()
    return store


def test_a_memory_that_is_too_large_from_the_beginning_is_told_apart() -> None:
    """By these words of Wasmtime's, metering.py knows it."""
    with a_runtime() as runtime, pytest.raises(capi.TrapError, match="exceeds memory limits"):
        _store(runtime, MEBIBYTE)


async def test_the_undertaker_frees_what_is_large_later() -> None:
    """What is large counts until it is free; whoever needs it waits for that; what is small is free at once."""
    memory = GuestMemory(2**30, 2**30)
    reclaimer = GuestReclaimer(memory)
    with a_runtime() as runtime:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(reclaimer.run)
            await trio.testing.wait_all_tasks_blocked()
            memory.add("me", 12 * MEBIBYTE)
            reclaimer.take(_store(runtime), "me", 11 * MEBIBYTE)
            reclaimer.take(_store(runtime), "me", MEBIBYTE)
            assert memory.used_bytes == 11 * MEBIBYTE
            await reclaimer.settled()
            assert memory.used_bytes == 0
            memory.add("me", 11 * MEBIBYTE)
            reclaimer.take(_store(runtime), "me", 11 * MEBIBYTE)
            nursery.cancel_scope.cancel()
        assert memory.used_bytes == 0, "what was left at the end was not freed"
        memory.add("me", 11 * MEBIBYTE)
        reclaimer.take(_store(runtime), "me", 11 * MEBIBYTE)
        assert memory.used_bytes == 0, "nobody frees it later, so it is freed at once"


async def test_others_have_their_turn_while_a_large_memory_is_freed() -> None:
    """Between any two pieces of it."""
    memory = GuestMemory(2**30, 2**30)
    reclaimer = GuestReclaimer(memory)
    turns = 0

    async def count() -> None:
        nonlocal turns
        while memory.used_bytes:
            turns += 1
            await trio.lowlevel.checkpoint()
        nursery.cancel_scope.cancel()

    with a_runtime() as runtime:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(reclaimer.run)
            await trio.testing.wait_all_tasks_blocked()
            memory.add("me", 12 * MEBIBYTE)
            reclaimer.take(_store(runtime), "me", 12 * MEBIBYTE)
            nursery.start_soon(count)
    assert turns >= 4  # 12.5 MiB in pieces of 4


async def test_who_waits_for_the_undertaker_hears_of_its_end() -> None:
    """It frees at once what is left when it is cancelled."""
    memory = GuestMemory(2**30, 2**30)
    reclaimer = GuestReclaimer(memory)
    with a_runtime() as runtime, trio.CancelScope() as scope:
        async with trio.open_nursery() as nursery:
            undertaker = trio.CancelScope()

            async def run() -> None:
                with undertaker:
                    await reclaimer.run()

            nursery.start_soon(run)
            await trio.testing.wait_all_tasks_blocked()
            memory.add("me", 12 * MEBIBYTE)
            reclaimer.take(_store(runtime), "me", 12 * MEBIBYTE)
            nursery.start_soon(reclaimer.settled)
            undertaker.cancel()
            await trio.testing.wait_all_tasks_blocked()
            assert memory.used_bytes == 0
            scope.deadline = trio.current_time() + 10  # the nursery ends when whoever waits was told
    assert not scope.cancelled_caught


async def test_the_limits_of_a_chain_are_counted_too() -> None:
    """Programs that share a guest have its memory in their owner's name."""
    async with open_host() as host:
        sandboxes = [
            host.sandbox(Program("map", "globalThis.a = new Uint8Array(2e7)[0]"), owner="me") for _ in "ab"
        ]
        chain = host.chain(sandboxes, row_of(2, GuestLimits().memory_bytes))
        for index in range(2):
            await chain.open(index)
        assert await chain.process([(0, 0, b"1")], traced=False) is not None
        assert host._runtime.memory.used_by("me") > 1e7
        for index in range(2):
            await chain.close(index)
        await host._runtime.reclaimer.settled()
        assert host._runtime.memory.used_bytes == 0


def test_resident_memory_is_what_the_system_says() -> None:
    """A process has more than a megabyte, and more when it has touched more."""
    before = resident_bytes()
    held = bytearray(b"x" * 64 * MEBIBYTE)
    assert before > MEBIBYTE
    assert resident_bytes() - before > 32 * MEBIBYTE
    del held
