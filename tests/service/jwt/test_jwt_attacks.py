"""Tokens that must not get in, each beside the right one that does: a table of the attacks that are known.

Most are of PortSwigger's and OWASP's lists of attacks on JWT; RFC 8725 says what to do about each of them.
"""

import base64
import json
import time
from typing import Any

import httpx
import pytest
import trio
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from hypothesis import given
from hypothesis import strategies as st

from service.auth.jwks import KeySource
from service.jwt.keys import VerificationKey, public_key, shared_secret
from service.jwt.verification import (
    KID_CHARACTERS,
    LIFETIME_SECONDS,
    TOKEN_BYTES,
    Expectations,
    JwtVerifier,
    TokenError,
    parse,
)
from tests.service.tokens import HOUR, SECRET, claims, ed, es, hs, jwk, part, pem, rs, rsa_key

KEY = rsa_key("signer")
PEM = pem(KEY)
NOW = int(time.time())


def _verifier(*keys: VerificationKey, audience: str = "", issuer: str = "") -> JwtVerifier:
    source = KeySource(keys, httpx.AsyncClient(), "", 1)
    return JwtVerifier(source.find, Expectations(audience, issuer))


BY_SECRET = _verifier(shared_secret(SECRET))
BY_KEY = _verifier(public_key(PEM))
BY_BOTH = _verifier(shared_secret(SECRET), public_key(PEM))
EXPECTING = _verifier(shared_secret(SECRET), audience="runtime", issuer="https://identity.example")
EXPECTED = {"aud": "runtime", "iss": "https://identity.example"}


def _verify(verifier: JwtVerifier, token: str) -> dict[str, Any]:
    return trio.run(verifier.verify, token)


def _resigned(token: str, signature: str) -> str:
    return f"{token.rpartition('.')[0]}.{signature}"


def _twice(name: str) -> bytes:
    """Claims in which a name comes a second time, with what an attacker wants."""
    return json.dumps(claims())[:-1].encode() + f', "{name}": "root"}}'.encode()


RIGHT: dict[str, tuple[JwtVerifier, str]] = {
    "a shared secret": (BY_SECRET, hs(SECRET)),
    "an RSA key": (BY_KEY, rs(KEY)),
    "a secret where there is a key too": (BY_BOTH, hs(SECRET)),
    "a key where there is a secret too": (BY_BOTH, rs(KEY)),
    "an audience and an issuer": (EXPECTING, hs(SECRET, body=claims(**EXPECTED))),
    "a kid where the key here has no name": (BY_SECRET, hs(SECRET, {"alg": "HS256", "kid": "2026-11"})),
    "one of several audiences": (EXPECTING, hs(SECRET, body=claims(**{**EXPECTED, "aud": ["x", "runtime"]}))),
    "an issuer's clock that is a little ahead": (BY_SECRET, hs(SECRET, body=claims(iat=NOW + 10, nbf=NOW + 10))),
}


@pytest.mark.parametrize("case", RIGHT)
def test_a_right_token_is_accepted(case: str) -> None:
    """What the attacks are variations of does get in."""
    verifier, token = RIGHT[case]
    assert _verify(verifier, token)["sub"] == "alice"


