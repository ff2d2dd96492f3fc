"""Which credential counts, which organisation a request acts for, and what is answered when nobody can say."""

from typing import Any

import httpx
import pytest
import structlog.testing
import trio

from service.addresses.origins import Origins, read_origins
from service.auth.authenticator import COOKIES, credentials_of
from service.auth.caller import ORGANIZATION_REQUIRED
from service.auth.opening import describe
from service.settings.table import SettingsError, read_settings
from tests.fakes.identity import MISBEHAVIOURS, Behaviour, serving_identity
from tests.service.chosen import settings_with
from tests.service.service_with_identity import PASS, Person, ServiceWithIdentity, open_service_with_identity
from tests.service.serving import Service, open_service
from tests.service.tokens import SECRET, claims, hs, jwk, pem, rs, rsa_key

GRAPHS = "/api/graphs"


async def _get(service: Service, path: str = GRAPHS, **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await service.client.get(path, headers=named)


async def test_a_bearer_a_key_and_both_cookies_let_in() -> None:
    """Each of the platform's credentials is taken where it is good, and makes things of its organisation."""
    async with open_service_with_identity() as world:
        key = world.identity.add_api_key("worker", "org-a")
        session = world.identity.add_session("carol", "org-a")
        for headers in (
            {"Authorization": "Bearer token-of-alice"},
            {"Authorization": "bearer   token-of-alice"},
            {"X-API-Key": key},
            {"Cookie": "token=token-of-alice"},
            {"Cookie": f"symbia_session={session}"},
            {"Cookie": "token=token-of-alice; symbia_session=unknown"},
        ):
            reply = await world.service.client.post(GRAPHS, json=PASS, headers=headers)
            assert reply.status_code == 201, headers
        assert (await world.alice.call("GET", GRAPHS)).json()["loadedGraphs"] == 6


async def test_the_first_good_credential_counts() -> None:
    """A bearer goes before a key, a key before the cookies, and a refused one gives way to the next."""
    async with open_service_with_identity() as world:
        key = world.identity.add_api_key("worker", "org-key")
        await world.alice.load()
        for headers, visible in (
            ({"Authorization": "Bearer token-of-alice", "X-API-Key": key, "Cookie": "token=token-of-bob"}, 1),
            ({"Authorization": "Bearer unknown", "X-API-Key": key, "Cookie": "token=token-of-alice"}, 0),
            ({"Authorization": "Bearer unknown", "X-API-Key": "unknown", "Cookie": "token=token-of-alice"}, 1),
        ):
            reply = await world.service.client.get(GRAPHS, headers=headers)
            assert reply.json()["loadedGraphs"] == visible, headers


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer unknown"},
        {"Authorization": "Bearer"},
        {"Authorization": "token-of-alice"},
        {"Authorization": "Basic YWxpY2U6eA=="},
        {"Authorization": "Bearer token-of-alice extra"},
        {"Authorization": "Bearer " + "x" * 10_000},
        {"Authorization": b"Bearer token-of-\xe9"},
        {"X-API-Key": "unknown"},
        {"X-API-Key": "token-of-alice"},
        {"Cookie": "token=unknown"},
        {"Cookie": "other=token-of-alice"},
        {"Cookie": 'token="a;b"'},
    ],
    ids=str,
)
async def test_who_is_not_recognised_is_not_served(headers: dict[str, Any]) -> None:
    """No credential, none that is known, or none in its proper form: 401."""
    async with open_service_with_identity() as world:
        reply = await world.service.client.get(GRAPHS, headers=headers)
        assert (reply.status_code, reply.json()["code"]) == (401, "auth.required")


async def test_a_credential_that_comes_twice_is_not_believed() -> None:
    """Two proxies could read two different ones."""
    async with open_service_with_identity() as world:
        for name, value in (("Authorization", "Bearer token-of-alice"), ("X-Org-Id", "org-a")):
            headers = [("Authorization", "Bearer token-of-alice"), (name, value)]
            headers += [(name, value)] if name == "X-Org-Id" else []
            reply = await world.service.client.get(GRAPHS, headers=headers)
            assert reply.status_code == (400 if name == "X-Org-Id" else 401)


async def test_what_cannot_be_a_credential_is_not_asked_about() -> None:
    """Identity is spared what is too long, or made of what no credential is made of."""
    async with open_service_with_identity() as world:
        for text in ("x" * 10_000, "a b", 'a"b', "a,b"):
            await _get(world.service, Authorization=f"Bearer {text}")
        assert world.identity.questions == []


