"""Components whose code is untrusted, run in the sandbox.

The only file that knows ``wasm_host``, but for its table of limits (:mod:`engine.components.guest_limits`).
"""

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import msgspec
import trio

from engine.builtin.core_expressions import ExpressionComponent
from engine.components.guest_limits import check_limits, limits_for, maximum_limits
from engine.components.unfilled import unfilled
from engine.contracts.chain import Call, Chain, ChainResult, Item, Link
from engine.contracts.component import input_names, output_names
from engine.contracts.groups import together
from engine.contracts.handler import (
    Handler,
    HandlerError,
    InstanceContext,
    Kept,
    LogLine,
    Message,
    Outcome,
    Writes,
)
from engine.contracts.source import Produced, SourceHandler
from engine.errors import WorkersBusyError
from engine.limits import EngineLimits
from engine.wall_clock import WallClock
from proto import codec
from proto.component import ComponentDefinition, ExecutionLimits
from proto.problem import Problem
from wasm_host.compile.compiler import WasmProgram
from wasm_host.compile.tasks import COMPILING
from wasm_host.errors import GuestError, ProgramError, SandboxError
from wasm_host.guest.abi import NO_MORE, Effects
from wasm_host.guest.abi import LogLine as GuestLine
from wasm_host.guest.chain_abi import ChainResult as SandboxResult
from wasm_host.guest.chain_guest import ChainCall
from wasm_host.guest.chain_ports import Outlet, Way
from wasm_host.guest.identity import Identity
from wasm_host.guest.usage import HostStatistics
from wasm_host.host import SandboxHost, open_host
from wasm_host.limits import GuestLimits
from wasm_host.sandbox import javascript
from wasm_host.sandbox.chain import Chain as SandboxChain
from wasm_host.sandbox.javascript import Program
from wasm_host.sandbox.relay import Relay
from wasm_host.sandbox.sandbox import Sandbox
from workers.errors import PoolBusyError

__all__ = [
    "OWNER",
    "ExpressionRunner",
    "HostStatistics",
    "ModuleComponent",
    "SandboxHost",
    "SourceComponent",
    "open_sandboxes",
]

OWNER = "owner"
"""The domain of what the graph's owner has written: their registered components, and their expressions."""

_NO_BOUND = 2**62
"""A bound of more bytes than there are."""

_NO_PARAMETERS = b"{}"

_MENTIONS_PARAM = re.compile(r"\bparam\b", re.ASCII)
"""Programs that may look at the variable; only they are given it, so it costs the others nothing."""

_LINES_AT_ONCE = 2_000
"""Log lines that are made without a look at other tasks: a millisecond."""

_SUFFIXES = {"javascript": "js", "typescript": "ts"}
"""The suffixes of the names that stand in stack traces."""


@asynccontextmanager
async def open_sandboxes(
    cache_folder: Path | None,
    maximum: ExecutionLimits | None = None,
    limits: EngineLimits | None = None,
    compiler_processes: int | None = None,
    now_ms: Callable[[], float] | None = None,
) -> AsyncIterator[SandboxHost]:
    """Open the sandbox host, which the components below are made with; closed at the end.

    Args:
        cache_folder: where compiled guests are kept.
        maximum: what a component may ask for.
        limits: those of all guests together, and of one owner's.
        compiler_processes: modules that are compiled at once; the default when absent.
        now_ms: the time of day that guests see, in milliseconds since the epoch; the real one when absent.
    """
    limits = limits or EngineLimits()
    async with open_host(
        cache_folder,
        now_ms or WallClock().milliseconds,
        maximum_limits=maximum_limits(maximum),
        owner_instances=limits.owner_instances,
        memory_bytes=limits.sandbox_memory_bytes or _NO_BOUND,
        owner_memory_bytes=limits.owner_sandbox_memory_bytes or _NO_BOUND,
        compiling=msgspec.structs.replace(COMPILING, processes=compiler_processes or COMPILING.processes),
    ) as host:
        yield host


class Joining:
    """The joining of handlers into a chain, for components whose handlers are QuickJS programs."""

    _host: SandboxHost
    chain_domain: str = ""

    def join(self, handlers: Sequence[Handler], links: Sequence[Link]) -> Chain:
        """Join the handlers as programs of one guest."""
        return SandboxedChain(self._host, handlers, links)


