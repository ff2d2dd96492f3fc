"""A namespace: its handlers, the sockets that are in it, and their rooms."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import structlog

from service.observability.throttled_log import ThrottledLog
from service.socketio.config import FAILURE_SECONDS, MAX_ROOMS_PER_SOCKET
from service.socketio.errors import SocketLimitError
from service.socketio.events import EncodedEvent, encode_event
from service.socketio.packets import MAX_NAMESPACE_CHARACTERS, RESERVED_EVENTS
from service.socketio.socket import Socket

log = structlog.get_logger("socketio")

EventHandler = Callable[..., Awaitable[Any]]
AnyEventHandler = Callable[[Socket, str, list[Any]], Awaitable[Any]]
ConnectHandler = Callable[[Socket], Awaitable[None]]
DisconnectHandler = Callable[[Socket, str], Awaitable[None]]
H = TypeVar("H", bound=EventHandler)


class Namespace:
    """One of the names that clients connect to. Handlers are registered before the server takes clients.

    ``sockets`` holds the connected sockets by their ids. Where ``takes_raw`` is set, handlers get an event's
    values as ``msgspec.Raw``, JSON text in which every number has its digits, save where there are bytes.
    """

    def __init__(self, name: str) -> None:
        if not (name.startswith("/") and name.isprintable() and "," not in name):
            raise ValueError(f"A namespace begins with a slash and holds no comma: {name!r}")
        if len(name) > MAX_NAMESPACE_CHARACTERS:
            raise ValueError(f"A namespace's name has at most {MAX_NAMESPACE_CHARACTERS} characters")
        self.name = name
        self.takes_raw = False
        self.sockets: dict[str, Socket] = {}
        self.handlers: dict[str, EventHandler] = {}
        self.any_handler: AnyEventHandler | None = None
        self.connect_handler: ConnectHandler | None = None
        self.disconnect_handler: DisconnectHandler | None = None
        self.failures = ThrottledLog(log, FAILURE_SECONDS)
        self._rooms: dict[str, dict[Socket, None]] = {}

    def on(self, event: str) -> Callable[[H], H]:
        """Handle an event: ``handler(socket, *args)``. What it returns is the acknowledgement, if one is wanted:
        None for none at all, a tuple for several values, anything else for one.
        """
        if event in RESERVED_EVENTS:
            raise ValueError(f"No client sends {event!r}; there are on_connect and on_disconnect")

        def register(handler: H) -> H:
            self.handlers[event] = handler
            return handler

        return register

    def on_any(self, handler: AnyEventHandler) -> AnyEventHandler:
        """Handle all events without a handler of their own: ``handler(socket, event, args)``."""
        self.any_handler = handler
        return handler

    def on_connect(self, handler: ConnectHandler) -> ConnectHandler:
        """Decide on a client: ``handler(socket)`` may raise ``ConnectRefusedError``. What it emits follows."""
        self.connect_handler = handler
        return handler

    def on_disconnect(self, handler: DisconnectHandler) -> DisconnectHandler:
        """Hear of a socket's end, once, after its last event: ``handler(socket, reason)``."""
        self.disconnect_handler = handler
        return handler

    def emit_nowait(self, event: str, *args: Any, room: str | None = None) -> list[Socket]:
        """Send an event to all sockets, or to those in a room; those that did not get it, because much waits for
        them already.

        Raises:
            ValueError, TypeError: as ``encode_event``.
        """
        return self.send_nowait(encode_event(event, *args, namespace=self.name), room=room)

    def send_nowait(self, event: EncodedEvent, room: str | None = None) -> list[Socket]:
        """Send as ``emit_nowait`` does, but an event that has been encoded."""
        return [socket for socket in self.members(room) if not socket.send_nowait(event)]

    def members(self, room: str | None = None) -> tuple[Socket, ...]:
        """Return the sockets in a room, or all; those that are still being let in are in their rooms already."""
        return tuple(self.sockets.values() if room is None else self._rooms.get(room, ()))

    def join(self, socket: Socket, room: str) -> None:
        """Put a socket into a room.

        Raises:
            SocketLimitError: it is in too many.
        """
        if room in socket.rooms:
            return
        if len(socket.rooms) >= MAX_ROOMS_PER_SOCKET:
            raise SocketLimitError(f"A socket is in at most {MAX_ROOMS_PER_SOCKET} rooms")
        socket.rooms.add(room)
        self._rooms.setdefault(room, {})[socket] = None

    def leave(self, socket: Socket, room: str) -> None:
        """Take a socket out of a room, if it is there."""
        if room not in socket.rooms:
            return
        socket.rooms.discard(room)
        members = self._rooms[room]
        del members[socket]
        if not members:
            del self._rooms[room]

    def forget(self, socket: Socket) -> None:
        """Take a socket out of everything."""
        self.sockets.pop(socket.id, None)
        for room in list(socket.rooms):
            self.leave(socket, room)
