"""What holds for every handler, and for every program in every language. Data, and the few functions that run it.

A `Case` is one program in JavaScript and the same in TypeScript, what is sent to it, and what comes back.
`check_contract` asks of any handler, ours or untrusted, what `engine/contracts/handler.py` demands of all.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec
import trio

from engine.contracts.handler import Handler, Kept, Message, Outcome
from engine.testing.workbench import Workbench

Language = Literal["javascript", "typescript"]
LANGUAGES: tuple[Language, ...] = ("javascript", "typescript")


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """One program and its behaviour.

    Attributes:
        javascript: the source.
        typescript: the same with types.
        sends: what arrives on `in`, in order.
        emits: for each value sent, what leaves, by port; a text instead is the error that it ends in.
        logs: level and message of all lines, those of cleanup included.
        state: what the instance keeps at the end.
        entrypoint: the name that a script or module gives its handler.
        config: the node's.
    """

    javascript: str
    typescript: str
    sends: Sequence[Any] = (1,)
    emits: Sequence[Mapping[str, Sequence[Any]] | str] = ({"out": [2]},)
    logs: Sequence[tuple[str, str]] = ()
    state: Mapping[str, Any] = {}
    entrypoint: str = "handler"
    config: Mapping[str, Any] = {}


_PLUS = "process(ctx, port, value) { ctx.emit('out', value + 1) }"
_TYPED_PLUS = "process(ctx: any, port: string, value: number): void { ctx.emit('out', value + 1) }"

NEVER_SETTLES = (
    "TypeError: the returned promise never settles: nothing that could still resolve or reject it is left to run"
)

CASES: dict[str, Case] = {
    "function body": Case(
        javascript=f"return {{ {_PLUS} }}",
        typescript=f"interface Unused {{ a: 1 }}\nreturn {{ {_TYPED_PLUS} }}",
    ),
    "expression": Case(javascript=f"{{ {_PLUS} }}", typescript=f"{{ {_TYPED_PLUS} }} satisfies object"),
    "factory, destructured": Case(
        javascript="({emit, config, getState, setState}) => ({process: async (ctx, port, value) => {"
        " setState('n', (getState('n') ?? 0) + 1); emit('out', value + config.plus) }})",
        typescript="({emit, config, getState, setState}: any) => ({process: async (ctx: any, port: string, value:"
        " number)"
        ": Promise<void> => { setState('n', ((getState('n') as number | undefined) ?? 0) + 1);"
        " emit('out', value + config.plus) }})",
        config={"plus": 1},
        state={"n": 1},
    ),
    "script": Case(
        javascript=f"const handler = {{ {_PLUS} }};",
        typescript=f"import type {{ Ctx }} from 'symbia';\nconst handler: object = {{ {_TYPED_PLUS} }};",
    ),
    "script, entrypoint": Case(
        javascript=f"const other = 1, start = {{ {_PLUS} }};",
        typescript=f"const other: number = 1, start = {{ {_TYPED_PLUS} }} as const;",
        entrypoint="start",
    ),
    "module, entrypoint": Case(
        javascript=f"export const other = 1; export const start = {{ {_PLUS} }};",
        typescript=f"export type T = 1; export const other: T = 1; export const start = {{ {_TYPED_PLUS} }};",
        entrypoint="start",
    ),
    "module, default": Case(
        javascript=f"const one = await 1; export default {{ {_PLUS} }};",
        typescript=f"const one = await (1 as any); export default {{ {_TYPED_PLUS} }};",
    ),
    "class": Case(
        javascript="class A { constructor(n) { this.n = n } process(ctx, port, value) { ctx.emit('out', value +"
        " this.n) } }"
        "\nconst handler = new A(1)",
        typescript="enum By { One = 1 }\nclass A { constructor(private readonly n: By) {}"
        " process(ctx: any, port: string, value: number) { ctx.emit('out', value + this.n) } }"
        "\nexport const handler = new A(By.One)",
    ),
    "lifecycle": Case(
        javascript="return { initialize(ctx) { ctx.setState('at', 'start') },"
        " process(ctx, port, value) { ctx.emit('out', [port, value, ctx.getState('at')]) },"
        " cleanup(ctx) { ctx.log('warn', 'ended') } }",
        typescript="type Ctx = any\nreturn { initialize(ctx: Ctx): void { ctx.setState('at', 'start') },"
        " process(ctx: Ctx, port: string, value: unknown): void { ctx.emit('out', [port, value,"
        " ctx.getState('at')]) },"
        " cleanup(ctx: Ctx): void { ctx.log('warn', 'ended') } }",
        emits=({"out": [["in", 1, "start"]]},),
        logs=(("warn", "ended"),),
        state={"at": "start"},
    ),
    "lifecycle, async": Case(
        javascript="return { async initialize(ctx) { await null; ctx.setState('at', 'start') },"
        " async process(ctx, port, value) { for await (const n of [value, 2]) ctx.emit('out', n) },"
        " async cleanup(ctx) { await null; ctx.log('info', 'ended') } }",
        typescript="return { async initialize(ctx: any) { await null; ctx.setState('at', 'start') },"
        " async process(ctx: any, port: string, value: number) { for await (const n of [value, 2])"
        " ctx.emit('out', n!) },"
        " async cleanup(ctx: any) { await (null as unknown); ctx.log('info', 'ended') } }",
        emits=({"out": [1, 2]},),
        logs=(("info", "ended"),),
        state={"at": "start"},
    ),
    "emitBatch, several ports": Case(
        javascript="(ctx, port, value) => { ctx.emitBatch('out', [value, value + 1]); ctx.emit('other', value) }",
        typescript="(ctx: any, port: string, value: number): void =>"
        " { ctx.emitBatch('out', [value, value + 1]); ctx.emit('other', value) }",
        emits=({"out": [1, 2], "other": [1]},),
    ),
    "log with meta": Case(
        javascript="({log, emit}) => ({ process(ctx, port, value) { log('error', 'seen', {value}); emit('out',"
        " value) } })",
        typescript="({log, emit}: any) => ({ process(ctx: any, port: string, value: number) {"
        " log('error', 'seen', {value}); emit('out', value) } })",
        emits=({"out": [1]},),
        logs=(("error", "seen"),),
    ),
    "identity": Case(
        javascript="({nodeId, executionId, instanceId, config}) => ({ process(ctx) {"
        " ctx.emit('out', [ctx.nodeId === nodeId, executionId, typeof instanceId, config.k]) } })",
        typescript="({nodeId, executionId, instanceId, config}: any) => ({ process(ctx: any) {"
        " ctx.emit('out', [ctx.nodeId === nodeId, executionId, typeof instanceId, config.k]) } })",
        config={"k": "v"},
        emits=({"out": [[True, "workbench", "string", "v"]]},),
    ),
    "an error undoes its invocation": Case(
        javascript="(ctx, port, value) => { ctx.setState('n', value); ctx.emit('out', value);"
        " if (value === 2) throw new RangeError('two') }",
        typescript="(ctx: any, port: string, value: number) => { ctx.setState('n', value); ctx.emit('out', value);"
        " if (value === 2) throw new RangeError('two' as string) }",
        sends=(1, 2),
        emits=({"out": [1]}, "RangeError: two"),
        state={"n": 1},
    ),
    "state survives a destroyed guest": Case(
        javascript="let cached = 0; return { process(ctx, port, value) { if (value === 'spin') while (true);"
        " ctx.setState('n', (ctx.getState('n') ?? 0) + 1); cached++; ctx.emit('out', [ctx.getState('n'),"
        " cached]) } }",
        typescript="let cached: number = 0; return { process(ctx: any, port: string, value: unknown) {"
        " if (value === 'spin') while (true); ctx.setState('n', (ctx.getState('n') ?? 0) + 1 as number); cached++;"
        " ctx.emit('out', [ctx.getState('n'), cached]) } }",
        sends=("a", "b", "spin", "c"),
        emits=(
            {"out": [[1, 1]]},
            {"out": [[2, 2]]},
            "CpuLimitExceeded: one invocation computed for 60 ms",
            {"out": [[3, 1]]},
        ),
        state={"n": 3},
    ),
    "an undeclared port": Case(
        javascript="(ctx, port, value) => ctx.emit('nowhere', value)",
        typescript="(ctx: any, port: string, value: number) => ctx.emit('nowhere', value)",
        emits=("TypeError: no output port named 'nowhere'; declared outputs: out, other, error",),
    ),
    "a promise that never settles": Case(
        javascript="async (ctx, port, value) => { await new Promise(() => {}) }",
        typescript="async (ctx: any, port: string, value: number) => { await new Promise<void>(() => {}) }",
        emits=(NEVER_SETTLES,),
    ),
}


def definition(case: Case, language: Language) -> dict[str, Any]:
    """The case as a component that can be registered."""
    return {
        "id": "custom.checks.case",
        "name": "A case",
        "version": "1.0.0",
        "ports": {"inputs": ["in"], "outputs": ["out", "other"]},
        "config": {key: {"type": "any"} for key in case.config},
        "execution": {
            "type": language,
            "source": getattr(case, language),
            "entrypoint": case.entrypoint,
            "limits": {"cpuMs": 60},
        },
    }


async def check_case(workbench: Workbench, case: Case, language: Language) -> None:
    """Run a case as its author's component would be run; everything that it says must be so."""
    component_id = await workbench.register(definition(case, language))
    logs: list[tuple[str, str]] = []
    async with workbench.open(component_id, case.config) as unit:
        for value, expected in zip(case.sends, case.emits, strict=True):
            reply = await unit.send("in", value)
            logs += reply.logs
            if isinstance(expected, str):
                assert reply.error is not None
                assert f"{reply.error.name}: {reply.error.message}" == expected
            else:
                assert reply.error is None, reply.error
                assert reply.emissions == expected
        assert unit.state() == case.state
        logs += (await unit.cleanup()).logs
    assert logs == list(case.logs)


