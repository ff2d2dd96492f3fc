"""Keys: which material is taken, and how a set is fetched, renewed and done without."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
import trio
import trio.testing
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519

from service.auth.jwks import FRESH_SECONDS, REFETCH_SECONDS, RETRY_SECONDS, SET_BYTES, USABLE_SECONDS, KeySource
from service.jwt.keys import KeyMaterialError, key_set, public_key, shared_secret
from service.jwt.verification import Expectations, JwtVerifier, TokenError
from service.problems import IdentityUnavailableError
from tests.service.tokens import SECRET, jwk, pem, rs, rsa_key

OLD, NEW = jwk(rsa_key("old"), kid="old", use="sig", alg="RS256"), jwk(rsa_key("new"), kid="new")


Answer = tuple[int, dict[str, str], bytes]
"""Status, headers and body."""


class Publisher:
    """Publishes a JWK Set, or fails to; a transport of httpx, so that the mock clock waits for no socket."""

    def __init__(self, *keys: dict[str, Any]) -> None:
        self.keys = keys
        self.answer: Answer | None = None
        self.fails = False
        self.seconds = 0.0
        self.fetched = 0

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        del request
        self.fetched += 1
        await trio.sleep(self.seconds)
        if self.fails:
            raise httpx.ConnectError("nobody listens")
        status, headers, body = self.answer or (200, {}, json.dumps({"keys": self.keys}).encode())
        return httpx.Response(status, headers=headers, stream=httpx.ByteStream(body))


@asynccontextmanager
async def _verifying(publisher: Publisher, *fixed: Any) -> AsyncIterator[JwtVerifier]:
    async with httpx.AsyncClient(transport=httpx.MockTransport(publisher)) as client:
        source = KeySource(fixed, client, "https://identity.example/jwks.json", 1)
        yield JwtVerifier(source.find, Expectations())


def _token(name: str) -> str:
    return rs(rsa_key(name), {"alg": "RS256", "kid": name})


async def test_a_set_is_fetched_once_for_many_tokens(autojump_clock: trio.testing.MockClock) -> None:
    """And by one of all who come at the same time."""
    del autojump_clock
    publisher = Publisher(OLD, NEW)
    publisher.seconds = 0.5
    async with _verifying(publisher) as verifier, trio.open_nursery() as nursery:
        for _ in range(20):
            nursery.start_soon(verifier.verify, _token("old"))
            nursery.start_soon(verifier.verify, _token("new"))
    assert publisher.fetched == 1


async def test_a_new_key_is_found_when_a_token_names_it(autojump_clock: trio.testing.MockClock) -> None:
    """Rotation: the set is fetched again for a name that it does not hold, once it may be."""
    del autojump_clock
    publisher = Publisher(OLD)
    async with _verifying(publisher) as verifier:
        await verifier.verify(_token("old"))
        publisher.keys = (OLD, NEW)
        await trio.sleep(REFETCH_SECONDS)
        assert (await verifier.verify(_token("new")))["sub"] == "alice"
        assert publisher.fetched == 2


async def test_a_key_that_was_taken_away_is_no_longer_good(autojump_clock: trio.testing.MockClock) -> None:
    """At the latest when the set is not fresh any more."""
    del autojump_clock
    publisher = Publisher(OLD, NEW)
    async with _verifying(publisher) as verifier:
        await verifier.verify(_token("old"))
        publisher.keys = (NEW,)
        await trio.sleep(FRESH_SECONDS)
        with pytest.raises(TokenError):
            await verifier.verify(_token("old"))


async def test_made_up_names_do_not_make_fetches(autojump_clock: trio.testing.MockClock) -> None:
    """A flood of unknown kids costs the publisher one fetch in a while."""
    del autojump_clock
    publisher = Publisher(OLD)
    async with _verifying(publisher) as verifier:
        await verifier.verify(_token("old"))
        for number in range(100):
            with pytest.raises(TokenError):
                await verifier.verify(rs(rsa_key("old"), {"alg": "RS256", "kid": str(number)}))
            await trio.sleep(REFETCH_SECONDS / 50)
        assert publisher.fetched <= 1 + 2 + 1


async def test_algorithms_that_no_public_key_has_make_no_fetch(autojump_clock: trio.testing.MockClock) -> None:
    """Neither ``none`` nor HMAC is a reason to ask the publisher."""
    del autojump_clock
    publisher = Publisher(OLD)
    async with _verifying(publisher) as verifier:
        for algorithm in ("none", "HS256", "dir", "A256KW", ""):
            with pytest.raises(TokenError):
                await verifier.verify(rs(rsa_key("old"), {"alg": algorithm}))
    assert publisher.fetched == 0


async def test_a_publisher_that_fails_is_done_without_for_a_while(autojump_clock: trio.testing.MockClock) -> None:
    """The last set serves on, without a fetch for each token, and then nobody knows whose tokens they are."""
    del autojump_clock
    publisher = Publisher(OLD)
    async with _verifying(publisher) as verifier:
        await verifier.verify(_token("old"))
        publisher.fails = True
        await trio.sleep(FRESH_SECONDS)
        for _ in range(10):
            await verifier.verify(_token("old"))
        assert publisher.fetched == 2
        await trio.sleep(USABLE_SECONDS)
        with pytest.raises(IdentityUnavailableError):
            await verifier.verify(_token("old"))
        publisher.fails = False
        await trio.sleep(RETRY_SECONDS)
        await verifier.verify(_token("old"))


@pytest.mark.parametrize(
    "answer",
    [
        (500, {}, b""),
        (302, {"Location": "https://elsewhere.example/"}, b""),
        (200, {}, b"no JSON"),
        (200, {}, b"[]"),
        (200, {}, b'{"keys": {}}'),
        (200, {}, b'{"keys": [' + b" " * SET_BYTES + b"]}"),
        (200, {"Content-Encoding": "gzip"}, b""),
    ],
    ids=["500", "redirect", "no JSON", "a list", "no list", "too large", "encoded"],
)
async def test_what_is_no_set_is_not_taken(answer: Answer, autojump_clock: trio.testing.MockClock) -> None:
    """Without a set nobody can say whose a token is; and not each token asks again."""
    del autojump_clock
    publisher = Publisher()
    publisher.answer = answer
    async with _verifying(publisher) as verifier:
        for _ in range(5):
            with pytest.raises(IdentityUnavailableError):
                await verifier.verify(_token("old"))
    assert publisher.fetched == 1


async def test_a_slow_renewal_holds_only_one_up(autojump_clock: trio.testing.MockClock) -> None:
    """While somebody fetches the set anew, the others go on with the last one."""
    del autojump_clock
    publisher = Publisher(OLD)
    async with _verifying(publisher) as verifier:
        await verifier.verify(_token("old"))
        await trio.sleep(FRESH_SECONDS)
        publisher.seconds = 0.9
        began = trio.current_time()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(verifier.verify, _token("old"))
            await trio.testing.wait_all_tasks_blocked()
            for _ in range(10):
                await verifier.verify(_token("old"))
            assert trio.current_time() == began


@pytest.mark.parametrize(("asked", "waited"), [("60", 60), ("soon", RETRY_SECONDS), ("86400", 300)])
async def test_a_publisher_is_left_alone_as_long_as_it_asks(
    asked: str, waited: float, autojump_clock: trio.testing.MockClock
) -> None:
    """``Retry-After`` of a refused fetch is waited for, within a bound, whoever comes meanwhile."""
    del autojump_clock
    publisher = Publisher(OLD)
    publisher.answer = (429, {"Retry-After": asked}, b"")
    async with _verifying(publisher) as verifier:
        for wait in (0, waited - 0.1):
            await trio.sleep(wait)
            with pytest.raises(IdentityUnavailableError):
                await verifier.verify(_token("old"))
        assert publisher.fetched == 1
        publisher.answer = None
        await trio.sleep(0.2)
        assert (await verifier.verify(_token("old")))["sub"] == "alice"


async def test_a_key_of_the_settings_needs_no_set(autojump_clock: trio.testing.MockClock) -> None:
    """A fixed key that is good for the algorithm is used, whatever the token calls it."""
    del autojump_clock
    publisher = Publisher(OLD)
    async with _verifying(publisher, public_key(pem(rsa_key("fixed")))) as verifier:
        await verifier.verify(rs(rsa_key("fixed"), {"alg": "RS256", "kid": "whatever"}))
    assert publisher.fetched == 0


def test_only_good_keys_of_a_set_are_taken() -> None:
    """Symmetric, weak, misused and broken entries are left out, and do not spoil the others."""
    weak = jwk(rsa_key("weak", 1024), kid="weak")
    odd = [
        {"kty": "oct", "k": "AAAA", "kid": "secret"},
        {**OLD, "use": "enc"},
        {**OLD, "key_ops": ["encrypt"]},
        {**OLD, "alg": "HS256"},
        {**OLD, "alg": "none"},
        {**OLD, "kid": 7},
        {**OLD, "n": "!"},
        {**OLD, "n": 7},
        {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"},
        {"kty": "EC", "crv": "secp256k1", "x": "AA", "y": "AA"},
        {"kty": "OKP", "crv": "X25519", "x": "AA"},
        {"kty": "RSA"},
        weak,
        "text",
        None,
    ]
    assert [key.kid for key in key_set({"keys": [*odd, OLD, NEW]})] == ["old", "new"]
    assert set(key_set({"keys": [OLD]})[0].by_algorithm) == {"RS256"}


@pytest.mark.parametrize(
    ("key", "algorithms"),
    [
        (rsa_key("signer"), {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}),
        (ec.generate_private_key(ec.SECP256R1()), {"ES256"}),
        (ec.generate_private_key(ec.SECP384R1()), {"ES384"}),
        (ec.generate_private_key(ec.SECP521R1()), {"ES512"}),
        (ed25519.Ed25519PrivateKey.generate(), {"EdDSA"}),
    ],
)
def test_a_public_key_is_good_for_the_algorithms_of_its_kind(key: Any, algorithms: set[str]) -> None:
    """And for no others; line ends may be written as two characters."""
    text = pem(key)
    assert set(public_key(text).by_algorithm) == algorithms
    assert set(public_key(text.replace("\n", "\\n")).by_algorithm) == algorithms


def _private(key: Any) -> str:
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    text: bytes = key.private_bytes(*form)
    return text.decode()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "text",
        "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----",
        _private(rsa_key("signer")),
        pem(rsa_key("weak", 1024)),
        pem(ec.generate_private_key(ec.SECP256K1())),
        pem(dsa.generate_private_key(2048)),
    ],
    ids=["nothing", "text", "broken", "private", "weak", "another curve", "DSA"],
)
def test_what_is_no_good_public_key_is_refused(text: str) -> None:
    """Broken, private, weak, or of a kind that tokens are not signed with; and what was given is not shown."""
    with pytest.raises(KeyMaterialError) as caught:
        public_key(text)
    assert "BEGIN" not in str(caught.value)


@pytest.mark.parametrize("secret", ["", "short", " " * 40, "a" * 64, "ab" * 32, pem(rsa_key("signer"))])
def test_a_secret_that_can_be_guessed_is_refused(secret: str) -> None:
    """Blank, short, repeated, or a public key that everybody has."""
    with pytest.raises(KeyMaterialError):
        shared_secret(secret)
    assert set(shared_secret(SECRET).by_algorithm) == {"HS256"}
