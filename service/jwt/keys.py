"""Keys that tokens are verified with, and the algorithms that each kind of key is good for.

The key decides the algorithm, and never the token: a token that says ``HS256`` is not held against a public key,
and one that says ``none`` against nothing. Each key is a PyJWT key that is tied to one algorithm, so the choice
cannot be made anew at the moment of verification.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt import PyJWK
from jwt.exceptions import PyJWTError

SECRET_BYTES = 32
"""The shortest shared secret: HS256 must have one as long as its hash (RFC 7518, section 3.2)."""

RSA_BITS = range(2048, 8192 + 1)
"""RSA keys that are taken: shorter ones can be broken (RFC 7518, section 3.3), longer ones cost too much time."""

SET_KEYS = 100
"""Keys of a set that are looked at."""

_RSA = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")
_CURVES = {"secp256r1": "ES256", "secp384r1": "ES384", "secp521r1": "ES512"}


class KeyMaterialError(ValueError):
    """The text that was given cannot serve as a key; the message says why, without showing it."""


class VerificationKey(msgspec.Struct, frozen=True):
    """One key: the name that tokens may call it by, and its key object by each algorithm that it is good for."""

    kid: str | None
    by_algorithm: Mapping[str, Any]


def shared_secret(secret: str) -> VerificationKey:
    """Make the key that is a secret, known to whoever makes the tokens too.

    Raises:
        KeyMaterialError: it is too short to be one, or a public key in the wrong place.
    """
    if "-----BEGIN" in secret:
        raise KeyMaterialError("it is a key in PEM form, which belongs into JWT_PUBLIC_KEY")
    if len(secret.encode()) < SECRET_BYTES:
        raise KeyMaterialError(f"a secret needs at least {SECRET_BYTES} bytes")
    if len(set(secret)) < 8:
        raise KeyMaterialError("a secret of a few repeated characters can be guessed")
    return VerificationKey(None, {"HS256": secret.encode()})


def public_key(pem: str) -> VerificationKey:
    """Read the key in a PEM text, whose line ends may be a backslash and an n, as in environment variables.

    Raises:
        KeyMaterialError: it is no public key of a kind and size that is taken.
    """
    text = pem.replace("\\n", "\n").strip()
    if "PRIVATE KEY" in text:
        raise KeyMaterialError("it is a private key; whoever only verifies needs, and should have, the public one")
    try:
        key = serialization.load_pem_public_key(text.encode())
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise KeyMaterialError("it is no public key in PEM form") from error
    return VerificationKey(None, dict.fromkeys(_algorithms(key), key))


def key_set(document: Any) -> tuple[VerificationKey, ...]:
    """Read the usable keys of a decoded JWK Set (RFC 7517), without those that are for encryption, symmetric, weak
    or odd.

    Raises:
        KeyMaterialError: it is no JWK Set.
    """
    entries = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(entries, list):
        raise KeyMaterialError("it is no JWK Set")
    return tuple(key for key in map(_jwk, entries[:SET_KEYS]) if key is not None)


def _jwk(entry: Any) -> VerificationKey | None:
    if not isinstance(entry, dict) or entry.get("kty") not in ("RSA", "EC", "OKP"):
        return None
    if entry.get("use", "sig") != "sig" or "verify" not in entry.get("key_ops", ("verify",)):
        return None
    kid, named = entry.get("kid"), entry.get("alg")
    if not isinstance(kid, str | None):
        return None
    shown = {name: value for name, value in entry.items() if name != "alg"}
    try:
        key = PyJWK.from_dict(shown, algorithm=_algorithm_to_parse(entry)).key
        algorithms = _algorithms(key)
    except (PyJWTError, KeyMaterialError, UnsupportedAlgorithm, ValueError, TypeError, KeyError):
        return None
    kept = [algorithm for algorithm in algorithms if named in (None, algorithm)]
    return VerificationKey(kid, dict.fromkeys(kept, key)) if kept else None


def _algorithm_to_parse(entry: Mapping[str, Any]) -> str:
    """Any algorithm of the key's kind: PyJWT wants one to read the numbers, and ours are decided afterwards."""
    if entry["kty"] == "RSA":
        return "RS256"
    if entry["kty"] == "OKP":
        return "EdDSA"
    return {"P-384": "ES384", "P-521": "ES512"}.get(str(entry.get("crv")), "ES256")


def _algorithms(key: Any) -> Iterable[str]:
    """Return the algorithms that a public key is good for."""
    if isinstance(key, rsa.RSAPublicKey):
        if key.key_size not in RSA_BITS:
            raise KeyMaterialError(f"an RSA key of {key.key_size} bits; {RSA_BITS[0]} to {RSA_BITS[-1]} are taken")
        return _RSA
    if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in _CURVES:
        return (_CURVES[key.curve.name],)
    if isinstance(key, ed25519.Ed25519PublicKey):
        return ("EdDSA",)
    raise KeyMaterialError("a key of a kind that is not taken: use RSA, P-256, P-384, P-521 or Ed25519")
