"""The session by itself: any order of requests, frames and time leaves it sound."""

from typing import Any

import msgspec
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from service.socketio.config import SocketioConfig
from service.socketio.errors import ProtocolError, SessionRefusedError
from service.socketio.frames import read_frame, read_payload
from service.socketio.outbox import FrameBatch
from service.socketio.session import Session, Transport

CONFIG = SocketioConfig(buffer_bytes=500, max_payload_bytes=200)
INTERVAL_SECONDS, TIMEOUT_SECONDS = 25.0, 20.0
FRAMES = st.sampled_from(["2probe", "5", "3", "4hello", "1", "6", "0", "2", "", "x", b"\1", b"2probe"]) | st.text(
    max_size=3
)
ORDER = [Transport.POLLING, Transport.PROBED, Transport.PROVEN, Transport.WEBSOCKET]


def polling_session() -> Session:
    """A session by polling that began at the time 0."""
    return Session("sid", Transport.POLLING, CONFIG, 0.0)


class Orders(RuleBasedStateMachine):
    """A client that does anything in any order, and a server that sends, waits and ends."""

    def __init__(self) -> None:
        super().__init__()
        self.session = polling_session()
        self.now = 0.0
        self.last_sign = 0.0
        self.polls = self.posts = 0
        self.sent: list[Any] = []
        self.delivered: list[Any] = []
        self.was: Transport = Transport.POLLING
        self.reason: str | None = None

    @rule(frame=FRAMES)
    def receive(self, frame: Any) -> None:
        """A frame comes over the transport."""
        before = self.session.ended
        try:
            message = self.session.receive(frame, self.now)
        except ProtocolError:
            assert (before, self.session.ended) == (None, "parse error")
        else:
            assert message is None or isinstance(frame, bytes) or frame == f"4{message!s}"
            if frame == "3":
                self.last_sign = self.now

    @rule()
    def begin_poll(self) -> None:
        """A GET comes."""
        fits = self.session.ended is None and self.session.polls and not self.polls
        try:
            self.session.begin_poll()
        except SessionRefusedError:
            assert not fits
            if self.polls and self.session.polls:
                assert self.session.ended is not None
        else:
            assert fits
            self.polls = 1

    @precondition(lambda self: self.polls)
    @rule()
    def answer_poll(self) -> None:
        """The pending GET is answered, if it can be."""
        answer = self.session.poll_answer()
        if answer is None:
            assert not self.session.outbox
            assert self.session.ended is None
            return
        frames = list(read_payload(answer))
        own = [frame for frame in frames if frame != "1"]  # the session's end fits in any case
        assert len(answer) <= CONFIG.max_payload_bytes + 2 or len(own) == 1
        for frame in frames:
            read_frame(frame)
            if isinstance(frame, bytes):
                self.delivered.append(frame)
        self.session.end_poll()
        self.polls = 0

    @precondition(lambda self: self.polls)
    @rule()
    def abandon_poll(self) -> None:
        """The client gives the pending GET up."""
        self.session.abandon_poll()
        self.polls = 0
        assert self.session.ended is not None or not self.session.polls

    @rule()
    def post(self) -> None:
        """A POST comes, while another may be pending."""
        try:
            self.session.begin_post()
        except SessionRefusedError:
            assert self.session.ended is not None or not self.session.polls
            return
        assert not self.posts
        self.posts = 1

    @precondition(lambda self: self.posts)
    @rule()
    def end_post(self) -> None:
        """The pending POST is answered."""
        self.session.end_post()
        self.posts = 0

    @rule()
    def begin_probe(self) -> None:
        """A WebSocket comes."""
        fits = self.session.transport is Transport.POLLING and not self.session.ending
        if fits:
            self.session.begin_probe()
        else:
            with pytest.raises(SessionRefusedError):
                self.session.begin_probe()

    @precondition(lambda self: self.session.transport in {Transport.PROBED, Transport.PROVEN})
    @rule(frame=FRAMES)
    def receive_probe(self, frame: Any) -> None:
        """A frame comes over the WebSocket that is on trial."""
        before = self.session.transport
        try:
            answer = self.session.receive_probe(frame)
        except ProtocolError:
            assert self.session.transport is before
            self.session.abandon_probe()
        else:
            assert (before, frame, answer) in {
                (Transport.PROBED, "2probe", "3probe"),
                (Transport.PROVEN, frame, None),
            }

    @rule()
    def abandon_probe(self) -> None:
        """The WebSocket on trial vanishes, or there is none."""
        self.session.abandon_probe()

    @rule(size=st.integers(1, 300))
    def send(self, size: int) -> None:
        """Something is sent to the client."""
        if not self.session.ending:
            content = bytes([len(self.sent) % 256]) * size
            self.sent.append(content)
            self.session.outbox.put(FrameBatch(content))

    @precondition(lambda self: not self.session.polls)
    @rule()
    def write(self) -> None:
        """The WebSocket takes what waits."""
        item = self.session.outbox.take()
        if item is not None:
            self.delivered += [frame for frame in item.frames if isinstance(frame, bytes)]
            self.session.outbox.sent()

    @rule(seconds=st.sampled_from([0.0, 1.0, 20.0, 25.0]), unread=st.booleans())
    def tick(self, seconds: float, unread: bool) -> None:
        """Time passes."""
        self.now += seconds
        self.session.tick(self.now, unread=unread)
        if self.session.ended is None:
            assert self.session.deadline > self.now - seconds

    @rule()
    def finish(self) -> None:
        """The server wants the session to end."""
        self.session.finish("forced close", self.now)
        assert self.session.ending

    @invariant()
    def it_goes_forward(self) -> None:
        """It never moves back from WebSocket, its end is one end, and what arrives was sent, in order."""
        if self.was is Transport.WEBSOCKET:
            assert self.session.transport is Transport.WEBSOCKET
        self.was = self.session.transport
        if self.reason is not None:
            assert self.session.ended == self.reason
            assert not self.session.outbox
        self.reason = self.session.ended
        assert self.delivered == self.sent[: len(self.delivered)]
        assert self.session.outbox.size_bytes >= 0


