"""The principal who calls, in one shape for users, agents and API keys, whoever vouched for them.

Identity answers in three shapes; the mapping of each follows the platform's own clients, apart from two of their
mistakes. An agent is a member of its own organisation, although its answer lists none. A key has the entitlements
of its creator and the scopes that it was given, not one of the two.
"""

from typing import Any, Literal

import msgspec

Kind = Literal["user", "agent", "api-key"]

MAX_NAMES = 1_000
"""Organisations, entitlements or roles of one principal; whoever has more is not believed."""

Text = str | None
Names = tuple[str, ...]


class Principal(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who has been recognised.

    Attributes:
        kind: the kind of principal.
        id: of the user or agent; of a key its creator's, or ``api:<keyId>`` where it has none.
        name: for people.
        organizations: ids of those that it is a member of; the first is the one it acts for when it names none.
        entitlements: capabilities, such as ``cap:runtime.admin``.
        roles: kept for whoever asks; nothing here does.
        is_super_admin: whether it stands above organisations; never true of a key.
    """

    kind: Kind
    id: str
    name: str = ""
    organizations: Names = ()
    entitlements: frozenset[str] = frozenset()
    roles: frozenset[str] = frozenset()
    is_super_admin: bool = False


class Recognition(msgspec.Struct, frozen=True):
    """A principal and the moment, in seconds since the epoch, from which it is not recognised any more."""

    principal: Principal
    expires_at: float | None = None


class IdentityResponseError(ValueError):
    """An answer of Identity, or the claims of a token, that have another shape than promised."""


class Organization(msgspec.Struct):
    """One of a user's organisations; its name, slug and role are of no concern here."""

    id: str


class UserAnswer(msgspec.Struct):
    """Identity's answer about a user: about a token, a session, or a key's creator."""

    email: Text = None
    name: Text = None
    id: Text = None
    sub: Text = None
    organizations: list[Organization] | None = None
    entitlements: list[str] | None = None
    roles: list[str] | None = None
    isSuperAdmin: bool | None = None  # noqa: N815  the name on the wire
    exp: float | None = None


class AgentAnswer(msgspec.Struct, rename="camel"):
    """Identity's answer about an agent's token."""

    agent_id: str
    name: Text = None
    org_id: Text = None
    capabilities: list[str] | None = None
    exp: float | None = None


class KeyAnswer(msgspec.Struct, rename="camel"):
    """Identity's answer about an API key."""

    valid: bool
    key_id: Text = None
    name: Text = None
    org_id: Text = None
    scopes: list[str] | None = None
    creator: UserAnswer | None = None


class Introspection(msgspec.Struct):
    """The part of an introspection's answer that says which shape the rest has."""

    active: bool
    type: Literal["user", "agent"] = "user"


class Claims(UserAnswer, rename="camel"):
    """The claims of a token that was verified here, by the names that Identity's own tokens use."""

    type: Literal["user", "agent"] = "user"
    agent_id: Text = None
    org_id: Text = None
    capabilities: list[str] | None = None


def of_introspection(answer: Any) -> Recognition | None:
    """Return the principal in a decoded answer to an introspection; None when the token is not active.

    Raises:
        IdentityResponseError: the answer has another shape.
    """
    kind = _convert(answer, Introspection)
    if not kind.active:
        return None
    if kind.type == "agent":
        return _of_agent(_convert(answer, AgentAnswer))
    return _of_user(_convert(answer, UserAnswer))


def of_session(answer: Any) -> Recognition:
    """Return the principal in a decoded answer to ``GET /users/me``, which may be wrapped in ``user``.

    Raises:
        IdentityResponseError: the answer has another shape.
    """
    if isinstance(answer, dict) and isinstance(answer.get("user"), dict):
        answer = answer["user"]
    return _of_user(_convert(answer, UserAnswer))


def of_api_key(answer: Any) -> Recognition | None:
    """Return the principal in a decoded answer about an API key; None when the key is not valid.

    Raises:
        IdentityResponseError: the answer has another shape.
    """
    key = _convert(answer, KeyAnswer)
    if not key.valid:
        return None
    creator = key.creator
    identifier = creator and (creator.id or creator.sub)
    if not identifier and not key.key_id:
        raise IdentityResponseError("a valid key has neither a keyId nor a creator")
    principal = Principal(
        kind="api-key",
        id=identifier or f"api:{key.key_id}",
        name=key.name or "",
        organizations=(key.org_id,) if key.org_id else (),
        entitlements=_names(key.scopes) | _names(creator.entitlements if creator else None),
        roles=_names(creator.roles if creator else None),
    )
    return Recognition(principal)


def of_claims(claims: dict[str, Any]) -> Recognition:
    """Return the principal in the claims of a token whose signature has been verified here.

    Raises:
        IdentityResponseError: the claims name nobody, or have another shape than Identity's tokens.
    """
    token = _convert(claims, Claims)
    organizations = _ids(token.organizations)
    if token.org_id:
        organizations = (token.org_id, *(each for each in organizations if each != token.org_id))
    of_agent = token.agent_id if token.type == "agent" else None
    identifier = of_agent or token.sub or token.id
    if not identifier:
        raise IdentityResponseError("the token names nobody")
    principal = Principal(
        kind=token.type,
        id=identifier,
        name=token.name or token.email or "",
        organizations=organizations,
        entitlements=_names(token.entitlements) | _names(token.capabilities),
        roles=_names(token.roles),
        is_super_admin=bool(token.isSuperAdmin) and token.type == "user",
    )
    return Recognition(principal, token.exp)


def _of_user(user: UserAnswer) -> Recognition:
    identifier = user.sub or user.id
    if not identifier:
        raise IdentityResponseError("an active user has no id")
    principal = Principal(
        kind="user",
        id=identifier,
        name=user.name or user.email or "",
        organizations=_ids(user.organizations),
        entitlements=_names(user.entitlements),
        roles=_names(user.roles),
        is_super_admin=bool(user.isSuperAdmin),
    )
    return Recognition(principal, user.exp)


def _of_agent(agent: AgentAnswer) -> Recognition:
    principal = Principal(
        kind="agent",
        id=agent.agent_id,
        name=agent.name or "",
        organizations=(agent.org_id,) if agent.org_id else (),
        entitlements=_names(agent.capabilities),
    )
    return Recognition(principal, agent.exp)


def _ids(organizations: list[Organization] | None) -> tuple[str, ...]:
    return tuple(each.id for each in organizations or () if each.id)


def _names(names: list[str] | None) -> frozenset[str]:
    return frozenset(names or ())


def _convert(answer: Any, shape: Any) -> Any:
    """Convert the answer to its shape; what is not in the shape is ignored."""
    try:
        found = msgspec.convert(answer, shape)
    except msgspec.ValidationError as error:
        raise IdentityResponseError(str(error)) from error
    for name in ("organizations", "entitlements", "roles", "capabilities", "scopes"):
        if len(getattr(found, name, None) or ()) > MAX_NAMES:
            raise IdentityResponseError(f"more than {MAX_NAMES} {name}")
    return found
