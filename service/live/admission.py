"""The admission of live clients: who may come in, as whom, and for how long.

The rules are those of HTTP requests. Besides, a client that cannot set headers gives its credential in ``auth``,
which comes after the address: ``token``, ``apiKey`` and ``orgId``. None is taken from the address itself, because
addresses end up in logs. A recognition holds for as long as it would hold for requests; then the same credential
is looked at again, so that a token that has expired or was revoked ends the connection.
"""

import math
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
from hypercorn.typing import HTTPScope, WebsocketScope
from werkzeug.datastructures import Headers
from werkzeug.http import parse_cookie

from engine.errors import ResidentMemoryError
from service.addresses.ip import is_loopback
from service.addresses.origins import host_of, is_same
from service.auth.authenticator import Authenticator, Credential, credentials_of, is_plausible, named_org
from service.auth.caller import UNRESTRICTED, Caller, acting
from service.auth.loopback import check_local_request
from service.problems import AuthenticationError, ForeignCallerError, OrganizationRequiredError, StoppingError
from service.readiness import Readiness
from service.settings.table import Settings

_SCHEMES = {"ws": "http", "wss": "https"}


class Handshake(msgspec.Struct, frozen=True):
    """The credentials and headers that a client brought when it connected.

    Attributes:
        headers: of the request.
        scheme: http or https.
        auth: what it gave besides.
    """

    headers: Headers
    scheme: str
    auth: Mapping[str, Any]


class Entry(msgspec.Struct, frozen=True):
    """A client that may come in.

    Attributes:
        caller: as whom it acts.
        holds_until: when it must be looked at again, in seconds of Trio's clock.
        ends_at: when it may stay no longer in any case, because its credential ends.
    """

    caller: Caller
    holds_until: float
    ends_at: float = math.inf


def handshake_of(scope: HTTPScope | WebsocketScope, auth: object = None) -> Handshake:
    """Return the handshake of a request; ``auth`` is believed where it is an object."""
    headers = Headers([(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]])
    scheme = _SCHEMES.get(scope["scheme"], scope["scheme"])
    return Handshake(headers, scheme, auth if isinstance(auth, dict) else {})


class LiveAdmission:
    """The door.

    Args:
        settings: the settings of who is served.
        authenticator: recognises callers; None where callers are not asked who they are.
        readiness: whether the service takes work.
    """

    def __init__(self, settings: Settings, authenticator: Authenticator | None, readiness: Readiness) -> None:
        self._settings = settings
        self._authenticator = None if settings.live.socket_auth == "off" else authenticator
        self._readiness = readiness

    @property
    def asks(self) -> bool:
        """True where clients must say who they are."""
        return self._authenticator is not None

    def check(self, handshake: Handshake) -> None:
        """Refuse those who may not come in, whoever they are.

        Raises:
            ForeignCallerError: ``Host`` or ``Origin`` are not served.
            StoppingError: the service takes nobody in any more.
            ResidentMemoryError: it takes in nothing new at present.
        """
        self.check_page(handshake)
        if not self._readiness.ready:
            raise StoppingError("The service is stopping and takes no more work")
        if self._readiness.memory_complaint:
            raise ResidentMemoryError(self._readiness.memory_complaint)

    def check_page(self, handshake: Handshake) -> None:
        """Refuse hosts and pages that are not served.

        Browsers let every page open a connection to everywhere, and no answer of ours could forbid it to read. So
        what CORS would keep from a page is kept from it here.

        Raises:
            ForeignCallerError: ``Host`` or ``Origin`` are not served.
        """
        settings = self._settings
        if settings.loopback_only:
            check_local_request(handshake.headers, settings.access.cors_origins)
        elif not self._is_admitted(handshake):
            origin = handshake.headers.get("Origin", "")
            raise ForeignCallerError(
                f"Pages of {origin[:100]!r} are not served; CORS_ALLOWED_ORIGINS lists those that are"
            )

    def admits_origin(self, origin: str) -> bool:
        """Return whether pages of an origin, other than this service's own, may come in."""
        origins = self._settings.access.cors_origins
        if self._settings.loopback_only:
            return origins.names(origin) or is_loopback(host_of(origin))
        return origins.admit(origin)

    def _is_admitted(self, handshake: Handshake) -> bool:
        origins = handshake.headers.getlist("Origin")
        hosts = handshake.headers.getlist("Host")
        host = hosts[0] if len(hosts) == 1 else ""
        return all(
            self._settings.access.cors_origins.admit(origin) or is_same(origin, handshake.scheme, host)
            for origin in origins
        )

    def brings_credentials(self, handshake: Handshake) -> bool:
        """Return whether there is anything to recognise a client by."""
        return next(self._credentials(handshake), None) is not None

    async def admit(self, handshake: Handshake) -> Entry:
        """Return the entry of a client that may come in, or stay: as whom, and until when.

        Raises:
            AuthenticationError: nobody knows it.
            ForeignOrganizationError: it is no member of the organisation that it names.
            OrganizationRequiredError: it names none, and belongs to none.
            IdentityUnavailableError: nobody can say who it is.
        """
        if self._authenticator is None:
            return Entry(UNRESTRICTED, math.inf)
        finding = await self._authenticator.find_out(self._credentials(handshake))
        if finding is None or finding.principal is None:
            raise AuthenticationError("Authentication required")
        return Entry(acting(finding.principal, _org(handshake)), finding.holds_until, finding.ends_at)

    def _credentials(self, handshake: Handshake) -> Iterator[Credential]:
        """Yield the credentials in the order in which they count: ``auth``, then headers, then cookies."""
        token, key = _text(handshake.auth, "token"), _text(handshake.auth, "apiKey")
        if is_plausible(token):
            yield Credential("bearer", token)
        if is_plausible(key):
            yield Credential("api-key", key)
        headers = handshake.headers
        cookies = parse_cookie(headers.get("Cookie"))
        yield from credentials_of(headers, cookies, handshake.scheme, self._settings.access.cors_origins)


def _text(auth: Mapping[str, Any], name: str) -> str:
    text = auth.get(name)
    return text.strip() if isinstance(text, str) else ""


def _org(handshake: Handshake) -> str | None:
    """Return the organisation that a client names.

    Raises:
        OrganizationRequiredError: it names several, or something that is no text.
    """
    named = handshake.auth.get("orgId")
    if named is None:
        return named_org(handshake.headers)
    if not isinstance(named, str):
        raise OrganizationRequiredError("orgId must be a text; name one organization")
    return named.strip() or None
