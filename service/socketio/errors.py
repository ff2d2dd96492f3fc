"""The errors of a Socket.IO connection, by whose fault they are.

SocketioError
├── ProtocolError        the other side sent what the protocol does not allow; its connection is closed
├── SessionRefusedError  a request that no session can be made of, or that its session does not take now
├── ConnectRefusedError  raised by a connect handler: this client may not come in
├── SocketClosedError    the socket has disconnected, so nothing can be sent through it any more
├── AckTimeoutError      the client did not acknowledge an event in time
└── SocketLimitError     a handler asked for more than one socket may have
"""

from typing import Any


class SocketioError(Exception):
    """The common base."""


class ProtocolError(SocketioError):
    """The other side broke the protocol. ``reason`` is a stable name for programs, the message is for people."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class SessionRefusedError(SocketioError):
    """A request that is answered with ``{"code": ..., "message": ...}`` (Engine.IO server, error codes).

    Args:
        code: 0 to 5, as the reference server numbers them.
        message: its standard words.
        status: the HTTP status of the answer.
    """

    def __init__(self, code: int, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status


class ConnectRefusedError(SocketioError):
    """Raised by a connect handler. The client hears ``connect_error`` with this message and this data."""

    def __init__(self, message: str, data: Any = None) -> None:
        super().__init__(message)
        self.message = message
        self.data = data


class SocketClosedError(SocketioError):
    """The socket has disconnected. ``reason`` says why."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"The socket has disconnected: {reason}")
        self.reason = reason


class AckTimeoutError(SocketioError):
    """The client did not acknowledge an event in time."""


class SocketLimitError(SocketioError):
    """More rooms, or more unacknowledged events, than one socket may have."""
