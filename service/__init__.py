"""HTTP, settings and the command line: the only place that knows the outside world.

    server, layers, app        a socket, the layers around the application, the routes put together
    cli/                       the command line, one file a verb
    http/                      routes, their fast path, and what the API says of itself
    live/, network/, telemetry/, catalog/, ingress/    what the service does beside HTTP; on socketio/, websockets/
    auth/, jwt/                who calls, and what follows
    asgi/                      all that knows Hypercorn, h11 and Quart
    outbound/, addresses/      requests that leave, and the rules of addresses that they are held to
    settings/                  one table, a file for each group
    memory/, watchdog/, observability/, siblings/, documents/    what keeps it alive, shows it, and is used by all

Where a room is put together when the service starts, the file is called ``opening.py``.
"""
