"""WebSockets at the edge: what comes over a connection, how fast, and how it ends.

    socket ──bytes──► FrameReader ──messages──► Inlet ──► the application
                      (frames.py)   in slices   (inlet.py)

Hypercorn's own stream buffers for ever after its first refusal, answers most violations by letting the connection
fall, and parses whatever came in one go. ``service.asgi.websocket_stream`` takes its place.
"""
