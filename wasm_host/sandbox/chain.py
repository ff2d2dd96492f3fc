"""Sandboxes in a row that share one guest, as long as nothing goes wrong.

A call of the guest takes messages through all programs of the chain, and everything that it caused is taken over
at once, or nothing is. So whatever goes wrong in a call (a limit, a trap, a lie, a cancelled scope) voids it, and
ends the chain for good: every sandbox goes on with a guest of its own, which begins with the state that the host
holds, and the messages of the call that never was are processed there. What is wrong then goes wrong again, under
the program's own limits, and is charged to it alone. The chain needs to judge nobody.

Each program has a QuickJS runtime of its own within the guest: they share no object, atom, symbol or job.

Some members are no programs, but only hand on (``relay``): they are opened with the program behind them, or with
the last one, and nobody else need know of them.
"""

from collections.abc import Awaitable, Callable, Sequence

import trio

from wasm_host.errors import GuestFaultError, SandboxError
from wasm_host.guest import abi
from wasm_host.guest.abi import Effects
from wasm_host.guest.chain_abi import ChainResult, Message
from wasm_host.guest.chain_guest import ChainCall, ChainGuest
from wasm_host.guest.chain_ports import ProgramPorts
from wasm_host.guest.metering import GuestCounters, GuestRuntime, OnSliceEnd
from wasm_host.sandbox.javascript import Link
from wasm_host.sandbox.relay import Relay
from wasm_host.sandbox.sandbox import Sandbox
from wasm_host.wasmtime_c import core as capi


