"""Can a component reach anything that is not the language itself?

The attempts are those that ended other sandboxes, which shared a heap with their attacker: constructors reached
from any object, error objects and stack frames of the host, proxies and getters that the host
walks into, thenables that the host awaits. Here there is no host object to reach: the most that an attempt
brings is a function of the attacker's own world.
"""

# ruff: noqa: E501 - a case is read best where its hostile code stands on few lines

import pytest

from tests.attacks.sandbox_attack import Attack, Fails, run_attack

NOTHING = b'"undefined"'


def finds(expression: str, answer: bytes | Fails = NOTHING) -> Attack:
    """An attack that emits the type of what it reached for."""
    return Attack(process=f"ctx.emit('out', {expression})", gets=(answer,))


NO_PROCESS = Fails("ReferenceError", "process is not defined")

ESCAPES = {
    "constructor of a constructor": finds("({}).constructor.constructor('return process')()", NO_PROCESS),
    "constructor named by a template": finds(
        "({})[`construct${'or'}`][`constructor`]('return process')()", NO_PROCESS
    ),
    "constructor of the context": finds("ctx.constructor.constructor('return typeof process')()"),
    "constructor of a method": finds("ctx.emit.constructor('return typeof require')()"),
    "constructor of the value": finds("value.constructor.constructor('return typeof require')()"),
    "constructor of the configuration": finds("ctx.config.constructor.constructor('return typeof fetch')()"),
    "constructor of the port's name": finds("port.constructor.constructor('return typeof Deno')()"),
    "constructor of the console": finds("console.log.constructor('return typeof process')()"),
    "generator function": finds("[...(function* () {}).constructor('yield typeof process')()][0]"),
    "async function": finds("await (async () => {}).constructor('return typeof process')()"),
    "async generator function": finds(
        "(await (async function* () {}).constructor('yield typeof process')().next()).value"
    ),
    "Function": finds("Function('return typeof process')()"),
    "Function's own this": finds("Object.keys(Function('return this')()).includes('process')", b"false"),
    "indirect eval": finds("(0, eval)('typeof process')"),
    "Reflect.construct": finds("Reflect.construct(Function, ['return typeof process'])()"),
    "Reflect.apply on a method of ctx": finds(
        "Reflect.apply(ctx.getState, {}, ['x']) === undefined ? 'undefined' : ''"
    ),
    "callee of a foreign frame": finds(
        "(function f() { return typeof f.caller + typeof f.arguments })()", b'"undefinedundefined"'
    ),
    "stack frames by prepareStackTrace": Attack(
        process="""let frames; Error.prepareStackTrace = (error, sites) => { frames = sites; return 'mine' };
            new Error('x').stack;
            const reached = (frames ?? []).map((site) => typeof site.getThis?.() + typeof site.getFunction?.());
            ctx.emit('out', reached.filter((what) => /object/.test(what)).length)""",
        gets=(b"0",),
    ),
    "prepareStackTrace around an error of the context": Attack(
        process="""Error.prepareStackTrace = (error) => { ctx.emit('out', error.message); return 'mine' };
            try { ctx.emit('nowhere', 1) } catch (error) { ctx.emit('out', error instanceof TypeError) }""",
        outputs=("out",),
        gets=((b"\"no output port named 'nowhere'; declared outputs: out\"", b"true"),),
    ),
    "errors of the context have the attacker's own constructors": finds(
        "(() => { try { ctx.emit('nowhere', 1) } catch (e) { return e.constructor.constructor === Function } })()",
        b"true",
    ),
    "stack overflow inside a method of ctx": Attack(
        process="""let caught; const deep = () => { try { deep() } catch (e) { caught ??= e } ; try { ctx.emit(1, 1) } catch (e) {} };
            deep(); ctx.emit('out', caught.constructor.constructor('return typeof process')())""",
        gets=(NOTHING,),
    ),
    "a proxy as the port": Attack(
        process="ctx.emit(new Proxy({}, {get: (t, k) => (...given) => given.length ? 'out' : 'nowhere'}), 1)",
        gets=(b"1",),
    ),
    "a proxy as the value": Attack(
        process="""const seen = [];
            ctx.emit('out', new Proxy({a: 1}, {get(t, k, r) { seen.push(String(k)); return r === ctx ? 'host' : t[k] }}));
            ctx.emit('out', seen.every((key) => key === 'toJSON' || key === 'a'))""",
        gets=((b'{"a":1}', b"true"),),
    ),
    "a construct trap": finds(
        "new (new Proxy(class {}, {construct: (t, a, n) => ({t: n.constructor('return typeof process')()})}))().t",
    ),
    "Symbol.species": finds(
        "[1].map.call(class extends Array { static get [Symbol.species]() { return Function } }.from([1]), (x) => x)"
        ".constructor('return typeof process')()",
    ),
    "Symbol.toPrimitive as the port": Attack(
        process="ctx.emit({[Symbol.toPrimitive]: (hint) => hint === 'string' ? 'out' : 'other'}, 1)", gets=(b"1",)
    ),
    "Symbol.hasInstance": finds(
        "({[Symbol.hasInstance]: () => true}) && 1 instanceof {[Symbol.hasInstance]: () => 1}", b"true"
    ),
    "dynamic import of a file": finds(
        "await import('/etc/passwd')", Fails(("ReferenceError", "TypeError", "SyntaxError"))
    ),
    "dynamic import of a built-in module": finds(
        "await import('std')", Fails(("ReferenceError", "TypeError", "SyntaxError"))
    ),
    "dynamic import of data": finds(
        "await import('data:text/javascript,export default 1')",
        Fails(("ReferenceError", "TypeError", "SyntaxError")),
    ),
    "shared memory": finds("typeof SharedArrayBuffer"),
    "shared memory by way of Atomics": finds(
        "typeof Atomics === 'undefined' ? 'undefined' : Atomics.wait(new Int32Array(8), 0, 0, 1)",
        (NOTHING),
    ),
    "WebAssembly inside": finds("typeof WebAssembly"),
    "bytecode": finds("typeof bjson + typeof std + typeof os", b'"undefinedundefinedundefined"'),
    "timers": finds("typeof setTimeout + typeof setInterval + typeof os", b'"undefinedundefinedundefined"'),
    "the garbage collector": finds("typeof gc"),
    "the environment": finds("new Date(0).getTimezoneOffset()", b"0"),
    "arguments of a foreign frame": finds("arguments.length", b"3"),
    "another realm": finds("typeof ShadowRealm + typeof $262", b'"undefinedundefined"'),
}


@pytest.mark.parametrize("name", ESCAPES)
async def test_nothing_but_the_language_is_within_reach(name: str) -> None:
    """An attempt ends in the attacker's own world, and that of others is untouched."""
    await run_attack(ESCAPES[name])
