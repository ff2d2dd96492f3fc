"""Can a component change the world of others, or what the guest's own work does for it?

A component may ruin its own world as it likes, and it stays ruined for its next messages: a guest is one
instance's. What must not happen is that the ruin reaches another instance, or that the code around the component,
which parses values and writes effects, does something else because of it.
"""

# ruff: noqa: E501 - a case is read best where its hostile code stands on few lines

import pytest

from tests.attacks.sandbox_attack import ANSWERS, Attack, Fails, run_attack

TWO = (b'{"a":[1]}', b'{"a":[2]}')
SAME = (b'{"a":[1]}', b'{"a":[2]}')

RUIN = {
    "Object.prototype": "Object.prototype.mark = 1",
    "Array.prototype": "Array.prototype.map = Array.prototype.join = () => 'broken'",
    "Object.prototype.toJSON": "delete Object.prototype.toJSON; Array.prototype.x = 1",
    "setters on Object.prototype": """for (const key of ['level', 'message', 'meta', 'name', 'stack', 'value', 'a'])
        Object.defineProperty(Object.prototype, key, Object.assign(Object.create(null), {set() { throw Error('set') }}))""",
    "getters on Object.prototype": """for (const key of ['level', 'meta', 'name', 'get', 'set', 'done'])
        Object.defineProperty(Object.prototype, key, Object.assign(Object.create(null), {get() { throw Error('get') }}))""",
    "JSON.stringify": "JSON.stringify = () => '{\"forged\":1}'",
    "JSON.parse": "JSON.parse = () => ({forged: 1})",
    "JSON itself": "globalThis.JSON = undefined; delete globalThis.JSON",
    "Map.prototype": "Map.prototype.get = Map.prototype.set = () => 'forged'",
    "Promise.prototype.then": "Promise.prototype.then = function () { throw Error('then') }",
    "Promise itself": "globalThis.Promise = function () { throw Error('Promise') }",
    "Promise.resolve": "Promise.resolve = () => { throw Error('resolve') }",
    "Symbol.iterator": "Array.prototype[Symbol.iterator] = function* () { yield 'forged' }",
    "String.prototype": "String.prototype.toString = String.prototype.valueOf = () => 'other'",
    "Function.prototype.call": "Function.prototype.call = Function.prototype.apply = () => 'forged'",
    "Error": "globalThis.Error = TypeError = RangeError = function () { return {name: 'forged'} }",
    "Reflect and Proxy": "globalThis.Reflect = globalThis.Proxy = undefined",
    "everything": "for (const n of Object.getOwnPropertyNames(globalThis)) try { delete globalThis[n] } catch {}",
    "frozen built-ins": "[Object, Array, String, Promise].forEach((c) => Object.freeze(c.prototype))",
    "undefined": "globalThis.undefined = 1",
    "console": "globalThis.console = {log() { throw Error('log') }}",
}


@pytest.mark.parametrize("name", RUIN)
async def test_a_ruined_world_changes_nobody_elses_work(name: str) -> None:
    """Values come in, go out, are kept and logged as ever, in the ruined guest and in those beside it."""
    body = "ctx.log('warn', 'seen', value); ctx.setState('k', value); ctx.emit('out', value)"
    source = f"""let done = false;
        return {{ process(ctx, port, value) {{ if (!done) {{ done = true; {RUIN[name]} }} {ANSWERS} {body} }} }}"""
    results = await run_attack(
        Attack(source=source, values=TWO, gets=SAME, logs=("seen", "seen"), keeps={"k": TWO[1]})
    )
    assert [(line.level, line.meta) for effects in results for line in effects.logs] == [
        ("warn", value) for value in TWO
    ]


ATTACKS = {
    "__proto__ in a value": Attack(
        process="ctx.emit('out', [value.polluted, ({}).polluted, Object.keys(value)])",
        values=(b'{"__proto__":{"polluted":1}}', b'{"constructor":{"prototype":{"polluted":1}}}', b"{}"),
        gets=(b'[null,null,["__proto__"]]', b'[null,null,["constructor"]]', b"[null,null,[]]"),
    ),
    "a naive merge of __proto__": Attack(
        process="""const merge = (to, from) => { for (const k in from)
                typeof from[k] === 'object' ? merge(to[k] ??= {}, from[k]) : to[k] = from[k] };
            merge({}, value); ctx.emit('out', ({}).polluted ?? 'clean')""",
        values=(b'{"__proto__":{"polluted":1}}', b"{}"),
        gets=(b"1", b"1"),  # its own world, for as long as its guest lives
    ),
    "Object.prototype.toJSON": Attack(
        process="Object.prototype.toJSON = () => 'forged'; ctx.log('info', 'x', {}); ctx.emit('out', {a: 1})",
        gets=(
            b'"forged"',
        ),  # its own values, as JSON.stringify would write them; records are not objects of its world
        logs=("x",),
    ),
    "toJSON while an error is written": Attack(
        process="Object.prototype.toJSON = () => 'forged'; throw new RangeError('the truth')",
        gets=(Fails("RangeError", "the truth"),),
    ),
    "index setters that JSON.stringify meets": Attack(
        process="""let got = 0;
            const set = {set(held) { got++; if (held && held.level) held.level = 'forged'; throw Error('set') }};
            for (const at of [0, 1, 2]) Object.defineProperty(Array.prototype, at, {...set, configurable: true});
            ctx.log('warn', 'before', 1); try { ctx.emit('out', {a: 1}) } catch (error) { ctx.log('warn', error.message) }
            for (const at of [0, 1, 2]) delete Array.prototype[at]; throw Error('seen ' + got)""",
        gets=(Fails("Error", "seen 0"),),  # nothing is defined on the way from a value to its text
        logs=("before",),
    ),
    "toJSON on strings and numbers": Attack(
        process="""String.prototype.toJSON = Number.prototype.toJSON = Boolean.prototype.toJSON = () => 'forged';
            ctx.emit('out', ['a', 1, true]); ctx.emit('out', 'a'); ctx.emit('out', 1.5)""",
        gets=((b'["a",1,true]', b'"a"', b"1.5"),),
    ),
    "changing the configuration": Attack(
        process="ctx.emit('out', Object.keys(ctx.config).length); ctx.config.added = 1; ctx.emit('out', Object.isFrozen(ctx))",
        gets=((b"0", b"true"),),
    ),
    "replacing the context's methods": Attack(
        process="""'use strict'; for (const name of Object.keys(ctx)) try { ctx[name] = () => 'forged' } catch {}
            try { Object.setPrototypeOf(ctx, {emit: 1}) } catch {} ctx.emit('out', Reflect.ownKeys(ctx).length)""",
        gets=(b"9",),
    ),
    "writing the property of another's prototype through state": Attack(
        process="""ctx.setState('__proto__', {polluted: 1}); ctx.setState('constructor', 1); ctx.setState('toString', 2);
            ctx.emit('out', [ctx.getState('hasOwnProperty'), ({}).polluted, ctx.getState('__proto__').polluted])""",
        gets=(b"[null,null,1]",),
        keeps={"__proto__": b'{"polluted":1}', "constructor": b"1", "toString": b"2"},
    ),
}


@pytest.mark.parametrize("name", ATTACKS)
async def test_pollution_ends_at_the_guest(name: str) -> None:
    """What a component pollutes is its own."""
    await run_attack(ATTACKS[name])
