"""Checkpoints of a durable execution: what a restart begins from, so that the log before it is needed no more.

A checkpoint is the whole execution, so it costs the more the more there is in it. It is due when something has
happened and some time has passed, or when the log has grown; and then there is a rest for several times as long as
it took. It is written together with the trimming of the log: it is there whole, or not at all.
"""

from collections.abc import Callable
from contextlib import suppress

import msgspec
import trio

from engine.checkpoint.checkpoint import Checkpoint
from engine.checkpoint.encoding import decoded, encoded
from engine.cooperative.slices import Steps, in_slices
from engine.durability.acceptance_log import AcceptanceLog
from engine.durability.kept_revision import KeptRevision
from engine.durability.outside_calls import KeptCalls
from engine.errors import CannotGoOnError, IllegalTransitionError
from engine.keeping.keeper import Keeper
from engine.keeping.records import CHECKPOINT, PROGRESS
from engine.limits import EngineLimits
from engine.memory.ledger import Account
from store.protocol import Record, Trim

REST = 20
"""The rest after a checkpoint, as a multiple of the time that it took: they take a twentieth of it at most."""


class Progress(msgspec.Struct, frozen=True, array_like=True):
    """The things that are kept beside a checkpoint.

    Attributes:
        position: the number of the last entry of the log that is in it.
        is_told_to_pause: whether it was told to pause.
        calls: the keys of its calls to the outside.
        revision: that it ran; None for that with which it began.
    """

    position: int
    is_told_to_pause: bool
    calls: KeptCalls
    revision: KeptRevision | None = None


class CheckpointCounters(msgspec.Struct):
    """The checkpoints of all durable executions of a runtime.

    Attributes:
        taken: how many are on disk.
        failed: how many could not be made or written.
        seconds: the time that those took which are on disk.
        size_bytes: their sizes.
        longest_seconds: the time of the longest one.
    """

    taken: int = 0
    failed: int = 0
    seconds: float = 0.0
    size_bytes: int = 0
    longest_seconds: float = 0.0

    def note(self, seconds: float, size_bytes: int) -> None:
        """Count one that is on disk."""
        self.taken += 1
        self.seconds += seconds
        self.size_bytes += size_bytes
        self.longest_seconds = max(self.longest_seconds, seconds)


class DurabilityStatistics(msgspec.Struct, frozen=True):
    """The counters of a runtime's durable executions.

    Attributes:
        running: how many there are that have not ended.
        waiting: how many of an earlier process cannot go on yet.
        age_seconds: the time since the last checkpoint of the one that has waited longest for its next.
        checkpoints: of all of them.
    """

    running: int
    waiting: int
    age_seconds: float
    checkpoints: CheckpointCounters


class Moment(msgspec.Struct, frozen=True):
    """An execution at one moment, and what is kept beside that.

    Attributes:
        checkpoint: of the moment.
        progress: as it is kept.
        generation: a number that grows with whatever happens to the execution's messages.
    """

    checkpoint: Checkpoint
    progress: Progress
    generation: int


