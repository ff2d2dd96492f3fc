"""The gate of an ingress, question by question, and which graph a name means."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.compile.ingress import Ingress
from engine.compile.loaded_graph import LoadedGraph
from proto.graph import GraphDefinition, TopologySummary
from service.auth.caller import ANONYMOUS, UNRESTRICTED, Caller, acting
from service.auth.principal import Principal, of_api_key, of_introspection
from service.ingress.gate import graph_named, reason_against

CAPABILITY = "cap:orders.write"
OPEN, GUARDED = Ingress(), Ingress(capability=CAPABILITY)


def user(*orgs: str, entitlements: tuple[str, ...] = (), named: str | None = None, **more: Any) -> Caller:
    principal = Principal(kind="user", id="u", organizations=orgs, entitlements=frozenset(entitlements), **more)
    if not orgs and not principal.is_super_admin:
        return Caller(principal=principal, changes_own=False)
    return acting(principal, named)


ROOT = user(is_super_admin=True)
HOLDER = user("org-b", entitlements=(CAPABILITY,))


@pytest.mark.parametrize(
    ("caller", "ingress", "owner", "reason"),
    [
        (UNRESTRICTED, GUARDED, "", None),
        (ROOT, GUARDED, "org-a", None),
        (ROOT, OPEN, "", None),
        (user("org-a"), OPEN, "org-a", None),
        (user("org-a"), GUARDED, "org-a", "capability cap:orders.write is required"),
        (user("org-a", entitlements=(CAPABILITY,)), GUARDED, "org-a", None),
        (HOLDER, GUARDED, "org-a", "no member"),
        (user("org-b"), OPEN, "org-a", "no member"),
        (user("org-b"), GUARDED, "org-a", "capability cap:orders.write is required"),
        (user("org-b", "org-a"), OPEN, "org-a", None),
        (HOLDER, GUARDED, "", None),
        (HOLDER, OPEN, "", "belongs to no organization"),
        (user(entitlements=(CAPABILITY,)), GUARDED, "", None),
        (user(), OPEN, "org-a", "no member"),
        (user("org-b", entitlements=("cap:runtime.admin",)), OPEN, "org-a", "no member"),
        (ANONYMOUS, OPEN, "", "nobody was recognised"),
    ],
)
def test_the_gate_asks_in_the_platforms_order(
    caller: Caller, ingress: Ingress, owner: str, reason: str | None
) -> None:
    """Super administrators pass; then the capability counts, then membership, then the capability alone."""
    found = reason_against(ingress, owner, caller)
    assert (found is None) if reason is None else (found is not None and reason in found)


def test_an_agent_is_a_member_of_its_organisation() -> None:
    """Its token lists no organisations, only the one that it belongs to; a key's is likewise."""
    agent = of_introspection({"active": True, "type": "agent", "sub": "a", "agentId": "a", "orgId": "org-a"})
    key = of_api_key({"valid": True, "keyId": "k", "orgId": "org-a"})
    for recognition in (agent, key):
        assert recognition is not None
        assert reason_against(OPEN, "org-a", acting(recognition.principal, None)) is None


@given(
    orgs=st.lists(st.sampled_from(["org-a", "org-b", "org-c"]), unique=True),
    held=st.sets(st.sampled_from([CAPABILITY, "cap:other", "cap:global.admin"])),
    owner=st.sampled_from(["org-a", "org-b", ""]),
    asked=st.sampled_from([None, CAPABILITY]),
)
def test_who_passes_is_a_member_or_holds_what_is_asked(
    orgs: list[str], held: set[str], owner: str, asked: str | None
) -> None:
    """Whatever a caller is, an organisation's graph is for its members, and a capability for its holders."""
    passes = reason_against(Ingress(capability=asked), owner, user(*orgs, entitlements=tuple(held))) is None
    assert passes == ((asked is None or asked in held) and (owner in orgs if owner else asked is not None))


def loaded(number: int, owner: str, *, name: str = "orders", declares: bool = True) -> LoadedGraph:
    definition = GraphDefinition("1.0", name, (), (), metadata={"ingress": {}} if declares else {})
    return LoadedGraph(str(number), definition, TopologySummary((), (), (), ()), (), (), "", owner)


def meant(caller: Caller, *graphs: LoadedGraph, name: str = "orders") -> str | None:
    graph = graph_named(graphs, name, caller)
    return None if graph is None else graph.id


def test_a_callers_own_graph_counts_before_one_that_was_loaded_earlier() -> None:
    """Nobody can take a name away: the acting organisation's, the caller's others', nobody's, a foreign one's."""
    foreign, nobodys, other, own = loaded(1, "org-z"), loaded(2, ""), loaded(3, "org-b"), loaded(4, "org-a")
    caller = user("org-a", "org-b")
    assert meant(caller, foreign, nobodys, other, own) == "4"
    assert meant(user("org-a", "org-b", named="org-b"), foreign, nobodys, other, own) == "3"
    assert meant(caller, foreign, nobodys, other) == "3"
    assert meant(caller, foreign, nobodys) == "2"
    assert meant(caller, foreign) == "1"


def test_of_several_equally_near_the_first_loaded_counts() -> None:
    """Names are not unique within an organisation either."""
    assert meant(user("org-a"), loaded(1, "org-a", name="x"), loaded(2, "org-a"), loaded(3, "org-a")) == "2"
    assert meant(UNRESTRICTED, loaded(1, ""), loaded(2, "")) == "1"


def test_a_foreign_graph_that_declares_no_ingress_does_not_exist() -> None:
    """Its name is not published; whoever may see it, or owns it, reaches it all the same."""
    graph = loaded(1, "org-a", declares=False)
    assert meant(user("org-b"), graph) is None
    assert meant(user("org-a"), graph) == "1"
    assert meant(user("org-b", entitlements=("cap:global.read",)), graph) == "1"
    assert meant(user("org-a"), graph, name="Orders") is None


def test_an_ingress_is_a_value() -> None:
    """It can be shared between requests: nothing of it changes."""
    with pytest.raises(AttributeError):
        OPEN.node = "other"  # type: ignore[misc]
    assert msgspec.structs.asdict(OPEN)["port"] == "in"
