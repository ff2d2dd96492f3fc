"""Which web pages are admitted: by name, by wildcard, or because anyone is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.addresses.origins import Origins, is_same, read_origins

RULES = "https://console.example.org, *.apps.example.org, https://*.secure.example.org:8443, http://localhost:3000"


@pytest.mark.parametrize(
    ("origin", "named"),
    [
        ("https://console.example.org", True),
        ("HTTPS://Console.Example.ORG", True),
        ("http://console.example.org", False),
        ("https://console.example.org:444", False),
        ("https://console.example.org.evil.example", False),
        ("https://evil-console.example.org", False),
        ("http://a.apps.example.org", True),
        ("https://a.b.apps.example.org:9000", True),
        ("https://apps.example.org", False),
        ("https://evilapps.example.org", False),
        ("ftp://a.apps.example.org", False),
        ("https://user@a.apps.example.org", False),
        ("https://a.apps.example.org/path", False),
        ("https://a.secure.example.org:8443", True),
        ("https://a.secure.example.org", False),
        ("http://a.secure.example.org:8443", False),
        ("http://localhost:3000", True),
        ("http://localhost:3001", False),
        ("null", False),
        ("", False),
        ("https://[::1", False),
        ("https://a.apps.example.org:port", False),
    ],
)
def test_an_origin_is_named_by_its_rule_alone(origin: str, named: bool) -> None:
    """Scheme, whole labels of the host and port must fit; nothing that merely looks alike does."""
    rules = read_origins(RULES)
    assert rules.names(origin) is named
    assert rules.admit(origin) is named


def test_a_star_admits_all_and_names_none() -> None:
    """Where anyone may read, still nobody is named; a rule beside the star names as always."""
    assert Origins().admit("https://anywhere.example")
    assert not Origins().names("https://anywhere.example")
    assert read_origins("*,https://named.example").names("https://named.example")


@pytest.mark.parametrize(
    "text",
    ["", ",", "example.org", "https://", "https://*", "*.", "https://a.example/path", "https://a@b.example",
     "ftp://a.example", "https://a.*.example", "https://a.example:x", "null"],
)  # fmt: skip
def test_what_is_no_rule_is_refused(text: str) -> None:
    """A rule that could never fit, or fits more than it seems to, is a wrong setting."""
    with pytest.raises(ValueError):  # noqa: PT011  all that a kind of setting says; the table adds the words
        read_origins(text)


@pytest.mark.parametrize(
    ("origin", "host", "same"),
    [
        ("http://runtime.example:5006", "runtime.example:5006", True),
        ("http://runtime.example:5006", "RUNTIME.example:5006", True),
        ("https://runtime.example:5006", "runtime.example:5006", False),
        ("http://runtime.example", "runtime.example:5006", False),
        ("null", "", False),
    ],
)
def test_a_page_of_this_service_is_recognised(origin: str, host: str, same: bool) -> None:
    """Scheme, host and port are those of the request itself."""
    assert is_same(origin, "http", host) is same


@given(text=st.text(max_size=60), origin=st.text(max_size=60))
def test_any_text_is_rules_or_refused(text: str, origin: str) -> None:
    """Reading raises ValueError or gives rules, and rules judge any origin without failing."""
    try:
        rules = read_origins(text)
    except ValueError:
        return
    assert isinstance(rules.names(origin), bool)
    assert read_origins(str(rules)) == rules
