"""Settings of who is served: how callers are recognised."""

from typing import Annotated, Literal

import msgspec

from service.settings.kinds import URL, Kind, Secret, Setting, choice, whole_number

Auth = Literal["unset", "none", "identity"]

DEFAULT_IDENTITY_URL = "http://localhost:5001"


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


class IdentitySettings(msgspec.Struct, frozen=True, kw_only=True):
    """The callers who are served, and how they are recognised."""

    auth: Annotated[
        Auth,
        Setting(
            "AUTH",
            choice("none", "identity"),
            (
                "identity asks the identity service, or verifies tokens, and serves whoever is recognised; "
                "implied where IDENTITY_SERVICE_URL or a JWT key is given. none serves everybody without asking "
                "who they are, on any address. Unset, only this machine is served, and web pages of other origins "
                "are refused."
            ),
        ),
    ] = "unset"
    service_url: Annotated[
        str,
        Setting(
            "IDENTITY_SERVICE_URL",
            URL,
            (
                f"Where the identity service lies; {DEFAULT_IDENTITY_URL} with AUTH=identity alone. "
                "/api is appended unless it ends so."
            ),
        ),
    ] = ""
    timeout_ms: Annotated[
        int,
        Setting(
            "IDENTITY_TIMEOUT_MS",
            whole_number(50, 60_000, "milliseconds"),
            "How long the identity service, or the source of keys, may take to answer; then callers hear 503.",
        ),
    ] = 3_000
    jwt_jwks_url: Annotated[
        str,
        Setting(
            "JWT_JWKS_URL",
            URL,
            "A JWK Set whose keys verify tokens here.",
        ),
    ] = ""
    jwt_public_key: Annotated[
        str,
        Setting(
            "JWT_PUBLIC_KEY",
            _PUBLIC_KEY,
            "A public key that verifies tokens here.",
        ),
    ] = ""
    jwt_secret: Annotated[
        str,
        Setting(
            "JWT_SECRET",
            _SECRET,
            "A shared secret that verifies tokens here, with HS256.",
        ),
    ] = Secret()
    jwt_audience: Annotated[
        str,
        Setting(
            "JWT_AUDIENCE",
            _NAME,
            "What the aud of tokens verified here must name; unset, a token with an aud is refused.",
        ),
    ] = ""
    jwt_issuer: Annotated[
        str,
        Setting(
            "JWT_ISSUER",
            _NAME,
            "What the iss of tokens verified here must be, if set.",
        ),
    ] = ""

    @property
    def verifies_tokens(self) -> bool:
        """True where there are keys, or a place to fetch them from, to verify tokens with."""
        return bool(self.jwt_jwks_url or self.jwt_public_key or self.jwt_secret)

    @property
    def effective_auth(self) -> Auth:
        """The value that AUTH comes to: where it is unset, a configured Identity or key implies ``identity``."""
        if self.auth == "unset" and (self.service_url or self.verifies_tokens):
            return "identity"
        return self.auth

    @property
    def url(self) -> str:
        """The place where Identity is asked; "" where tokens are only verified here."""
        if self.service_url or self.verifies_tokens:
            return self.service_url
        return DEFAULT_IDENTITY_URL

    @property
    def bootstrap_url(self) -> str:
        """The Identity that knows the system's secret."""
        return self.service_url or DEFAULT_IDENTITY_URL
