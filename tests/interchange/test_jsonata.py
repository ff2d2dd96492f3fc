"""Expressions in JSONata, translated: what they say, and what is refused."""

import pytest

from service.interchange.nodered.jsonata import MOST_CHARACTERS, NotTranslatedError, javascript_of


@pytest.mark.parametrize(
    ("expression", "translation"),
    [
        ("payload.a", 'J.step(J.step(c, "payload"), "a")'),
        ("`a b`", 'J.step(c, "a b")'),
        ("1 + 2 * 3", 'J.op("+", 1, J.op("*", 2, 3))'),
        ("(1 + 2) * 3", 'J.op("*", (J.op("+", 1, 2)), 3)'),
        ("a and b or c", None),
        ("payload ? 'on' : 'off'", '(J.boolean(J.step(c, "payload")) ? "on" : "off")'),
        ("'it\\'s \\u00e9'", '"it\'s é"'),
        ("$map(a, function($x) { $x + 1 })", 'J.map(J.step(c, "a"), ((v_x) => J.op("+", v_x, 1)))'),
        ("", None),
    ],
)
def test_expressions_become_javascript(expression: str, translation: str | None) -> None:
    """By the bindings of JSONata's operators; nothing of the text is taken over but names and values, quoted."""
    text = javascript_of(expression)
    if translation is not None:
        assert text == f"((c) => {translation})(msg)"


@pytest.mark.parametrize(
    ("expression", "why"),
    [
        ("$eval('1')", "the function or variable \\$eval is not known"),
        ("a ~> b", "~ at character 3"),
        ("/x/", "/ stands where a value is expected"),
        ("a^(b)", "\\^ at character 2"),
        ("a.*", "the step .\\*"),
        ("(", "its end stands where a value is expected"),
        ("a b", "b stands where end is expected"),
        ("(" * 60 + "1" + ")" * 60, "nested more than"),
        ("a" * (MOST_CHARACTERS + 1), "more than"),
        ("'unfinished", "' at character 1"),
    ],
)
def test_what_goes_further_is_refused(expression: str, why: str) -> None:
    """With the place where it does, or what it is."""
    with pytest.raises(NotTranslatedError, match=why):
        javascript_of(expression)