WRONG: dict[str, tuple[JwtVerifier, str]] = {
    # No signature
    "alg none": (BY_BOTH, f"{part({'alg': 'none'})}.{part(claims())}.{part(b'x')}"),
    "alg none, no signature": (BY_BOTH, f"{part({'alg': 'none'})}.{part(claims())}."),
    "alg None": (BY_BOTH, f"{part({'alg': 'None'})}.{part(claims())}.{part(b'x')}"),
    "alg NONE, signed": (BY_BOTH, hs(SECRET, {"alg": "NONE"})),
    "no alg": (BY_BOTH, hs(SECRET, {"typ": "JWT"})),
    "alg null": (BY_BOTH, hs(SECRET, {"alg": None})),
    "alg a list": (BY_BOTH, hs(SECRET, {"alg": ["HS256"]})),
    "alg empty": (BY_BOTH, hs(SECRET, {"alg": ""})),
    "alg in lower case": (BY_BOTH, hs(SECRET, {"alg": "hs256"})),
    "null signature": (BY_SECRET, _resigned(hs(SECRET), "AA")),
    "signature of zeros": (BY_SECRET, _resigned(hs(SECRET), part(bytes(32)))),
    "signature of zeros, RSA": (BY_KEY, _resigned(rs(KEY), part(bytes(256)))),
    "empty signature": (BY_SECRET, _resigned(hs(SECRET), "")),
    "the word null as signature": (BY_SECRET, _resigned(hs(SECRET), "null")),
    "signature cut short": (BY_SECRET, hs(SECRET)[:-4]),
    "another token's signature": (
        BY_SECRET,
        _resigned(hs(SECRET), hs(SECRET, body=claims(sub="b")).split(".")[2]),
    ),
    # Confusion of algorithms and keys
    "HMAC with the public key's PEM": (BY_KEY, hs(PEM)),
    "HMAC with the PEM, stripped": (BY_KEY, hs(PEM.strip())),
    "HMAC with the PEM where there is a secret too": (BY_BOTH, hs(PEM)),
    "RSA where there is a secret alone": (BY_SECRET, rs(KEY)),
    "RSA with an unknown key": (BY_KEY, rs(rsa_key("stranger"))),
    "HMAC that claims RSA": (BY_KEY, hs(SECRET, {"alg": "RS256"})),
    "RSA that claims HMAC": (BY_BOTH, rs(KEY, {"alg": "HS256"})),
    "ES256 where there is an RSA key": (BY_KEY, es(ec.generate_private_key(ec.SECP256R1()))),
    "EdDSA where there is an RSA key": (BY_KEY, ed(ed25519.Ed25519PrivateKey.generate())),
    "HS512 where the secret is for HS256": (BY_SECRET, hs(SECRET, {"alg": "HS512"}, digest="sha512")),
    "an empty secret": (BY_SECRET, hs("")),
    "a secret of one zero byte": (BY_SECRET, hs(b"\0")),
    "a guessed secret": (BY_SECRET, hs("secret")),
    # Where the key should come from
    "its own key in jwk": (
        BY_KEY,
        rs(rsa_key("stranger"), {"alg": "RS256", "jwk": jwk(rsa_key("stranger"))}),
    ),
    "a jku": (BY_KEY, rs(rsa_key("stranger"), {"alg": "RS256", "jku": "http://127.0.0.1:1/jwks.json"})),
    "an x5u": (BY_KEY, rs(rsa_key("stranger"), {"alg": "RS256", "x5u": "http://127.0.0.1:1/cert.pem"})),
    "an x5c": (BY_KEY, rs(rsa_key("stranger"), {"alg": "RS256", "x5c": ["MIIB"]})),
    "kid of a file of known content": (BY_SECRET, hs("", {"alg": "HS256", "kid": "../../../../dev/null"})),
    "kid with SQL": (BY_SECRET, hs("x", {"alg": "HS256", "kid": "' UNION SELECT 'x' -- "})),
    "kid with a command": (BY_SECRET, hs("x", {"alg": "HS256", "kid": "k|touch /tmp/x"})),
    "kid that is a URL": (BY_SECRET, hs("x", {"alg": "HS256", "kid": "http://127.0.0.1:1/key"})),
    "kid that is a number": (BY_SECRET, hs(SECRET, {"alg": "HS256", "kid": 0})),
    "kid that is an object": (BY_SECRET, hs(SECRET, {"alg": "HS256", "kid": {"$ne": ""}})),
    "kid that is empty": (BY_SECRET, hs(SECRET, {"alg": "HS256", "kid": ""})),
    "kid that is endless": (BY_SECRET, hs(SECRET, {"alg": "HS256", "kid": "k" * (KID_CHARACTERS + 1)})),
    # Times
    "expired": (BY_SECRET, hs(SECRET, body=claims(exp=NOW - HOUR))),
    "expired a moment ago": (BY_SECRET, hs(SECRET, body=claims(exp=NOW - 1))),
    "no exp": (BY_SECRET, hs(SECRET, body=claims(exp=None))),
    "exp null": (BY_SECRET, hs(SECRET, body={**claims(), "exp": None})),
    "exp a text": (BY_SECRET, hs(SECRET, body=claims(exp=str(NOW + HOUR)))),
    "exp true": (BY_SECRET, hs(SECRET, body=claims(exp=True))),
    "exp a list": (BY_SECRET, hs(SECRET, body=claims(exp=[NOW + HOUR]))),
    "exp negative": (BY_SECRET, hs(SECRET, body=claims(exp=-1))),
    "exp for ever": (BY_SECRET, hs(SECRET, body=claims(exp=NOW + LIFETIME_SECONDS + HOUR))),
    "exp beyond all numbers": (BY_SECRET, hs(SECRET, body=claims(exp=10**400))),
    "exp infinite": (BY_SECRET, hs(SECRET, body=b'{"sub": "alice", "exp": 1e999}')),
    "exp of NaN": (BY_SECRET, hs(SECRET, body=b'{"sub": "alice", "exp": NaN}')),
    "not yet valid": (BY_SECRET, hs(SECRET, body=claims(nbf=NOW + HOUR))),
    "valid in the far future": (BY_SECRET, hs(SECRET, body=claims(nbf=NOW + 10**9, exp=NOW + HOUR))),
    "nbf a text": (BY_SECRET, hs(SECRET, body=claims(nbf="now"))),
    "made in the future": (BY_SECRET, hs(SECRET, body=claims(iat=NOW + HOUR))),
    # Audience, issuer and other claims
    "another audience": (EXPECTING, hs(SECRET, body=claims(**{**EXPECTED, "aud": "catalog"}))),
    "no audience": (EXPECTING, hs(SECRET, body=claims(iss=EXPECTED["iss"]))),
    "an audience that contains ours": (EXPECTING, hs(SECRET, body=claims(**{**EXPECTED, "aud": "runtime-x"}))),
    "an audience of another type": (EXPECTING, hs(SECRET, body=claims(**{**EXPECTED, "aud": {"runtime": 1}}))),
    "audiences of other types": (EXPECTING, hs(SECRET, body=claims(**{**EXPECTED, "aud": ["runtime", 7]}))),
    "an audience where none is expected": (BY_SECRET, hs(SECRET, body=claims(aud="catalog"))),
    "another issuer": (EXPECTING, hs(SECRET, body=claims(**{**EXPECTED, "iss": "https://evil.example"}))),
    "an issuer that begins like ours": (
        EXPECTING,
        hs(SECRET, body=claims(**{**EXPECTED, "iss": EXPECTED["iss"] + ".evil.example"})),
    ),
    "no issuer": (EXPECTING, hs(SECRET, body=claims(aud="runtime"))),
    "an issuer of another type": (EXPECTING, hs(SECRET, body=claims(**{**EXPECTED, "iss": [EXPECTED["iss"]]}))),
    "sub a number": (BY_SECRET, hs(SECRET, body=claims(sub=7))),
    "sub twice": (BY_SECRET, hs(SECRET, body=_twice("sub"))),
    "orgId twice": (BY_SECRET, hs(SECRET, body=_twice("orgId"))),
    "alg twice": (BY_SECRET, hs(SECRET, b'{"alg": "none", "alg": "HS256"}')),
    # Form
    "an extension that must be understood": (BY_SECRET, hs(SECRET, {"alg": "HS256", "crit": ["x"], "x": 1})),
    "a detached payload": (BY_SECRET, hs(SECRET, {"alg": "HS256", "b64": False, "crit": ["b64"]})),
    "a compressed payload": (BY_SECRET, hs(SECRET, {"alg": "HS256", "zip": "DEF"})),
    "oversized": (BY_SECRET, hs(SECRET, body=claims(name="x" * TOKEN_BYTES))),
    "nothing": (BY_SECRET, ""),
    "dots alone": (BY_SECRET, ".."),
    "no dots": (BY_SECRET, part(claims())),
    "two parts": (BY_SECRET, hs(SECRET).rpartition(".")[0]),
    "an extra part": (BY_SECRET, hs(SECRET) + ".x"),
    "an extra dot": (BY_SECRET, hs(SECRET) + "."),
    "an extra dot in front": (BY_SECRET, "." + hs(SECRET)),
    "five parts, as if encrypted": (BY_SECRET, f"{part({'alg': 'RSA-OAEP', 'enc': 'A256GCM'})}.a.b.c.d"),
    "a line end": (BY_SECRET, hs(SECRET) + "\n"),
    "a space in front": (BY_SECRET, " " + hs(SECRET)),
    "padding": (BY_SECRET, hs(SECRET) + "="),
    "letters of plain base64": (BY_SECRET, _resigned(hs(SECRET), base64.b64encode(b"\xff" * 32).decode())),
    "letters that decoders skip": (BY_SECRET, hs(SECRET).replace(".", ".!", 1)),
    "non-ASCII": (BY_SECRET, hs(SECRET) + "é"),
    "non-ASCII digits": (BY_SECRET, hs(SECRET).replace(".", ".\u0661", 1)),
    "claims that are no object": (BY_SECRET, hs(SECRET, body=["sub", "alice"])),
    "claims that are no JSON": (BY_SECRET, hs(SECRET, body=b"sub=alice")),
    "claims that are no UTF-8": (BY_SECRET, hs(SECRET, body=b'{"sub": "\xff"}')),
    "claims nested without end": (BY_SECRET, hs(SECRET, body=b'{"a":' + b"[" * 4000 + b"]" * 1500)),
    "a header that is no object": (BY_SECRET, hs(SECRET, ["HS256"])),
    "a number of many digits": (BY_SECRET, hs(SECRET, body=b'{"exp": ' + b"9" * 5000 + b"}")),
    "the token as JSON": (BY_SECRET, json.dumps({"protected": "x", "payload": "y", "signature": "z"})),
}