class Checkpoints:
    """The checkpoints of one execution.

    Args:
        log: of what it accepts.
        keeper: writes them.
        limits: how often they are taken.
        counters: of all executions.
        look: returns the execution at the moment of the first step.
        generation: returns the number of this moment, as in ``Moment``.
        account: of who is charged for them while they are made and written; nobody where absent.

    Attributes:
        is_owing: whether the last one is of another revision than the execution runs.
    """

    def __init__(
        self,
        log: AcceptanceLog,
        keeper: Keeper,
        limits: EngineLimits,
        counters: CheckpointCounters,
        look: Callable[[], Steps[Moment]],
        generation: Callable[[], int],
        account: Account | None = None,
    ) -> None:
        self._log = log
        self._keeper = keeper
        self._limits = limits
        self._counters = counters
        self._look = look
        self._generation = generation
        self.is_owing = False
        self._account = None if account is None else account.ledger.account(account.owner)
        self._turn = trio.Lock()
        self._is_closed = False
        self._grown = trio.Event()
        self._taken_seconds = trio.current_time()
        self._last = (-1, -1)  # position and generation of the last one
        log.on_growth = self._note_growth

    @property
    def age_seconds(self) -> float:
        """The time since the last one; 0 where nothing has happened since."""
        return trio.current_time() - self._taken_seconds if self._is_due else 0.0

    @property
    def _is_due(self) -> bool:
        return self._last != (self._log.position, self._generation())

    def _note_growth(self) -> None:
        log, limits = self._log, self._limits
        if log.untrimmed >= limits.checkpoint_messages or log.untrimmed_bytes >= limits.checkpoint_bytes:
            self._grown.set()

    async def run(self) -> None:
        """Take them when they are due, for ever."""
        while True:
            with trio.move_on_after(self._limits.checkpoint_ms / 1000):
                await self._grown.wait()
            self._grown = trio.Event()
            began = trio.current_time()
            if self._is_due:
                await self.try_to_take()
            await trio.sleep(REST * (trio.current_time() - began))

    async def try_to_take(self) -> None:
        """Take one now, if that is possible: without one, a restart repeats more, and that is all."""
        with suppress(Exception):  # counted; a fault of ours among them
            await self.take()

    async def take(self) -> None:
        """Take one now; where that fails, which is counted, the last one holds, and the log from there on.

        One after another: an earlier moment written over a later one would lack what was trimmed for that.

        Raises:
            NotKeptError: it could not be written.
            MemoryBoundError: there is no memory for it.
            EngineError: it could not be made.
        """
        async with self._turn:
            try:
                await self._take()
            except IllegalTransitionError:  # it ends just now
                return
            except Exception:  # where the store failed, the keeper has complained
                self._counters.failed += 1
                raise
            finally:
                self._discharge()

    def _discharge(self) -> None:
        if self._account is not None:
            self._account.close()

    def _charge(self, size_bytes: int) -> None:
        if self._account is not None:
            self._account.charge(size_bytes, "checkpoints", is_under_way=True)

    async def begin_alone(self) -> None:
        """Return when none is under way; from then on only the caller takes one, by ``take_alone``."""
        await self._turn.acquire()

    async def take_alone(self) -> None:
        """Take the first one of another revision, before ``end_alone``; raises as ``take``."""
        self.is_owing = True
        try:
            await self._take()
        except Exception:
            self._counters.failed += 1
            raise
        finally:
            self._discharge()

    def end_alone(self) -> None:
        """Let others take some again."""
        self._turn.release()

    async def close(self) -> None:
        """Take none any more, and return when none is on its way to the disk."""
        self._is_closed = True
        async with self._turn:
            return

    async def _take(self) -> None:
        began = trio.current_time()
        log = self._log
        untrimmed, untrimmed_bytes = log.untrimmed, log.untrimmed_bytes
        moment = await in_slices(self._look())
        position = moment.progress.position
        content = await in_slices(encoded(moment.checkpoint, self._charge))
        if self._is_closed:  # its execution is over: nobody would ever take this away
            return
        stream = log.stream
        await self._keeper.keep(
            [
                Record(CHECKPOINT, stream.owner, stream.key, content),
                Record(PROGRESS, stream.owner, stream.key, msgspec.msgpack.encode(moment.progress)),
                Trim(stream, first=position + 1),
            ]
        )
        self.is_owing = False
        log.note_trim(untrimmed, untrimmed_bytes)
        self._last = (position, moment.generation)
        self._taken_seconds = began
        self._counters.note(trio.current_time() - began, len(content))


async def read_checkpoint(keeper: Keeper, owner: str, execution_id: str) -> tuple[Progress, Checkpoint] | None:
    """Return the last checkpoint of an execution; None where there is none.

    Raises:
        CannotGoOnError: it cannot be read.
        EngineError: likewise.
        StoreError: likewise.
    """
    content = await keeper.read(CHECKPOINT, owner, execution_id)
    progress = await keeper.read(PROGRESS, owner, execution_id)
    if content is None or progress is None:
        return None
    try:
        decoded_progress = msgspec.msgpack.decode(progress, type=Progress)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise CannotGoOnError(f"its checkpoint cannot be read: {error}") from error
    return decoded_progress, await in_slices(decoded(content))
