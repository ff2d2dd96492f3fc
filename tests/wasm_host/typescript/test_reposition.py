"""Printed programs, put back where their author wrote them."""

from hypothesis import given
from hypothesis import strategies as st

from wasm_host.typescript.reposition import Printed, lay_out
from wasm_host.typescript.tokens import tokens_of

SOURCE = """\
interface Reply<T> { value: T }   // a comment

class Square {
    constructor(private readonly side: number,
                public name?: string) { }

    area(): number {
        const s = this.side!, t = `a
  ${s}`;  return <number>
            s * s   /* and
        no more */ + t.length - 'x'.length
    }
}
"""
PRINTED = """\
class Square {
\tside;
\tname;
\tconstructor(side, name) {
\t\tthis.side = side;
\t\tthis.name = name;
\t}
\tarea() {
\t\tconst s = this.side, t = `a
  ${s}`;
\t\treturn s * s + t.length - "x".length;
\t}
}
"""


LAID_OUT = """

class Square { side; name;
    constructor(                 side        ,
                       name         ) { this.side = side; this.name = name; }

    area()         {
        const s = this.side , t = `a
  ${s}`;  return s
              * s
                   + t.length - "x".length;
    }
}
"""


def test_each_token_stands_on_its_line_and_in_its_column() -> None:
    """What the author wrote is where they wrote it; what the printer added follows what stands before it."""
    assert lay_out(SOURCE, Printed(PRINTED, 0, 0)) == LAID_OUT


def test_no_new_line_comes_where_it_would_end_a_statement() -> None:
    """`return`, `throw` and their like keep their operand on their line, although a type stood between."""
    laid_out = lay_out(
        "f = () => {\n  return <A &\n    B>\n  x }", Printed("f = () => {\n\treturn x;\n};\n", 0, 0)
    )
    assert "return x;" in laid_out
    laid_out = lay_out("g = async <T,\n>(x: T)\n  : Promise<T> => x", Printed("g = async (x) => x;\n", 0, 0))
    assert "async (" in laid_out
    assert ") =>" in laid_out


def test_marks_that_touch_do_not_become_a_comment() -> None:
    """`a<!--b` compares; in an old script without a space it would begin a comment."""
    assert "<!--" not in lay_out("x = a<!--b", Printed("x = a < !--b;\n", 0, 0))
    assert "-->" not in lay_out("while(n-->0);", Printed("while (n-- > 0);\n", 0, 0))


def test_comments_of_the_printer_are_left_out() -> None:
    """A comment costs nothing but might hide what follows it on the same line."""
    printed = Printed("// one\nvar a = /* two */ f();\n", 0, 0)
    assert printed.plain() == "var a = f();\n"
    assert lay_out("const a = f()", printed).split() == ["var", "a", "=", "f();"]


@given(st.text(alphabet="ab(){}=;+-'`$/ \n", max_size=60), st.text(alphabet="ab(){}=;+-'`$/ \n", max_size=60))
def test_only_spaces_are_ever_changed(source: str, printed: str) -> None:
    """Whatever the texts are: the laid out tokens, without the spaces between, are those that were printed."""
    tokens = [token.text for token in tokens_of(printed)]
    laid_out = lay_out(source, Printed(printed, 0, 0))
    assert "".join(laid_out.split()) == "".join("".join(tokens).split())
