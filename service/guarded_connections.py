"""A connection that Hypercorn trips over ends alone, instead of the whole service.

Hypercorn runs every connection in one nursery, and some bytes make it raise there: a WebSocket frame that follows
the upgrade request before the upgrade was answered is enough, from anybody, at any path. An exception there ends
the server. Hypercorn has no place to put something around a connection, so the class that serves one is replaced.
"""

import hypercorn.trio.run
import structlog
from hypercorn.trio.tcp_server import TCPServer

log = structlog.get_logger("service")


class GuardedTCPServer(TCPServer):
    """Serves one connection. Whatever goes wrong with it is logged, and stays with it."""

    async def run(self) -> None:
        """Serve it until it ends; it is closed in any case."""
        try:
            await super().run()
        except* Exception as group:  # noqa: BLE001  whatever it is; and what is cancelled goes on being so
            log.warning("connection ended by an error", errors=[repr(error) for error in group.exceptions])


def guard_connections() -> None:
    """Let every connection of Hypercorn's Trio servers in this process be guarded."""
    hypercorn.trio.run.TCPServer = GuardedTCPServer  # type: ignore[attr-defined]  # there is no other place