async def test_one_question_serves_many_requests() -> None:
    """What was found out is remembered; fifty requests of one caller at once ask once."""
    async with open_service_with_identity() as world:
        async with trio.open_nursery() as nursery:
            for _ in range(50):
                nursery.start_soon(world.alice.call, "GET", GRAPHS)
        assert world.identity.asked("/api/auth/introspect") == 1


@pytest.mark.parametrize("behaviour", MISBEHAVIOURS)
async def test_an_identity_that_does_not_answer_is_not_a_refusal(behaviour: Behaviour) -> None:
    """503 with a code and a time to come back; who was recognised before is still served; health is as ever."""
    patience_ms = 1000 if behaviour == "silent" else 10_000  # a busy machine is no silence
    async with open_service_with_identity(identity_timeout_ms=patience_ms) as world:
        assert (await world.alice.call("GET", GRAPHS)).status_code == 200
        world.identity.behaviour = behaviour
        reply = await world.bob.call("GET", GRAPHS)
        assert (reply.status_code, reply.json()["code"]) == (503, "identity.unavailable")
        assert reply.headers["Retry-After"]
        assert (await world.alice.call("GET", GRAPHS)).status_code == 200
        assert (await world.anonymous.call("GET", "/health")).status_code == 200
        for path in ("/api/components", "/api/stats", "/api/bootstrap/service"):
            assert (await world.bob.call("GET", path)).status_code == 200, "optional routes never refuse"


async def test_an_identity_that_is_down_is_not_a_refusal() -> None:
    """Nobody listens at its port: 503 for whoever brings a credential, 401 for whoever brings none."""
    async with serving_identity() as identity:
        url = identity.url
    async with open_service(settings_with(identity_service_url=url)) as service:
        assert (await _get(service, Authorization="Bearer x")).status_code == 503
        assert (await _get(service)).status_code == 401


async def test_open_routes_ask_nobody() -> None:
    """Health and documentation are served whatever credential comes, without a question to Identity."""
    async with open_service_with_identity() as world:
        for path in ("/health", "/health/live", "/api/health", "/docs/openapi.json", "/docs", "/nothing"):
            reply = await world.alice.call("GET", path)
            assert reply.status_code in {200, 404}, path
        assert world.identity.questions == []


async def test_an_unknown_route_and_a_wrong_method_are_told_to_everybody() -> None:
    """What does not exist needs no credential to be told so."""
    async with open_service_with_identity() as world:
        assert (await world.anonymous.call("GET", "/api/nothing")).status_code == 404
        assert (await world.anonymous.call("PUT", GRAPHS)).status_code == 405


# Organisations


async def test_a_member_acts_for_the_organisation_that_he_names() -> None:
    """Otherwise for their first; what they make is seen there, and not in their other one."""
    async with open_service_with_identity() as world:
        both = world.person(world.identity.add_user("dora", "org-a", "org-b"))
        first = await both.load()
        reply = await both.call("POST", GRAPHS, json=PASS, x_org_id="org-b")
        assert [graph["id"] for graph in (await world.alice.call("GET", GRAPHS)).json()["graphs"]] == [first]
        assert (await world.bob.call("GET", f"{GRAPHS}/{reply.json()['id']}")).status_code == 200
        assert (await both.call("GET", f"{GRAPHS}/{first}", x_org_id="org-b")).status_code == 404
        assert (await both.call("GET", f"{GRAPHS}/{first}", x_org_id="org-a")).status_code == 200


async def test_who_is_no_member_may_not_name_an_organisation() -> None:
    """403 in the platform's words, whether it exists or not."""
    async with open_service_with_identity() as world:
        for org in ("org-b", "org-none", "*", "org-a,org-b", "ORG-A"):
            reply = await world.alice.call("GET", GRAPHS, x_org_id=org)
            assert reply.status_code == 403, org
            assert reply.json() == {"error": "Access denied to requested organization", "code": "org.forbidden"}


async def test_who_belongs_to_no_organisation_is_told_what_is_missing() -> None:
    """400 in the platform's words; routes that need no organisation serve them."""
    async with open_service_with_identity() as world:
        nobody = world.person(world.identity.add_user("nobody"))
        reply = await nobody.call("GET", GRAPHS)
        assert reply.status_code == 400
        assert reply.json() == {
            "error": ORGANIZATION_REQUIRED,
            "code": "org.required",
        }
        assert (await nobody.call("GET", "/api/components")).status_code == 200
        root = world.person(world.identity.add_user("root", isSuperAdmin=True))
        assert (await root.call("POST", GRAPHS, json=PASS)).status_code == 400


