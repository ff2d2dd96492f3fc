"""What all guests of a host used, added up without counting anything twice or losing it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.wasm_host.sandboxes import QUICK
from wasm_host.errors import TooManyInstancesError
from wasm_host.guest.metering import GuestCounters
from wasm_host.guest.usage import GuestUsage
from wasm_host.host import open_host
from wasm_host.sandbox.javascript import Program


@given(steps=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 5)), max_size=40))
def test_sums_are_those_of_the_sandboxes(steps: list[tuple[int, int]]) -> None:
    """Whatever guests come and go, the host's calls are the sum of the calls of all sandboxes."""
    usage = GuestUsage(4)
    uses = [GuestCounters() for _ in range(4)]
    living: set[int] = set()
    for index, calls in steps:
        if index in living and calls == 0:
            usage.dismiss(uses[index])
            living.remove(index)
        elif index not in living:
            usage.admit(uses[index])
            living.add(index)
        else:
            uses[index].calls += calls
    assert usage.statistics().calls == sum(counters.calls for counters in uses)
    assert usage.statistics().alive == len(living)


async def test_a_host_adds_up_what_its_guests_used() -> None:
    """Calls, slices and time of guests that are gone stay in the sums; a destroyed guest is a restart."""
    source = "return { process(ctx, port, value) { while (value === 2); ctx.emit('out', value) } }"
    async with open_host() as host:
        one, other = (host.sandbox(Program("handler", source), limits=QUICK) for _ in range(2))
        for sandbox in (one, other):
            await sandbox.open()
        await one.process([(0, b"1")])
        await other.process([(0, b"2")])
        await other.process([(0, b"1")])
        before = host.statistics()
        used = [one.statistics(), other.statistics()]
        assert (before.alive, before.restarts) == (2, 1)
        assert before.calls == sum(each.calls for each in used)
        assert before.slices == sum(each.slices for each in used)
        assert abs(before.cpu_seconds - sum(each.cpu_seconds for each in used)) < 1e-9
        for sandbox in (one, other):
            sandbox.discard()
        after = host.statistics()
        assert after.alive == 0
        assert (after.calls, after.slices, after.restarts) == (before.calls, before.slices, 1)


def test_an_owner_has_a_bound_of_its_own() -> None:
    """One owner's guests are refused at its bound, another's are not; what goes makes room."""
    usage = GuestUsage(10, owner_most=3)
    first, second, third = (GuestCounters("many") for _ in range(3))
    usage.admit(first, instances=2)
    usage.admit(second)
    with pytest.raises(TooManyInstancesError, match="3 instances of this owner are alive, and 3 are allowed"):
        usage.admit(third)
    usage.admit(GuestCounters("few"), instances=3)
    usage.dismiss(second)
    usage.admit(third)
    assert usage.alive == 6


@given(st.lists(st.tuples(st.integers(0, 5), st.sampled_from("ab")), max_size=40))
def test_whoever_comes_and_goes_the_bounds_hold(steps: list[tuple[int, str]]) -> None:
    """No owner ever has more than its bound, all together never more than theirs, and all can go."""
    usage = GuestUsage(5, owner_most=3)
    uses = {(index, owner): GuestCounters(owner) for index in range(6) for owner in "ab"}
    living: set[tuple[int, str]] = set()
    for step in steps:
        if step in living:
            usage.dismiss(uses[step])
            living.remove(step)
            continue
        own = sum(owner == step[1] for _, owner in living)
        try:
            usage.admit(uses[step])
        except TooManyInstancesError:
            assert own == 3 or len(living) == 5
        else:
            living.add(step)
            assert own < 3
            assert len(living) <= 5
    for step in living:
        usage.dismiss(uses[step])
    assert usage.alive == 0