async def check_contract(handler: Handler, values: Sequence[bytes], outputs: int) -> list[Outcome]:
    """What `engine/contracts/handler.py` demands: as many outcomes as messages, JSON on declared ports, nothing
    for nothing.

    Args:
        handler: fresh.
        values: JSON texts for the first input.
        outputs: how many output ports there are.
    """
    assert (await handler.initialize()).error is None
    assert list(await handler.process([])) == []
    batch = [Message(0, value, number) for number, value in enumerate(values)]
    outcomes: list[Outcome] = []
    while len(outcomes) < len(batch):  # a handler may return after the first ones
        part = await handler.process(batch[len(outcomes) :])
        assert 0 < len(part) <= len(batch) - len(outcomes)
        outcomes += part
    everything = [*outcomes, handler.flush()]
    for outcome in everything:
        assert outcome.error is None or outcome.error.name
        for port, value in outcome.emissions:
            assert 0 <= port < outputs
            msgspec.json.decode(value)
        for line in outcome.logs:
            assert line.level in {"debug", "info", "warn", "error"}
    for key, text in handler.state().items():
        assert isinstance(key, str)
        msgspec.json.decode(text)
    assert (await handler.cleanup()).error is None
    return everything


def kept_by(handler: Handler) -> Kept | None:
    """Return what a handler keeps, encoded and read as in a checkpoint, but for messages and groups."""
    snapshot = handler.snapshot(trio.current_time())
    kept = snapshot() if callable(snapshot) else snapshot
    if kept is None:
        return None
    rest = msgspec.msgpack.decode(msgspec.msgpack.encode(kept.rest))
    return Kept(tuple(kept.messages), tuple(kept.groups), rest)


def seen_of(handler: Handler) -> tuple[Any, ...]:
    """Return all that can be seen of a handler between two invocations."""
    due = handler.due()
    return (
        None if due is None else round(due, 6),
        handler.held_messages(),
        handler.held_bytes(),
        handler.is_full(),
        dict(handler.state()),
    )
