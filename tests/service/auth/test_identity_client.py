"""The client of Identity against a real server that answers well, badly, or not at all."""

from typing import Any

import pytest
import trio
import trio.testing

from service.auth.identity_client import CONNECTIONS, IdentityClient, api_url, open_identity
from service.problems import IdentityUnavailableError
from tests.fakes.identity import MISBEHAVIOURS, Behaviour, FakeIdentity, serving_identity

WORLD = {"bearer": "token-of-alice", "key": "sk_616c696365" + "0" * 54, "session": "session-of-alice"}


def _people(identity: FakeIdentity) -> None:
    identity.add_user("alice", "org-a", "org-b", entitlements=("cap:one",))
    identity.add_api_key("alice", "org-a", "cap:two")
    identity.add_session("alice", "org-a")


async def _ask(client: IdentityClient, question: str) -> Any:
    if question == "bearer":
        return await client.introspect(WORLD["bearer"])
    if question == "key":
        return await client.verify_api_key(WORLD["key"])
    return await client.resolve_session("symbia_session", WORLD["session"])


async def test_a_token_a_key_and_a_session_are_recognised() -> None:
    """Each of the three questions is asked as the platform's Identity expects it."""
    async with serving_identity() as identity, open_identity(identity.url, 5) as client:
        _people(identity)
        token, key, session = [await _ask(client, question) for question in ("bearer", "key", "session")]
        assert (token.principal.id, token.principal.organizations) == ("user-alice", ("org-a", "org-b"))
        assert (key.principal.kind, key.principal.id) == ("api-key", "api:alice")
        assert (session.principal.id, session.principal.organizations) == ("user-alice", ("org-a",))
        assert identity.questions == [
            ("/api/auth/introspect", {"token": WORLD["bearer"]}),
            ("/api/auth/verify-api-key", {"apiKey": WORLD["key"]}),
            ("/api/auth/introspect", {"token": WORLD["session"]}),
            ("/api/users/me", f"symbia_session={WORLD['session']}"),
        ]


@pytest.mark.parametrize("question", ["bearer", "key", "session"])
async def test_what_identity_does_not_know_is_refused(question: str) -> None:
    """An inactive token, an invalid key and an unknown session are nobody's."""
    async with serving_identity() as identity, open_identity(identity.url, 5) as client:
        assert await _ask(client, question) is None


@pytest.mark.parametrize("question", ["bearer", "key", "session"])
async def test_a_refusing_status_is_a_refusal(question: str) -> None:
    """A 401 in place of an answer says no, as a gateway before Identity may do."""
    async with serving_identity() as identity, open_identity(identity.url, 5) as client:
        _people(identity)
        identity.behaviour = "refuses"
        assert await _ask(client, question) is None


@pytest.mark.parametrize("question", ["bearer", "key", "session"])
@pytest.mark.parametrize("behaviour", MISBEHAVIOURS)
async def test_an_identity_that_misbehaves_is_unavailable(behaviour: Behaviour, question: str) -> None:
    """Whatever comes in place of an answer, nobody is let in, and nobody is told that they are refused."""
    async with serving_identity() as identity, open_identity(identity.url, 0.3) as client:
        _people(identity)
        identity.behaviour = behaviour
        with pytest.raises(IdentityUnavailableError):
            await _ask(client, question)
        identity.behaviour = "well"
        assert await _ask(client, question) is not None


async def test_an_identity_that_is_not_there_is_unavailable() -> None:
    """Nobody listens at the port."""
    async with serving_identity() as identity:
        url = identity.url
    async with open_identity(url, 5) as client:
        with pytest.raises(IdentityUnavailableError):
            await client.introspect("x")


async def test_a_flood_of_questions_waits_here_and_not_there() -> None:
    """Of a hundred questions at once no more than twenty are with Identity at any time, and all are answered."""
    async with serving_identity() as identity, open_identity(identity.url, 20) as client:
        identity.behaviour = "silent"
        async with trio.open_nursery() as nursery:
            for number in range(100):
                nursery.start_soon(client.introspect, f"made-up-{number}")
            while identity.waiting < CONNECTIONS:
                await trio.lowlevel.checkpoint()
            identity.released.set()
        assert len(identity.questions) == 100
        assert identity.most_waiting == CONNECTIONS


@pytest.mark.parametrize(
    ("base", "expected"),
    [
        ("http://identity:5001", "http://identity:5001/api"),
        ("http://identity:5001/", "http://identity:5001/api"),
        ("https://example.org/svc/identity/api", "https://example.org/svc/identity/api"),
        ("https://example.org/svc/identity/api/", "https://example.org/svc/identity/api"),
        ("https://example.org/myapi", "https://example.org/myapi/api"),
    ],
)
def test_the_address_of_the_api_follows_the_platforms_rule(base: str, expected: str) -> None:
    """A base that ends in /api is taken as it is; to any other it is appended."""
    assert api_url(base) == expected
