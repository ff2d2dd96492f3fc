"""The HTTP client for a service beside this one."""

import httpx

from engine.builtin.parts.redirects import trusted_authorities
from engine.builtin.parts.repeating import IDLE_SECONDS, RepeatingTransport

CONNECTIONS = 4
"""Connections to one sibling at once, where nobody asks for more."""


def open_sibling_client(
    timeout_seconds: float,
    *,
    base_url: str = "",
    connections: int = CONNECTIONS,
    transport: httpx.AsyncBaseTransport | None = None,
) -> httpx.AsyncClient:
    """Open a client that goes where it is sent, and nowhere else.

    A proxy for the outer world is not meant for what lies beside us, so the environment's are not used; a
    credential goes where it was meant to go, so redirects are not followed. Siblings close connections like
    anybody else, so what may be sent twice is (:mod:`engine.builtin.parts.repeating`).

    Args:
        timeout_seconds: for each step of an exchange; whoever asks bounds the whole.
        base_url: of the sibling; "" where whole URLs are asked for.
        connections: at once, and kept.
        transport: goes there in another way than over the network.
    """
    limits = httpx.Limits(
        max_connections=connections, max_keepalive_connections=connections, keepalive_expiry=IDLE_SECONDS
    )
    usual = RepeatingTransport(verify=trusted_authorities(), limits=limits, trust_env=False)
    return httpx.AsyncClient(
        base_url=base_url,
        timeout=timeout_seconds,
        transport=transport or usual,
        trust_env=False,
        follow_redirects=False,
    )
