"""Tokens verified here, without asking anybody: signature, times, audience, issuer.

What PyJWT checks is left to PyJWT: signatures and registered claims. Before it, a token must be a JWS in its plain
form and nothing cleverer: three parts, ASCII, not large, JSON objects in which no name comes twice, no ``crit``.
What a token says about where its key lies (``jku``, ``x5u``, ``jwk``, ``x5c``) is never read, and its ``kid`` is
only ever compared with the names of keys that are here already.
"""

import json
import time
from base64 import urlsafe_b64decode
from binascii import Error as Base64Error
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from proto.codec import decode_strictly

if TYPE_CHECKING:
    from service.jwt.keys import VerificationKey

TOKEN_BYTES = 8 * 1024
"""A larger token would not fit into the headers that common servers take, either."""

KID_CHARACTERS = 200
LEEWAY_SECONDS = 30
"""The time that the clock of whoever makes tokens may be ahead; a token's end is its end."""

LIFETIME_SECONDS = 366 * 24 * 3600
"""A token that is to hold longer from now on is refused: it could not be taken back within sensible time."""

FindKeys = Callable[[str, str | None], Awaitable["Sequence[VerificationKey]"]]
"""The keys that are good for an algorithm and may have signed a token that names this ``kid``, or none."""


class TokenError(ValueError):
    """A token that is refused; the message says why, for the log."""


class Expectations(msgspec.Struct, frozen=True):
    """The claims that tokens must have besides being signed; "" where one does not matter."""

    audience: str = ""
    issuer: str = ""


class JwtVerifier:
    """The verifier of tokens.

    Args:
        find_keys: finds the keys; may fetch them, and so raise IdentityUnavailableError.
        expectations: the audience and issuer that tokens must name.
        now_seconds: seconds since the epoch.
    """

    def __init__(
        self,
        find_keys: FindKeys,
        expectations: Expectations,
        now_seconds: Callable[[], float] = time.time,
    ) -> None:
        self._find_keys = find_keys
        self._expectations = expectations
        self._now_seconds = now_seconds

    async def verify(self, token: str) -> dict[str, Any]:
        """Verify a token; return its claims.

        Raises:
            TokenError: it is refused.
            IdentityUnavailableError: its keys cannot be had at present.
        """
        header, claims = parse(token)
        self._check_times(claims)
        algorithm, kid = header["alg"], header.get("kid")
        found = await self._find_keys(algorithm, kid)
        fitting = [key for key in found if algorithm in key.by_algorithm]
        if not fitting:
            raise TokenError("no key here has this kid and is good for this alg")
        if len(fitting) > 1:
            raise TokenError("several keys are good for this alg, and the token names none of them")
        self._verify_with(token, fitting[0], algorithm)
        return claims

    def _check_times(self, claims: dict[str, Any]) -> None:
        """Check that times are numbers, and the end is ahead and near enough; PyJWT checks nbf."""
        for name in ("exp", "nbf", "iat"):
            value = claims.get(name, 0)
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 2**53:
                raise TokenError(f"{name} is no moment in time")
        left_seconds = claims.get("exp", 0) - self._now_seconds()
        if left_seconds <= 0:
            raise TokenError("exp has passed, or there is none")
        if left_seconds > LIFETIME_SECONDS:
            raise TokenError("exp lies too far in the future")

    def _verify_with(self, token: str, key: "VerificationKey", algorithm: str) -> None:
        import jwt  # noqa: PLC0415  whoever made the key has it already; who has no keys starts without it

        expected = self._expectations
        try:
            jwt.decode(
                token,
                key.by_algorithm[algorithm],
                algorithms=[algorithm],
                audience=expected.audience or None,
                issuer=expected.issuer or None,
                leeway=LEEWAY_SECONDS,
                options={"require": ["exp"]},
            )
        except (jwt.PyJWTError, ValueError, TypeError) as error:  # PyJWT lets some of the latter through
            raise TokenError(f"{type(error).__name__}: {error}") from error


def is_token(text: str) -> bool:
    """Return whether a bearer's text looks like a JWS at all; others are for Identity alone."""
    return text.count(".") == 2 and text.startswith("eyJ")


def parse(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and claims of a token in its plain form, unverified.

    Raises:
        TokenError: it has another form.
    """
    if len(token) > TOKEN_BYTES:
        raise TokenError(f"a token of more than {TOKEN_BYTES} characters")
    parts = token.split(".")
    if not token.isascii() or len(parts) != 3 or not all(parts):
        raise TokenError("a token has three parts of base64url between two dots")
    header, claims = _object(parts[0]), _object(parts[1])
    _decode(parts[2])
    if not isinstance(header.get("alg"), str):
        raise TokenError("the header names no alg")
    if "crit" in header or "b64" in header or "zip" in header:
        raise TokenError("the header asks for an extension, and none is known here")
    kid = header.get("kid")
    if kid is not None and not (isinstance(kid, str) and 0 < len(kid) <= KID_CHARACTERS):
        raise TokenError(f"kid is no text of at most {KID_CHARACTERS} characters")
    return header, claims


def _object(part: str) -> dict[str, Any]:
    try:
        text = _decode(part)
        found = json.loads(text, object_pairs_hook=_unique, parse_constant=_refuse_constant)
        decode_strictly(text)  # which refuses what could not be said again, such as half of a surrogate pair
    except (ValueError, RecursionError) as error:
        raise TokenError(f"a part of the token is no JSON: {error}") from error
    if not isinstance(found, dict):
        raise TokenError("header and claims are JSON objects")
    return found


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Make an object; refuse a name that comes twice, of which two readers may believe different values."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name comes twice")
    return found


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


_ALPHABET = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


def _decode(part: str) -> bytes:
    """Decode the bytes of a part in base64url without padding; no other letters, which decoders would skip."""
    if not _ALPHABET.issuperset(part):
        raise TokenError("a part of the token is no base64url")
    try:
        return urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except (Base64Error, ValueError) as error:
        raise TokenError("a part of the token is no base64url") from error