@pytest.mark.parametrize("case", WRONG)
def test_an_attack_is_refused(case: str) -> None:
    """TokenError and nothing else: not accepted, and no error of another kind that would become a 500."""
    verifier, token = WRONG[case]
    with pytest.raises(TokenError):
        _verify(verifier, token)


def test_several_keys_without_a_name_are_not_tried_in_turn() -> None:
    """A token that does not say which of two keys signed it is refused."""
    keys = [public_key(pem(rsa_key(name))) for name in ("signer", "stranger")]
    with pytest.raises(TokenError, match="several"):
        _verify(_verifier(*keys), rs(KEY))


@given(token=st.text(max_size=60) | st.builds("{}.{}.{}".format, *[st.binary(max_size=30).map(part)] * 3))
def test_any_text_is_parsed_or_refused(token: str) -> None:
    """Whatever comes, TokenError is all that is raised."""
    try:
        header, body = parse(token)
    except TokenError:
        return
    assert isinstance(header["alg"], str)
    assert isinstance(body, dict)


@given(position=st.integers(0, 10_000), letter=st.sampled_from("AQgwZ-_9."))
def test_a_token_changed_in_one_place_is_refused(position: int, letter: str) -> None:
    """Every letter counts, apart from bits at the end of the signature that stand for nothing."""
    token = RIGHT["an RSA key"][1]
    place = position % len(token)
    changed = token[:place] + letter + token[place + 1 :]
    if changed == token or (place == len(token) - 1 and letter != "."):
        return
    with pytest.raises(TokenError):
        _verify(BY_KEY, changed)
