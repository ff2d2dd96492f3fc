"""What two guests share (compiled code, and nothing else), and what two runs of one guest share (everything)."""

import json
from typing import Any

from tests.wasm_host.sandboxes import opened, process_all
from wasm_host.guest.abi import Effects
from wasm_host.guest.identity import Identity
from wasm_host.host import SandboxHost, open_host
from wasm_host.limits import GuestLimits
from wasm_host.sandbox.javascript import Program
from wasm_host.sandbox.sandbox import Sandbox
from wasm_host.wasmtime_c import core as capi

HOARDER = """
globalThis.hoard ??= []; let closure = 0;
return { process(ctx, port, value) {
    hoard.push(value); closure += 1; Array.prototype.extra = (Array.prototype.extra ?? 0) + 1;
    (function () {}).constructor.prototype.mark = value; RegExp.prototype.last = value;
    ctx.setState('n', (ctx.getState('n') ?? 0) + 1);
    ctx.emit('out', [hoard, closure, [].extra, ctx.getState('n'), (() => 0).mark, /x/.last]);
} }"""

CHANCE = """
const born = [Math.random(), Date.now()];
const order = new Map([[{}, 1], ['b', 2], [NaN, 3]]);
return { async process(ctx, port, value) {
    const set = new Set(value.keys); const weak = new WeakMap([[set, 1]]);
    const jobs = await Promise.allSettled([1, 2, 3].map(async (n) => { await null; if (n === 2) throw Error('n' + n); return n }));
    let failed; try { null.missing } catch (error) { failed = [error.message, error.stack] }
    ctx.log('info', String(new Date()), [...order.values()]);
    ctx.setState('k' + Math.floor(Math.random() * 10), Math.random());
    ctx.emit('out', [born, Math.random(), Date.now(), performance.now(), [...set], Object.keys(value), jobs.map((job) => String(job.reason ?? job.value)), failed]);
    ctx.emit('out', [Math.random().toString(36), new Date().toISOString(), [3, 1, 2].sort(() => Math.random() - 0.5)]);
    if (value.fail) value.fail.forEach((x) => x.y.z);
} }"""  # noqa: E501 - one statement a line

MESSAGES = [
    b'{"keys":[3,1,2,3],"z":1,"a":2,"10":3,"9":4}',
    b'{"keys":[],"fail":[{}]}',
    b'{"keys":["__proto__","constructor"],"\\u0000":1}',
]


def sandbox_of(host: SandboxHost, source: str, **options: Any) -> Sandbox:
    """A sandbox of this source, on this host."""
    return host.sandbox(Program("handler", source), **options)


async def answer(sandbox: Sandbox, value: bytes) -> Any:
    """What one message brings, decoded."""
    (effects,) = await sandbox.process([(0, value)])
    assert effects.error is None, effects.error
    return json.loads(effects.emissions[0][1])


async def test_two_sandboxes_of_one_program_share_nothing() -> None:
    """Globals, closures, prototypes and state of one instance are not another's, whoever runs first."""
    async with open_host() as host:
        one, other = sandbox_of(host, HOARDER), sandbox_of(host, HOARDER)
        await one.open()
        await other.open()
        assert await answer(one, b"1") == [[1], 1, 1, 1, 1, 1]
        assert await answer(other, b"2") == [[2], 1, 1, 1, 2, 2]
        assert await answer(one, b"3") == [[1, 3], 2, 2, 2, 3, 3]
        one.discard()
        assert await answer(other, b"4") == [[2, 4], 2, 2, 2, 4, 4]
        other.discard()


async def test_a_sandbox_opened_later_finds_a_new_world() -> None:
    """Nothing that an earlier guest did to the compiled program or to its built-ins is there."""
    async with open_host() as host:
        for number in range(3):
            sandbox = sandbox_of(host, HOARDER)
            await sandbox.open()
            assert await answer(sandbox, b"%d" % number) == [[number], 1, 1, 1, number, number]
            sandbox.discard()


async def test_only_state_outlives_a_guest() -> None:
    """After a guest was destroyed, closures and globals begin anew, and setState's values are there."""
    source = HOARDER.replace("hoard.push(value);", "if (value === 0) for (;;); hoard.push(value);")
    async with opened(source, limits=GuestLimits(cpu_ms=40)) as sandbox:
        assert await answer(sandbox, b"1") == [[1], 1, 1, 1, 1, 1]
        (effects,) = await sandbox.process([(0, b"0")])
        assert effects.error is not None
        assert await answer(sandbox, b"2") == [[2], 1, 1, 2, 2, 2]