TestOrders = Orders.TestCase


def test_the_heartbeat_keeps_its_times() -> None:
    """A ping after the interval; the end after the timeout, unless a pong came or nobody read."""
    session = polling_session()
    session.tick(INTERVAL_SECONDS - 0.1)
    assert not session.outbox
    session.tick(INTERVAL_SECONDS)
    assert session.outbox.take_payload(100) == ["2"]
    assert session.deadline == INTERVAL_SECONDS + TIMEOUT_SECONDS
    session.tick(session.deadline, unread=True)
    assert session.ended is None
    session.receive("3", 70.0)
    assert session.deadline == 70.0 + INTERVAL_SECONDS
    session.receive("3", 80.0)
    assert session.deadline == 70.0 + INTERVAL_SECONDS
    session.tick(session.deadline)
    session.tick(session.deadline)
    assert session.ended == "ping timeout"


def test_a_session_that_lingers_ends_by_itself() -> None:
    """When nobody fetches what waits."""
    session = polling_session()
    session.outbox.put(FrameBatch("4last words"))
    session.finish("forced close", 1.0)
    session.tick(5.9)
    assert session.ended is None
    session.tick(6.0)
    assert session.ended == "forced close"


def test_an_outbox_counts_what_waits_and_what_is_under_way() -> None:
    """So that a client that never takes anything costs a bounded number of bytes."""
    outbox = polling_session().outbox
    while not outbox.full:
        outbox.put(FrameBatch("4" * 100))
    assert 500 <= outbox.size_bytes < 700
    before = outbox.size_bytes
    assert outbox.take() is not None
    assert outbox.size_bytes == before
    outbox.clear()
    assert outbox.size_bytes == 164
    outbox.sent()
    assert outbox.size_bytes == 0
    assert outbox.take() is None


def test_a_configuration_is_frozen() -> None:
    """A server's bounds do not change under its feet."""
    with pytest.raises(AttributeError):
        CONFIG.max_sessions = 1  # type: ignore[misc]  # which is the point
    assert msgspec.structs.replace(CONFIG, max_sessions=1).max_sessions == 1
