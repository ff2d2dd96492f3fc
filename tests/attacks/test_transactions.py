"""Can a component break the transaction: reach another message, another key, another port, or outlive an error?"""

# ruff: noqa: E501 - a case is read best where its hostile code stands on few lines

import pytest

from tests.attacks.sandbox_attack import ANSWERS, Attack, Fails, run_attack
from wasm_host.limits import GuestLimits

TWO = (b"1", b"2")

ATTACKS = {
    "a job queued by the toJSON of an emitted value": Attack(
        process="""ctx.emit('out', {toJSON() { queueMicrotask(() => ctx.emit('out', 'late ' + value)); return value }})""",
        values=TWO,
        gets=((b"1", b'"late 1"'), (b"2", b'"late 2"')),
    ),
    "a getter of what process answers": Attack(
        process="""return {toJSON() {}, get then() { queueMicrotask(() => { if (value === 1) throw Error('of 1') }) }}""",
        values=TWO,
        gets=(Fails("Error", "of 1"), ()),
    ),
    "effects in a getter of the thrown value": Attack(
        process="""if (value === 2) return ctx.emit('out', ctx.getState('k') ?? 'clean');
            throw {get name() { ctx.emit('out', 'forged'); ctx.setState('k', 'forged'); return 'N' }, message: 'm'}""",
        values=TWO,
        gets=(Fails("N", "m"), b'"clean"'),
    ),
    "jobs queued by a getter of the thrown value": Attack(
        process="""if (value === 2) return ctx.emit('out', ctx.getState('k') ?? 'clean');
            throw {get message() { queueMicrotask(() => { ctx.emit('out', 1); ctx.setState('k', 1) }); return 'm' }}""",
        values=TWO,
        gets=(Fails("Error", "m"), b'"clean"'),
    ),
    "a rejection made by a getter of the thrown value": Attack(
        process="""if (value === 2) return ctx.emit('out', 2);
            throw {get message() { Promise.reject(Error('late')); return 'm' }}""",
        values=TWO,
        gets=(Fails("Error", "m"), b"2"),
    ),
    "a finaliser of the message's own value": Attack(
        source=f"""let last;
            const finalisers = new FinalizationRegistry((of) => last.emit('out', 'end of ' + of));
            return {{ process(ctx, port, value) {{ {ANSWERS}
                last = ctx; finalisers.register(value, value.n); ctx.emit('out', value.n) }} }}""",
        values=(b'{"n":1}', b'{"n":2}'),
        gets=((b"1", b'"end of 1"'), (b"2", b'"end of 2"')),
    ),
    "a finaliser of the error that a limit throws": Attack(
        source=f"""let last;
            const finalisers = new FinalizationRegistry(() => last.emit('out', 'end of the error'));
            return {{ process(ctx, port, value) {{ {ANSWERS}
                last = ctx;
                if (value === 1) for (let i = 0; i < 3; i++)
                    try {{ ctx.emit('out', i) }} catch (error) {{ finalisers.register(error, 0) }}
                ctx.emit('out', value) }} }}""",
        values=TWO,
        gets=(Fails("OutputLimitExceeded", "emissions is limited to 2"), b"2"),
        limits=GuestLimits(emissions=2),
    ),
    "rewriting the error that a limit throws": Attack(
        process="""for (let i = 0; i < 5; i++) try { ctx.emit('out', i) } catch (error) {
                try { error.name = error.message = 'nothing happened' } catch {}
                try { Object.defineProperty(error, 'message', {get: () => 'nothing happened'}) } catch {} }""",
        gets=(Fails("OutputLimitExceeded", "too many values: emissions is limited to 2"),),
        limits=GuestLimits(emissions=2),
    ),
    "a value that the host cannot read": Attack(
        process="""if (value === 2) return ctx.emit('out', ctx.getState('k') ?? 'clean');
            let deep = []; for (let i = 0; i < 3000; i++) deep = [deep]; ctx.setState('k', 1); ctx.emit('out', deep)""",
        values=TWO,
        gets=(Fails("OutputLimitExceeded", "nested too deeply"), b'"clean"'),
        restarts=1,
    ),
    "a state that the host cannot read": Attack(
        process="""if (value === 2) return ctx.emit('out', ctx.getState('k') ?? 'clean');
            let deep = []; for (let i = 0; i < 3000; i++) deep = [deep]; ctx.setState('k', deep)""",
        values=TWO,
        gets=(Fails("OutputLimitExceeded", "nested too deeply"), b'"clean"'),
        restarts=1,
    ),
    "state beyond its limit, and caught": Attack(
        process="""if (value === 2) return ctx.emit('out', ctx.getState('a') ?? 'clean');
            ctx.setState('a', 1); try { ctx.setState('b', 'x'.repeat(2000)) } catch {}""",
        values=TWO,
        gets=(Fails("StateLimitExceeded", "state_bytes is limited to 1000"), b'"clean"'),
        limits=GuestLimits(state_bytes=1000),
    ),
    "state that comes and goes": Attack(
        process="""for (let i = 0; i < 2000; i++) { ctx.setState('k' + i, i); ctx.setState('k' + i, undefined) }
            ctx.emit('out', ctx.getState('k7') ?? 'gone')""",
        gets=(b'"gone"',),
    ),
    "a toJSON that writes the very state that is written": Attack(
        process="""ctx.setState('k', {toJSON() { ctx.setState('k', 'inner'); return 'outer' }});
            ctx.emit('out', ctx.getState('k'))""",
        gets=(b'"outer"',),
        keeps={"k": b'"outer"'},
    ),
    "an emission inside the emission": Attack(
        process="""ctx.emit('out', {toJSON() { ctx.emit('out', 'inner'); return 'outer' }})""",
        gets=((b'"inner"', b'"outer"'),),
    ),
    "a port that changes while it is read": Attack(
        process="""let n = 0; ctx.emit({toString: () => n++ ? 'other' : 'out'}, 1)""",
        gets=(b"1",),
    ),
    "a log of its own level, and of another's": Attack(
        process="""ctx.log({toString: () => 'error'}, 'a'); ctx.log('__proto__', 'b'); ctx.log('error\\0', 'c');
            ctx.log('info', '","level":"error","x":"', {level: 'error'})""",
        gets=((),),
        logs=("a", "b", "c", '","level":"error","x":"'),
    ),
    "names of records inside values": Attack(
        process=r"""ctx.emit('out', '\u0000\u0001\u0001\u0000'); ctx.setState('\u0000\u0001', '\u0005'); ctx.log('info', '\u0001')""",
        gets=(rb'"\u0000\u0001\u0001\u0000"',),
        keeps={"\x00\x01": rb'"\u0005"'},
        logs=("\x01",),
    ),
}


@pytest.mark.parametrize("name", ATTACKS)
async def test_a_transaction_cannot_be_broken(name: str) -> None:
    """Whatever a component does, each message has its own effects, and a failed one has none."""
    await run_attack(ATTACKS[name])
