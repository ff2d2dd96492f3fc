"""Streams to other services, encrypted or not, whose certificates are judged when they are opened."""

import ssl

import trio

Stream = trio.SocketStream | trio.SSLStream[trio.SocketStream]


async def open_stream(host: str, port: int, tls: ssl.SSLContext | None) -> Stream:
    """Open a stream to a host.

    The WebSocket library takes a bad certificate for silence: it meets it while it waits for the answer to its
    first request, and waits on. So the handshake of TLS is over before the library gets the stream.

    Args:
        host: its name or address.
        port: of the service there.
        tls: the context for TLS; None for none.

    Raises:
        OSError: nobody answers.
        trio.BrokenResourceError: TLS fails; :mod:`engine.builtin.parts.connection_reason` says why.
    """
    stream = await trio.open_tcp_stream(host, port)
    if tls is None:
        return stream
    secure = trio.SSLStream(stream, tls, server_hostname=host, https_compatible=True)
    try:
        await secure.do_handshake()
    except BaseException:
        await trio.aclose_forcefully(secure)
        raise
    return secure
