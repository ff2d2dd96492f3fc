"""The counters of live clients, for ``/metrics``. Plain numbers: counting costs nothing that matters."""

from typing import Literal

TransportName = Literal["socketio", "websocket"]


class LiveCounters:
    """Counters of one service.

    Attributes:
        connections: clients at this moment, by transport.
        subscriptions: at this moment.
        sent: events that were handed to clients' connections; one that goes to three clients counts thrice.
        skipped: events that subscribers did not get because they came too fast, or were read too slowly.
        slow_disconnects: clients that were disconnected because they did not read.
        refused: connections that were refused.
    """

    def __init__(self) -> None:
        self.connections: dict[TransportName, int] = {"socketio": 0, "websocket": 0}
        self.subscriptions = 0
        self.sent = 0
        self.skipped = 0
        self.slow_disconnects = 0
        self.refused = 0
