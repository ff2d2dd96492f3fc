"""An Engine.IO session, the server's half: what may come when, and what is to be answered. Pure.

A session begins on one of two transports and may move once, from polling to WebSocket::

    POLLING ── WebSocket with its sid ──> PROBED ── "2probe" ──> PROVEN ── "5" ──> WEBSOCKET
       ^                                    │                      │
       └──────────── anything else ─────────┴──────────────────────┘

Until the upgrade is complete, polling is the transport; a failed probe loses nothing. From the proof on, polls are
answered at once, so that none is pending when the client moves. A session that the server ends on polling lingers
until a poll has fetched what waits; one whose client broke a rule is gone at once.

Times are seconds of any clock that only goes forward.
"""

import enum

from proto.codec import encode
from service.socketio.config import LINGER_SECONDS, SocketioConfig
from service.socketio.errors import ProtocolError, SessionRefusedError
from service.socketio.frames import CLOSE, NOOP, PING, PONG, PROBE, Frame, FrameType, read_frame, write_payload
from service.socketio.heartbeat import Heartbeat
from service.socketio.outbox import FrameBatch, Outbox

WEBSOCKET = "websocket"
POLLING = "polling"

UNKNOWN_TRANSPORT = (0, "Transport unknown")
UNKNOWN_SESSION = (1, "Session ID unknown")
BAD_METHOD = (2, "Bad handshake method")
BAD_REQUEST = (3, "Bad request")
FORBIDDEN = (4, "Forbidden")
UNSUPPORTED_VERSION = (5, "Unsupported protocol version")


class Transport(enum.Enum):
    """The place of a session on its way from polling to WebSocket."""

    POLLING = "polling"
    PROBED = "polling, with a WebSocket that has not proved itself"
    PROVEN = "polling, with a WebSocket that has"
    WEBSOCKET = "websocket"


