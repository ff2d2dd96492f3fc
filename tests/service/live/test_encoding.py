"""Events of the flow are put together by hand; they must read as the structs that the clients know."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from proto.codec import decode, encode
from proto.events import ComponentInvoked, PortEmit, PortOutput
from service.live.encoding import FlowEncoder, shown_value
from service.live.framing import PLAIN, batched
from service.websockets.frames import text_frame, texts_in

NAMES = st.text(max_size=20)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(NAMES, NAMES, NAMES, NAMES, VALUES, st.integers(0, 2**40), st.integers(0, 9), st.integers(0, 40))
def test_a_hop_reads_as_its_struct(
    source: str, port: str, target: str, into: str, value: object, number: int, skipped: int, limit: int
) -> None:
    """Whatever the names and the value, the payload is JSON with the fields of ``PortEmit``."""
    text = encode(value)
    encoder = FlowEncoder('an "id"')
    for sequence in (number, number + 1):  # the second time from what was kept of the first
        name, payload = encoder.hop(
            (source, port), (target, into), text, number, sequence, skipped=skipped, max_value_bytes=limit
        )
        event = msgspec.json.decode(payload, type=PortEmit)
        assert name == "port:emit"
        assert (event.execution_id, event.timestamp, event.sequence) == ('an "id"', number, sequence)
        assert (event.source_node, event.source_port, event.target_node, event.target_port) == (
            source,
            port,
            target,
            into,
        )
        assert event.skipped == skipped
        assert event.truncated == (len(text) > limit)
        shown = decode(bytes(event.value))
        assert (
            (text.decode().startswith(shown) and event.value_bytes == len(text))
            if event.truncated
            else (shown == value)
        )


@given(NAMES, NAMES, VALUES, st.integers(0, 9))
def test_outputs_and_invocations_read_as_their_structs(node: str, port: str, value: object, skipped: int) -> None:
    """Likewise ``PortOutput`` and ``ComponentInvoked``."""
    encoder = FlowEncoder("e")
    _, payload = encoder.output((node, port), encode(value), 7, skipped=skipped, max_value_bytes=10**6)
    output = msgspec.json.decode(payload, type=PortOutput)
    assert (output.source_node, output.source_port, output.skipped) == (node, port, skipped)
    assert decode(bytes(output.value)) == value
    _, payload = encoder.invocation(node, port, 7, skipped=skipped)
    assert msgspec.json.decode(payload, type=ComponentInvoked) == ComponentInvoked("e", node, port, 7, skipped)


def test_a_value_that_fits_is_not_touched() -> None:
    """Number spelling and key order stay as they were sent."""
    value = b'{"b": 1.00, "a": 12345678901234567890}'
    assert shown_value(value, len(value)) == (value, b"")


def test_a_value_is_never_cut_within_a_character() -> None:
    """A cut value is a valid JSON string, whatever its bytes were."""
    shown, fields = shown_value('"äöü"'.encode(), 4)
    assert decode(shown) == '"ä'
    assert fields == b',"truncated":true,"valueBytes":8'


@given(st.lists(st.tuples(st.sampled_from(["a", "port:emit"]), VALUES.map(encode)), min_size=1, max_size=5))
def test_a_form_gives_each_event_a_frame_of_its_own(events: list[tuple[str, bytes]]) -> None:
    """Frames can be taken apart again into one JSON message for each event, in order."""
    messages = [decode(text.encode()) for text in texts_in(PLAIN.of(events))]
    assert messages == [{"event": name, "data": decode(data)} for name, data in events]
    name, data = batched(events)
    assert name == "events:batch"
    assert decode(data) == messages


def test_frames_of_all_lengths_are_read_back() -> None:
    """The three forms of a frame's length are those of RFC 6455."""
    for size in (0, 125, 126, 65_535, 65_536):
        assert texts_in(text_frame(b"x" * size) * 2) == ["x" * size] * 2
