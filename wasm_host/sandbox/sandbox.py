"""One sandboxed instance, as the engine sees it: it outlives its guests.

The truth about the instance's state is here and not in the guest. An invocation's writes are taken over when
its message is closed without an error; so when a guest is destroyed, its successor begins where the last
complete invocation ended.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence

import msgspec

from wasm_host.errors import GuestError, InitializeError, SandboxClosedError, SandboxError
from wasm_host.guest import abi
from wasm_host.guest.abi import Effects, LogLine
from wasm_host.guest.guest import Guest, OpenResult
from wasm_host.limits import GuestLimits
from wasm_host.sandbox import javascript
from wasm_host.sandbox.javascript import Link
from wasm_host.sandbox.openers import GuestOpener, GuestSetup, Start
from wasm_host.sandbox.state import WRITES_AT_ONCE, InstanceState

_BATCH_BYTES = 1024 * 1024
"""Values of one guest call: batches beyond it are split, so that no input buffer crowds the guest's memory."""

_HANDED_OVER_BYTES = 1024 * 1024
"""Output of a batch after which what is done is answered, and the rest is not begun."""


class SandboxStatistics(msgspec.Struct, frozen=True):
    """A snapshot of what one sandbox used."""

    calls: int
    """Guest calls, of all exports."""
    slices: int
    """Time slices begun; a call that ends within a millisecond takes one."""
    restarts: int
    """Guests that had to be destroyed."""
    memory_bytes: int
    """Linear memory of the guest now; only what it touched is resident."""
    cpu_seconds: float
    """Time spent running guest code."""
    state_bytes: int
    """Keys and values that the host keeps."""


