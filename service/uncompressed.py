"""WebSockets without compression.

Hypercorn accepts permessage-deflate from every client that offers it, which nearly all do. Each connection then
holds some 300 KiB of compressor, and 64 KiB from a stranger become 64 MiB before any limit is looked at, in one go
and on the event loop. It has no setting for that, so the offer is taken away here, before Hypercorn answers it.
"""

from typing import Any

from hypercorn.typing import ASGIFramework, ASGIReceiveCallable, ASGISendCallable, Scope


class UncompressedWebSockets:
    """An ASGI application that lets another one serve. It must be the outermost: Hypercorn's own ``send`` is what
    it looks behind, and a test holds that it still finds there what it looks for.
    """

    def __init__(self, application: ASGIFramework) -> None:
        self._application = application

    async def __call__(self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        if scope["type"] == "websocket":
            stream: Any = getattr(send, "__self__", None)
            handshake: Any = getattr(stream, "handshake", None)
            if handshake is not None:
                handshake.extensions = None
        await self._application(scope, receive, send)
