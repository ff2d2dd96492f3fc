"""The code of a function node: what it uses that is not here, and which context it reads and writes.

It is looked at as text, without comments; a name in a string may be taken for a use; then one note is too many.
"""

import re
from collections.abc import Iterator

MOST_CHARACTERS = 500_000
"""Characters of one node's code that are looked at; a component's source may have fewer."""

_COMMENT = re.compile(r"/\*.*?(?:\*/|\Z)|(?<![:\"'`\\])//[^\n]*", re.DOTALL)

MISSING = {
    r"\bset(?:Timeout|Interval|Immediate)\s*\(": "there are no timers in a component: put a delay node behind it",
    r"\brequire\s*\(|\bimport\s*\(": "there are no modules in a component: put the code that it needs into it",
    r"\bBuffer\b": "there are no Buffers: values are JSON",
    r"\bfetch\s*\(|\bXMLHttpRequest\b": "components reach no network: put an http request node before it",
    r"\bprocess\s*\.": "components see no process",
    r"\bmsg\s*\.\s*res\b": "there is no response object: an http response node answers",
}
"""Patterns of what code may use and will not find, and what to do."""

_CONTEXT = re.compile(
    r"\b(?:context\s*\.\s*)?(flow|global)\s*\.\s*(get|set|keys)\s*\(\s*(?:(['\"`])((?:(?!\3)[^\\$\n])*)\3\s*[,)])?"
)
_LISTED = re.compile(r"\b(flow|global)\s*\.\s*(get|set)\s*\(\s*\[([^\[\]()]*)\]")
_QUOTED = re.compile(r"'([^'\\\n]*)'|\"([^\"\\\n]*)\"")
_ROOT = re.compile(r"[^.\[]+")
_STORE = re.compile(r"#:\([^)]*\)::")

ANY_KEY = "*"
"""The key of a use whose key is made when the code runs."""


def plain(code: str) -> str:
    """Return code without its comments."""
    return _COMMENT.sub(" ", code[:MOST_CHARACTERS])


def missing_in(code: str) -> Iterator[str]:
    """Yield a remedy for each thing that the code uses and that is not there."""
    text = plain(code)
    for pattern, remedy in MISSING.items():
        if re.search(pattern, text):
            yield remedy


def context_uses(code: str) -> Iterator[tuple[str, str, str]]:
    """Yield the scope, ``get`` or ``set``, and the key of each use of flow and global context."""
    text = plain(code)
    for scope, verb, keys in _LISTED.findall(text):
        yield from ((scope, verb, root_of(one or other)) for one, other in _QUOTED.findall(keys))
    for match in _CONTEXT.finditer(_LISTED.sub(" ", text)):
        scope, verb, _, key = match.groups()
        if verb != "keys":
            yield scope, verb, root_of(key) if key else ANY_KEY


def root_of(key: str) -> str:
    """Return the first name of a key such as ``orders[0].total``, without the store before it."""
    root = _ROOT.match(_STORE.sub("", key))
    return root[0] if root else ANY_KEY
