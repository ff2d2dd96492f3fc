"""The Network: events of the platform, which enter graphs and leave them.

    events.py         what an event looks like on the wire, and whose it is; pure
    delivery.py       to whom an event goes, and what became of it; pure
    causes.py         which event a value follows from, as far as that is known; pure
    outbox.py         what waits to be sent, and what was dropped; pure
    requests.py       what is told of HTTP requests
    bound.py          the executions that have bindings, and what leaves them
    dispatcher.py     the way of events into executions
    session.py        one Socket.IO connection to the Network
    relay.py          the task that keeps one: registers, sends, receives, comes back
    opening.py        all of it put together

Graphs say in ``bindings`` which events they want, and which of their values are events
(``engine.compile.bindings``). Events also come by HTTP (``POST /api/network/receive``), and for them no connection
is needed.
"""
