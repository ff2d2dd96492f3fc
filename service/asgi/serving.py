"""The application on Hypercorn, on a socket that listens already."""

import logging
import socket

import trio
from hypercorn.trio import serve
from hypercorn.typing import ASGIFramework

from service.asgi.hypercorn_server import guard_connections
from service.asgi.request_tasks import FastPathConfig

BACKLOG = 1024
KEEP_ALIVE_SECONDS = 65  # longer than the minute after which common proxies give a connection up
KEEP_ALIVE_REQUESTS = 1_000_000


async def serve_http(
    app: ASGIFramework,
    listener: socket.socket,
    closing: trio.Event,
    config: FastPathConfig,
    *,
    closing_seconds: float,
    task_status: trio.TaskStatus[list[str]] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve an application until told to close.

    Args:
        app: with its layers.
        listener: bound before, so that a taken port is told in our own words; taken over.
        closing: is set when no more requests are taken.
        config: which requests are answered at once, how many connections there may be, how large messages may be.
        closing_seconds: that requests under way may take from then on.
        task_status: told when requests are answered.
    """
    config.bind = [f"fd://{listener.detach()}"]
    config.backlog = BACKLOG
    config.errorlog = logging.getLogger("hypercorn.error")
    config.include_server_header = False
    config.keep_alive_timeout = KEEP_ALIVE_SECONDS
    config.keep_alive_max_requests = KEEP_ALIVE_REQUESTS
    config.graceful_timeout = closing_seconds
    guard_connections()
    await serve(app, config, shutdown_trigger=closing.wait, task_status=task_status, mode="asgi")
