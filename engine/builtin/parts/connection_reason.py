"""The reason why no answer came, in words: above all of certificates, whose errors reach us without any.

The libraries between the socket and us translate each other's errors and leave the words behind: a certificate
that has expired arrives as a ``ConnectError`` with no message. So the chain of causes is looked through.
"""

import ssl
from collections.abc import Iterator

_CERTIFICATE = {
    9: "its certificate is not valid yet",
    10: "its certificate has expired",
    18: "its certificate is self-signed",
    19: "its certificate comes from an authority that is not trusted",
    20: "its certificate comes from an authority that is not known, or it does not send the whole chain",
    21: "its certificate comes from an authority that is not known, or it does not send the whole chain",
    23: "its certificate was revoked",
    62: "its certificate is for another name",
    64: "its certificate is for another address",
}
"""Words by OpenSSL's ``X509_V_ERR``. Its own would tell names and addresses, which not everybody may see."""

_CHAIN_LIMIT = 20


def kind_of(error: BaseException) -> str:
    """Name the kind of error, and what was wrong with TLS, if it was that; no name, address or secret."""
    fault = _tls_fault(error)
    return f"{type(error).__name__}: {fault}" if fault else type(error).__name__


def words_of(error: BaseException) -> str:
    """Say what was wrong with TLS, or the first words in the chain of causes, or else the kind of error."""
    return _words(error) or type(error).__name__


def reason_of(error: BaseException) -> str:
    """Name the kind of error, with its words, where it has any."""
    text = _words(error)
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _words(error: BaseException) -> str:
    return _tls_fault(error) or next(filter(None, map(str, _chain(error))), "")


def _tls_fault(error: BaseException) -> str:
    for cause in _chain(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return _CERTIFICATE.get(cause.verify_code, f"its certificate is not accepted: {cause.verify_message}")
        if isinstance(cause, ssl.SSLError):
            return f"TLS failed: {(cause.reason or 'the connection ended').replace('_', ' ').lower()}"
    return ""


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and its causes; ``raise ... from None`` hides them from people, not from us."""
    cause: BaseException | None = error
    for _ in range(_CHAIN_LIMIT):
        if cause is None:
            return
        yield cause
        cause = cause.__cause__ or cause.__context__
