"""Settings of who is served: how callers are recognised, which web pages may read, what an organisation may have.

A part of the one table in ``service.settings.table``, apart for its length.
"""

from typing import Literal

from service.hosts.origins import RULES_EXPECTED, Origins, read_origins
from service.settings.guest import GuestSettings
from service.settings.kinds import URL, Kind, choice, whole_number

Auth = Literal["unset", "none", "identity"]
MetricsAccess = Literal["authenticated", "open"]
IngressEnforcement = Literal["strict", "warn", "off"]

DEFAULT_IDENTITY_URL = "http://localhost:5001"


class Secret(str):
    """A text that does not show itself where a struct or a list that holds it is printed."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "Secret(...)" if self else "Secret('')"


class IdentitySettings(GuestSettings, frozen=True, kw_only=True):
    """Who is served. ``IDENTITY_ROWS`` says what each field means."""

    auth: Auth = "unset"
    identity_service_url: str = ""
    identity_timeout_ms: int = 3_000
    jwt_jwks_url: str = ""
    jwt_public_key: str = ""
    jwt_secret: str = Secret()
    jwt_audience: str = ""
    jwt_issuer: str = ""
    ingress_enforcement: IngressEnforcement = "strict"
    metrics_access: MetricsAccess = "authenticated"
    cors_origins: Origins = Origins()
    org_max_graphs: int = 1_000
    org_max_components: int = 1_000
    org_max_executions: int | None = None
    org_max_instances: int | None = None
    org_max_bytes_per_second: int = 0

    @property
    def verifies_tokens(self) -> bool:
        """Whether there are keys, or a place to fetch them from, to verify tokens with."""
        return bool(self.jwt_jwks_url or self.jwt_public_key or self.jwt_secret)

    @property
    def effective_auth(self) -> Auth:
        """What AUTH comes to: where it is unset, a configured Identity or key implies ``identity``."""
        if self.auth == "unset" and (self.identity_service_url or self.verifies_tokens):
            return "identity"
        return self.auth

    @property
    def identity_url(self) -> str:
        """Where Identity is asked; "" where tokens are only verified here."""
        if self.identity_service_url or self.verifies_tokens:
            return self.identity_service_url
        return DEFAULT_IDENTITY_URL


def _read_secret(text: str) -> Secret:
    from service.jwt.keys import shared_secret  # noqa: PLC0415  only those who verify wait for cryptography

    shared_secret(text)
    return Secret(text)


def _read_public_key(text: str) -> str:
    from service.jwt.keys import public_key  # noqa: PLC0415  likewise

    public_key(text)
    return text


def _read_name(text: str) -> str:
    if not text.isprintable() or len(text) > 1_000:
        raise ValueError
    return text


_SECRET = Kind(
    expected="a secret of at least 32 bytes, not of a few characters repeated",
    read=_read_secret,
    secret=True,
)
_PUBLIC_KEY = Kind(
    expected="a public key in PEM form: RSA of 2048 to 8192 bits, P-256, P-384, P-521 or Ed25519",
    read=_read_public_key,
    secret=True,
)
_NAME = Kind(expected="a text", read=_read_name)
_COUNT = whole_number(0, 10_000_000, "0 for no bound")

IDENTITY_ROWS: tuple[tuple[str, tuple[str, ...], Kind, str], ...] = (
    (
        "auth",
        ("AUTH",),
        choice("none", "identity"),
        (
            "identity asks the identity service, or verifies tokens, and serves whoever is recognised; implied "
            "where IDENTITY_SERVICE_URL or a JWT key is given. none serves everybody without asking who they are, "
            "on any address. Unset, only this machine is served, and web pages of other origins are refused."
        ),
    ),
    (
        "identity_service_url",
        ("IDENTITY_SERVICE_URL",),
        URL,
        (
            f"Where the identity service lies; {DEFAULT_IDENTITY_URL} with AUTH=identity alone. "
            "/api is appended unless it ends so."
        ),
    ),
    (
        "identity_timeout_ms",
        ("IDENTITY_TIMEOUT_MS",),
        whole_number(50, 60_000, "milliseconds"),
        "How long the identity service, or the source of keys, may take to answer; then callers hear 503.",
    ),
    (
        "jwt_jwks_url",
        ("JWT_JWKS_URL",),
        URL,
        "A JWK Set whose keys verify tokens here.",
    ),
    ("jwt_public_key", ("JWT_PUBLIC_KEY",), _PUBLIC_KEY, "A public key that verifies tokens here."),
    ("jwt_secret", ("JWT_SECRET",), _SECRET, "A shared secret that verifies tokens here, with HS256."),
    (
        "jwt_audience",
        ("JWT_AUDIENCE",),
        _NAME,
        "What the aud of tokens verified here must name; unset, a token with an aud is refused.",
    ),
    (
        "jwt_issuer",
        ("JWT_ISSUER",),
        _NAME,
        "What the iss of tokens verified here must be, if set.",
    ),
    (
        "ingress_enforcement",
        ("RUNTIME_INGRESS_ENFORCEMENT",),
        choice("strict", "warn", "off"),
        (
            "What the gate of an ingress does with a caller who may not deliver: strict refuses them, warn notes "
            "it in the log and delivers, off does not look. Where callers are not asked who they are, all may "
            "deliver."
        ),
    ),
    (
        "metrics_access",
        ("METRICS_ACCESS",),
        choice("authenticated", "open"),
        (
            "Who may read GET /metrics where callers are recognised: authenticated is whoever is, open is "
            "everybody who reaches the address. Where callers are not asked who they are, it is open."
        ),
    ),
    (
        "cors_origins",
        ("CORS_ALLOWED_ORIGINS", "CORS_ORIGINS"),
        Kind(expected=RULES_EXPECTED, read=read_origins),
        (
            "The web pages that may read what this service answers. Cookies are only taken from pages named here, "
            "and while only this machine is served, foreign pages must be named here to come in; * names nobody."
        ),
    ),
    ("org_max_graphs", ("ORG_MAX_GRAPHS",), _COUNT, "Graphs that one organisation may have loaded."),
    (
        "org_max_components",
        ("ORG_MAX_COMPONENTS",),
        _COUNT,
        "Components that one organisation may register.",
    ),
    (
        "org_max_executions",
        ("ORG_MAX_EXECUTIONS",),
        _COUNT,
        (
            "Executions that one organisation may have under way, within MAX_CONCURRENT_EXECUTIONS; unset, half "
            "of them where callers are recognised."
        ),
    ),
    (
        "org_max_instances",
        ("ORG_MAX_INSTANCES",),
        _COUNT,
        (
            "Instances of sandboxed code that one organisation may have alive, within those that there may be at "
            "all; unset, half of them where callers are recognised."
        ),
    ),
    (
        "org_max_bytes_per_second",
        ("ORG_MAX_BYTES_PER_SECOND",),
        whole_number(0, 10**12, "0 for no bound"),
        "Bytes of values that one organisation may inject in a second; beyond it, status 429.",
    ),
)
