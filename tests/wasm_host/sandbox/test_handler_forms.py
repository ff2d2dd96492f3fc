"""The forms that a handler's source may have, and what is refused, and where."""

import pytest

from tests.wasm_host.sandboxes import opened, run
from wasm_host.errors import InitializeError, ProgramError
from wasm_host.host import open_host
from wasm_host.sandbox.javascript import Program

FORMS = {
    "function body": "return { process: async (ctx, port, value) => { ctx.emit('out', value + 1) } }",
    "function body with statements": "const one = 1;\nreturn { process(c, p, v) { c.emit('out', v + one) } }",
    "object expression": "{ process(ctx, port, value) { ctx.emit('out', value + 1) } }",
    "factory": "({emit}) => ({ process: async (ctx, port, value) => { emit('out', value + 1) } })",
    "factory with a semicolon": "// a comment\n({emit}) => ({ process: (c, p, v) => emit('out', v + 1) });",
    "async factory": "async ({emit}) => ({ process: (ctx, port, value) => emit('out', value + 1) })",
    "process function": "(ctx, port, value) => ctx.emit('out', value + 1)",
    "class instance": "new class { process(ctx, port, value) { ctx.emit('out', value + 1) } }",
    "script, const": "const handler = { process(ctx, port, value) { ctx.emit('out', value + 1) } };",
    "script, function": "function handler({emit}) { return { process: (c, p, v) => emit('out', v + 1) } }",
    "script, strict": "'use strict';\nvar handler = (ctx, port, value) => ctx.emit('out', value + 1)",
    "module, named": "export const handler = { process(ctx, port, value) { ctx.emit('out', value + 1) } }",
    "module, default": "export default ({emit}) => ({ process: (c, p, v) => emit('out', v + 1) })",
    "module, top-level await": "const one = await 1;\nexport default (c, p, v) => c.emit('out', v + one)",
}


@pytest.mark.parametrize("form", FORMS)
async def test_each_form_of_a_handler_runs(form: str) -> None:
    """Every documented form yields a handler that adds one."""
    (effects,) = await run(FORMS[form], b"41")
    assert effects.error is None
    assert effects.emissions == [(0, b"42")]


async def test_a_script_may_name_another_entrypoint() -> None:
    """`entrypoint` is the name that a script defines or a module exports."""
    for source in (
        "const start = (c, p, v) => c.emit('out', v)",
        "export function start(c, p, v) { c.emit('out', v) }",
    ):
        async with open_host() as host:
            sandbox = host.sandbox(Program("handler", source, entrypoint="start"))
            await sandbox.open()
            (effects,) = await sandbox.process([(0, b"1")])
            assert effects.emissions == [(0, b"1")]
            sandbox.discard()


REFUSED = [
    ("handler", "return {\n  process(ctx) {\n    let x = ;\n  }\n}", "unexpected token", 3, 13),
    ("handler", "let a = 1;\nlet b = a +;\n", "unexpected token", 2, 12),
    ("handler", "export default {\n process( {} }", "", 2, None),
    ("handler", "return { process() {", "unexpected end of the source", 1, 21),
    ("handler", "let a = 1; missing.thing", "missing is not defined", 1, 12),
    ("handler", "", "no handler", None, None),
    ("handler", "42", "no handler", None, None),
    ("handler", "return { process: 1 }", "process is not a function", None, None),
    ("handler", "() => 1", "no handler", None, None),
    ("handler", "import x from 'x'; export default x", "", None, None),
    ("map", "value +", "unexpected end of the source", 1, 8),
    ("map", "value) + (1", "", 1, 6),
    ("map", "value; value", "", 1, 6),
    ("map", "...value", "", None, None),
    ("map", "", "unexpected end of the source", 1, 1),
    ("test", "value >\n> 1", "unexpected token", 2, 1),
    ("test", "return true", "unexpected token", 1, 1),
]


