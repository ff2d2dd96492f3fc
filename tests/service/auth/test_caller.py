"""What follows of who calls and of the organisation that they name: whose things they see, change and make."""

import pytest

from service.auth.caller import (
    ADMIN_ENTITLEMENTS,
    ANONYMOUS,
    READER_ENTITLEMENTS,
    UNRESTRICTED,
    Caller,
    acting,
)
from service.auth.principal import Principal
from service.problems import ForeignOrganizationError, OrganizationRequiredError

MEMBER = Principal(kind="user", id="m", organizations=("a", "b"))
NOBODY = Principal(kind="user", id="n")
ADMINISTRATORS = [
    Principal(kind="user", id="s", is_super_admin=True),
    *(Principal(kind="api-key", id=each, entitlements=frozenset({each})) for each in sorted(ADMIN_ENTITLEMENTS)),
]
READERS = [
    Principal(kind="agent", id=each, entitlements=frozenset({each})) for each in sorted(READER_ENTITLEMENTS)
]


def rights(caller: Caller, *owners: str) -> list[str]:
    """What a caller may do with what belongs to each of some owners."""
    return [
        f"{'sees' if caller.sees(each) else ''} {'changes' if caller.changes(each) else ''}" for each in owners
    ]


def of(principal: Principal, organizations: tuple[str, ...]) -> Principal:
    """The same principal as a member of organisations."""
    return Principal(
        kind=principal.kind, id=principal.id, organizations=organizations,
        entitlements=principal.entitlements, is_super_admin=principal.is_super_admin,
    )  # fmt: skip


def test_a_member_acts_for_the_first_of_their_organisations_or_for_the_one_that_they_name() -> None:
    """And for none of the others at the same time."""
    for named, org, others in ((None, "a", "b"), ("", "a", "b"), ("a", "a", "b"), ("b", "b", "a")):
        caller = acting(MEMBER, named)
        assert (caller.principal, caller.org, caller.owner) == (MEMBER, org, org)
        assert rights(caller, org, others, "c", "") == ["sees changes", " ", " ", " "]


def test_a_member_names_no_organisation_of_others() -> None:
    """Nor does whoever belongs to none act at all."""
    with pytest.raises(ForeignOrganizationError):
        acting(MEMBER, "c")
    with pytest.raises(ForeignOrganizationError):
        acting(NOBODY, "a")
    with pytest.raises(OrganizationRequiredError):
        acting(NOBODY, None)


@pytest.mark.parametrize("principal", ADMINISTRATORS, ids=lambda each: each.id)
def test_an_administrator_is_above_organisations_until_they_name_one(principal: Principal) -> None:
    """They change everything; having named an organisation, theirs or not, they see and change that one alone."""
    for organizations, org in (((), None), (("a",), "a")):
        caller = acting(of(principal, organizations), None)
        assert (caller.org, caller.owner) == (org, org or "")
        assert rights(caller, "a", "b", "") == ["sees changes"] * 3
        for named in ("a", "b"):
            caller = acting(of(principal, organizations), named)
            assert caller.org == named
            assert rights(caller, named, "c", "") == ["sees changes", " ", " "]


@pytest.mark.parametrize("principal", READERS, ids=lambda each: each.id)
def test_a_reader_sees_everything_and_changes_what_is_of_their_own_organisation(principal: Principal) -> None:
    """Having named one that is not theirs, they look at it, and change nothing."""
    assert rights(acting(principal, None), "a", "b") == ["sees ", "sees "]
    member = of(principal, ("a",))
    assert rights(acting(member, None), "a", "b") == ["sees changes", "sees "]
    assert rights(acting(member, "a"), "a", "b") == ["sees changes", " "]
    assert rights(acting(member, "b"), "a", "b") == [" ", "sees "]


def test_who_is_not_asked_may_everything_and_who_is_not_recognised_nothing() -> None:
    """What the unrestricted make is nobody's; what the anonymous hold is charged to nobody."""
    assert rights(UNRESTRICTED, "a", "") == ["sees changes"] * 2
    assert (UNRESTRICTED.org, UNRESTRICTED.owner) == ("", "")
    assert rights(ANONYMOUS, "a", "") == [" ", " "]
    assert (ANONYMOUS.org, ANONYMOUS.owner) == (None, "")
