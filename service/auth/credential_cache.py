"""A brief memory of what was found out about credentials, so that not every request asks Identity.

A recognition holds for at most ``RECOGNISED_SECONDS`` and never beyond the credential's own end; that is how long
a revoked credential may still be honoured. A refusal holds for ``REFUSED_SECONDS``: long enough to spare Identity
a client in a loop, short enough that a new key works soon. That Identity did not answer is not remembered.

Credentials themselves are not kept, only their SHA-256: a dump of this process's memory gives none away. Requests
that bring the same unknown credential at the same time wait for one question. If the one who asks goes away, the
next asks instead.
"""

import math
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from hashlib import sha256

import msgspec
import trio

from service.auth.principal import Principal, Recognition
from service.problems import IdentityUnavailableError

RECOGNISED_SECONDS = 30.0
REFUSED_SECONDS = 3.0
CAPACITY = 10_000
"""Credentials remembered at once; beyond it the one that was used least recently is forgotten."""

Ask = Callable[[], Awaitable[Recognition | None]]
"""A function that asks who a credential belongs to; it raises IdentityUnavailableError when nobody can say."""


class Finding(msgspec.Struct, frozen=True):
    """A verdict on a credential and its end on Trio's clock; at ``ends_at`` the credential itself ends."""

    principal: Principal | None
    holds_until: float
    ends_at: float = math.inf


class Question:
    """A question that is under way, and what came of it: a finding, or that nobody can say.

    Neither, once it is over, means that the one who asked went away before the answer.
    """

    def __init__(self) -> None:
        self.over = trio.Event()
        self.finding: Finding | None = None
        self.unavailable: IdentityUnavailableError | None = None


class CredentialCache:
    """Findings by credential.

    Args:
        now_seconds: seconds since the epoch, against which a credential's own end is held.
        capacity: findings kept at once.
    """

    def __init__(self, now_seconds: Callable[[], float] = time.time, capacity: int = CAPACITY) -> None:
        self._now_seconds = now_seconds
        self._capacity = capacity
        self._findings: OrderedDict[bytes, Finding] = OrderedDict()
        self._questions: dict[bytes, Question] = {}

    async def find(self, kind: str, credential: str, ask: Ask) -> Principal | None:
        """Return the credential's bearer; None when it is refused. The same as ``find_out`` without the end."""
        return (await self.find_out(kind, credential, ask)).principal

    async def find_out(self, kind: str, credential: str, ask: Ask) -> Finding:
        """Return what is known of a credential. Ask only where nothing is.

        Args:
            kind: keeps apart credentials of different kinds that happen to read the same.
            credential: the secret itself.
            ask: finds out; called by one of all who wait.

        Raises:
            IdentityUnavailableError: nobody can say at present.
        """
        key = sha256(f"{kind}:{credential}".encode("utf-8", "surrogatepass")).digest()
        while True:
            finding = self._known(key)
            if finding is not None:
                return finding
            question = self._questions.get(key)
            if question is None:
                return await self._ask(key, ask)
            await question.over.wait()
            if question.finding is not None:
                return question.finding
            if question.unavailable is not None:
                raise IdentityUnavailableError(str(question.unavailable))

    def _known(self, key: bytes) -> Finding | None:
        finding = self._findings.get(key)
        if finding is None:
            return None
        if trio.current_time() >= finding.holds_until:
            del self._findings[key]
            return None
        self._findings.move_to_end(key)
        return finding

    async def _ask(self, key: bytes, ask: Ask) -> Finding:
        question = self._questions[key] = Question()
        asked_at = trio.current_time()  # what is asked may be revoked while the answer is on its way
        try:
            finding = question.finding = self._judge(await ask(), asked_at)
        except IdentityUnavailableError as error:
            question.unavailable = error
            raise
        finally:
            del self._questions[key]
            question.over.set()
        if finding.holds_until > trio.current_time():
            self._findings[key] = finding
            if len(self._findings) > self._capacity:
                self._findings.popitem(last=False)
        return finding

    def _judge(self, recognition: Recognition | None, asked_at: float) -> Finding:
        if recognition is None:
            return Finding(None, asked_at + REFUSED_SECONDS)
        life = math.inf if recognition.expires_at is None else recognition.expires_at - self._now_seconds()
        if life <= 0:
            return Finding(None, asked_at + REFUSED_SECONDS)
        return Finding(recognition.principal, asked_at + min(RECOGNISED_SECONDS, life), asked_at + life)