@pytest.mark.parametrize(("mode", "source", "message", "line", "column"), REFUSED)
async def test_a_source_that_cannot_be_used_is_refused_and_located(
    mode: str, source: str, message: str, line: int | None, column: int | None
) -> None:
    """A refusal says what is wrong and where in the author's own text."""
    async with open_host() as host:
        with pytest.raises(ProgramError) as caught:
            await host.check(Program(mode, source))  # type: ignore[arg-type]
    assert message in str(caught.value)
    if line is not None:
        assert caught.value.line == line
    if column is not None:
        assert caught.value.column == column


async def test_an_entrypoint_must_be_a_name() -> None:
    """What is not a name never reaches the guest as source."""
    async with open_host() as host:
        with pytest.raises(ProgramError, match="not a JavaScript name"):
            await host.check(Program("handler", "const a = 1", entrypoint="a; evil()"))


async def test_check_does_not_run_initialize() -> None:
    """A check compiles; what initialize would do is for the execution."""
    source = "return { initialize() { throw new Error('ran') }, process() {} }"
    async with open_host() as host:
        await host.check(Program("handler", source))
        with pytest.raises(InitializeError, match="initialize failed: Error: ran") as caught:
            await host.sandbox(Program("handler", source)).open()
    assert caught.value.error.name == "Error"
    assert "component.js:1:" in caught.value.error.stack


async def test_initialize_emits_logs_and_writes_state() -> None:
    """What initialize causes comes back from open."""
    source = """return {
        async initialize(ctx) { ctx.emit('out', 'ready'); ctx.log('info', 'hello'); ctx.setState('n', 7) },
        process(ctx) { ctx.emit('out', ctx.getState('n')) },
    }"""
    async with open_host() as host:
        sandbox = host.sandbox(Program("handler", source))
        effects = await sandbox.open()
        assert effects.emissions == [(0, b'"ready"')]
        assert [line.message for line in effects.logs] == ["hello"]
        (after,) = await sandbox.process([(0, b"1")])
        assert after.emissions == [(0, b"7")]
        sandbox.discard()


async def test_cleanup_runs_once_and_may_log_but_not_emit() -> None:
    """Close runs cleanup, answers its logs, and says why an emission there is an error; closing twice is fine."""
    async with opened("return { process() {}, cleanup(ctx) { ctx.log('warn', 'bye') } }") as sandbox:
        effects = await sandbox.close()
        assert [(line.level, line.message) for line in effects.logs] == [("warn", "bye")]
        assert (await sandbox.close()).logs == ()
    async with opened("return { process() {}, cleanup(ctx) { ctx.emit('out', 1) } }") as sandbox:
        effects = await sandbox.close()
        assert effects.error is not None
        assert "cleanup cannot emit" in effects.error.message


async def test_a_test_forwards_the_very_same_bytes() -> None:
    """What a filter lets through is not written again: spelling and precision survive."""
    value = b'{"n": 9007199254740993, "x":1.0}'
    true, false = await run("value.n > 0 && port === 'in'", value, b'{"n":0}', mode="test", outputs=("yes", "no"))
    assert true.emissions == [(0, value)]
    assert true.emissions[0][1] is value
    assert false.emissions == [(1, b'{"n":0}')]


async def test_expressions_see_value_port_and_config() -> None:
    """The three names of an expression, and their errors as that invocation's."""
    (effects,) = await run("[value, port, config.k]", b"1", mode="map", config=b'{"k": 2}')
    assert effects.emissions == [(0, b'[1,"in",2]')]
    (failed,) = await run("value.a.b", b"{}", mode="map")
    assert failed.error is not None
    assert (failed.error.name, failed.error.message) == ("TypeError", "cannot read property 'b' of undefined")


async def test_an_expression_may_answer_a_promise() -> None:
    """A promise is awaited; its rejection is the invocation's error."""
    good, bad = await run(
        "value ? Promise.resolve(value) : Promise.reject(new Error('no'))", b"1", b"0", mode="map"
    )
    assert good.emissions == [(0, b"1")]
    assert bad.error is not None
    assert bad.error.message == "no"