class SourceComponent(Joining):
    """A component registered with its source, in JavaScript or TypeScript.

    Args:
        definition: with the source in ``execution``.
        host: runs it.
    """

    def __init__(self, definition: ComponentDefinition, host: SandboxHost) -> None:
        self.definition = definition
        self._host = host
        self._limits = limits_for(definition.execution.limits, host.maximum_limits, stateless=definition.stateless)
        self._program = Program(
            mode="handler",
            source=definition.execution.source,
            entrypoint=definition.execution.entrypoint,
            filename=f"{definition.id}.{_SUFFIXES[definition.execution.type]}",
        )
        self._mentions_param = _mentions_param(definition.execution.source)

    async def check(self, config: Mapping[str, Any]) -> Sequence[Problem]:
        """Find nothing: the source was checked when it was registered; ``initialize`` sees the configuration."""
        del config
        return ()

    async def check_source(self, owner: str = "") -> Sequence[Problem]:
        """Return what is wrong with an owner's code: limits beyond the maximum, its syntax, or no handler.

        Must be called once before ``create``: it is here that TypeScript becomes JavaScript.
        """
        del owner
        problems = check_limits(self.definition.execution.limits, self._host.maximum_limits)
        try:
            if self.definition.execution.type == "typescript":
                self._program = await self._host.translate(self._program, self._limits)
        except SandboxError as error:
            return [*problems, _refusal(error, "execution.source")]
        names = input_names(self.definition), output_names(self.definition)
        return [
            *problems,
            *await _check(self._host, self._program, names, b"{}", "execution.source", self._limits),
        ]

    def create(self, context: InstanceContext) -> Handler:
        param = b""
        if self._mentions_param:  # another author's program is not shown what the graph's author gives
            param = context.param if self.chain_domain == OWNER else _NO_PARAMETERS
        kind = SandboxedSource if self.definition.source else SandboxedHandler
        return kind(self._host, self._program, context, self._limits, param)


class ModuleComponent:
    """A component registered with a WebAssembly module: a component of the Component Model, or a plain module.

    Args:
        definition: whose ``execution`` needs no module any more.
        content: the module's bytes.
        host: runs it.
    """

    def __init__(self, definition: ComponentDefinition, content: bytes, host: SandboxHost) -> None:
        self.definition = definition
        self._content = content
        self._host = host
        self._limits = limits_for(definition.execution.limits, host.maximum_limits, stateless=definition.stateless)
        self._program: WasmProgram | None = None

    async def check(self, config: Mapping[str, Any]) -> Sequence[Problem]:
        """Find nothing: the module was checked when it was registered, and its ``open`` sees the configuration."""
        del config
        return ()

    async def check_source(self, owner: str = "") -> Sequence[Problem]:
        """Return what is wrong with the module: its limits, or why it cannot be compiled or instantiated.

        Must be called once before ``create``: it is here that the module is compiled, when it is its owner's turn.

        Raises:
            WorkersBusyError: as much of the owner waits for the compiler as may.
        """
        problems = check_limits(self.definition.execution.limits, self._host.maximum_limits)
        try:
            name = f"{self.definition.id}.wasm"
            self._program = await self._host.program(self._content, name, self._limits, owner)
        except PoolBusyError as error:
            raise WorkersBusyError(f"The module was not compiled: {error}") from error
        except SandboxError as error:
            return [*problems, _refusal(error, "execution.module")]
        self._content = b""
        names = input_names(self.definition), output_names(self.definition)
        path = "execution.module"
        return [*problems, *await _check(self._host, self._program, names, b"{}", path, self._limits)]

    def create(self, context: InstanceContext) -> Handler:
        assert self._program is not None  # noqa: S101 - nobody gets a component that was not checked
        kind = SandboxedSource if self.definition.source else SandboxedHandler
        return kind(self._host, self._program, context, self._limits)


