"""The figures of an inbox, as seen from outside."""

import msgspec


class InboxStatistics(msgspec.Struct, frozen=True):
    """A snapshot. What Trio's channels count too bears the name that it has there.

    Attributes:
        current_buffer_used: messages that wait now.
        max_buffer_size: messages that may wait.
        open_send_channels: ends to send by that are open (``engine.execution.inbox_channel``).
        open_receive_channels: ends to receive by that are open.
        tasks_waiting_send: tasks that wait for room.
        tasks_waiting_receive: tasks that wait for a message.
        peak_buffer_used: the most messages that have waited at once.
        current_buffer_bytes: bytes of the values that wait now.
        dropped_messages: messages dropped by the overflow policy.
        held_messages: of those that wait now, how many stand aside because somebody holds their edge.
    """

    current_buffer_used: int
    max_buffer_size: float
    open_send_channels: int
    open_receive_channels: int
    tasks_waiting_send: int
    tasks_waiting_receive: int
    peak_buffer_used: int
    current_buffer_bytes: int
    dropped_messages: int
    held_messages: int = 0
