"""From TypeScript to JavaScript that runs: places, forms, refusals."""

import re

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st

from wasm_host.errors import CpuLimitError, ProgramError
from wasm_host.host import SandboxHost, open_host
from wasm_host.limits import GuestLimits
from wasm_host.sandbox.javascript import Program

REFUSED = [
    ("let a: number = 1;\nlet b = a +;\n", "Unexpected token", 2, 12),
    ("return {\n  process(ctx: any) {\n    let x = ;\n  }\n}", "Unexpected token", 3, 13),
    ("return { process() {", "unexpected end of the source", 1, 21),
    ("interface A {\n m(): void;\n\n", "unexpected end of the source", 4, 1),
    ("let x: number = 1;\nlet y: string = {a: }\n let z = 1", "Unexpected token", 2, 21),
    ("type A = { a: number; b: ; };\nreturn {}", "Unexpected token", 1, 26),
    ("const x: = 1", "Unexpected token", 1, 10),
    ("enum E { A = , B }", "Unexpected token", 1, 14),
    ("// é 変\n/* \U0001f600 */ function f(a: number b) {}", "Expected `,` or `)` but found `Identifier`", 2, 30),
    ("({ process(a, b) { if (a { } } })", "Expected `)` but found `{`", 1, 26),
    ("export default {\n process( {} }", "Expected `,` or `)` but found `}`", 2, 14),
    ("{ process(a b) {} }", "Expected `,` or `)` but found `Identifier`", 1, 13),
    ("let a = 1;\nlet s = `abc\n", "Unterminated string", 2, 9),
    ("let a: T = 1;\nlet a = 2", "redefinition", 2, None),
    ("class A { #x: T;\n  #x }", "already defined", 2, None),
    ("(" * 20_000, "nested too deeply", 1, None),
    ("const enum A { B = missing.thing }\nhandler = A", "missing is not defined", 1, None),
]


async def refusal(host: SandboxHost, source: str) -> ProgramError:
    """The error of a source that is translated and checked."""
    with pytest.raises(ProgramError) as caught:
        await host.check(await host.translate(Program("handler", source, filename="a.ts")))
    return caught.value


@pytest.mark.parametrize(("source", "message", "line", "column"), REFUSED)
async def test_a_refusal_says_what_is_wrong_and_where(
    source: str, message: str, line: int, column: int | None
) -> None:
    """Whether the types or the JavaScript are wrong, the place is the author's."""
    async with open_host() as host:
        error = await refusal(host, source)
    assert message in str(error)
    assert error.line == line
    assert column is None or error.column == column


TYPED = """\
interface Reply<T> {
    value: T
}
type Kind =
    | 'a'
    | 'b'

enum Level { Low = 1,
    High }

class Thing {
    constructor(private readonly kind: Kind,
                public level: Level = Level.High) { if (kind === 'b') throw new Error('constructor') }

    fail<T extends object>(value: T): Reply<T> {
        const reply = value as any as Reply<T>, again = reply!
        return <any> (again.value as any).missing.
            thing
    }
}

export const handler = {
    async process(ctx: any, port: string, value: Kind | 'throw' | 'nested'): Promise<void> {
        if (value === 'throw') { const error: Error = new TypeError('thrown'); throw error }
        if (value === 'nested') await new Promise<void>((resolve) => resolve(new Thing('a').fail({} as {
            deep: number
        }) as unknown as void))
        new Thing(value as Kind)
        ctx.emit('out', new Error(
            'in place').stack)
    }
}
"""


def place_in_source(fragment: str) -> tuple[int, int]:
    """Line and column of a fragment that occurs once in TYPED."""
    at = TYPED.index(fragment)
    return TYPED.count("\n", 0, at) + 1, at - TYPED.rfind("\n", 0, at)


def places(stack: str) -> list[tuple[int, int]]:
    """Every line and column in a stack trace."""
    return [(int(line), int(column)) for line, column in re.findall(r"a\.ts:(\d+):(\d+)", stack)]


def lines(stack: str) -> list[int]:
    """Every line in a stack trace."""
    return [line for line, _ in places(stack)]


def line_of(fragment: str) -> int:
    """The line of a fragment that occurs once in TYPED."""
    return place_in_source(fragment)[0]


