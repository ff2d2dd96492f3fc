"""Tokens made by hand, right ones and wrong ones: no library stands between a test and the bytes."""

import base64
import hashlib
import hmac
import json
import time
from functools import cache
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

SECRET = "a secret that is long enough for HS256"
HOUR = 3600


def part(content: Any) -> str:
    """A part of a token: JSON of a value, or bytes as they are."""
    data = content if isinstance(content, bytes) else json.dumps(content).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def claims(**changes: Any) -> dict[str, Any]:
    """Right claims, with changes; None takes one away."""
    now = int(time.time())
    right = {"sub": "alice", "type": "user", "orgId": "org-a", "iat": now, "exp": now + HOUR}
    return {name: value for name, value in {**right, **changes}.items() if value is not None}


def hs(key: str | bytes, header: Any = None, body: Any = None, digest: str = "sha256") -> str:
    """A token signed with HMAC."""
    signed = f"{part(header or {'alg': 'HS256', 'typ': 'JWT'})}.{part(body or claims())}"
    secret = key.encode() if isinstance(key, str) else key
    return f"{signed}.{part(hmac.new(secret, signed.encode(), getattr(hashlib, digest)).digest())}"


def rs(key: rsa.RSAPrivateKey, header: Any = None, body: Any = None) -> str:
    """A token signed with RS256."""
    signed = f"{part(header or {'alg': 'RS256', 'typ': 'JWT'})}.{part(body or claims())}"
    return f"{signed}.{part(key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256()))}"


def es(key: ec.EllipticCurvePrivateKey, header: Any = None, body: Any = None) -> str:
    """A token signed with ES256."""
    signed = f"{part(header or {'alg': 'ES256'})}.{part(body or claims())}"
    r, s = decode_dss_signature(key.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
    return f"{signed}.{part(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"


def ed(key: ed25519.Ed25519PrivateKey, header: Any = None, body: Any = None) -> str:
    """A token signed with EdDSA."""
    signed = f"{part(header or {'alg': 'EdDSA'})}.{part(body or claims())}"
    return f"{signed}.{part(key.sign(signed.encode()))}"


@cache
def rsa_key(name: str, bits: int = 2048) -> rsa.RSAPrivateKey:
    """An RSA key; the same for the same name."""
    del name
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


def pem(key: Any) -> str:
    """The public key in PEM form."""
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    text: bytes = key.public_key().public_bytes(serialization.Encoding.PEM, form)
    return text.decode()


def _number(value: int) -> str:
    return part(value.to_bytes((value.bit_length() + 7) // 8, "big"))


def jwk(key: rsa.RSAPrivateKey, **fields: Any) -> dict[str, Any]:
    """The public RSA key as a JWK."""
    numbers = key.public_key().public_numbers()
    return {"kty": "RSA", "n": _number(numbers.n), "e": _number(numbers.e), **fields}
