"""What waits for a client, and how much of it one answer to a poll takes."""

from hypothesis import given
from hypothesis import strategies as st
from wsproto import ConnectionType
from wsproto.connection import Connection
from wsproto.events import BytesMessage, TextMessage

from service.socketio.frames import Frame, size_in_payload
from service.socketio.outbox import MAX_FRAMES_PER_PAYLOAD, FrameBatch, Outbox

PLENTY = 10**9


def read_by_client(frames: bytes) -> list[Frame]:
    """What a client of another implementation reads."""
    client = Connection(ConnectionType.CLIENT)
    client.receive_data(frames)
    return [
        bytes(each.data) if isinstance(each, BytesMessage) else each.data
        for each in client.events()
        if isinstance(each, BytesMessage | TextMessage)
    ]


def taken(outbox: Outbox, limit_bytes: int = PLENTY) -> list[list[Frame]]:
    """The payloads that empty it."""
    payloads = []
    while payload := outbox.take_payload(limit_bytes):
        payloads.append(payload)
    return payloads


def test_a_batch_of_many_packets_fills_many_payloads() -> None:
    """They count one by one, because python-engineio's client takes 16 in a payload."""
    outbox = Outbox(PLENTY)
    packets = [f'42["n",{number}]' for number in range(40)]
    outbox.put(FrameBatch(*packets))
    payloads = taken(outbox)
    assert [len(payload) for payload in payloads] == [16, 16, 8]
    assert [packet for payload in payloads for packet in payload] == packets
    assert outbox.size_bytes == 0


def test_a_batch_has_two_forms() -> None:
    """Its WebSocket frames hold the same as its frames one by one, texts as texts and bytes as bytes."""
    batch = FrameBatch('42["größer"]', b"\x00\xff", "2")
    assert read_by_client(batch.websocket_frames) == list(batch.frames)


@given(
    st.lists(st.lists(st.one_of(st.text("ab", min_size=1), st.binary()), min_size=1, max_size=40), max_size=8),
    st.integers(0, 50),
)
def test_payloads_hold_everything_in_order_within_their_bounds(batches: list[list[Frame]], limit: int) -> None:
    """Whatever waits leaves in its order and within both bounds, save one packet alone; no byte stays."""
    outbox = Outbox(PLENTY)
    for frames in batches:
        outbox.put(FrameBatch(*frames))
    payloads = taken(outbox, limit)
    assert [frame for payload in payloads for frame in payload] == [frame for each in batches for frame in each]
    assert outbox.size_bytes == 0
    assert len(outbox) == 0
    for payload in payloads:
        assert len(payload) <= MAX_FRAMES_PER_PAYLOAD
        assert len(payload) == 1 or sum(map(size_in_payload, payload)) <= limit
