"""Components whose code is a stranger's, run in the sandbox. The only file that knows ``wasm_host``."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from engine.builtin.expressions import ExpressionComponent
from engine.component import input_names, output_names
from engine.handler import Handler, HandlerError, InstanceContext, LogLine, Message, Outcome
from proto import codec
from proto.component import ComponentDefinition
from proto.problem import Problem
from wasm_host.abi import Effects
from wasm_host.errors import GuestError, ProgramError, SandboxError
from wasm_host.host import SandboxHost, open_host
from wasm_host.javascript import Identity, Program
from wasm_host.sandbox import Sandbox

__all__ = ["ExpressionRunner", "SandboxHost", "SourceComponent", "open_sandboxes"]


@asynccontextmanager
async def open_sandboxes(cache_folder: Path | None) -> AsyncIterator[SandboxHost]:
    """The sandbox host, which the components below are made with; closed at the end."""
    async with open_host(cache_folder) as host:
        yield host


class SourceComponent:
    """A component registered with JavaScript source.

    Args:
        definition: with the source in ``execution``.
        host: runs it.
    """

    def __init__(self, definition: ComponentDefinition, host: SandboxHost) -> None:
        self.definition = definition
        self._host = host
        self._program = Program(
            mode="handler",
            source=definition.execution.source,
            entrypoint=definition.execution.entrypoint,
            filename=f"{definition.id}.js",
        )

    async def check(self, config: Mapping[str, Any]) -> Sequence[Problem]:
        """Nothing: the source was checked when it was registered, and ``initialize`` sees the configuration."""
        del config
        return ()

    async def check_source(self) -> Sequence[Problem]:
        """What is wrong with the source: its syntax, or that it yields no handler."""
        return await _check(self._host, self._program, self.definition, b"{}", "execution.source")

    def create(self, context: InstanceContext) -> Handler:
        return SandboxedHandler(self._host, self._program, context)


class ExpressionRunner:
    """A component made of one expression, which each node gives in its configuration.

    Args:
        declared: its definition, and where the expression stands.
        host: runs it.
    """

    def __init__(self, declared: ExpressionComponent, host: SandboxHost) -> None:
        self.definition = declared.definition
        self._mode = declared.mode
        self._keys = declared.keys
        self._host = host

    async def check(self, config: Mapping[str, Any]) -> Sequence[Problem]:
        """That exactly one expression is given, and that it parses."""
        given = [key for key in self._keys if key in config]
        if len(given) != 1:
            wanted = " or ".join(self._keys)
            message = f"exactly one of {wanted} is required, {len(given)} are given"
            return [Problem("config.expression_count", given[-1] if given else self._keys[0], message)]
        program = self._program(config)
        return await _check(self._host, program, self.definition, codec.encode(config), given[0])

    def create(self, context: InstanceContext) -> Handler:
        return SandboxedHandler(self._host, self._program(context.config), context)

    def _program(self, config: Mapping[str, Any]) -> Program:
        (key,) = (key for key in self._keys if key in config)
        return Program(mode=self._mode, source=config[key], filename=key)


class SandboxedHandler(Handler):
    """A handler whose work is done by a guest.

    Args:
        host: runs it.
        program: the stranger's code.
        context: its place in the execution.
    """

    def __init__(self, host: SandboxHost, program: Program, context: InstanceContext) -> None:
        self._sandbox: Sandbox = host.sandbox(
            program,
            identity=Identity(context.execution_id, context.node_id, context.instance_id),
            config=codec.encode(context.config),
            inputs=tuple(context.inputs),
            outputs=tuple(context.outputs),
            seed=context.seed,
            between_slices=context.between_slices,
        )

    async def initialize(self) -> Outcome:
        try:
            return _outcome(await self._sandbox.open())
        except SandboxError as error:
            return Outcome(error=_handler_error(error.error))

    async def process(self, batch: Sequence[Message]) -> Sequence[Outcome]:
        effects = await self._sandbox.process([(message.port, message.value) for message in batch])
        return [_outcome(effect) for effect in effects]

    def state(self) -> Mapping[str, bytes]:
        return self._sandbox.state

    async def cleanup(self) -> Outcome:
        try:
            return _outcome(await self._sandbox.close())
        finally:
            self._sandbox.discard()


async def _check(
    host: SandboxHost, program: Program, definition: ComponentDefinition, config: bytes, path: str
) -> Sequence[Problem]:
    try:
        await host.check(program, config=config, inputs=input_names(definition), outputs=output_names(definition))
    except ProgramError as error:
        place = "" if error.line is None else f" (line {error.line}, column {error.column})"
        return [Problem("program.invalid", path, f"{error.error.name}: {error}{place}")]
    except SandboxError as error:
        return [Problem("program.invalid", path, f"{error.error.name}: {error}")]
    return ()


def _outcome(effects: Effects) -> Outcome:
    return Outcome(
        emissions=effects.emissions,
        logs=[LogLine(line.level, line.message, line.meta) for line in effects.logs] if effects.logs else (),
        error=None if effects.error is None else _handler_error(effects.error),
    )


def _handler_error(error: GuestError) -> HandlerError:
    return HandlerError(error.name, error.message, error.stack)