async def test_a_component_knows_its_own_place_only() -> None:
    """Two nodes of one program see their own ids, ports and configuration."""
    source = """return { process(ctx, port) {
        let ports; try { ctx.emit('?', 1) } catch (error) { ports = error.message }
        ctx.emit(ctx.config.port, [ctx.nodeId, ctx.instanceId, port, ports]) } }"""
    async with open_host() as host:
        for name in ("a", "b"):
            sandbox = host.sandbox(
                Program("handler", source),
                identity=Identity("e", name, f"i-{name}"),
                config=json.dumps({"port": f"{name}-out"}).encode(),
                inputs=(f"{name}-in",),
                outputs=(f"{name}-out",),
            )
            await sandbox.open()
            ports = f"no output port named '?'; declared outputs: {name}-out"
            assert await answer(sandbox, b"1") == [name, f"i-{name}", f"{name}-in", ports]
            sandbox.discard()


async def run(seed: int, start_ms: float) -> list[Effects]:
    """All effects of one run, on a host of its own, whose clock moves on by 7.9 ms with each look at it."""
    now_ms = start_ms

    def clock() -> float:
        nonlocal now_ms
        now_ms += 7.9
        return now_ms

    async with open_host(now_ms=clock) as host:
        sandbox = sandbox_of(host, CHANCE, seed=seed)
        results = [await sandbox.open()]
        results += await process_all(sandbox, [(0, value) for value in MESSAGES])
        for value in MESSAGES:
            results += await sandbox.process([(0, value)])
        results.append(Effects([], state=list(sandbox.state.items())))
        results.append(await sandbox.close())
    return results


def everything(results: list[Effects]) -> str:
    """All that a run caused, byte by byte."""
    return "\n".join(repr((each.emissions, list(each.logs), each.error, list(each.state))) for each in results)


async def test_the_same_run_twice_is_the_same_run() -> None:
    """Same seed, inputs and times: the same bytes, chance, dates, orders, stacks and errors included."""
    first, again = [everything(await run(seed=5, start_ms=1_700_000_000_000.25)) for _ in range(2)]
    assert first == again
    assert "n2" in first
    assert "cannot read property" in first
    assert first != everything(await run(seed=6, start_ms=1_700_000_000_000.25))
    assert first != everything(await run(seed=5, start_ms=1_700_000_000_999.0))


async def test_clocks_show_whole_milliseconds_and_stand_still() -> None:
    """However fine the host's clock is, a guest sees milliseconds, and none goes by during a call."""
    times = iter([1000.999, 1001.999, 1002.001, 1003.5, 1004.75])
    source = """return { process(ctx) {
        const before = [Date.now(), performance.now()]; for (let i = 0; i < 200000; i++);
        ctx.emit('out', [before, [Date.now(), performance.now()], performance.now() % 1]) } }"""
    async with open_host(now_ms=lambda: next(times)) as host:
        sandbox = sandbox_of(host, source)
        await sandbox.open()
        for expected in (1001, 1002, 1003, 1004):
            before, after, fraction = json.loads(json.dumps(await answer(sandbox, b"1")))
            assert before == after
            assert before[0] == expected
            assert fraction == 0
        sandbox.discard()


async def test_a_replacement_does_not_repeat_its_predecessors_chances() -> None:
    """Random numbers go on after a guest was destroyed, and are still those of the seed."""
    source = "return { process(ctx, port, value) { if (value) for (;;); ctx.emit('out', Math.random()) } }"
    runs = []
    for _ in range(2):
        async with opened(source, limits=GuestLimits(cpu_ms=20), seed=3) as sandbox:
            numbers = [await answer(sandbox, b"0")]
            for _ in range(2):
                await sandbox.process([(0, b"1")])
                numbers.append(await answer(sandbox, b"0"))
        assert len(set(numbers)) == 3
        runs.append(numbers)
    assert runs[0] == runs[1]


async def test_guests_share_compiled_code_and_no_instance() -> None:
    """Two stores of one module have memories of their own."""
    async with open_host() as host:
        runtime, module = host._runtime, host._guest
        stores = [capi.Store(runtime.engine, memory_bytes=1 << 26, table_elements=10_000) for _ in range(2)]
        instances = []
        for store in stores:
            pending, raw = store.start_instance(runtime.linker, module)
            while not pending.poll():
                pass
            pending.result()
            instance = store.instance(raw)
            assert instance.use_memory()
            instances.append(instance)
        one, other = instances
        at = one.memory_bytes() - 8
        assert one.write(at, b"mine    ")
        assert one.read(at, 8) == b"mine    "
        assert other.read(at, 8) == bytes(8)
        for store in stores:
            store.close()
