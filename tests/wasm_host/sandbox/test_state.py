"""The host's copy of an instance's state."""

from hypothesis import given
from hypothesis import strategies as st

from wasm_host.limits import GuestLimits
from wasm_host.sandbox.state import InstanceState

keys = st.text(alphabet="abü", max_size=2)
writes = st.lists(st.tuples(keys, st.one_of(st.none(), st.binary(max_size=6))), max_size=6)


@given(st.lists(writes, max_size=6))
def test_writes_are_taken_over_whole_or_not_at_all(transactions: list[list[tuple[str, bytes | None]]]) -> None:
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
