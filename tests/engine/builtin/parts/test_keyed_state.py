"""What is kept by key: bounds, lanes, and that a refusal changes nothing."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.builtin.parts.keyed_state import STATE_BYTES, STATE_KEYS, KeyedState, object_of
from engine.builtin.parts.refusal import RefusedError
from engine.contracts.lanes import APOCRYPHAL, CANONICAL

KEYS = st.text(max_size=4)


@given(st.lists(st.tuples(KEYS, st.integers(), st.integers(0, 1))))
def test_it_is_a_dictionary_with_lanes(writes: list[tuple[str, int, int]]) -> None:
    """The latest value of each key stands at the key's first place, and the lane is the tightest of all."""
    state, model = KeyedState(), dict[str, tuple[int, int]]()
    for key, value, lane in writes:
        state.put(key, b"%d" % value, lane)
        model[key] = (value, lane)
    assert list(state.items()) == [(key, b"%d" % value) for key, (value, _) in model.items()]
    assert state.lane == max((lane for _, lane in model.values()), default=CANONICAL)
    assert {key: msgspec.json.decode(text)["value"] for key, text in state.texts().items()} == {
        key: value for key, (value, _) in model.items()
    }
    assert msgspec.json.decode(object_of(state.items())) == {key: value for key, (value, _) in model.items()}


def test_keys_are_bounded() -> None:
    """One key too many is refused, and a known one still takes a value."""
    state = KeyedState()
    for number in range(STATE_KEYS):
        state.put(str(number), b"0", CANONICAL)
    with pytest.raises(RefusedError, match="keys"):
        state.put("another", b"0", APOCRYPHAL)
    state.put("0", b"1", CANONICAL)
    assert (len(state), state["0"], state.lane) == (STATE_KEYS, b"1", CANONICAL)


def test_bytes_are_bounded() -> None:
    """A value beyond the bound is refused whole; one that takes another's place counts once."""
    state = KeyedState()
    large = b'"' + b"x" * (STATE_BYTES // 2) + b'"'
    state.put("a", large, CANONICAL)
    with pytest.raises(RefusedError, match="bytes"):
        state.put("b", large, APOCRYPHAL)
    assert "b" not in state
    for _ in range(5):
        state.put("a", large, CANONICAL)
    state.put("a", b"1", CANONICAL)
    state.put("b", large, CANONICAL)
    assert len(state) == 2


def test_several_keys_take_a_value_together_or_not_at_all() -> None:
    """A value for two keys that has room for one is kept under neither."""
    state = KeyedState()
    text = b'"' + b"x" * (STATE_BYTES // 2) + b'"'
    with pytest.raises(RefusedError):
        state.put_all(("a", "b"), text, CANONICAL)
    assert len(state) == 0
