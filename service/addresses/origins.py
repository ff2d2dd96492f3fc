"""Web pages' origins, and the rules that say which of them may read what this service answers. Pure.

A rule is ``*`` (any page), an origin (``https://console.example.org``), or one with a wildcard for the first
labels of the host: ``https://*.example.org``, or ``*.example.org`` for either scheme and any port.
"""

from urllib.parse import urlsplit

import msgspec

RULES_EXPECTED = (
    "*, or origins such as https://console.example.org,https://*.example.org,*.example.org, divided by commas"
)
MAX_RULES = 100
ORIGIN_CHARACTERS = 300


class Wildcard(msgspec.Struct, frozen=True):
    """A rule with a wildcard; scheme "" stands for http and https, and then for any port."""

    scheme: str
    suffix: str
    port: int | None


class Origins(msgspec.Struct, frozen=True):
    """The origins that are admitted. ``text`` is what the rules were read from."""

    text: str = "*"
    anyone: bool = True
    exact: frozenset[str] = frozenset()
    wildcards: tuple[Wildcard, ...] = ()

    def __str__(self) -> str:
        return self.text

    def names(self, origin: str) -> bool:
        """Return whether an origin is admitted by a rule of its own, and not only because anyone is."""
        if len(origin) > ORIGIN_CHARACTERS:
            return False
        if origin.lower() in self.exact:
            return True
        return any(_fits(origin.lower(), wildcard) for wildcard in self.wildcards)

    def admit(self, origin: str) -> bool:
        """Return whether pages of an origin may read the answers."""
        return self.anyone or self.names(origin)


def read_origins(text: str) -> Origins:
    """Read the rules in a text.

    Raises:
        ValueError: one of them is no rule.
    """
    exact: set[str] = set()
    wildcards: list[Wildcard] = []
    rules = [rule.strip().lower().rstrip("/") for rule in text.split(",") if rule.strip()]
    if not rules or len(rules) > MAX_RULES:
        raise ValueError
    for rule in rules:
        if rule == "*":
            continue
        host = rule.partition("://")[2] or rule
        if host.startswith("*."):
            wildcards.append(_read_wildcard(rule))
        else:
            _check_origin(rule)
            exact.add(rule)
    return Origins(text, "*" in rules, frozenset(exact), tuple(wildcards))


def host_of(origin: str) -> str:
    """Return the host name in an origin or address; "" when there is none, which no machine is called."""
    try:
        return urlsplit(origin).hostname or ""
    except ValueError:
        return ""


def is_same(origin: str, scheme: str, host_header: str) -> bool:
    """Return whether an origin is that of this service itself, as the request's ``Host`` header names it."""
    return bool(host_header) and origin.lower() == f"{scheme}://{host_header.lower()}"


def _read_wildcard(rule: str) -> Wildcard:
    scheme, divider, rest = rule.partition("://")
    rest = rest if divider else rule
    stand_in = f"{scheme if divider else 'https'}://x{rest[1:]}"
    _check_origin(stand_in)
    parts = urlsplit(stand_in)
    suffix = (parts.hostname or "")[1:]
    if not suffix.strip("."):
        raise ValueError
    return Wildcard(scheme if divider else "", suffix, parts.port)


def _check_origin(rule: str) -> None:
    parts = urlsplit(rule)
    _ = parts.port  # raises for one that is no number
    spelled = f"{parts.scheme}://{parts.netloc}"
    if parts.scheme not in {"http", "https"} or not parts.hostname or spelled != rule:
        raise ValueError
    if any(character in parts.netloc for character in "@* ") or not rule.isprintable():
        raise ValueError


def _fits(origin: str, wildcard: Wildcard) -> bool:
    try:
        parts = urlsplit(origin)
        port = parts.port
    except ValueError:
        return False
    if f"{parts.scheme}://{parts.netloc}" != origin or "@" in parts.netloc:
        return False
    if not (parts.hostname or "").endswith(wildcard.suffix):
        return False
    if not wildcard.scheme:
        return parts.scheme in {"http", "https"}
    return parts.scheme == wildcard.scheme and port == wildcard.port