async def test_agents_and_keys_act_for_their_organisation() -> None:
    """An agent is a member of its own, although Identity lists none; a key of the one that it was made for."""
    async with open_service_with_identity() as world:
        agent = world.person(world.identity.add_agent("agent", "org-a"))
        key = Person(world.service, {"X-API-Key": world.identity.add_api_key("worker", "org-a")})
        for caller in (agent, key):
            graph_id = await caller.load()
            assert (await world.alice.call("GET", f"{GRAPHS}/{graph_id}")).status_code == 200
            assert (await caller.call("GET", GRAPHS, x_org_id="org-a")).status_code == 200
            assert (await caller.call("GET", GRAPHS, x_org_id="org-b")).status_code == 403


# Cookies and pages


async def _with_cookie(world: ServiceWithIdentity, origin: str) -> int:
    headers = {"Cookie": "token=token-of-alice"} | ({"Origin": origin} if origin else {})
    return (await world.service.client.post(GRAPHS, json=PASS, headers=headers)).status_code


async def test_a_foreign_page_cannot_use_a_visitors_cookie() -> None:
    """Even where any page may read, only named ones and the service's own bring cookies with them."""
    async with open_service_with_identity(cors_origins=read_origins("*,https://console.example.org")) as world:
        assert await _with_cookie(world, "https://evil.example") == 401
        assert await _with_cookie(world, "null") == 401
        assert await _with_cookie(world, "https://console.example.org") == 201
        assert await _with_cookie(world, world.service.url) == 201
        assert await _with_cookie(world, "") == 201
        evil = {"Origin": "https://evil.example", "Authorization": "Bearer token-of-alice"}
        assert (await world.service.client.get(GRAPHS, headers=evil)).status_code == 200


def test_credentials_come_in_their_order() -> None:
    """Bearer, key, and the cookies by name; an Origin that is sent empty is a foreign one."""

    class Headers(dict[str, str]):
        def getlist(self, name: str) -> list[str]:
            return [self[name]] if name in self else []

    headers = Headers({"Authorization": "Bearer t", "X-API-Key": "k"})
    cookies = dict.fromkeys(reversed(COOKIES), "c")
    found = list(credentials_of(headers, cookies, "http", Origins()))
    assert [(each.kind, each.name) for each in found] == [
        ("bearer", ""),
        ("api-key", ""),
        ("cookie", "token"),
        ("cookie", "symbia_session"),
    ]
    assert len(list(credentials_of(Headers({"Origin": ""}), cookies, "http", Origins()))) == 0


# Tokens verified here


async def test_a_token_is_verified_without_anybody_being_asked() -> None:
    """With a secret or a public key alone, its claims say who it is; keys of Identity's are good for nothing."""
    for settings, token in (
        (settings_with(jwt_secret=SECRET), hs(SECRET)),
        (settings_with(jwt_public_key=pem(rsa_key("signer"))), rs(rsa_key("signer"))),
    ):
        async with open_service(settings) as service:
            good = await _get(service, Authorization=f"Bearer {token}")
            assert good.status_code == 200
            assert (await _get(service, Cookie=f"token={token}")).status_code == 200
            assert (await _get(service, Authorization=f"Bearer {token}", X_Org_Id="org-b")).status_code == 403
            for bad in (hs("another secret of the right length"), "opaque", f"{token}x"):
                assert (await _get(service, Authorization=f"Bearer {bad}")).status_code == 401
            assert (await _get(service, X_API_Key="sk_1")).status_code == 401


async def test_a_token_without_an_organisation_acts_for_none() -> None:
    """A token of somebody else's making is good for what needs no organisation."""
    async with open_service(settings_with(jwt_secret=SECRET)) as service:
        reply = await _get(service, Authorization=f"Bearer {hs(SECRET, body=claims(orgId=None))}")
        assert (reply.status_code, reply.json()["code"]) == (400, "org.required")


async def test_with_keys_and_identity_both_must_agree() -> None:
    """A forged token costs Identity nothing; one that it has revoked is refused; what is no token is its own."""
    token = hs(SECRET)
    async with open_service_with_identity(jwt_secret=SECRET) as world:
        forged = hs("another secret of the right length")
        assert (await _get(world.service, Authorization=f"Bearer {forged}")).status_code == 401
        assert world.identity.questions == []
        assert (await _get(world.service, Authorization=f"Bearer {token}")).status_code == 401
        assert world.identity.asked("/api/auth/introspect") == 1
        assert (await world.alice.call("GET", GRAPHS)).status_code == 200


