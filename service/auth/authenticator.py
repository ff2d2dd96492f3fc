"""The recognition of callers: a request's credentials, their bearer, and the routes that need one.

The order is the platform's: a bearer token, then an API key, then the cookies ``token`` and ``symbia_session``;
the first that is vouched for counts. A cookie is only taken where no foreign web page can have sent it, because
browsers add cookies to whatever any page asks for: without an ``Origin``, from a page of this service itself, or
from one that the operator named (``CORS_ALLOWED_ORIGINS``); that anyone may read does not name anybody.
"""

import re
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, Literal

import msgspec
import structlog

from service.addresses.origins import Origins, is_same
from service.auth.caller import ANONYMOUS, Caller, acting
from service.auth.credential_cache import CredentialCache, Finding
from service.auth.identity_client import IdentityClient
from service.auth.principal import IdentityResponseError, Principal, Recognition, of_claims
from service.jwt.verification import TOKEN_BYTES, JwtVerifier, TokenError, is_token
from service.problems import AuthenticationError, IdentityUnavailableError, OrganizationRequiredError

COOKIES = ("token", "symbia_session")

INGRESS = "/api/ingress/<path:graph_name>"
METRICS = frozenset({"/metrics", "/api/metrics"})

Access = Literal["open", "optional", "recognised", "required"]

_OPEN = re.compile(
    r"/|/console(/.*)?|/(api/)?(health|docs|schemas)(/.*)?|/(api/)?(open|async)api\.json|/llms?(-full)?\.txt"
)
_OPTIONAL = frozenset(
    {"/api/components", "/api/components/<component_id>", "/api/bootstrap/service", "/api/stats"}
)
_RECOGNISED = METRICS | {INGRESS}

_SECRET = re.compile(r"[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]+")
"""The characters of a credential: those of a cookie (RFC 6265, "cookie-octet"); tokens and keys use fewer."""

log = structlog.get_logger("identity")


class Credential(msgspec.Struct, frozen=True):
    """One credential of a request; ``name`` is the cookie's, if it is one."""

    kind: Literal["bearer", "api-key", "cookie"]
    text: str
    name: str = ""


def access_to(rule: str, method: str) -> Access:
    """Return whether a route, given as its pattern, needs to know who calls.

    ``open`` serves everybody and asks nobody. ``optional`` serves everybody, and recognised callers their own.
    ``recognised`` serves recognised callers, whether they act for an organisation or not. Everything else is
    ``required``, so a new route is closed until somebody opens it here.
    """
    if method == "OPTIONS":
        return "open"
    if rule in _RECOGNISED:
        return "recognised"
    if method not in {"GET", "HEAD"}:
        return "required"
    if _OPEN.fullmatch(rule):
        return "open"
    return "optional" if rule in _OPTIONAL else "required"


def credentials_of(
    headers: Any, cookies: Mapping[str, str], scheme: str, origins: Origins
) -> Iterator[Credential]:
    """Yield the credentials of a request that are worth asking about, in the order in which they count.

    Args:
        headers: with ``getlist(name)``; a header that comes twice is not believed.
        cookies: by name.
        scheme: of the request, http or https.
        origins: the web pages that the operator named.
    """
    kind, _, token = _single(headers, "Authorization").partition(" ")
    if kind.lower() == "bearer" and is_plausible(token.strip()):
        yield Credential("bearer", token.strip())
    key = _single(headers, "X-API-Key").strip()
    if is_plausible(key):
        yield Credential("api-key", key)
    origin = _single(headers, "Origin")
    if headers.getlist("Origin") and not (
        is_same(origin, scheme, _single(headers, "Host")) or origins.names(origin)
    ):
        return
    for name in COOKIES:
        if is_plausible(cookies.get(name, "")):
            yield Credential("cookie", cookies[name], name)


def named_org(headers: Any) -> str | None:
    """Return the organisation that a request names.

    Raises:
        OrganizationRequiredError: it names several.
    """
    names = headers.getlist("X-Org-Id")
    if len(names) > 1:
        raise OrganizationRequiredError("X-Org-Id was sent more than once; name one organization")
    return names[0].strip() or None if names else None


class Authenticator:
    """The recogniser of principals, by Identity, by keys of its own, or both.

    With both, a token must pass the keys here first, and Identity says whose it is: forged ones cost it nothing,
    and revoked ones are refused.

    Args:
        identity: asked about whatever cannot be judged here; None where there is none.
        verifier: verifies tokens here; None where there are no keys.
        cache: remembers both.
    """

    def __init__(
        self, identity: IdentityClient | None, verifier: JwtVerifier | None, cache: CredentialCache | None = None
    ) -> None:
        self._identity = identity
        self._verifier = verifier
        self._cache = cache or CredentialCache()

    async def recognise(self, credentials: Iterator[Credential]) -> Principal | None:
        """Return the principal of the first good credential; None when none is good.

        Raises:
            IdentityUnavailableError: one of them can be judged by nobody at present.
        """
        finding = await self.find_out(credentials)
        return None if finding is None else finding.principal

    async def find_out(self, credentials: Iterator[Credential]) -> Finding | None:
        """Do as ``recognise``; return also until when that holds, after which the credential is judged again.

        Raises:
            IdentityUnavailableError: one of them can be judged by nobody at present.
        """
        for credential in credentials:
            kind = f"{credential.kind}:{credential.name}"
            finding = await self._cache.find_out(kind, credential.text, partial(self._ask, credential))
            if finding.principal is not None:
                return finding
        return None

    async def caller(self, access: Access, credentials: Iterator[Credential], org: str | None) -> Caller:
        """Return the caller of a request to a route that is not open.

        Raises:
            AuthenticationError: the route wants a principal, and there is none.
            ForeignOrganizationError: the caller is no member of the organisation that they name.
            OrganizationRequiredError: they name none, and belong to none.
            IdentityUnavailableError: nobody can say who it is; on optional routes they are anonymous then.
        """
        if access in {"required", "recognised"}:
            principal = await self.recognise(credentials)
            if principal is None:
                raise AuthenticationError("Authentication required")
            if access == "recognised" and not (org or principal.organizations):
                return Caller(principal=principal, changes_own=False)
            return acting(principal, org)
        try:
            principal = await self.recognise(credentials)
            return ANONYMOUS if principal is None else acting(principal, org)
        except (IdentityUnavailableError, OrganizationRequiredError):
            return ANONYMOUS

    async def _ask(self, credential: Credential) -> Recognition | None:
        if credential.kind == "api-key":
            return None if self._identity is None else await self._identity.verify_api_key(credential.text)
        if self._verifier is not None and (self._identity is None or is_token(credential.text)):
            recognition = await self._verify(self._verifier, credential.text)
            if self._identity is None or recognition is None:
                return recognition
        if self._identity is None:
            return None
        if credential.kind == "cookie":
            return await self._identity.resolve_session(credential.name, credential.text)
        return await self._identity.introspect(credential.text)

    async def _verify(self, verifier: JwtVerifier, token: str) -> Recognition | None:
        try:
            return of_claims(await verifier.verify(token))
        except (TokenError, IdentityResponseError) as error:
            log.info("token refused", reason=str(error)[:200])
            return None


def _single(headers: Any, name: str) -> str:
    """Return the one value of a header; "" when there is none, or several."""
    values = headers.getlist(name)
    return str(values[0]) if len(values) == 1 else ""


def is_plausible(text: str) -> bool:
    """Return whether a text is worth asking about: not empty, not endless, of characters of credentials."""
    return 0 < len(text) <= TOKEN_BYTES and _SECRET.fullmatch(text) is not None
