"""The files of the console: what they are called, what they are sent as, and what a page may do."""

import gzip
import re
from pathlib import Path

import pytest

from service.console.files import STATIC_FOLDER, StaticFile, read_file, read_files
from service.console.routes import CONTENT_POLICY, _file
from tests.service.serving import open_service

FIRST_GRAPH_BYTES = 150 * 1024
"""Compressed bytes before the first graph shows, at most."""


def test_each_file_has_its_type_and_its_compressed_form() -> None:
    files = read_files()
    assert files["index.html"].content_type == "text/html; charset=utf-8"
    for file in files.values():
        assert not file.gzipped or gzip.decompress(file.gzipped) == file.content


def test_files_of_other_types_are_not_served(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("not for everybody")
    (tmp_path / "page.html").write_text("<p>")
    assert list(read_files(tmp_path)) == ["page.html"]


def test_the_canvas_comes_within_its_bound() -> None:
    """All that a view with a graph waits for; what it loads later, by itself or when asked, is left out."""
    files = read_files()
    styles = sum(len(file.gzipped or file.content) for name, file in files.items() if name.endswith(".css"))
    (entry,) = re.findall(r'src="\./assets/([^"]+)"', files["index.html"].content.decode())
    for view in ("Graph", "Execution"):
        (chunk,) = [name for name in files if re.fullmatch(rf"assets/{view}-[^.]+\.js", name)]
        wanted = needed(files, {f"assets/{entry}", chunk})
        assert styles + sum(len(files[name].gzipped or files[name].content) for name in wanted) < FIRST_GRAPH_BYTES


def needed(files: dict[str, StaticFile], names: set[str]) -> set[str]:
    """The scripts that some scripts import at once, and they themselves."""
    found = set(names)
    for name in names:
        text = files[name].content.decode()
        found |= {f"assets/{each}" for each in re.findall(r'(?:from|import)"\./([^"]+\.js)"', text)}
    return found if found == names else needed(files, found)


def test_the_page_has_no_script_of_its_own_and_asks_nobody_else() -> None:
    page = (STATIC_FOLDER / "index.html").read_text(encoding="utf-8")
    assert re.findall(r"<script(?![^>]*\bsrc=)", page) == []
    assert re.findall(r"(?:src|href)=\"(?!\./)", page) == []
    assert "script-src 'self';" in CONTENT_POLICY


async def test_the_page_is_served_with_its_policy_and_kept_no_longer_than_it_may() -> None:
    async with open_service() as service:
        page = await service.client.get("/console/")
        assert page.status_code == 200
        assert page.headers["content-security-policy"] == CONTENT_POLICY
        assert page.headers["cache-control"] == "no-cache"
        assert page.headers["content-encoding"] == "gzip"
        script = re.findall(r'src="\./(assets/[^"]+)"', page.text)[0]
        asset = await service.client.get(f"/console/{script}")
        assert asset.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert asset.headers["content-type"] == "text/javascript; charset=utf-8"
        again = await service.client.get("/console/", headers={"If-None-Match": page.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
        plain = await service.client.get("/console/", headers={"Accept-Encoding": "identity"})
        assert plain.text == page.text
        assert "content-encoding" not in plain.headers


async def test_the_folder_is_entered_by_its_name_without_a_slash() -> None:
    async with open_service() as service:
        answer = await service.client.get("/console", follow_redirects=False)
        assert (answer.status_code, answer.headers["location"]) == (308, "console/")


@pytest.mark.parametrize("path", ["../routes.py", "%2e%2e/routes.py", "assets/", "assets/no.js", "index.html/x"])
async def test_nothing_but_its_files_is_served(path: str) -> None:
    async with open_service() as service:
        answer = await service.client.get(f"/console/{path}")
        assert answer.status_code == 404


async def test_a_file_is_read_when_it_is_first_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asks for the page does not wait for the code editor to be compressed; nor do all others."""
    read: list[str] = []

    def noted(name: str, path: Path) -> StaticFile:
        read.append(name)
        return read_file(name, path)

    monkeypatch.setattr("service.console.routes.read_file", noted)
    _file.cache_clear()
    async with open_service() as service:
        for _ in range(2):
            await service.client.get("/console/")
        await service.client.get("/console/assets/none.js")
    assert read == ["index.html"]
