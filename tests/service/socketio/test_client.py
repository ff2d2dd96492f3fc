"""The client's half of the protocol."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.socketio.client import (
    AckReceived,
    ClientEvent,
    ClientProtocol,
    Closed,
    Connected,
    Disconnected,
    EventReceived,
    Opened,
    PingReceived,
    Refused,
)
from service.socketio.errors import ProtocolError
from service.socketio.frames import Frame

OPEN = '0{"sid":"s","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}'


def opened() -> ClientProtocol:
    """A client whose session is open."""
    client = ClientProtocol()
    client.receive(OPEN)
    return client


def test_a_session_begins_with_its_open_packet() -> None:
    """The open packet tells how long a living server is silent at most."""
    (event,) = ClientProtocol().receive(OPEN)
    assert event == Opened(sid="s", ping_interval=25000, ping_timeout=20000, max_payload=1000000)
    assert isinstance(event, Opened)
    assert event.silence_seconds == 45


@pytest.mark.parametrize(
    ("frames", "events"),
    [
        (["2"], [PingReceived("3")]),
        (["6"], []),
        (["1"], [Closed()]),
        (['40{"sid":"x"}'], [Connected("/", "x")]),
        (['40/a,{"sid":"x"}'], [Connected("/a", "x")]),
        (['44{"message":"No","data":{"code":7}}'], [Refused("/", "No", {"code": 7})]),
        (['44"No"'], [Refused("/", "No", None)]),
        (['42["hello",1,{}]'], [EventReceived("/", "hello", [1, {}], None)]),
        (['42/a,7["hello"]'], [EventReceived("/a", "hello", [], 7)]),
        (['43/a,7["hello"]'], [AckReceived("/a", 7, ["hello"])]),
        (['451-["file",{"_placeholder":true,"num":0}]', b"\1"], [EventReceived("/", "file", [b"\1"], None)]),
        (["41/a,"], [Disconnected("/a")]),
    ],
)
def test_what_a_server_sends(frames: list[Frame], events: list[ClientEvent]) -> None:
    """Each kind of packet is an event with everything in it."""
    client = opened()
    assert [event for frame in frames for event in client.receive(frame)] == events


@pytest.mark.parametrize(
    "frame", ["", "x", "0{}", "3", "5", "42", '40{"sid":1}', "40", "43[]", "4x", b"unannounced"]
)
def test_what_no_server_sends_is_refused(frame: Frame) -> None:
    """A server that breaks the protocol is found out by name."""
    with pytest.raises(ProtocolError):
        opened().receive(frame)


@pytest.mark.parametrize("frame", ["4", "2", b"", "0", "0[]", '0{"sid":1}', "0{"])
def test_a_session_that_begins_otherwise_is_refused(frame: Frame) -> None:
    """Nothing comes before a whole open packet."""
    with pytest.raises(ProtocolError):
        ClientProtocol().receive(frame)


def test_what_a_client_sends() -> None:
    """Its methods return the frames of the document."""
    client = opened()
    assert client.connect(auth={"token": "t"}) == ('40{"token":"t"}',)
    assert client.connect("/admin") == ("40/admin,",)
    assert client.emit("hello", 1, b"\1", ack_id=3) == ('451-3["hello",1,{"_placeholder":true,"num":0}]', b"\1")
    assert client.ack(7, "done", namespace="/admin") == ('43/admin,7["done"]',)
    assert client.disconnect() == ("41",)
    assert client.close() == ("1",)


@given(st.lists(st.text(alphabet='0123456/,-[]{}":a') | st.text() | st.binary(max_size=9), max_size=6))
def test_any_frames_are_read_or_refused(frames: list[Frame]) -> None:
    """Whatever a server sends, a client hears of it, or of a breach of the protocol."""
    client = opened()
    with contextlib.suppress(ProtocolError):
        for frame in frames:
            assert isinstance(client.receive(frame), list)
