"""The host's copy of an instance's state."""

from hypothesis import given
from hypothesis import strategies as st

from wasm_host.limits import GuestLimits
from wasm_host.sandbox.state import InstanceState

Writes = list[tuple[str, bytes | None]]

keys = st.text(alphabet="abü", max_size=2)
writes = st.lists(st.tuples(keys, st.one_of(st.none(), st.binary(max_size=6))), max_size=6)


@given(st.lists(writes, max_size=6))
def test_writes_are_taken_over_whole_or_not_at_all(transactions: list[Writes]) -> None:
    """After any history the state is that of the transactions that fitted, and its size is counted right."""
    limits = GuestLimits(state_keys=3, state_bytes=12)
    state, expected = InstanceState(limits), dict[str, bytes]()
    for transaction in transactions:
        attempt = dict(expected)
        for key, value in transaction:
            attempt.pop(key, None)
            if value is not None:
                attempt[key] = value
        size = sum(len(key.encode()) + len(value) for key, value in attempt.items())
        error = state.apply(transaction)
        assert (error is None) == (len(attempt) <= 3 and size <= 12)
        if error is None:
            expected = attempt
        else:
            assert error.name == "StateLimitExceeded"
        assert state.values == expected
        assert state.size_bytes == sum(len(key.encode()) + len(value) for key, value in expected.items())


@given(writes, st.lists(writes, max_size=4))
def test_what_undoes_writes_brings_back_what_was_there(before: Writes, transactions: list[Writes]) -> None:
    """Undone in the reverse of their order, writes leave no key, no value and no byte behind."""
    state = InstanceState(GuestLimits())
    assert state.apply(before) is None
    values, size_bytes = dict(state.values), state.size_bytes
    undoings = []
    for transaction in transactions:
        undoings.append(state.undoing(transaction))
        assert state.apply(transaction) is None
    for undoing in reversed(undoings):
        assert state.apply(undoing) is None
    assert (state.values, state.size_bytes) == (values, size_bytes)


@given(writes, writes, st.integers(0, 3), st.integers(0, 12))
async def test_many_writes_are_taken_over_as_few_are(before: Writes, many: Writes, keys: int, size: int) -> None:
    """However many they are: the same values, the same size, and the same refusal."""
    limits = GuestLimits(state_keys=keys, state_bytes=size)
    at_once, in_slices = InstanceState(limits), InstanceState(limits)
    for state in (at_once, in_slices):
        state.apply(before)
    long = [*[("x", b"1"), ("x", None)] * 501, *many]
    assert (await in_slices.take(long)) == at_once.apply(long)
    assert (in_slices.values, in_slices.size_bytes) == (at_once.values, at_once.size_bytes)
