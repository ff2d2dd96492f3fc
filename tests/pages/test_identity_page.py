"""docs/identity.md names what exists: settings, refusals, standings and times."""

import re
from pathlib import Path

from service import problems
from service.auth.caller import ADMIN_ENTITLEMENTS, READER_ENTITLEMENTS
from service.auth.credential_cache import RECOGNISED_SECONDS, REFUSED_SECONDS
from service.auth.jwks import FRESH_SECONDS, REFETCH_SECONDS, USABLE_SECONDS
from service.jwt.keys import RSA_BITS, SECRET_BYTES
from service.jwt.verification import LEEWAY_SECONDS, LIFETIME_SECONDS
from service.settings.table import TABLE

PAGE = (Path(__file__).parents[2] / "docs" / "identity.md").read_text()


def test_the_page_names_the_settings() -> None:
    """Each variable of who is served, and none that does not exist; how long to wait is in the table alone."""
    rows = [row for row in TABLE if row.path[0] in {"identity", "access", "quotas"}]
    variables = {name for row in rows for name in row.variables} - {"IDENTITY_TIMEOUT_MS"}
    assert set(re.findall(r"\b(?:AUTH|[A-Z]+(?:_[A-Z]+)+)\b", PAGE)) == variables


def test_the_page_names_the_refusals() -> None:
    """Each status and code that a caller may meet for who they are."""
    kinds = (
        problems.AuthenticationError,
        problems.IdentityUnavailableError,
        problems.ForeignOrganizationError,
        problems.OrganizationRequiredError,
        problems.ReadOnlyCallerError,
        problems.IngressRefusedError,
    )
    expected = {(str(problems.error_reply(kind("No")).status), kind.code) for kind in kinds}
    assert set(re.findall(r"^\| (\d{3}) `([a-z._]+)` \|", PAGE, re.MULTILINE)) == expected


def test_the_page_names_the_standings() -> None:
    """Each entitlement that lifts its holder above organisations."""
    assert set(re.findall(r"`(cap:[a-z.-]+)`", PAGE)) == ADMIN_ENTITLEMENTS | READER_ENTITLEMENTS


def test_the_page_names_the_times_and_sizes() -> None:
    """As the program has them."""
    for words in (
        f"at most {RECOGNISED_SECONDS:g} seconds",
        f"for {REFUSED_SECONDS:g} seconds",
        f"at most {LIFETIME_SECONDS // 86_400} days ahead",
        f"{LEEWAY_SECONDS} seconds for clocks",
        f"after {FRESH_SECONDS / 60:g} minutes",
        f"every {REFETCH_SECONDS:g} seconds",
        f"a secret needs {SECRET_BYTES} bytes",
        f"an RSA key {RSA_BITS[0]} bits",
    ):
        assert words.lower() in PAGE.lower(), words
    assert "for up to an hour" in PAGE
    assert USABLE_SECONDS == 3600