class ExpressionRunner(Joining):
    """A component made of one expression, which each node gives in its configuration.

    Args:
        declared: its definition, and where the expression stands.
        host: runs it.
    """

    def __init__(self, declared: ExpressionComponent, host: SandboxHost) -> None:
        self.definition = declared.definition
        self._mode = declared.mode
        self._keys = declared.keys
        self._frame = declared.before, declared.after
        self._otherwise = declared.otherwise
        self._host = host
        self.chain_domain = OWNER
        self._limits = limits_for(None, host.maximum_limits)

    async def check(self, config: Mapping[str, Any]) -> Sequence[Problem]:
        """Check that exactly one expression is given, and that it parses."""
        given = [key for key in self._keys if key in config]
        if not given and self._otherwise:
            return ()
        if len(given) != 1:
            wanted = " or ".join(self._keys)
            message = f"exactly one of {wanted} is required, {len(given)} are given"
            return [Problem("config.expression_count", given[-1] if given else self._keys[0], message)]
        program = Program(mode=self._mode, source=config[given[0]], filename=given[0])  # without what frames it
        names = input_names(self.definition), output_names(self.definition)
        return await _check(self._host, program, names, codec.encode(config), given[0], self._limits)

    def create(self, context: InstanceContext) -> Handler:
        program = self._program(context.config)
        param = context.param if _mentions_param(program.source) else b""
        return SandboxedHandler(self._host, program, context, self._limits, param)

    def _program(self, config: Mapping[str, Any]) -> Program:
        key = next((key for key in self._keys if key in config), self._keys[0])
        before, after = self._frame
        return Program(mode=self._mode, source=f"{before}{config.get(key, self._otherwise)}{after}", filename=key)


FAILED_PAUSE_SECONDS = 1.0
"""The time after which a source is asked again that has failed."""

STATE_KEY_BYTES = 200
"""The bytes of a key in the host's copy of a state beside its text: 190 were measured."""


class SandboxedHandler(Handler):
    """A handler whose work is done by a guest.

    Args:
        host: runs it.
        program: the untrusted code.
        context: its place in the execution.
        limits: what it may use.
        param: what the variable of this name holds, JSON text; there is none where it is empty.
    """

    keeps = "state"
    is_pure = True

    def __init__(
        self,
        host: SandboxHost,
        program: Program | WasmProgram,
        context: InstanceContext,
        limits: GuestLimits,
        param: bytes = b"",
    ) -> None:
        self._limits = limits
        self.value_bytes = context.value_bytes  # that a value may have which it emits
        self._between_slices = context.on_slice_end
        self._chain: SandboxChain | None = None
        self._place = 0
        self._done: Sequence[Effects] = ()  # a batch that is done, while its many log lines are made
        self._noted: list[Writes] | None = None  # what is set, where somebody takes note
        self._sandbox: Sandbox = host.sandbox(
            program,
            identity=Identity(context.execution_id, context.node_id, context.instance_id),
            config=codec.encode(context.config),
            inputs=tuple(context.inputs),
            outputs=tuple(context.outputs),
            limits=limits,
            seed=context.seed,
            on_slice_end=context.on_slice_end,
            owner=context.owner,
            param=param,
        )

    async def initialize(self) -> Outcome:
        try:
            if self._chain is not None:
                opened = await self._chain.open(self._place)
                if self._noted is not None:
                    self._noted.append(opened.state)
                return _outcome(opened)
            opened = await self._sandbox.open()
            if self._noted is not None:
                self._noted.append(opened.state)
            return _outcome(opened)
        except SandboxError as error:
            return Outcome(error=_handler_error(error.error))

    async def process(self, batch: Sequence[Message]) -> Sequence[Outcome]:
        effects = await self._sandbox.process([(message.port, message.value) for message in batch])
        if self._noted is not None:
            self._noted += [effect.state for effect in effects]
        plain = [Outcome(effect.emissions) for effect in effects if effect.error is None and not effect.logs]
        if len(plain) == len(effects):  # most batches only emit
            return plain
        outcomes, lines = [], 0
        self._done = effects
        for effect in effects:
            outcomes.append(_outcome(effect))
            lines += len(effect.logs)
            if lines > _LINES_AT_ONCE:
                lines = 0
                await trio.lowlevel.checkpoint()
        self._done = ()
        return outcomes

    def made_so_far(self) -> Sequence[Outcome]:
        return [_outcome(effects) for effects in self._done or self._sandbox.done_so_far()]

    def snapshot(self, now: float) -> Kept:
        del now
        return Kept(rest=dict(self._sandbox.state) if self._chain is None else self._chain.state(self._place))

    def restore(self, kept: Kept, now: float) -> None:
        del now
        self._sandbox.go_on_from(msgspec.convert(kept.rest, dict[str, bytes]))

    async def conclude(self) -> Outcome:
        last = await (self._sandbox.flush() if self._chain is None else self._chain.flush(self._place))
        if self._noted is not None:
            self._noted.append(last.state)
        return _outcome(last)

    def state(self) -> Mapping[str, bytes]:
        return self._sandbox.state

    def note_writes(self) -> None:
        self._noted = []

    def noted_writes(self) -> Sequence[Writes]:
        noted, self._noted = self._noted, None
        return noted or ()

    async def inherit(self, former: Handler, from_version: str) -> HandlerError | None:
        kept = former.snapshot(0.0)
        state = kept.rest if isinstance(kept, Kept) else {}
        too_much = await self._sandbox.inherit(state, from_version)
        return None if too_much is None else _handler_error(too_much)

    def cpu_seconds(self) -> float | None:
        return self._sandbox.statistics().cpu_seconds if self._chain is None else None

    def held_bytes(self) -> int:
        return self._sandbox.state_bytes + STATE_KEY_BYTES * len(self._sandbox.state)

    async def cleanup(self) -> Outcome:
        if self._chain is not None:
            return _outcome(await self._chain.close(self._place))
        try:
            return _outcome(await self._sandbox.close())
        finally:
            self._sandbox.discard()

    def enter(self, chain: SandboxChain, place: int) -> None:
        """Live in a chain from now on, which opens and closes what this handler has."""
        self._sandbox.give_up_guest()
        self._chain, self._place = chain, place

    @property
    def sandbox(self) -> Sandbox:
        """The sandbox in which its program runs when it runs alone."""
        return self._sandbox

    @property
    def limits(self) -> GuestLimits:
        """The limits of its program."""
        return self._limits

    @property
    def on_slice_end(self) -> Callable[[], Awaitable[None]]:
        """The function of its context that is called at the end of each slice."""
        return self._between_slices


