"""The caller for whom a request acts, and what follows: which organisation's things it sees, changes and makes.

The rules are the platform's. A caller acts for the organisation that ``X-Org-Id`` names, which must be theirs, and
otherwise for their first one. What belongs to others does not exist for them. Those who stand above organisations
see all of them until they name one.
"""

from contextvars import ContextVar

import msgspec

from engine.quota import UNOWNED
from service.auth.principal import Principal
from service.problems import ForeignOrganizationError, OrganizationRequiredError

ADMIN_ENTITLEMENTS = frozenset({"cap:runtime.admin", "cap:global.admin"})
"""Above organisations in everything, as is a super administrator."""

READER_ENTITLEMENTS = frozenset({"cap:runtime.global-read", "cap:global.read"})
"""Above organisations in reading."""

ORGANIZATION_REQUIRED = (
    "Organization context required. Provide X-Org-Id header or ensure token includes org membership."
)


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """A caller's rights: what a request may see, change and make.

    Attributes:
        principal: the principal that it is, where somebody was recognised.
        org: the owner of what the request makes, and whose components it uses; None where it acts for nobody.
        sees_all: whether it sees the things of every owner, and not only those of ``org``.
        changes_all: whether it may change them, too.
        changes_own: whether it may change and make things of ``org``.
    """

    principal: Principal | None = None
    org: str | None = None
    sees_all: bool = False
    changes_all: bool = False
    changes_own: bool = True

    @property
    def owner(self) -> str:
        """The owner to whom all that the request holds is charged."""
        return self.org or UNOWNED

    def sees(self, owner: str) -> bool:
        """Return whether what belongs to an owner exists for this caller."""
        return self.sees_all or owner == self.org

    def changes(self, owner: str) -> bool:
        """Return whether the caller may change what belongs to an owner."""
        return self.changes_all or (owner == self.org and self.changes_own)


UNRESTRICTED = Caller(org=UNOWNED, sees_all=True, changes_all=True)
"""The caller of every request where callers are not asked who they are."""

ANONYMOUS = Caller(changes_own=False)
"""A caller who was not recognised, on routes that serve them all the same: they see only what is built in."""


ONLOOKER = Caller(sees_all=True, changes_own=False)
"""A caller who was not recognised, where everybody may read: they see what everybody has, and change nothing."""


def acting(principal: Principal, named_org: str | None) -> Caller:
    """Return the caller that a principal is when it names an organisation, or none.

    Raises:
        ForeignOrganizationError: it is no member of the organisation that it names.
        OrganizationRequiredError: it names none, and belongs to none.
    """
    administers = principal.is_super_admin or not ADMIN_ENTITLEMENTS.isdisjoint(principal.entitlements)
    reads = administers or not READER_ENTITLEMENTS.isdisjoint(principal.entitlements)
    if named_org:
        is_member = named_org in principal.organizations
        if not is_member and not reads:
            raise ForeignOrganizationError("Access denied to requested organization")
        return Caller(principal=principal, org=named_org, changes_own=is_member or administers)
    org = principal.organizations[0] if principal.organizations else None
    if org is None and not reads:
        raise OrganizationRequiredError(ORGANIZATION_REQUIRED)
    return Caller(principal=principal, org=org, sees_all=reads, changes_all=administers)


CURRENT_CALLER: ContextVar[Caller] = ContextVar("caller")
"""The caller for whom the present task works. Nothing stands in for it: what asks where nobody was admitted
fails."""