class Sandbox:
    """A sandbox of one program, which runs one call at a time. Made by ``SandboxHost.sandbox``.

    Args:
        setup: what every guest of it is given
        opener: opens them
        seed: of all randomness that the first guest has
    """

    def __init__(self, setup: GuestSetup, opener: GuestOpener, *, seed: int) -> None:
        self._setup = setup
        self._opener = opener
        self._seed = seed
        self._now_ms = setup.now_ms
        self._guest: Guest | None = None
        self._state = InstanceState(setup.limits)
        self._from_version = ""  # whose state it begins with, where that is another version's
        self._was_open = False
        self._wants_flush = False
        self._closed = False
        self._restarts = 0
        self._done: Sequence[Effects] = ()  # of the batch under way, as far as the state has it already
        self._settled: Sequence[Effects] = ()  # likewise, of the part whose writes are being taken over

    @property
    def state_bytes(self) -> int:
        """The size of that state: bytes of keys and JSON text."""
        return self._state.size_bytes

    @property
    def state(self) -> Mapping[str, bytes]:
        """The host's copy of the instance's state: JSON text by key."""
        return self._state.values

    def done_so_far(self) -> Sequence[Effects]:
        """Return the effects of the first messages of the batch under way that the state knows of already."""
        return [*self._done, *self._settled]

    def go_on_from(self, state: Mapping[str, bytes]) -> None:
        """Begin with a state that another sandbox of this program has left, as if this one had been open before.

        Raises:
            ValueError: it is more than may be kept.
        """
        too_much = self._state.apply(list(state.items()))
        if too_much is not None:
            raise ValueError(too_much.message)
        self._was_open = True

    async def open(self) -> Effects:
        """Open the guest and run ``initialize``; return what that caused.

        Raises:
            ProgramError: the source cannot be used.
            InitializeError: ``initialize`` threw.
            GuestFaultError: the guest did not survive opening.
        """
        self._refuse_closed()
        if self._guest is not None:
            return Effects([])
        self._guest, effects = await self._started()
        if not self._was_open:
            await self._keep(effects)
        self._was_open, self._from_version = True, ""
        return effects

    async def inherit(self, state: Mapping[str, bytes], from_version: str) -> GuestError | None:
        """Begin with the state of another sandbox; return why not, where it is too much. Before ``open``.

        Args:
            state: JSON text by key.
            from_version: of the program that it was another's, for ``migrate``; where empty, the state fits.
        """
        self._from_version = from_version
        return await self._state.take([*state.items()])

    @property
    def owner(self) -> str:
        """The sandbox's owner."""
        return self._setup.counters.owner

    @property
    def limits(self) -> GuestLimits:
        """The limits of its guests."""
        return self._setup.limits

    @property
    def output_count(self) -> int:
        """The number of declared output ports."""
        return len(self._setup.outputs)

    @property
    def is_between_guests(self) -> bool:
        """True while it is open, and its next message opens a guest."""
        return self._was_open and not self._closed and self._guest is None

    def document(self, link: Link) -> bytes:
        """Return the input of symbia_open, for the guest of a chain. Raises ProgramError."""
        self._refuse_closed()
        return b"".join(self._setup.document(self._start(restored=self._was_open), link=link))

    async def accept(self, opened: OpenResult) -> Effects:
        """Take over how its program began in the guest of a chain; raises as ``open`` does."""
        effects = self._accepted(opened)
        if self._was_open:  # it has lived elsewhere before
            effects.emissions, effects.state = [], ()
        else:
            await self._keep(effects)
        self._was_open, self._from_version = True, ""
        return effects

    async def take_over(self, writes: Sequence[tuple[str, bytes | None]]) -> list[tuple[str, bytes | None]] | None:
        """Take over what an invocation in a chain wrote; return what undoes it, or None where it is too much."""
        undoing = self._state.undoing(writes)
        return None if await self._state.take(writes) is not None else undoing

    def give_up_guest(self) -> None:
        """Let go of a guest of its own, if it has one: its program is to live in that of its chain again."""
        self._drop_guest()

    def restore(self, writes: Sequence[tuple[str, bytes | None]]) -> None:
        """Undo what was taken over."""
        self._state.apply(writes)

    def note_loss(self) -> None:
        """Note that the guest of its chain is gone: the next one, its own, must not repeat the random numbers."""
        if self._was_open:
            self._restarts += 1

    async def check(self) -> None:
        """Compile the program in a guest of its own, without ``initialize``. Raises as ``open`` does."""
        try:
            opened = await self._opener.check(self._setup, self._start(restored=False))
            if opened is not None:
                self._accepted(opened)
        finally:
            self.discard()

    async def process(self, batch: Sequence[tuple[int, bytes]]) -> list[Effects]:
        """Process messages in order; return the effects of each, or of the first of them where they are large.

        What a whole batch causes never has to wait in memory: the caller lets what was returned go its way, and
        calls again with the others. At least one message is processed.

        Args:
            batch: (input port index, JSON text) for each message

        Nothing raises but Cancelled: what a component does wrong is an ``error`` among its effects.
        A cancelled call discards the guest and whatever the batch caused; the next call opens another guest.
        """
        try:
            guest = self._guest
            if guest is not None and guest.rest and list(batch[: len(guest.rest)]) != guest.rest:
                self._drop_guest()  # it is at work on others
                guest = None
            # A shorter way for one message, which must end as ``_process_all`` would: held by
            # test_one_message_ends_as_a_batch_of_one_does.
            if guest is not None and len(batch) == 1:
                report = await guest.process(batch, self._now_ms())
                if report.fault is None:
                    effects = report.closed[0]
                    if effects.state and not await self._keep(effects):
                        self._drop_guest()
                    return report.closed
                self._drop_guest()
                if report.closed:  # it finished the message, and broke afterwards
                    await self._keep(report.closed[0])
                return report.closed or [abi.failed(report.fault, report.unfinished_logs)]
            return await self._process_all(batch)
        except BaseException:  # Cancelled, or the service is ending: the guest is in the middle of something
            self._done = self._settled = ()
            self._drop_guest()
            raise

    @property
    def wants_flush(self) -> bool:
        """True where its program has something to say at the end of its input."""
        return self._wants_flush

    async def flush(self) -> Effects:
        """Let its program say its last word, because no further message comes; nothing where it has none.

        Nothing raises but Cancelled: what a component does wrong is an ``error`` among its effects.
        """
        if not self._wants_flush or self._closed:
            return Effects([])
        return (await self._called_alone(_flush))[0]

    async def next(self) -> tuple[Effects, int]:
        """Ask a source for more; return what came, and when to ask again (``wasm_host.guest.guest``).

        Nothing raises but Cancelled: what a component does wrong is an ``error`` among its effects.
        """
        return await self._called_alone(Guest.next)

    async def _called_alone(
        self, call: Callable[[Guest, float], Awaitable[tuple[Effects, int]]]
    ) -> tuple[Effects, int]:
        """Call what serves no message; return its effects and what it has answered."""
        if self._guest is not None and self._guest.rest:
            self._drop_guest()
        try:
            reopened_logs = [] if self._guest is not None else (await self._reopen()).logs
            assert self._guest is not None  # noqa: S101 - it is open now
            effects, code = await call(self._guest, self._now_ms())
            if not await self._keep(effects):
                self._drop_guest()
        except SandboxError as error:
            self._drop_guest()
            return abi.failed(error), 0
        except BaseException:  # Cancelled: the guest is in the middle of something
            self._drop_guest()
            raise
        effects.logs = [*reopened_logs, *effects.logs] if reopened_logs else effects.logs
        return effects, code

    async def close(self) -> Effects:
        """Run ``cleanup`` within its short budget, and free everything. Idempotent."""
        guest, self._closed = self._guest, True
        if guest is None or guest.rest:  # or is in the middle of something
            self.discard()
            return Effects([])
        try:
            return await guest.close()
        except SandboxError as error:
            return abi.failed(error)
        finally:
            self.discard()

    def discard(self) -> None:
        """Free everything at once, without ``cleanup``. Idempotent."""
        self._closed = True
        guest, self._guest = self._guest, None
        if guest is not None:
            guest.discard()

    def statistics(self) -> SandboxStatistics:
        """Return what this sandbox has used until now."""
        counters = self._setup.counters
        return SandboxStatistics(
            calls=counters.calls,
            slices=counters.slices,
            restarts=self._restarts,
            memory_bytes=self._guest.memory_bytes if self._guest else 0,
            cpu_seconds=counters.cpu_seconds,
            state_bytes=self._state.size_bytes,
        )

    async def _process_all(self, batch: Sequence[tuple[int, bytes]]) -> list[Effects]:
        results: list[Effects] = []
        self._done = results
        alone = 0  # how far messages go one by one, to find the one that a guest did not survive
        reopened_logs: Sequence[LogLine] = ()
        written = 0
        while len(results) < len(batch):
            if written > _HANDED_OVER_BYTES and len(results) >= alone:
                break
            guest = self._guest
            if guest is None:
                try:
                    reopened_logs = (await self._reopen()).logs
                except SandboxError as error:
                    results += [abi.failed(error) for _ in range(len(batch) - len(results))]
                    break
                continue
            part = self._next_part(batch, len(results)) if not guest.rest else guest.rest
            if len(results) < alone:
                part = part[:1]
            report = await guest.process(part, self._now_ms())
            written += guest.output_bytes
            closed, agrees = await self._kept(report.closed)
            if not agrees:
                self._drop_guest()
            elif report.fault is not None:
                self._drop_guest()
                if report.is_culprit_unknown:
                    alone = len(results) + len(part)
                elif len(closed) < len(part):
                    closed = [*closed, abi.failed(report.fault, report.unfinished_logs)]
            if reopened_logs and closed:
                closed[0].logs = [*reopened_logs, *closed[0].logs]
                reopened_logs = ()
            results += closed
            if report.fault is None and agrees and len(closed) < len(part):
                break  # the guest has returned so that these can leave
        self._done = ()
        return results

    def _next_part(self, batch: Sequence[tuple[int, bytes]], done: int) -> Sequence[tuple[int, bytes]]:
        size = 0
        for index in range(done, len(batch)):
            size += len(batch[index][1])
            if size > _BATCH_BYTES and index > done:
                return batch[done:index]
        return batch[done:] if done else batch

    async def _reopen(self) -> Effects:
        if not self._was_open:
            raise SandboxClosedError("open this sandbox before its first message")
        return await self.open()

    def _start(self, *, restored: bool) -> Start:
        # The number of restarts, or a replacement would repeat the random numbers of its predecessor.
        return Start(self._state.values, self._seed + self._restarts, restored, self._from_version)

    async def _started(self) -> tuple[Guest, Effects]:
        restored = self._was_open
        guest, opened = await self._opener.open(self._setup, self._start(restored=restored))
        try:
            effects = self._accepted(opened)
        except BaseException:
            guest.discard()
            raise
        if restored:
            effects.emissions, effects.state = [], ()
        return guest, effects

    def _accepted(self, opened: OpenResult) -> Effects:
        error = opened.effects.error
        self._wants_flush = opened.code == abi.OPENED_TO_FLUSH
        if error is None:
            return opened.effects
        if opened.code == abi.OPEN_PROGRAM_REFUSED:
            raise javascript.program_error(error, self._setup.program.source)
        raise InitializeError(error)

    async def _kept(self, closed: list[Effects]) -> tuple[list[Effects], bool]:
        """Take over writes until one is too much; return the messages so far, and whether the guest agrees.

        One whose write was refused believes otherwise, so what it did afterwards is void, and goes to another.
        """
        for index, effects in enumerate(closed):
            if not effects.state:
                continue
            if len(effects.state) > WRITES_AT_ONCE:  # others have their turn meanwhile
                self._settled = closed[:index]
            is_kept = await self._keep(effects)
            self._settled = ()
            if not is_kept:
                return closed[: index + 1], False
        return closed, True

    async def _keep(self, effects: Effects) -> bool:
        """Take over what an invocation wrote; one that wrote too much has failed, and has emitted nothing."""
        if effects.state:
            too_much = await self._state.take(effects.state)
            if too_much is not None:
                effects.emissions, effects.error, effects.state = [], too_much, ()
                return False
        return True

    def _drop_guest(self) -> None:
        guest, self._guest = self._guest, None
        if guest is not None:
            self._restarts += 1
            self._setup.runtime.usage.restarts += 1
            guest.discard()

    def _refuse_closed(self) -> None:
        if self._closed:
            raise SandboxClosedError("this sandbox was closed")


async def _flush(guest: Guest, now_ms: float) -> tuple[Effects, int]:
    return await guest.flush(now_ms), 0
