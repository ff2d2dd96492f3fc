import functools
import ssl
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from engine.builtin.io_http_request import http_request
from engine.builtin.parts.connection_reason import kind_of, reason_of
from engine.builtin.parts.redirects import BodilessRedirects, open_following
from service.addresses.outbound_rules import OutboundRules, read_allow_list
from service.outbound.clients import GuardedTransport
from tests.engine.builtin.certificates import DAY, NOW, Authority, serving_tls
from tests.engine.builtin.harness import driven
from tests.fakes.resolver import FakeResolver

Certificate = Callable[[Authority], ssl.SSLContext | None]

UNKNOWN = "its certificate comes from an authority that is not known, or it does not send the whole chain"
BAD: dict[str, Certificate] = {
    "its certificate is self-signed": lambda authority: authority.serving(is_self_signed=True),
    "its certificate has expired": lambda authority: authority.serving(ends=NOW - DAY),
    "its certificate is not valid yet": lambda authority: authority.serving(ends=NOW + 20 * DAY),
    "its certificate is for another address": lambda authority: authority.serving("192.0.2.1"),
    UNKNOWN: lambda authority: Authority(authority.folder).serving(),
    "TLS failed: wrong version number": lambda _: None,
}


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.mark.parametrize("words", BAD)
async def test_a_request_says_what_is_wrong_with_a_certificate(words: str, authority: Authority) -> None:
    """The error of a message has the reason, which the libraries below us leave out of theirs."""
    opening = functools.partial(open_following, BodilessRedirects(verify=authority.trusting(), trust_env=False))
    async with serving_tls(BAD[words](authority)) as url, driven(http_request(opening), url=url) as driver:
        (outcome,) = await driver.send(1)
    assert outcome.error is not None
    assert outcome.error.message == f"GET {url} failed: ConnectError: {words}"


async def test_a_good_certificate_is_accepted(authority: Authority) -> None:
    """The tests above fail for no other reason than the one that they name."""
    opening = functools.partial(open_following, BodilessRedirects(verify=authority.trusting(), trust_env=False))
    async with serving_tls(authority.serving()) as url, driven(http_request(opening), url=url) as driver:
        (outcome,) = await driver.send(1)
    assert outcome.error is None


async def test_the_guarded_client_says_it_too(authority: Authority) -> None:
    """Its errors pass one translation more; a kind names no address, for those who may not see any."""
    rules = {"https": OutboundRules(allow=read_allow_list("127.0.0.1"))}
    fault: httpx.ConnectError | None = None
    async with (
        serving_tls(authority.serving(is_self_signed=True)) as url,
        open_following(GuardedTransport(rules, FakeResolver())) as client,
    ):
        try:
            await client.get(url)
        except httpx.ConnectError as error:
            fault = error
    assert fault is not None
    assert str(fault) == "", "httpx has words for it now: are they better than ours?"
    assert reason_of(fault) == kind_of(fault) == "ConnectError: its certificate is self-signed"


def test_a_reason_is_looked_for_in_the_causes() -> None:
    """An error without words has those of its first cause that has some, also of one that is hidden."""
    error = httpx.ReadError("")
    error.__context__ = ConnectionResetError(104, "Connection reset by peer")
    error.__suppress_context__ = True
    assert reason_of(error) == "ReadError: [Errno 104] Connection reset by peer"
    assert kind_of(error) == "ReadError"


def test_a_chain_in_a_circle_comes_to_an_end() -> None:
    """Errors that are each other's causes are looked at so often."""
    first, second = httpx.ReadError(""), httpx.ReadError("")
    first.__cause__, second.__cause__ = second, first
    assert reason_of(first) == "ReadError"
