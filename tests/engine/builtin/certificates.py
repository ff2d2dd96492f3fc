"""Certificates for servers of tests, good ones and bad ones, and a server that shows one."""

import datetime as dt
import ipaddress
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path

import trio
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

NOW = dt.datetime.now(dt.UTC)
DAY = dt.timedelta(days=1)
HELLO = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello"


class Authority:
    """An authority that signs certificates, and writes them where a server reads them.

    Attributes:
        folder: takes the files.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "authority of a test")])
        self._certificate = self._build(
            self._name, self._key, NOW + DAY, x509.DNSName("authority.example"), ca=True
        )

    def trusting(self) -> ssl.SSLContext:
        """Make a client's context that trusts this authority, and no other."""
        return ssl.create_default_context(cafile=self.write())

    def write(self) -> Path:
        """Write a file with the authority's own certificate."""
        path = self.folder / "authority.pem"
        path.write_bytes(self._certificate.public_bytes(serialization.Encoding.PEM))
        return path

    def serving(
        self, name: str = "127.0.0.1", *, ends: dt.datetime = NOW + DAY, is_self_signed: bool = False
    ) -> ssl.SSLContext:
        """Make a server's context, with a certificate for a name or address."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "server of a test")])
        try:
            known: x509.GeneralName = x509.IPAddress(ipaddress.ip_address(name))
        except ValueError:
            known = x509.DNSName(name)
        signed = self._build(subject, key, ends, known, ca=False, is_self_signed=is_self_signed)
        path = self.folder / "server.pem"
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        path.write_bytes(private + signed.public_bytes(serialization.Encoding.PEM))
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(path)
        return context

    def _build(
        self,
        subject: x509.Name,
        key: ec.EllipticCurvePrivateKey,
        ends: dt.datetime,
        known: x509.GeneralName,
        *,
        ca: bool,
        is_self_signed: bool = False,
    ) -> x509.Certificate:
        builder = x509.CertificateBuilder(
            issuer_name=subject if is_self_signed else self._name,
            subject_name=subject,
            public_key=key.public_key(),
            serial_number=x509.random_serial_number(),
            not_valid_before=ends - 10 * DAY,
            not_valid_after=ends,
        )
        builder = builder.add_extension(x509.SubjectAlternativeName([known]), critical=False)
        builder = builder.add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        builder = builder.add_extension(
            x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False
        )
        issuer = key if is_self_signed else self._key
        identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.public_key())
        return builder.add_extension(identifier, critical=False).sign(issuer, hashes.SHA256())


@asynccontextmanager
async def serving_tls(context: ssl.SSLContext | None) -> AsyncIterator[str]:
    """Yield the https URL of a server that says hello to everybody; without TLS where there is no context."""

    async def talk(stream: trio.SocketStream) -> None:
        secure = trio.SSLStream(stream, context, server_side=True, https_compatible=True) if context else stream
        with suppress(trio.BrokenResourceError):  # the client does not like what it sees
            await secure.receive_some()
            await secure.send_all(HELLO)
            await secure.aclose()

    async with trio.open_nursery() as nursery:
        (listener,) = await nursery.start(partial(trio.serve_tcp, talk, 0, host="127.0.0.1"))
        yield f"https://127.0.0.1:{listener.socket.getsockname()[1]}/"
        nursery.cancel_scope.cancel()