class SandboxedSource(SandboxedHandler, SourceHandler):
    """A source whose work is done by a guest: asked for more while there is room, with no more rights than any.

    It is handed no messages, so nothing but its last word may come while it is asked.
    """

    computes = True
    is_pure = False

    def __init__(
        self,
        host: SandboxHost,
        program: Program | WasmProgram,
        context: InstanceContext,
        limits: GuestLimits,
        param: bytes = b"",
    ) -> None:
        SourceHandler.__init__(self)
        SandboxedHandler.__init__(self, host, program, context, limits, param)
        self._is_asked = trio.Lock()

    async def fetch(self) -> Produced:
        async with self._is_asked:
            effects, code = await self._sandbox.next()
        outcome = _outcome(effects)
        if outcome.error is not None:
            return Produced(logs=outcome.logs, error=outcome.error, again_seconds=FAILED_PAUSE_SECONDS)
        is_end = code == NO_MORE
        return Produced(
            outcome.emissions, outcome.logs, again_seconds=0.0 if is_end else code / 1000, is_end=is_end
        )

    async def conclude(self) -> Outcome:
        async with self._is_asked:
            last = await SandboxedHandler.conclude(self)
        return last if last.error is not None else together((self.flush(), last))

    def snapshot(self, now: float) -> Kept:
        kept = SandboxedHandler.snapshot(self, now)
        ready = self._ready
        if ready is None:
            return kept
        return Kept(rest=[kept.rest, [list(each) for each in ready.emissions]])

    def restore(self, kept: Kept, now: float) -> None:
        if not isinstance(kept.rest, list):
            SandboxedHandler.restore(self, kept, now)
            return
        state, emissions = kept.rest
        SandboxedHandler.restore(self, Kept(rest=state), now)
        self._ready = Produced(msgspec.convert(emissions, list[tuple[int, bytes]]))

    async def inherit(self, former: Handler, from_version: str) -> HandlerError | None:
        ready = None
        if isinstance(former, SandboxedSource):  # what its guest has made is no part of its state
            ready, former._ready = former._ready, None  # noqa: SLF001 - of the same class; nothing else knows of it
        try:
            refusal = await SandboxedHandler.inherit(self, former, from_version)
        finally:
            if isinstance(former, SandboxedSource):
                former._ready = ready  # noqa: SLF001 - as above
        self._ready = ready if refusal is None else None
        return refusal


