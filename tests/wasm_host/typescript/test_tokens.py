"""Tokens of JavaScript and TypeScript."""

import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from wasm_host.typescript.steps import at_once
from wasm_host.typescript.tokens import TOKENS_AT_ONCE, end_steps, start_after, token_steps, tokens_of

CASES = {
    "let a=1": ["let", "a", "=", "1"],
    "a // b\nc /* d\n */ e": ["a", "c", "e"],
    "'it\\'s' + \"q\"": ["'it\\'s'", "+", '"q"'],
    "`a${b + `c${d}e`}f`": ["`a${", "b", "+", "`c${", "d", "}e`", "}f`"],
    "`${ {a: 1} }`": ["`${", "{", "a", ":", "1", "}", "}`"],
    "a / b / c": ["a", "/", "b", "/", "c"],
    "x = /a b'/g.test(y)": ["x", "=", "/a b'/g", ".", "test", "(", "y", ")"],
    "/[/]\\//": ["/[/]\\//"],
    "if (a) /re  x/.test(b)": ["if", "(", "a", ")", "/re  x/", ".", "test", "(", "b", ")"],
    "f(a) / 2 / b": ["f", "(", "a", ")", "/", "2", "/", "b"],
    "{ a } /re/": ["{", "a", "}", "/re/"],
    "x = {} / 2 / 1": ["x", "=", "{", "}", "/", "2", "/", "1"],
    "return /re/": ["return", "/re/"],
    "i++ / 2": ["i", "++", "/", "2"],
    "i! / 2 / 3": ["i", "!", "/", "2", "/", "3"],
    "!/re/.test(a)": ["!", "/re/", ".", "test", "(", "a", ")"],
    "a ?. b ?.5 : c": ["a", "?.", "b", "?", ".5", ":", "c"],
    "0xE+1 1_0.5e-3 1..a 10n": ["0xE", "+", "1", "1_0.5e-3", "1.", ".", "a", "10n"],
    "a >>>= b ** c ?? d => e": ["a", ">>>=", "b", "**", "c", "??", "d", "=>", "e"],
    "#secret \\u0061b ñ 変数": ["#secret", "\\u0061b", "ñ", "変数"],
    "'unended\nb": ["'unended", "b"],
    "/* unended a b": [],
    "`unended ${a": ["`unended ${", "a"],
}


@pytest.mark.parametrize("text", CASES)
def test_a_text_is_cut_into_its_tokens(text: str) -> None:
    """Strings, templates, regular expressions, numbers, marks and comments are told apart."""
    assert [token.text for token in tokens_of(text)] == CASES[text]


@example("/\\")
@example("a = /[")
@given(st.text(alphabet="ab1.+-*/=<>!?'\"`$\\{}()[];, \n\t#é変\u2028\ufeff\x00"))
def test_any_text_is_its_tokens_and_what_lies_between(text: str) -> None:
    """Tokens stand where they say, in order, and only spaces and comments lie between them."""
    end = 0
    for token in tokens_of(text):
        assert token.start >= end
        assert text[token.start : token.end] == token.text != ""
        between = text[end : token.start].lstrip("\ufeff \n\t\u2028")
        assert not between or between.startswith(("//", "/*"))
        end = token.end


def test_spellings_of_a_literal_have_one_key() -> None:
    """A string in other quotes, and a number in another form, are the same token; an identifier is only itself."""
    keys = [token.key for token in tokens_of("'a' \"a\" 'it\\'s' \"it's\" 1 0x1 .5 a b")]
    assert keys[0] == keys[1] != keys[2] == keys[3]
    assert keys[4] == keys[5] == keys[6]
    assert keys[7:] == ["a", "b"]


@pytest.mark.parametrize("piece", ["/*", "/", "'", "`", "${", "`${", "((((", "\\", "a/", "/[", "}", "0x"])
def test_time_grows_with_the_length_only(piece: str) -> None:
    """A quarter of a megabyte of any opening, never closed, is cut within the test's time."""
    text = piece * (250_000 // len(piece))
    assert sum(token.end - token.start for token in tokens_of(text)) <= len(text)


@given(st.text(alphabet="ab1.+-*/=<>!?'\"`$\\{}()[];, \n\t#"))
def test_ends_alone_tell_where_tokens_are(text: str) -> None:
    """Whoever keeps the ends only finds each beginning again."""
    tokens = tokens_of(text)
    ends = at_once(end_steps(text))
    assert list(ends) == [token.end for token in tokens]
    starts = [start_after(text, end) for end in [0, *ends[:-1]]] if tokens else []
    assert starts == [token.start for token in tokens]


def test_tokens_are_cut_in_steps() -> None:
    """A long text is so many steps, and each is short."""
    text = ";" * (10 * TOKENS_AT_ONCE)
    assert sum(1 for _ in token_steps(text)) == sum(1 for _ in end_steps(text)) == 10
    assert at_once(token_steps(text)) == tokens_of(text)


@pytest.mark.parametrize("piece", ["'", '"', "`", "/* ", "// ", "a", "/", "   ", "/["])
@pytest.mark.parametrize("inner", ["x", "\\'", "*", "$"])
def test_one_long_token_takes_no_long_step(piece: str, inner: str) -> None:
    """A megabyte that is one token, or one space, is passed over in a few milliseconds.

    What else the machine does costs processor time, too, so the least of three readings counts.
    """
    text = f"a = {piece}{inner * (1_000_000 // len(inner))}"
    assert min(_longest_step(text) for _ in range(3)) < 0.08


def _longest_step(text: str) -> float:
    """Seconds of the longest step in which a text is read."""
    began = time.thread_time()
    taken = []
    for _ in end_steps(text):
        taken.append(time.thread_time() - began)
        began = time.thread_time()
    return max(*taken, time.thread_time() - began, 0.0)
