"""An attack on the sandbox: an attacker, a bystander in the same host, and what must hold after each attack.

A case is an `Attack`: untrusted code, the values it is given, and what it gets for each of them. `run_attack`
runs it, and ends with the same examination whatever the case was: the attacker's own next message is processed,
the bystander has noticed nothing, and no thread, task or file descriptor is left.
"""

import gc
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import trio

from tests.wasm_host.sandboxes import process_all
from wasm_host.guest.abi import Effects
from wasm_host.host import SandboxHost, open_host
from wasm_host.limits import GuestLimits
from wasm_host.sandbox.javascript import Program
from wasm_host.sandbox.sandbox import Sandbox

STILL_HERE = b'"still here?"'
YES = [(0, b'"yes"')]

ANSWERS = "if (value === 'still here?') return ctx.emit('out', 'yes');"
"""How every attacker answers the message after its attack; put first in its process function."""

BYSTANDER = """
let seen = 0;
const names = Object.getOwnPropertyNames(globalThis).length;
return { process(ctx, port, value) {
    seen += 1;
    const strange = [];
    for (const key in {}) strange.push(key);
    if (Object.getOwnPropertyNames(globalThis).length !== names) strange.push('globals');
    if ([1, 2].map((n) => n + 1).join() !== '2,3') strange.push('arrays');
    if (JSON.stringify({ a: [1] }) !== '{"a":[1]}') strange.push('JSON');
    ctx.setState('seen', (ctx.getState('seen') ?? 0) + 1);
    ctx.emit('out', [seen, ctx.getState('seen'), strange]);
} }"""
"""Reports how often it ran, by its own memory and by its state, and whatever looks strange around it."""

SMALL = GuestLimits(memory_bytes=8 * 1024 * 1024, cpu_ms=60)
"""For attacks that are meant to meet a limit: the same defence, sooner met."""


class Fails(msgspec.Struct, frozen=True):
    """An invocation that ends in an error of one of these names, whose message contains `says`."""

    name: str | tuple[str, ...]
    says: str = ""


Gets = bytes | Sequence[bytes] | Fails
"""What one message brings the attacker: the value emitted, several of them, or an error."""


class Attack(msgspec.Struct, frozen=True, kw_only=True):
    """One case.

    Attributes:
        process: the body of an async process function (ctx, port, value); or
        source: a whole program, which must itself contain ANSWERS.
        values: the messages, one batch.
        gets: what each message brings.
        logs: messages of all log lines of the batch; None when they are of no interest.
        keeps: the state that the host holds afterwards, JSON text by key.
        restarts: how many guests it cost; None when that depends on the machine.
        outputs: names of the output ports.
        limits: what the attacker's guest may use.
    """

    process: str = ""
    source: str = ""
    values: tuple[bytes, ...] = (b"1",)
    gets: tuple[Gets, ...]
    logs: tuple[str, ...] | None = None
    keeps: dict[str, bytes] = {}
    restarts: int | None = 0
    outputs: tuple[str, ...] = ("out", "other")
    limits: GuestLimits = GuestLimits()

    @property
    def program(self) -> Program:
        """The attacker's program."""
        body = f"return {{ async process(ctx, port, value) {{ {ANSWERS} {self.process} }} }}"
        return Program("handler", self.source or body)


def resources() -> tuple[int, int]:
    """File descriptors and threads of this process.

    Threads that Trio keeps for later are its own. Images and files of compiled modules live as long as these.
    """
    links = map(_target, Path("/proc/self/fd").iterdir())
    files = [link for link in links if "wasm-memory-image" not in link and not link.endswith(".cwasm")]
    threads = [each for each in threading.enumerate() if not each.name.startswith("Trio thread")]
    return len(files), len(threads)


def _target(link: Path) -> str:
    try:
        return str(link.readlink())
    except FileNotFoundError:  # the descriptor with which the folder was read
        return "wasm-memory-image"


@asynccontextmanager
async def attacked_sandbox(make_attacker: Callable[[SandboxHost], Sandbox]) -> AsyncIterator[Sandbox]:
    """An open attacker and, beside it, a bystander; examines both, and the process, when the block ends."""
    async with open_host(now_ms=lambda: 1000.0):
        pass  # loads the module once: what importing and caching leave behind is nobody's leak
    gc.collect()  # what earlier tests left to the collector is not counted either
    before, tasks = resources(), trio.lowlevel.current_statistics().tasks_living
    async with open_host(now_ms=lambda: 1000.0) as host:
        attacker, bystander = make_attacker(host), host.sandbox(Program("handler", BYSTANDER))
        try:
            await bystander.open()
            assert await answers(bystander) == [(0, b"[1,1,[]]")]
            await attacker.open()
            yield attacker
            assert await answers(attacker) == YES, "the next message was not processed"
            assert await answers(bystander) == [(0, b"[2,2,[]]")], "the bystander noticed"
            assert bystander.statistics().restarts == 0
        finally:
            attacker.discard()
            bystander.discard()
    assert resources() == before, "file descriptors or threads were left"
    assert trio.lowlevel.current_statistics().tasks_living == tasks, "tasks were left"


async def answers(sandbox: Sandbox) -> list[tuple[int, bytes]]:
    """What a sandbox emits on the question after an attack."""
    (effects,) = await sandbox.process([(0, STILL_HERE)])
    assert effects.error is None, effects.error
    return effects.emissions


async def run_attack(attack: Attack) -> list[Effects]:
    """Runs one case and everything that must hold after it; answers the effects, for what is left to be said."""

    def attacker(host: SandboxHost) -> Sandbox:
        return host.sandbox(attack.program, outputs=attack.outputs, limits=attack.limits)

    async with attacked_sandbox(attacker) as sandbox:
        results = await process_all(sandbox, [(0, value) for value in attack.values])
        assert len(results) == len(attack.gets) == len(attack.values)
        for effects, gets in zip(results, attack.gets, strict=True):
            check_result(effects, gets)
        if attack.logs is not None:
            assert tuple(line.message for effects in results for line in effects.logs) == attack.logs
        assert dict(sandbox.state) == attack.keeps
        assert attack.restarts in (None, sandbox.statistics().restarts)
    return results


def check_result(effects: Effects, gets: Gets) -> None:
    """That one invocation brought what the case says, and nothing else."""
    if isinstance(gets, Fails):
        assert effects.error is not None, effects.emissions
        names = (gets.name,) if isinstance(gets.name, str) else gets.name
        assert effects.error.name in names, effects.error
        assert gets.says in effects.error.message
        assert effects.emissions == []
        return
    assert effects.error is None, effects.error
    expected = [gets] if isinstance(gets, bytes) else list(gets)
    assert effects.emissions == [(0, value) for value in expected]
