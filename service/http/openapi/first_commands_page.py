"""The page of first commands for people: what this is, where to go on, as one HTML text."""

import re
from functools import lru_cache
from html import escape
from pathlib import Path
from string import Template

from service.http.openapi.first_graph import component_lines, shell_lines, watching_lines
from service.version import version

_FOLDER = Path(__file__).parent / "home"

_HOST = re.compile(r"[A-Za-z0-9.-]{1,253}(:\d{1,5})?|\[[0-9A-Fa-f:.]{2,45}\](:\d{1,5})?")

FALLBACK_HOST = "127.0.0.1:5006"
"""The address that the commands name where the request's own host could not stand in a shell."""

_CREDENTIALS = """\
<p>This service asks who calls: add <code>-H "Authorization: Bearer $TOKEN"</code> to each <code>curl</code>,
and give <code>watch</code> the token as <code>SYMBIA_TOKEN</code>.</p>
"""


def first_commands_page(*, scheme: str, host: str, authenticated: bool) -> str:
    """Return the whole page.

    Args:
        scheme: of the request.
        host: as the request named it; the commands go there.
        authenticated: whether callers are asked who they are.
    """
    url = f"{scheme}://{host if _HOST.fullmatch(host) else FALLBACK_HOST}"
    return _template().substitute(
        version=escape(version()),
        credentials=_CREDENTIALS if authenticated else "",
        first_graph=escape(shell_lines(url)),
        component=escape(component_lines(url)),
        watching=escape(watching_lines(url)),
        style=_text("page.css"),
        script=_text("page.js"),
    )


@lru_cache(maxsize=1)
def _template() -> Template:
    return Template(_text("page.html"))


@lru_cache(maxsize=3)
def _text(name: str) -> str:
    return (_FOLDER / name).read_text(encoding="utf-8")