async def test_keys_are_fetched_from_their_url() -> None:
    """A JWK Set on a real server verifies tokens; without it nobody can say."""
    async with serving_identity() as publisher:
        key = rsa_key("signer")
        publisher.documents["/jwks.json"] = {"keys": [jwk(key, kid="1")]}
        async with open_service(settings_with(jwt_jwks_url=f"{publisher.url}/jwks.json")) as service:
            token = rs(key, {"alg": "RS256", "kid": "1"})
            assert (await _get(service, Authorization=f"Bearer {token}")).status_code == 200
        publisher.behaviour = "garbage"
        async with open_service(settings_with(jwt_jwks_url=f"{publisher.url}/jwks.json")) as service:
            assert (await _get(service, Authorization=f"Bearer {token}")).status_code == 503


# Switching it on


@pytest.mark.parametrize(
    ("environment", "auth", "words"),
    [
        ({}, "unset", "this machine only"),
        ({"AUTH": "none"}, "none", "everybody"),
        ({"AUTH": "none", "IDENTITY_SERVICE_URL": "http://identity:5001"}, "none", "everybody"),
        ({"AUTH": "identity"}, "identity", "http://localhost:5001"),
        ({"IDENTITY_SERVICE_URL": "http://identity:5001"}, "identity", "http://identity:5001"),
        ({"JWT_SECRET": SECRET}, "identity", "JWT_SECRET"),
        ({"AUTH": "identity", "JWT_SECRET": SECRET}, "identity", "verified here (JWT_SECRET)"),
        ({"JWT_JWKS_URL": "https://x.example/jwks.json"}, "identity", "JWT_JWKS_URL"),
    ],
)
def test_the_settings_say_who_is_served(environment: dict[str, str], auth: str, words: str) -> None:
    """A configured Identity or key implies authentication, unless AUTH=none says otherwise; the log says which."""
    settings = read_settings(environment)
    said = describe(settings.identity)
    assert (settings.identity.effective_auth, said["auth"]) == (auth, auth)
    assert words in said["served"]
    assert SECRET not in str(said) + str(settings)


async def test_the_start_says_who_is_served_in_one_line() -> None:
    """One line of the log, at the start."""
    with structlog.testing.capture_logs() as lines:
        async with open_service():
            pass
    assert [line["auth"] for line in lines if line["event"] == "callers"] == ["unset"]


def test_other_machines_are_served_once_callers_are_recognised() -> None:
    """An Identity makes AUTH=none unnecessary."""
    environment = {"HOST": "0.0.0.0", "IDENTITY_SERVICE_URL": "http://identity:5001"}
    assert read_settings(environment).host == "0.0.0.0"


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("IDENTITY_SERVICE_URL", "identity:5001"),
        ("IDENTITY_SERVICE_URL", "http://user:password@identity"),
        ("IDENTITY_SERVICE_URL", "file:///etc/passwd"),
        ("JWT_JWKS_URL", "http://x/?a=b"),
        ("JWT_SECRET", "short"),
        ("JWT_PUBLIC_KEY", "-----BEGIN nothing"),
        ("CORS_ORIGINS", "console.example.org"),
        ("AUTH", "off"),
    ],
)
def test_a_wrong_setting_is_refused_and_no_secret_is_shown(variable: str, value: str) -> None:
    """The complaint names the variable; of keys and secrets it does not show what was given."""
    with pytest.raises(SettingsError, match=variable) as caught:
        read_settings({variable: value})
    assert (value in str(caught.value)) == (not variable.startswith(("JWT_SECRET", "JWT_PUBLIC")))


async def test_a_thousand_callers_at_once_are_served() -> None:
    """A thousand connections with a hundred tokens: all are answered, and Identity is asked a hundred times."""
    async with open_service_with_identity() as world:
        tokens = [world.identity.add_user(f"user-{number}", "org-a") for number in range(100)]
        port = httpx.URL(world.service.url).port or 0
        statuses: list[bytes] = []

        async def call(token: str) -> None:
            head = (
                f"GET {GRAPHS} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: Bearer {token}"
            )
            async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
                await stream.send_all(f"{head}\r\n\r\n".encode())
                statuses.append(b"".join([piece async for piece in stream])[9:12])

        async with trio.open_nursery() as nursery:
            for number in range(1_000):
                nursery.start_soon(call, tokens[number % 100])
        assert statuses == [b"200"] * 1_000
        assert world.identity.asked("/api/auth/introspect") == 100
