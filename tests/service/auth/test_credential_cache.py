"""Findings about credentials: remembered for a while, never longer than they hold, asked for once at a time."""

import time
from collections.abc import Callable

import pytest
import trio
import trio.testing

from service.auth.credential_cache import RECOGNISED_SECONDS, REFUSED_SECONDS, CredentialCache
from service.auth.principal import Principal, Recognition
from service.problems import IdentityUnavailableError

ALICE = Principal(kind="user", id="alice")
EPOCH = 1_800_000_000.0


class Oracle:
    """Answers what it is told to answer, after a while; counts how often it was asked."""

    def __init__(self, answer: Recognition | Exception | None, seconds: float = 0) -> None:
        self.answer = answer
        self.seconds = seconds
        self.asked = 0

    async def __call__(self) -> Recognition | None:
        self.asked += 1
        await trio.sleep(self.seconds)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def _cache(capacity: int = 10) -> CredentialCache:
    """A cache whose epoch begins with the test's clock."""
    return CredentialCache(lambda: EPOCH + trio.current_time(), capacity)


@pytest.mark.parametrize(
    ("answer", "seconds"),
    [
        (Recognition(ALICE), RECOGNISED_SECONDS),
        (Recognition(ALICE, EPOCH + 10_000), RECOGNISED_SECONDS),
        (Recognition(ALICE, EPOCH + 7), 7),
        (None, REFUSED_SECONDS),
        (Recognition(ALICE, EPOCH - 1), REFUSED_SECONDS),
    ],
)
async def test_a_finding_holds_for_its_time(
    answer: Recognition | None, seconds: float, autojump_clock: trio.testing.MockClock
) -> None:
    """Until its end nobody is asked again, and from then on somebody is."""
    del autojump_clock
    oracle, cache = Oracle(answer), _cache()
    first = await cache.find("bearer", "secret", oracle)
    await trio.sleep(seconds - 0.01)
    assert await cache.find("bearer", "secret", oracle) == first
    assert oracle.asked == 1
    await trio.sleep(0.02)
    await cache.find("bearer", "secret", oracle)
    assert oracle.asked == 2


async def test_a_credential_is_not_recognised_beyond_its_own_end(autojump_clock: trio.testing.MockClock) -> None:
    """An answer that says until when is held to it, even where it took its time to come."""
    del autojump_clock
    cache = _cache()
    assert await cache.find("bearer", "late", Oracle(Recognition(ALICE, EPOCH + 5), seconds=6)) is None


async def test_time_that_an_answer_took_counts(autojump_clock: trio.testing.MockClock) -> None:
    """A finding is as old as its question: what it says may have been revoked on the way."""
    del autojump_clock
    oracle, cache = Oracle(Recognition(ALICE), seconds=20), _cache()
    await cache.find("bearer", "secret", oracle)
    await trio.sleep(RECOGNISED_SECONDS - 20 + 0.01)
    await cache.find("bearer", "secret", oracle)
    assert oracle.asked == 2


@pytest.mark.parametrize("answer", [Recognition(ALICE), None], ids=["recognised", "refused"])
async def test_one_question_serves_all_who_wait(
    answer: Recognition | None, autojump_clock: trio.testing.MockClock
) -> None:
    """A hundred requests with one credential ask once, however long the answer takes."""
    del autojump_clock
    oracle, cache = Oracle(answer, seconds=REFUSED_SECONDS * 2), _cache()
    found: list[Principal | None] = []

    async def find() -> None:
        found.append(await cache.find("bearer", "secret", oracle))

    async with trio.open_nursery() as nursery:
        for _ in range(100):
            nursery.start_soon(find)
    assert oracle.asked == 1
    assert found == [answer and ALICE] * 100


async def test_different_credentials_do_not_wait_for_each_other(autojump_clock: trio.testing.MockClock) -> None:
    """Ten credentials whose answers take a second each are found within that second."""
    del autojump_clock
    cache, began = _cache(), trio.current_time()
    async with trio.open_nursery() as nursery:
        for number in range(10):
            nursery.start_soon(cache.find, "bearer", str(number), Oracle(None, seconds=1))
    assert trio.current_time() - began == pytest.approx(1)


async def test_an_unavailable_identity_fails_all_who_wait_and_is_not_remembered(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """Each hears that nobody can say; the next one asks again."""
    del autojump_clock
    oracle, cache = Oracle(IdentityUnavailableError("away"), seconds=1), _cache()
    failed = 0

    async def find() -> None:
        nonlocal failed
        with pytest.raises(IdentityUnavailableError, match="away"):
            await cache.find("bearer", "secret", oracle)
        failed += 1

    async with trio.open_nursery() as nursery:
        for _ in range(5):
            nursery.start_soon(find)
    assert (failed, oracle.asked) == (5, 1)
    oracle.answer = Recognition(ALICE)
    assert await cache.find("bearer", "secret", oracle) is ALICE


async def test_when_the_one_who_asks_goes_away_the_next_one_asks(autojump_clock: trio.testing.MockClock) -> None:
    """A client that hangs up does not take the answer of the others with it."""
    del autojump_clock
    oracle, cache = Oracle(Recognition(ALICE), seconds=1), _cache()
    found: list[Principal | None] = []

    async def find(scope: trio.CancelScope) -> None:
        with scope:
            found.append(await cache.find("bearer", "secret", oracle))

    first, second = trio.CancelScope(), trio.CancelScope()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(find, first)
        await trio.testing.wait_all_tasks_blocked()
        nursery.start_soon(find, second)
        await trio.testing.wait_all_tasks_blocked()
        first.cancel()
    assert (found, oracle.asked) == ([ALICE], 2)


async def test_the_least_used_is_forgotten_first(autojump_clock: trio.testing.MockClock) -> None:
    """The memory is bounded, and what is in use stays in it."""
    del autojump_clock
    cache = _cache(capacity=2)
    oracles = {name: Oracle(Recognition(ALICE)) for name in "abc"}
    for name in "abac":
        await cache.find("bearer", name, oracles[name])
    for name in "acb":
        await cache.find("bearer", name, oracles[name])
    assert {name: oracle.asked for name, oracle in oracles.items()} == {"a": 1, "b": 2, "c": 1}


async def test_kinds_are_kept_apart(autojump_clock: trio.testing.MockClock) -> None:
    """What is good as a key is not therefore good as a token."""
    del autojump_clock
    cache = _cache()
    assert await cache.find("api-key", "same", Oracle(Recognition(ALICE))) is ALICE
    assert await cache.find("bearer", "same", Oracle(None)) is None


async def test_no_credential_is_kept(autojump_clock: trio.testing.MockClock) -> None:
    """The memory holds hashes; the secret itself is nowhere in it."""
    del autojump_clock
    cache = _cache()
    await cache.find("bearer", "very-secret", Oracle(Recognition(ALICE)))
    assert b"very-secret" not in repr(vars(cache)).encode()


def test_the_clock_of_a_credentials_end_is_the_time_of_day() -> None:
    """Without another source, ends are held against the machine's own time."""
    source: Callable[[], float] = CredentialCache()._now_seconds
    assert source is time.time
