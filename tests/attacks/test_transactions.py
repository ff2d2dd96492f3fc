"""Can a component break the transaction: reach another message, another key, another port, or outlive an error?"""

import pytest

from tests.attacks.arena import ANSWERS, Attack, Fails, assault
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
}


@pytest.mark.parametrize("name", ATTACKS)
async def test_a_transaction_cannot_be_broken(name: str) -> None:
    """Whatever a component does, each message has its own effects, and a failed one has none."""
    await assault(ATTACKS[name])