class SandboxedChain:
    """Handlers whose programs share a guest. They have not been initialised yet.

    Args:
        host: runs them.
        handlers: in the order of the flow; those that are not sandboxed only hand on, and stay what they are.
        links: each one's place.
    """

    def __init__(self, host: SandboxHost, handlers: Sequence[Handler], links: Sequence[Link]) -> None:
        sandboxed = {place: each for place, each in enumerate(handlers) if isinstance(each, SandboxedHandler)}
        places = [
            javascript.Link(
                rank=link.rank,
                outlets=tuple(
                    Outlet(port, is_told, tuple(Way(*way[:3]) for way in ways))
                    for port, is_told, ways in link.outlets
                ),
                unconnected_outputs=link.unheard,
                memory_bytes=sandboxed[place].limits.memory_bytes if place in sandboxed else 0,
                value_bytes=sandboxed[place].value_bytes if place in sandboxed else 0,
            )
            for place, link in enumerate(links)
        ]
        members = [
            sandboxed[place].sandbox if place in sandboxed else Relay(link.relayed)
            for place, link in enumerate(links)
        ]
        self._chain = host.chain(members, places, next(iter(sandboxed.values())).on_slice_end)
        self._programs = tuple(sandboxed)  # their places
        for place, handler in sandboxed.items():
            handler.enter(self._chain, place)

    async def process(
        self, batch: Sequence[Item], *, lane: int, traced: bool, hears_outputs: bool = False
    ) -> ChainResult | None:
        """Process a batch as :class:`engine.contracts.chain.Chain` says."""
        called = self._chain.process(batch, lane=lane, traced=traced, hears_outputs=hears_outputs)
        return _engine_result(await called)

    def begin(self, item: Item, *, lane: int, hears_outputs: bool) -> Call | None:
        """Begin to process a message as :class:`engine.contracts.chain.Chain` says."""
        return cast("Call | None", self._chain.begin(item, lane=lane, hears_outputs=hears_outputs))

    async def finish(self, call: Call) -> ChainResult | None:
        """Finish what was begun."""
        return _engine_result(await self._chain.finish(cast("ChainCall", call)))

    def abandon(self, call: Call) -> None:
        """Give up what was begun."""
        self._chain.abandon(cast("ChainCall", call))

    async def open_again(self) -> bool:
        """Open all programs in one guest; return whether it could be."""
        try:
            for place in self._programs:
                await self._chain.open(place)
        except SandboxError:
            return False
        return self._chain.is_whole

    def dissolve(self) -> None:
        """Let each program go on in a guest of its own."""
        self._chain.dissolve()

    async def form(self) -> bool:
        """Let them share a guest again."""
        return await self._chain.form()


def _engine_result(result: SandboxResult | None) -> ChainResult | None:
    """Return a result in the engine's terms."""
    if result is None:
        return None
    steps: list[Any] = result.steps
    for step in steps:  # in place: most of them have neither
        if step.logs:
            step.logs = _log_lines(step.logs)
        if step.error is not None:
            step.error = _handler_error(step.error)
    return cast("ChainResult", result)


async def _check(
    host: SandboxHost,
    program: Program | WasmProgram,
    names: tuple[tuple[str, ...], tuple[str, ...]],
    config: bytes,
    path: str,
    limits: GuestLimits,
) -> Sequence[Problem]:
    """Return the guest's complaints about a program; ``names`` are its input and its output ports."""
    inputs, outputs = names
    param = _NO_PARAMETERS if isinstance(program, Program) and _mentions_param(program.source) else b""
    try:
        await host.check(program, config=config, inputs=inputs, outputs=outputs, limits=limits, param=param)
    except SandboxError as error:
        return [_refusal(error, path, unfilled(program.source) if isinstance(program, Program) else "")]
    return ()


def _mentions_param(source: str) -> bool:
    return _MENTIONS_PARAM.search(source) is not None


def _refusal(error: SandboxError, path: str, remedy: str = "") -> Problem:
    place = ""
    if isinstance(error, ProgramError) and error.line is not None:
        place = f" (line {error.line}, column {error.column})"
    return Problem("program.invalid", path, f"{error.error.name}: {error}{remedy}{place}")


def _outcome(effects: Effects) -> Outcome:
    return Outcome(
        emissions=effects.emissions,
        logs=_log_lines(effects.logs) if effects.logs else (),
        error=None if effects.error is None else _handler_error(effects.error),
    )


def _log_lines(lines: Iterable[GuestLine]) -> list[LogLine]:
    return [LogLine(line.level, line.message, line.meta) for line in lines]


def _handler_error(error: GuestError) -> HandlerError:
    return HandlerError(error.name, error.message, error.stack)
