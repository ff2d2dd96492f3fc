"""The peculiarities of programs in JavaScript: their modes, their open document, their syntax errors."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal

import msgspec

from wasm_host.errors import GuestError, HostError, ProgramError
from wasm_host.guest import abi
from wasm_host.guest.chain_ports import Outlet
from wasm_host.guest.identity import Identity
from wasm_host.limits import QUICKJS_LIMITS, GuestLimits

GUEST_PATH = Path(__file__).parents[1] / "quickjs" / "guest.wasm"

Mode = Literal["handler", "map", "test"]

Check = Literal["", "compile", "try"]
_CHECKS: dict[Check, int] = {"": 0, "compile": 1, "try": 2}


class Program(msgspec.Struct, frozen=True):
    """A source text and how it is to be read.

    ``handler``: a component, in any of the forms of quickjs/program.c; a script defines it as ``entrypoint``.
    ``map``: an expression over ``value``, ``port`` and ``config``, whose result is emitted on the first output.
    ``test``: such an expression; its truth forwards the value, unchanged, to the first output or the second.
    ``filename`` stands in stack traces.
    """

    mode: Mode
    source: str
    entrypoint: str = "handler"
    filename: str = "component.js"


class Link(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """A program's place in a chain of them (quickjs/symbia.h, "Chains")."""

    rank: int | None = None
    """The place in the order of running: of the programs for which something waits, the last one here is next."""
    outlets: tuple[Outlet, ...] = ()
    """The output ports whose values go to later programs."""
    unconnected_outputs: tuple[int, ...] = msgspec.field(default=(), name="unheard")
    """Output ports whose values reach nobody."""
    memory_bytes: int = 0
    """Bytes of the shared memory that the program may hold."""
    value_bytes: int = 0
    """Bytes of a value that it may pass on: with a larger one the chain comes to nothing. 0 for no limit."""


class _Document(msgspec.Struct, rename="camel"):  # and its state, which may be large
    mode: Mode
    source: str
    entrypoint: str
    filename: str
    execution_id: str
    node_id: str
    instance_id: str
    config: msgspec.Raw
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    limits: dict[str, int]
    restored: int
    check: int


_PIECE_BYTES = 256 * 1024
_PIECE_PARTS = 8_000
"""Bytes and parts of the open document that are made in one go: half a millisecond."""

_IDENTIFIER = re.compile(r"[A-Za-z_$][\w$]*\Z", re.ASCII)
_POSITION = re.compile(r":(\d{1,9}):(\d{1,9})\)?$", re.MULTILINE | re.ASCII)


def read_guest() -> bytes:
    """Return the compiled QuickJS guest. Raises HostError when it was not built."""
    try:
        return GUEST_PATH.read_bytes()
    except FileNotFoundError:
        raise HostError(f"{GUEST_PATH} is missing; build it with: python -m wasm_host.quickjs.build") from None


def open_document(
    program: Program,
    identity: Identity,
    config: bytes,
    inputs: tuple[str, ...],
    outputs: tuple[str, ...],
    state: Mapping[str, bytes],
    limits: GuestLimits,
    *,
    seed: int,
    now_ms: float,
    restored: bool = False,
    from_version: str = "",
    check: Check = "",
    link: Link | None = None,
    param: bytes = b"",
) -> Iterator[bytes]:
    """Return the input of symbia_open, in pieces of moderate size; all are one text.

    With ``restored``, the guest replaces another: ``state`` is the instance's, and initialize must not change it.
    With ``from_version``, ``state`` is another version's, and the program's migrate says what becomes of it.
    With ``check``, the source is compiled only, or an expression tried on null as well; initialize is not run.
    With a ``link``, it is one of a chain. With ``param``, a JSON text, the program sees a frozen variable of this
    name.

    Raises:
        ProgramError: the source is too large, the entrypoint is not a name, or the configuration is not JSON.
    """
    if len(program.source.encode(errors="surrogatepass")) > limits.source_bytes:
        raise _refused(f"the source is longer than {limits.source_bytes:,} bytes")
    if not _IDENTIFIER.match(program.entrypoint):
        raise _refused(f"the entrypoint '{program.entrypoint}' is not a JavaScript name")
    _refuse_invalid(config)
    document = _Document(
        mode=program.mode,
        source=program.source,
        entrypoint=program.entrypoint,
        filename=program.filename,
        execution_id=identity.execution_id,
        node_id=identity.node_id,
        instance_id=identity.instance_id,
        config=msgspec.Raw(config),
        inputs=inputs,
        outputs=outputs,
        limits={key: getattr(limits, name) for name, key in QUICKJS_LIMITS.items()},
        restored=int(restored),
        check=_CHECKS[check],
    )
    try:
        text = msgspec.json.encode(document)
        if link is not None:  # further members of the same object
            text = text[:-1] + b"," + msgspec.json.encode(link)[1:]
        if from_version:
            text = text[:-1] + b',"migrateFrom":' + msgspec.json.encode(from_version) + b"}"
    except UnicodeEncodeError:
        raise _refused("the source is not well-formed text: it holds half of a surrogate pair") from None
    if param:
        _refuse_invalid(param)
        text = text[:-1] + b',"param":' + param + b"}"
    yield abi.encode_open(text[:-1] + b',"state":{', seed=seed, now_ms=now_ms)
    yield from _members(state)
    yield b"}}"


def _members(state: Mapping[str, bytes]) -> Iterator[bytes]:
    """Return the members of an object: small ones together, large ones by themselves."""
    before, parts, size = b"", [], 0
    for key, value in state.items():
        parts += [before, msgspec.json.encode(key), b":"]
        before = b","
        size += len(key) + len(value)
        if len(value) > _PIECE_BYTES:
            yield b"".join(parts)
            for at in range(0, len(value), _PIECE_BYTES):
                yield value[at : at + _PIECE_BYTES]
            parts, size = [], 0
            continue
        parts.append(value)
        if size > _PIECE_BYTES or len(parts) > _PIECE_PARTS:
            yield b"".join(parts)
            parts, size = [], 0
    yield b"".join(parts)


def _refuse_invalid(config: bytes) -> None:
    """Refuse a configuration, or parameters, that are not one whole JSON value: they are spliced in as such."""
    try:
        msgspec.json.decode(config, type=msgspec.Raw)
    except (msgspec.DecodeError, RecursionError) as problem:
        raise _refused(f"the configuration is not JSON: {problem}") from None


def _refused(message: str) -> ProgramError:
    return ProgramError(GuestError("ProgramError", message))


def program_error(cause: GuestError, source: str) -> ProgramError:
    """Return the error of a source that the guest refused, with its place in the author's text if it has one."""
    found = _POSITION.search(cause.stack)
    if found is None:
        return ProgramError(cause)
    line, column = int(found[1]), int(found[2])
    lines = source.split("\n")
    if line > len(lines):  # the parser read on, into what the guest puts behind the author's text
        cause = GuestError(cause.name, "unexpected end of the source", cause.stack)
        line, column = len(lines), len(lines[-1]) + 1
    return ProgramError(cause, line, column)
