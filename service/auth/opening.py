"""Authentication as the settings ask for it: put together, and told in one line of the log."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import httpx
import structlog

from service.auth.authenticator import Authenticator
from service.auth.identity_client import IdentityClient, open_identity
from service.jwt.verification import Expectations, JwtVerifier
from service.outbound.sibling_client import open_sibling_client
from service.settings.identity import IdentitySettings

log = structlog.get_logger("service")


@asynccontextmanager
async def open_authenticator(settings: IdentitySettings) -> AsyncIterator[Authenticator | None]:
    """Yield what recognises callers; None where callers are not asked who they are."""
    log.info("callers", **describe(settings))
    if settings.effective_auth != "identity":
        yield None
        return
    async with AsyncExitStack() as stack:
        timeout_seconds = settings.timeout_ms / 1000
        identity: IdentityClient | None = None
        if settings.url:
            identity = await stack.enter_async_context(open_identity(settings.url, timeout_seconds))
        client = await stack.enter_async_context(open_sibling_client(timeout_seconds))
        yield Authenticator(identity, _verifier(settings, client, timeout_seconds))


def describe(settings: IdentitySettings) -> dict[str, str]:
    """Describe who is served, in words; of keys, say only that they are there."""
    if settings.effective_auth == "none":
        return {"auth": "none", "served": "everybody who reaches the address, without being asked who they are"}
    if settings.effective_auth == "unset":
        return {"auth": "unset", "served": "this machine only; IDENTITY_SERVICE_URL or AUTH=none serve others"}
    means = []
    if settings.verifies_tokens:
        names = {
            "JWT_JWKS_URL": settings.jwt_jwks_url,
            "JWT_PUBLIC_KEY": settings.jwt_public_key,
        }
        names["JWT_SECRET"] = settings.jwt_secret
        means.append(f"tokens are verified here ({', '.join(name for name, value in names.items() if value)})")
    if settings.url:
        means.append(f"the identity service at {settings.url} is asked")
    return {"auth": "identity", "served": f"whoever is recognised: {', and '.join(means)}"}


def _verifier(settings: IdentitySettings, client: httpx.AsyncClient, timeout_seconds: float) -> JwtVerifier | None:
    if not settings.verifies_tokens:
        return None
    from service.auth.jwks import KeySource  # noqa: PLC0415  these bring cryptography: only who has keys waits for it
    from service.jwt.keys import public_key, shared_secret  # noqa: PLC0415  likewise

    fixed = []
    if settings.jwt_secret:
        fixed.append(shared_secret(settings.jwt_secret))
    if settings.jwt_public_key:
        fixed.append(public_key(settings.jwt_public_key))
    keys = KeySource(fixed, client, settings.jwt_jwks_url, timeout_seconds)
    return JwtVerifier(keys.find, Expectations(settings.jwt_audience, settings.jwt_issuer))
