"""Small pieces of Bloblang as JavaScript: paths, literals, operators; what goes further is refused. Pure."""

import re

_TOKEN = re.compile(
    r"\s+|(?P<path>this(?:\.[A-Za-z_]\w*)*|root(?:\.[A-Za-z_]\w*)*)|(?P<text>\"(?:[^\"\\]|\\.)*\")"
    r"|(?P<number>\d+(?:\.\d+)?)|(?P<word>true|false|null)(?!\w)|(?P<mark>==|!=|>=|<=|&&|\|\||[<>!()+*/%-])"
)
_BEFORE_A_VALUE = ("(", "!")
_MARKS = {"==": "===", "!=": "!=="}
_FILTER = re.compile(r"root\s*=\s*if\s+(?P<condition>[^{}]+?)\s*\{\s*deleted\(\)\s*\}\s*", re.DOTALL)
_WHOLE = re.compile(r"root\s*=\s*(?P<value>[^{}\n=]+(?:[=!<>]=[^{}\n=]+)*)\s*")

_FIELD = re.compile(r"\$\{!\s*json\(\"([\w.-]+)\"\)\s*\}")
_ALL = re.compile(r"root\s*=\s*deleted\(\)")
_EMPTY = {"{}": "({})", "[]": "[]"}

MOST_CHARACTERS = 2_000


def expression_of(text: str) -> str | None:
    """Return an expression that says the same of ``value``; None where there is more in it than is known."""
    if len(text) > MOST_CHARACTERS:
        return None
    parts: list[str] = []
    open_brackets = at = 0
    wants_value = True
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            return None
        at = match.end()
        if match.lastgroup is None:
            continue
        mark = match[0]
        begins = match.lastgroup != "mark" or mark in _BEFORE_A_VALUE or (wants_value and mark == "-")
        if wants_value != begins:
            return None
        open_brackets += {"(": 1, ")": -1}.get(mark, 0)
        if open_brackets < 0 or mark.startswith("root"):
            return None
        wants_value = match.lastgroup == "mark" and mark != ")"
        parts.append(_path(mark) if match.lastgroup == "path" else _MARKS.get(mark, mark))
    return " ".join(parts) if parts and not wants_value and not open_brackets else None


def _path(mark: str) -> str:
    return "?.".join(["value", *mark.split(".")[1:]])


def field_of(interpolation: str) -> str | None:
    """Return the field that a text is the value of, as in ``${! json("order.id") }``; else None."""
    match = _FIELD.fullmatch(interpolation) if len(interpolation) <= MOST_CHARACTERS else None
    return match[1] if match else None


def filter_of(mapping: str) -> str | None:
    """Return when a message goes on, where a mapping does nothing but delete some; else None."""
    match = _FILTER.fullmatch(mapping.strip()) if len(mapping) <= MOST_CHARACTERS else None
    if _ALL.fullmatch(mapping.strip()):
        return "false"
    condition = expression_of(match["condition"]) if match else None
    return None if condition is None else f"!({condition})"


def value_of(mapping: str) -> str | None:
    """Return the new value, where a mapping does nothing but set it; else None."""
    head, equals, tail = mapping.partition("=")
    if equals and head.strip() == "root" and tail.strip() in _EMPTY:
        return _EMPTY[tail.strip()]
    match = _WHOLE.fullmatch(mapping.strip()) if len(mapping) <= MOST_CHARACTERS else None
    return expression_of(match["value"]) if match else None