async def test_stack_traces_show_the_lines_and_columns_of_the_author() -> None:
    """Errors thrown in functions, constructors, promises and methods point at the TypeScript, not at what runs."""
    async with open_host() as host:
        program = await host.translate(Program("handler", TYPED, filename="a.ts"))
        sandbox = host.sandbox(program)
        await sandbox.open()
        batch = [(0, b'"throw"'), (0, b'"b"'), (0, b'"nested"'), (0, b'"a"')]
        thrown, constructed, nested, emitted = await sandbox.process(batch)
        sandbox.discard()
    for effects in (thrown, constructed, nested):
        assert effects.error is not None
    assert thrown.error is not None
    assert places(thrown.error.stack) == [place_in_source("TypeError('thrown')")]
    assert constructed.error is not None
    # On this line, the assignments of the parameter properties stand before the author's statement.
    assert lines(constructed.error.stack) == [line_of("Error('constructor')"), line_of("Thing(value as Kind)")]
    assert nested.error is not None
    assert lines(nested.error.stack)[:2] == [line_of("missing."), line_of("new Thing('a').fail")]
    assert lines(emitted.emissions[0][1].decode()) == [line_of("new Error(\n")]


async def test_typescript_and_the_same_javascript_have_the_same_places() -> None:
    """Types blanked by hand, a program throws at exactly the same line and column."""
    typed = "({\n  process(ctx: any, port: string, value: number): void { const n: any = value; n.a.b() }\n})"
    plain = re.sub(r": (any|string|number|void)", lambda found: " " * len(found[0]), typed)
    stacks = []
    async with open_host() as host:
        for program in (await host.translate(Program("handler", typed)), Program("handler", plain)):
            sandbox = host.sandbox(program)
            await sandbox.open()
            (effects,) = await sandbox.process([(0, b"1")])
            assert effects.error is not None
            stacks.append(effects.error.stack)
            sandbox.discard()
    assert stacks[0] == stacks[1] != ""


async def test_a_program_too_long_to_be_laid_out_says_so_in_its_name() -> None:
    """Its places are those of what was printed, so its traces do not claim to be the author's file."""
    source = "// x\n" * 60_000 + "(c: any, p: string, v: number) => { throw new Error('x') }"
    async with open_host() as host:
        program = await host.translate(Program("handler", source, filename="a.ts"))
        sandbox = host.sandbox(program)
        await sandbox.open()
        (effects,) = await sandbox.process([(0, b"1")])
        sandbox.discard()
    assert effects.error is not None
    assert "a.ts (translated):" in effects.error.stack


async def test_a_source_has_a_greatest_length_and_must_be_text() -> None:
    """Both are refused before anything is read."""
    async with open_host() as host:
        with pytest.raises(ProgramError, match="longer than 100 bytes"):
            await host.translate(Program("handler", "1" * 101), GuestLimits(source_bytes=100))
        with pytest.raises(ProgramError, match="half of a surrogate pair"):
            await host.translate(Program("handler", "'\ud800'"))


async def test_a_source_made_to_be_hard_is_refused_by_the_limit() -> None:
    """The time for reading is bounded, and the limit named."""
    async with open_host() as host:
        with pytest.raises(CpuLimitError, match="longer than 20 ms") as caught:
            await host.translate(
                Program("handler", ("x=" + "async<a," * 100 + "1;\n") * 1000), GuestLimits(translate_ms=20)
            )
    assert (caught.value.limit, caught.value.value) == ("translate_ms", 20)


async def test_a_program_is_translated_once() -> None:
    """The same content comes from the cache, also for another component."""
    async with open_host() as host:
        program = Program("handler", "(c: any, p: string, v: number) => 1")
        first = await host.translate(program)
        with trio.fail_after(1):
            second = await host.translate(program, GuestLimits(translate_ms=0))
        assert first.source is second.source


PIECES = st.sampled_from(
    [
        *(
            "(",
            ")",
            "{",
            "}",
            "[",
            "]",
            ";",
            ",",
            ": number",
            " as any",
            "<T>",
            "=>",
            "=",
            "a",
            "b",
            "1",
            "'s'",
            "`t${",
        ),
        *(
            "}`",
            "\n",
            " ",
            "/",
            "//",
            "/*",
            "*/",
            "class A ",
            "enum E ",
            "interface I ",
            "return ",
            "async ",
            "?.",
        ),
        *(
            "!",
            "...",
            "export ",
            "import ",
            "type T = ",
            "public ",
            "function f",
            "@",
            "\\",
            "é",
            "\U0001f600",
            "\0",
        ),
    ]
)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(PIECES, max_size=12).map("".join), min_size=5, max_size=5))
def test_any_text_is_translated_or_refused_at_a_place_within_it(sources: list[str]) -> None:
    """It is JavaScript then, or a ProgramError whose line and column exist; nothing else happens."""

    async def translate() -> None:
        async with open_host() as host:
            for source in sources:
                try:
                    program = await host.translate(Program("handler", source, filename="a.ts"))
                except ProgramError as error:
                    refused.append((source, error))
                else:
                    assert program.filename == "a.ts", source

    refused: list[tuple[str, ProgramError]] = []
    trio.run(translate)
    for source, error in refused:
        lines = source.split("\n")
        assert error.line is not None
        assert error.column is not None
        assert 1 <= error.line <= len(lines)
        assert 1 <= error.column <= len(lines[error.line - 1]) + 1
