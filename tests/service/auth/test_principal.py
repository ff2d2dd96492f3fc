"""Answers of Identity become principals, in the platform's mapping, or are refused as answers."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.auth.principal import (
    MAX_NAMES,
    IdentityResponseError,
    Principal,
    Recognition,
    of_api_key,
    of_claims,
    of_introspection,
    of_session,
)

ORGS = [{"id": "org-a", "name": "A", "slug": "a", "role": "viewer"}, {"id": "org-b", "role": "admin"}]
USER = {
    "active": True,
    "type": "user",
    "sub": "u1",
    "email": "u1@example.org",
    "name": "U",
    "isSuperAdmin": True,
    "organizations": ORGS,
    "entitlements": ["cap:a"],
    "roles": ["r"],
    "token_type": "Bearer",
    "iat": 1_700_000_000,
    "exp": 1_800_000_000,
}
AGENT = {
    "active": True,
    "type": "agent",
    "sub": "agent:x",
    "agentId": "x",
    "orgId": "org-a",
    "capabilities": ["c"],
}
KEY = {"valid": True, "keyId": "k1", "name": "K", "orgId": "org-a", "scopes": ["cap:s"], "createdBy": "u1"}
CREATOR = {"id": "u1", "email": "u1@example.org", "isSuperAdmin": True, "organizations": ORGS, "entitlements": []}


def test_a_user_is_mapped() -> None:
    """Its id is the sub, its first organisation comes first, its end is the token's."""
    assert of_introspection(USER) == Recognition(
        Principal(
            kind="user",
            id="u1",
            name="U",
            organizations=("org-a", "org-b"),
            entitlements=frozenset({"cap:a"}),
            roles=frozenset({"r"}),
            is_super_admin=True,
        ),
        1_800_000_000,
    )


def test_an_agent_is_a_member_of_its_own_organisation() -> None:
    """Although the answer lists no organisations; its capabilities are its entitlements."""
    recognition = of_introspection(AGENT)
    assert recognition is not None
    principal = recognition.principal
    assert (principal.kind, principal.id, principal.organizations) == ("agent", "x", ("org-a",))
    assert principal.entitlements == {"c"}
    assert not principal.is_super_admin


@pytest.mark.parametrize(
    ("answer", "expected_id", "entitlements"),
    [
        (KEY, "api:k1", {"cap:s"}),
        ({**KEY, "creator": None}, "api:k1", {"cap:s"}),
        ({**KEY, "creator": CREATOR}, "u1", {"cap:s"}),
        ({**KEY, "creator": {**CREATOR, "entitlements": ["cap:a"]}}, "u1", {"cap:s", "cap:a"}),
    ],
)
def test_a_key_acts_for_its_organisation_alone(
    answer: dict[str, Any], expected_id: str, entitlements: set[str]
) -> None:
    """Its creator's organisations and their standing above them do not pass to it; entitlements add up."""
    recognition = of_api_key(answer)
    assert recognition is not None
    principal = recognition.principal
    assert (principal.kind, principal.id, principal.organizations) == ("api-key", expected_id, ("org-a",))
    assert principal.entitlements == entitlements
    assert not principal.is_super_admin


@pytest.mark.parametrize("answer", [CREATOR, {"user": CREATOR}])
def test_a_session_is_a_user(answer: dict[str, Any]) -> None:
    """Wrapped in ``user`` or not."""
    assert of_session(answer).principal.organizations == ("org-a", "org-b")


def test_what_is_not_active_or_valid_is_nobodys() -> None:
    """Identity's way of saying no."""
    assert of_introspection({"active": False}) is None
    assert of_api_key({"valid": False, "error": "Invalid API key"}) is None


def test_claims_of_identitys_own_tokens_are_mapped() -> None:
    """The organisation of the token comes first, and is no second time in the list."""
    user = of_claims(
        {"sub": "u1", "type": "user", "email": "e", "orgId": "org-b", "organizations": ORGS, "exp": 9}
    )
    assert user.principal.organizations == ("org-b", "org-a")
    assert user.expires_at == 9
    agent = of_claims({"sub": "s", "type": "agent", "agentId": "x", "orgId": "o", "isSuperAdmin": True})
    assert (agent.principal.id, agent.principal.is_super_admin) == ("x", False)


WRONG: list[Any] = [
    None,
    [],
    "active",
    {},
    {"active": "true"},
    {"active": 1},
    {"active": True, "type": "user"},
    {"active": True, "type": "god", "sub": "u"},
    {"active": True, "type": "agent", "sub": "s"},
    {**USER, "organizations": {"id": "org-a"}},
    {**USER, "organizations": ["org-a"]},
    {**USER, "organizations": [{"id": 7}]},
    {**USER, "entitlements": "cap:runtime.admin"},
    {**USER, "isSuperAdmin": "yes"},
    {**USER, "exp": "tomorrow"},
    {**USER, "sub": ""},
    {**USER, "entitlements": ["x"] * (MAX_NAMES + 1)},
]


@pytest.mark.parametrize("answer", WRONG)
def test_an_answer_of_another_shape_is_not_believed(answer: Any) -> None:
    """Nothing is guessed: an answer is understood as a whole, or not at all."""
    with pytest.raises(IdentityResponseError):
        of_introspection(answer)


@pytest.mark.parametrize("answer", [{}, {"valid": True}, {"valid": 1, "keyId": "k"}, {**KEY, "scopes": "all"}])
def test_a_keys_answer_of_another_shape_is_not_believed(answer: Any) -> None:
    """Likewise; and a valid key must be somebody's."""
    with pytest.raises(IdentityResponseError):
        of_api_key(answer)


def test_an_empty_organisation_is_none() -> None:
    """The empty name is the owner of what was made without asking, and nobody becomes its member."""
    for recognition in (
        of_introspection({**USER, "organizations": [{"id": ""}]}),
        of_introspection({**AGENT, "orgId": ""}),
        of_api_key({**KEY, "orgId": ""}),
        of_claims({"sub": "u", "orgId": "", "organizations": [{"id": ""}]}),
    ):
        assert recognition is not None
        assert recognition.principal.organizations == ()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(
    base=st.sampled_from([USER, AGENT, KEY, CREATOR, {"user": CREATOR}]),
    changes=st.dictionaries(st.sampled_from([*USER, *AGENT, *KEY, *CREATOR, "creator", "id"]), JSON, max_size=4),
)
def test_any_answer_is_a_principal_or_refused(base: dict[str, Any], changes: dict[str, Any]) -> None:
    """Nothing else than IdentityResponseError is raised; a super administrator says so with ``true``."""
    answer = {**base, **changes}
    for read in (of_introspection, of_api_key, of_session, of_claims):
        try:
            recognition = read(answer)
        except IdentityResponseError:
            continue
        if recognition is not None:
            assert recognition.principal.id
            assert "" not in recognition.principal.organizations
            if recognition.principal.is_super_admin:
                assert True in (answer.get("isSuperAdmin"), (answer.get("user") or {}).get("isSuperAdmin"))
