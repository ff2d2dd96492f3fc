"""A guard against foreign callers.

Until somebody says that everybody may come in (``AUTH=none``), only this machine is served. A loopback address
alone does not achieve that: a web page from anywhere can make the browser of this machine send requests here, by
its own name (``Origin``) or by pointing its own name at 127.0.0.1 (``Host``). So both must name this machine.
"""

from functools import lru_cache
from typing import Any

from service.addresses.ip import is_loopback
from service.addresses.origins import Origins, host_of
from service.problems import ForeignCallerError

HOSTS_REMEMBERED = 64
"""Values of ``Host`` whose verdict is remembered; programs of one machine use a handful."""

HOST_CHARACTERS = 300
"""Characters of a value that is remembered: longer ones are judged each time, so that no caller can fill the
memory."""


def check_local_request(headers: Any, origins: Origins) -> None:
    """Refuse a request that does not come from this machine's own programs or pages.

    Args:
        headers: the request's headers, with ``get(name)``.
        origins: foreign pages that the operator named, and that may come in therefore.

    Raises:
        ForeignCallerError: ``Host`` or ``Origin`` names another machine.
    """
    host = headers.get("Host")
    if host and not _is_own(host):
        raise ForeignCallerError(
            f"Only this machine is served, and the request asks for the host {host!r}; set AUTH=none to serve all"
        )
    origin = headers.get("Origin")
    if origin and not (is_loopback(host_of(origin)) or origins.names(origin)):
        raise ForeignCallerError(
            f"Only this machine is served, and the request comes from the web page {origin!r}; "
            "name it in CORS_ALLOWED_ORIGINS, or set AUTH=none to serve all"
        )


def _is_own(host: str) -> bool:
    judge = _means_this_machine if len(host) <= HOST_CHARACTERS else _means_this_machine.__wrapped__
    return judge(host)


@lru_cache(HOSTS_REMEMBERED)
def _means_this_machine(host: str) -> bool:
    return is_loopback(host_of(f"//{host}"))
