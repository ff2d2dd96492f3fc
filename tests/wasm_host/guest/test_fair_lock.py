"""A lock that owners get in turn."""

import trio
import trio.testing
from hypothesis import given
from hypothesis import strategies as st

from wasm_host.guest.fair_lock import FairLock


async def hold(lock: FairLock, owner: str, order: list[str], scope: trio.CancelScope | None = None) -> None:
    with scope or trio.CancelScope():
        await lock.acquire(owner)
        order.append(owner)
        await trio.lowlevel.checkpoint()
        lock.release()


async def test_owners_take_turns() -> None:
    """Of an owner with many tasks that wait, one is served for each of another's."""
    lock, order = FairLock(), list[str]()
    async with trio.open_nursery() as nursery:
        await lock.acquire("first")
        for owner in ["many"] * 5 + ["few"] * 2:
            nursery.start_soon(hold, lock, owner, order)
            await trio.testing.wait_all_tasks_blocked()
        lock.release()
    assert order == ["many", "few", "many", "few", "many", "many", "many"]


async def test_who_is_cancelled_does_not_get_a_free_lock() -> None:
    """It stays free for the next one."""
    lock = FairLock()
    with trio.CancelScope() as scope:
        scope.cancel()
        await lock.acquire("gone")
    assert scope.cancelled_caught
    with trio.fail_after(1):
        await lock.acquire("next")


async def test_a_cancelled_wait_holds_nobody_up() -> None:
    """Whoever gives up leaves the row, and the lock goes to the next one."""
    lock, order, scope = FairLock(), list[str](), trio.CancelScope()
    async with trio.open_nursery() as nursery:
        await lock.acquire("first")
        nursery.start_soon(hold, lock, "gone", order, scope)
        nursery.start_soon(hold, lock, "next", order)
        await trio.testing.wait_all_tasks_blocked()
        scope.cancel()
        await trio.testing.wait_all_tasks_blocked()
        lock.release()
    assert order == ["next"]
    await lock.acquire("again")


@given(st.lists(st.tuples(st.sampled_from("abc"), st.booleans()), max_size=20))
def test_one_holds_it_and_all_get_it(waiting: list[tuple[str, bool]]) -> None:
    """Whoever waits and does not give up gets it once, one at a time, and it is free in the end."""

    async def body() -> None:
        lock, order, holders = FairLock(), list[str](), 0

        async def hold_alone(owner: str, scope: trio.CancelScope) -> None:
            nonlocal holders
            with scope:
                await lock.acquire(owner)
                try:
                    holders += 1
                    assert holders == 1
                    await trio.lowlevel.checkpoint()
                    order.append(owner)
                finally:
                    holders -= 1
                    lock.release()

        async with trio.open_nursery() as nursery:
            scopes = [trio.CancelScope() for _ in waiting]
            for (owner, _), scope in zip(waiting, scopes, strict=True):
                nursery.start_soon(hold_alone, owner, scope)
            await trio.lowlevel.checkpoint()
            for (_, gives_up), scope in zip(waiting, scopes, strict=True):
                if gives_up:
                    scope.cancel()
        for owner in "abc":
            patient = sum(other == owner and not gives_up for other, gives_up in waiting)
            assert order.count(owner) >= patient
        with trio.fail_after(1):
            await lock.acquire("last")

    trio.run(body)
