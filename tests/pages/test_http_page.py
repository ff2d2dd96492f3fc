"""docs/http.md lists the routes and statuses that exist, and no others."""

import re
from pathlib import Path

from engine.runtime import open_runtime
from examples.countries.server import open_server
from service.app import create_app
from service.http.openapi.document import routes_of
from service.http.routes.documentation import ALIASES
from service.problems import ENGINE_STATUSES, RefusalError
from service.readiness import Readiness
from service.settings.table import Settings
from tests.pages.shell import run_shell

PAGE = (Path(__file__).parents[2] / "docs" / "http.md").read_text()


async def test_the_page_lists_every_route() -> None:
    """Each route of the application has its row with its own summary, and each row its route."""
    async with open_runtime() as runtime:
        app = create_app(runtime, Settings(), Readiness())
    served = {
        (method, re.sub(r"{(\w+)}", r"<\1>", path), said.summary)
        for (method, path), said in routes_of(app).items()
    }
    assert set(re.findall(r"^\| (\w+) \| `(/[^`]*)` \| (.*) \|$", PAGE, re.MULTILINE)) == served


def test_the_page_lists_every_other_name() -> None:
    """Each redirect has its row."""
    assert dict(re.findall(r"^\| `(/[^`]*)` \| `(/[^`]*)` \|$", PAGE, re.MULTILINE)) == ALIASES


def test_the_page_explains_every_status_of_the_table() -> None:
    """No status can be added without saying when it comes."""
    explained = {int(status) for status in re.findall(r"^\| (\d{3}) \|", PAGE, re.MULTILINE)}
    refusals = {kind.status for kind in RefusalError.__subclasses__()}
    assert {status for _, status in ENGINE_STATUSES} | refusals <= explained


def test_the_lines_of_curl_double_21_and_square_12(tmp_path: Path) -> None:
    """Run as they stand, they show 42 in the log, three messages processed, and 144 in the log of the second."""
    section = PAGE.split("## With curl")[1].split("\n## ")[0]
    with open_server() as url:
        said = run_shell("".join(re.findall(r"```sh\n(.*?)```", section, re.DOTALL)), tmp_path, url)
    assert '"message":"42"' in said
    assert '"messagesProcessed":3' in said
    assert '"message":"144"' in said