class Session:
    """One session. ``ended`` is None while it lives, and then the reason of its end."""

    def __init__(self, sid: str, transport: Transport, config: SocketioConfig, now: float) -> None:
        self.sid = sid
        self.transport = transport
        self.ended: str | None = None
        self.outbox = Outbox(config.buffer_bytes)
        self._config = config
        self._heartbeat = Heartbeat(config.ping_interval_ms / 1000, config.ping_timeout_ms / 1000, now)
        self._poll_pending = False
        self._post_pending = False
        self._last_answer = CLOSE
        self._ending: str | None = None
        self._lingers_until = 0.0

    @property
    def polls(self) -> bool:
        """True while polling is the transport, an upgrade under way or not."""
        return self.transport is not Transport.WEBSOCKET

    @property
    def deadline(self) -> float:
        """The time at which ``tick`` has something to do, if nothing happens until then."""
        return self._lingers_until if self._ending else self._heartbeat.deadline

    @property
    def ending(self) -> bool:
        """True where it ends as soon as everything that waits has been sent, or has ended."""
        return self._ending is not None or self.ended is not None

    @property
    def unattended(self) -> bool:
        """True while nothing waits for the client, and nobody is there who could be told of an end."""
        return self.polls and not self._poll_pending and not self.outbox

    def open_frame(self) -> Frame:
        """Return the open packet, with which the session begins."""
        content = {
            "sid": self.sid,
            "upgrades": [WEBSOCKET] if self.polls else [],
            "pingInterval": self._config.ping_interval_ms,
            "pingTimeout": self._config.ping_timeout_ms,
            "maxPayload": self._config.max_payload_bytes,
        }
        return "0" + encode(content).decode()

    def receive(self, frame: Frame, now: float) -> Frame | None:
        """Return the message in a frame that came over the session's transport; None where it holds none.

        Raises:
            ProtocolError: nothing that a client may send; the session has ended.
        """
        if self.ended is not None:
            return None
        try:
            return self._message_in(frame, now)
        except ProtocolError:
            self.end("parse error")
            raise

    def begin_poll(self) -> None:
        """Note that a GET request has come.

        Raises:
            SessionRefusedError: another is pending, which ends the session; or polling is not the transport.
        """
        self._require_polling()
        if self._poll_pending:
            self.end("transport error")
            raise SessionRefusedError(*BAD_REQUEST)
        self._poll_pending = True

    def poll_answer(self) -> str | None:
        """Return the payload that the pending poll is to be answered with; None while it has to wait."""
        frames = [] if self.ended else self.outbox.take_payload(self._config.max_payload_bytes)
        if self._ending and not self.outbox and self.ended is None:
            frames.append(CLOSE)
            self.end(self._ending)
        if frames:
            return write_payload(frames)
        if self.ended is not None:
            return self._last_answer
        return None if self.transport in {Transport.POLLING, Transport.PROBED} else NOOP

    def end_poll(self) -> None:
        """Note that the pending poll has been answered."""
        self._poll_pending = False

    def abandon_poll(self) -> None:
        """Note that the client has given up the pending poll. What it missed is unknown, and not sent again."""
        self._poll_pending = False
        if self.polls:
            self.end("transport close")

    def begin_post(self) -> None:
        """Note that a POST request has come.

        Raises:
            SessionRefusedError: another is pending, which ends the session; or polling is not the transport.
        """
        self._require_polling()
        if self._post_pending:
            self.end("transport error")
            raise SessionRefusedError(*BAD_REQUEST)
        self._post_pending = True

    def end_post(self) -> None:
        """Note that the pending POST has been answered."""
        self._post_pending = False

    def begin_probe(self) -> None:
        """Note that a WebSocket has come with this session's id.

        Raises:
            SessionRefusedError: the session has one already.
        """
        if self.transport is not Transport.POLLING or self.ending:
            raise SessionRefusedError(*BAD_REQUEST)
        self.transport = Transport.PROBED

    def receive_probe(self, frame: Frame) -> Frame | None:
        """Return the answer to a frame that came over a WebSocket before the upgrade was complete, if it has one.

        Raises:
            ProtocolError: it is not what an upgrade consists of; that WebSocket is to be closed.
        """
        if self.ending:
            raise ProtocolError("engineio.ended", "The session has ended")
        if self.transport is Transport.PROBED and frame == f"{PING}{PROBE}":
            self.transport = Transport.PROVEN
            return f"{PONG}{PROBE}"
        kind, _ = read_frame(frame)
        if self.transport is not Transport.PROVEN or kind is not FrameType.UPGRADE:
            raise ProtocolError("engineio.upgrade", "An upgrade is the packet 2probe, and then the packet 5")
        self.transport = Transport.WEBSOCKET
        return None

    def abandon_probe(self) -> None:
        """Note that the WebSocket is gone before the upgrade was complete."""
        if self.transport in {Transport.PROBED, Transport.PROVEN}:
            self.transport = Transport.POLLING

    def tick(self, now: float, *, unread: bool = False) -> None:
        """Do what is due: ping, or end.

        Args:
            now: the time.
            unread: whether the client is left unread at present, so that its silence says nothing.
        """
        if self.ended is not None or now < self.deadline:
            return
        if self._ending is not None:
            self.end(self._ending)
        elif not self._heartbeat.silent:
            self._heartbeat.ping()
            self.outbox.put(FrameBatch(PING))
        elif unread:
            self._heartbeat.excuse(now)
        else:
            self.end("ping timeout")

    def finish(self, reason: str, now: float) -> None:
        """End as soon as everything that waits has been sent, or after a while."""
        if not self.ending:
            self._ending = reason
            self._lingers_until = now + LINGER_SECONDS

    def flushed(self) -> None:
        """Note that everything that waited has been sent: a session that was to end then does."""
        if self._ending is not None:
            self.end(self._ending)

    def end(self, reason: str) -> None:
        """End at once. What waits is dropped."""
        if self.ended is None:
            self.ended = reason
            self.outbox.clear()

    def _message_in(self, frame: Frame, now: float) -> Frame | None:
        kind, content = read_frame(frame)
        match kind:
            case FrameType.MESSAGE:
                return content
            case FrameType.PONG:
                self._heartbeat.pong(now)
            case FrameType.CLOSE:
                self._last_answer = NOOP
                self.end("transport close")
            case FrameType.NOOP:
                pass
            case _:
                raise ProtocolError("engineio.order", f"A client sends no {kind.name} packet now")
        return None

    def _require_polling(self) -> None:
        if self.ended is not None:
            raise SessionRefusedError(*UNKNOWN_SESSION)
        if not self.polls:
            raise SessionRefusedError(*BAD_REQUEST)
