"""The layer between the socket and the routes: all that knows the insides of Hypercorn, h11 and Quart.

    socket ──► hypercorn_server ──► http_protocol ──► request_tasks ──► the layers (service.layers)
               connections          strict_buffer     websocket_stream
               keep_alive           request_head

Hypercorn has no place for most of what is needed here, so classes of its own are replaced and their attributes
used (:func:`service.asgi.hypercorn_server.guard_connections`). When Hypercorn, h11 or Quart-Trio moves, check each
name that ``tests/service/asgi/test_server_internals.py`` lists: whether it is still there, and still means that.
Outside of this room only ``hypercorn.typing`` is imported, which is ASGI in types.
"""