class Chain:
    """A chain of sandboxes, made by ``SandboxHost.chain``. One call at a time, but for ``close``.

    Args:
        runtime: the host's.
        module: the QuickJS guest.
        members: the sandboxes of the programs, not opened yet, and opened, used and closed through the chain only
            as long as it holds; and what hands on between them; in order.
        links: each one's place.
        on_slice_end: as a sandbox has it.
        now_ms: the guests' clock.
    """

    def __init__(
        self,
        runtime: GuestRuntime,
        module: capi.Module,
        members: Sequence[Sandbox | Relay],
        links: Sequence[Link],
        on_slice_end: OnSliceEnd | None,
        now_ms: Callable[[], float],
    ) -> None:
        self._runtime = runtime
        self._module = module
        self._members = members
        self._sandboxes = {at: member for at, member in enumerate(members) if isinstance(member, Sandbox)}
        self._links = links
        self._on_slice_end = on_slice_end
        self._now_ms = now_ms
        self._counters = GuestCounters(next(iter(self._sandboxes.values())).owner)
        self._guest: ChainGuest | None = None
        self._opened = 0  # members that are in the guest, or were
        self._entered: set[int] = set()  # those of them that are sandboxes
        self._is_dissolved = False
        self._closing = trio.Lock()
        # While writes are being taken over: those that undo what has been so far.
        self._undoing: Sequence[tuple[Sandbox, Sequence[tuple[str, bytes | None]]]] = ()

    @property
    def is_whole(self) -> bool:
        """True while all programs are open in one guest, and nothing has gone wrong."""
        return not self._is_dissolved and len(self._entered) == len(self._sandboxes)

    async def open(self, index: int) -> Effects:
        """Open a program, each after the one before it; raises as ``Sandbox.open`` does."""
        sandbox = self._sandboxes[index]
        is_next = self._next_sandbox() == index
        self._entered.add(index)
        if self._is_dissolved or not is_next:
            self.dissolve()
            return await sandbox.open()
        try:
            effects = await self._open_in_guest(index, sandbox)
        except GuestFaultError:
            self.dissolve()
            return await sandbox.open()
        except BaseException:
            self.dissolve()
            raise
        if self._next_sandbox() == len(self._members):
            await self._open_last_relays()
        return effects

    async def _open_last_relays(self) -> None:
        """Open what hands on behind the last program, which has begun and must not begin again."""
        try:
            await self._open_relays()
        except GuestFaultError:
            self.dissolve()
        except BaseException:
            self.dissolve()
            raise

    async def form(self) -> bool:
        """Open all programs in one guest again after ``dissolve``, each with the state that the host holds.

        Return whether they are; where one cannot be, each goes on alone. Nothing must be under way in any of them.
        """
        if not self._is_dissolved or len(self._entered) < len(self._sandboxes):
            return self.is_whole
        for sandbox in self._sandboxes.values():
            sandbox.give_up_guest()
        try:
            self._opened = 0
            for index, sandbox in self._sandboxes.items():
                await self._open_in_guest(index, sandbox)
            await self._open_relays()
        except SandboxError:
            self.dissolve()
            return False
        except BaseException:  # Cancelled, or the service is ending
            self.dissolve()
            raise
        self._is_dissolved = False
        return True

    async def _open_in_guest(self, index: int, sandbox: Sandbox) -> Effects:
        document = sandbox.document(self._links[index])
        await trio.lowlevel.checkpoint()  # an opening costs half a millisecond; graphs have many nodes
        guest = self._guest
        if guest is None:
            programs = [self._ports(*each) for each in zip(self._members, self._links, strict=True)]
            guest = self._guest = ChainGuest(self._runtime, programs, self._counters, self._on_slice_end)
        await self._open_relays()
        effects = await sandbox.accept(await guest.open_program(index, self._module, document))
        self._opened = index + 1
        return effects

    def _next_sandbox(self) -> int:
        """Return the index of the sandbox that is to be opened next; beyond the last where there is none."""
        return next((at for at in self._sandboxes if at >= self._opened), len(self._members))

    async def _open_relays(self) -> None:
        """Open what hands on before the next sandbox."""
        for at in range(self._opened, self._next_sandbox()):
            member = self._members[at]
            assert isinstance(member, Relay)  # noqa: S101 - what lies between two sandboxes
            assert self._guest is not None  # noqa: S101 - it is being filled
            await self._guest.open_relay(self._module, member.opening(at, self._links[at]))
            self._opened = at + 1

    @staticmethod
    def _ports(member: Sandbox | Relay, link: Link) -> ProgramPorts:
        if isinstance(member, Relay):
            return member.ports(link)
        return ProgramPorts(member.output_count, member.limits, link.outlets)

    async def process(
        self, batch: Sequence[Message], *, lane: int = 0, traced: bool, hears_outputs: bool = False
    ) -> ChainResult | None:
        """Take messages through the chain; return None when it came to nothing, and the chain is no more.

        Args:
            batch: (program, input port, JSON text) for each message; those for later programs first, where there
                are any.
            lane: of all of them.
            traced: whether every value passed on is reported, too.
            hears_outputs: whether values of unconnected outputs are reported, too; so they are where it is traced.
        """
        guest = self._guest
        if guest is None or not self.is_whole:
            self.dissolve()
            return None
        now_ms = float(int(self._now_ms()))
        return await self._take_up(
            guest.pass_on(batch, now_ms, lane=lane, traced=traced, hears_outputs=hears_outputs)
        )

    def begin(self, message: Message, *, lane: int = 0, hears_outputs: bool) -> ChainCall | None:
        """Begin what ``process`` does with one message, without an await: ``finish`` must follow, or ``abandon``.

        Nothing has happened where it returns None.
        """
        guest = self._guest
        if guest is None or not self.is_whole:
            return None
        try:
            return guest.begin(message, float(int(self._now_ms())), lane=lane, hears_outputs=hears_outputs)
        except BaseException:
            self.dissolve()
            raise

    async def finish(self, call: ChainCall) -> ChainResult | None:
        """Bring what has begun to its end; return what ``process`` would."""
        guest = self._guest
        if guest is None:  # it was taken away meanwhile, and the call with it
            self.abandon(call)
            return None
        return await self._take_up(guest.finish(call))

    def abandon(self, call: ChainCall) -> None:
        """Let what has begun come to nothing, and the chain be no more."""
        call.abandon()
        self.dissolve()

    async def _take_up(self, calling: Awaitable[ChainResult]) -> ChainResult | None:
        """Wait for a call, and take over what it has caused; where it came to nothing, the chain is no more."""
        try:
            result = await calling
        except GuestFaultError:
            self.dissolve()
            return None
        except BaseException:  # Cancelled, or the service is ending: the guest is in the middle of something
            self.dissolve()
            raise
        if result.has_written and not await self._keep(result):
            self.dissolve()
            return None
        return result

    async def _keep(self, result: ChainResult) -> bool:
        """Take over what the invocations wrote: all of it, or nothing."""
        done: list[tuple[Sandbox, list[tuple[str, bytes | None]]]] = []
        is_kept = False
        self._undoing = done
        try:
            for step in result.steps:
                if not step.state:
                    continue
                sandbox = self._sandboxes.get(step.program)
                undoing = None if sandbox is None else await sandbox.take_over(step.state)
                if sandbox is None or undoing is None:
                    return False
                done.append((sandbox, undoing))
            is_kept = True
        except BaseException:  # Cancelled: the call counts as never made
            self.dissolve()
            raise
        finally:
            self._undoing = ()
            if not is_kept:
                for written, writes in reversed(done):
                    written.restore(writes)
        return True

    def state(self, index: int) -> dict[str, bytes]:
        """Return a copy of a program's state: that before the call under way, if one is."""
        sandbox = self._sandboxes[index]
        state = dict(sandbox.state)
        for written, writes in reversed(self._undoing):
            for key, value in writes if written is sandbox else ():
                if value is None:
                    state.pop(key, None)
                else:
                    state[key] = value
        return state

    async def flush(self, index: int) -> Effects:
        """Let one program say its last word, wherever it lives now; what goes wrong is among its effects."""
        sandbox = self._sandboxes[index]
        guest = self._guest
        if not sandbox.wants_flush:
            return Effects([])
        if guest is not None and self.is_whole:
            try:
                effects = await guest.flush_program(index, float(int(self._now_ms())))
                if not effects.state or await sandbox.take_over(effects.state) is not None:
                    return effects
            except GuestFaultError:
                pass  # it counts as never made
            except BaseException:
                self.dissolve()
                raise
        self.dissolve()
        return await sandbox.flush()

    async def close(self, index: int) -> Effects:
        """Run one program's ``cleanup``, wherever it lives now, and free what it has. Idempotent."""
        sandbox = self._sandboxes[index]
        try:
            async with self._closing:
                if self._guest is not None:
                    return await self._close_in_guest(index)
            if sandbox.is_between_guests:
                await sandbox.open()
            return await sandbox.close()
        except SandboxError as error:
            return abi.failed(error)
        finally:
            self._leave(index)

    async def _close_in_guest(self, index: int) -> Effects:
        guest = self._guest
        assert guest is not None  # noqa: S101 - the caller has looked
        if not self._sandboxes[index].is_between_guests:
            return Effects([])  # it was never opened, or is closed
        try:
            return await guest.close_program(index)
        except BaseException:
            self.dissolve()
            raise

    def _leave(self, index: int) -> None:
        self._sandboxes[index].discard()
        self._entered.discard(index)
        if not self._entered and self._guest is not None:
            self._guest.discard()
            self._guest = None

    def dissolve(self) -> None:
        """End the chain; each sandbox opens a guest of its own for its next message. Idempotent.

        Where nothing has gone wrong, ``form`` may make it one again.
        """
        self._is_dissolved = True
        guest, self._guest = self._guest, None
        if guest is not None:
            guest.discard()
            self._runtime.usage.restarts += 1
            for sandbox in self._sandboxes.values():
                sandbox.note_loss()
