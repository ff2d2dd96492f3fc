"""Documents written as YAML 1.2 that people read and change: texts of several lines stand as blocks.

Every text that could be read as something else stands between quotes, whatever version of YAML its reader speaks.
"""

import re
from typing import Any

import yaml

_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_]*(?:[ ./-][A-Za-z0-9_]+)*")
_WORDS = frozenset(("true", "false", "null", "yes", "no", "on", "off", "y", "n"))
_WIDTH = 4_096
"""Characters of a line, beyond which a text is folded."""


class _Writer(yaml.SafeDumper):
    """PyYAML's, with texts as above, and lists that are indented as people do."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        del indentless
        super().increase_indent(flow=flow, indentless=False)

    def ignore_aliases(self, data: Any) -> bool:
        del data
        return True


def _text(writer: _Writer, text: str) -> yaml.ScalarNode:
    is_plain = _PLAIN.fullmatch(text) is not None and text.lower() not in _WORDS
    style = "|" if "\n" in text else None if is_plain else '"'
    return writer.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Writer.add_representer(str, _text)


def write_yaml(document: Any) -> str:
    """Return a document of JSON's values as YAML."""
    return yaml.dump(document, Dumper=_Writer, sort_keys=False, allow_unicode=True, width=_WIDTH)
