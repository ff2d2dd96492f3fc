"""Sources from a URL: fetched once, checked, pinned, or refused with a problem at the place."""

import hashlib
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.components.source import FetchSource, SourceFetchError, check_origin, no_source
from engine.errors import ComponentExistsError, InvalidComponentError
from engine.limits import EngineLimits
from engine.runtime import open_runtime
from engine.testing.workbench import open_workbench
from proto.component import Code, ComponentDefinition

URL = "https://code.example/square.js"
SOURCE = b"return { process: (ctx, port, value) => ctx.emit('out', value * value) }"
HASH = hashlib.sha256(SOURCE).hexdigest()


def component(**execution: Any) -> dict[str, Any]:
    return {
        "id": "custom.square",
        "name": "Square",
        "version": "1.0.0",
        "ports": {"inputs": ["in"], "outputs": ["out"]},
        "execution": {"type": "javascript", **execution},
    }


class Library:
    """A fetcher over what stands in a mapping; counts what it was asked."""

    def __init__(self, contents: Mapping[str, bytes]) -> None:
        self.contents = dict(contents)
        self.asked: list[str] = []

    async def __call__(self, url: str, limit_bytes: int) -> bytes:
        del limit_bytes  # the engine looks itself
        self.asked.append(url)
        try:
            return self.contents[url]
        except KeyError:
            raise SourceFetchError("there is nothing") from None


async def registered(fetch: FetchSource, **execution: Any) -> ComponentDefinition:
    """What a runtime makes of a component."""
    async with open_runtime(fetch_source=fetch) as runtime:
        return await runtime.library.register_component(component(**execution))


async def problems(fetch: FetchSource, **execution: Any) -> list[tuple[str, str, str]]:
    """Code, path and message of what a runtime finds wrong with a component; and that it did not keep it."""
    error: InvalidComponentError | None = None
    async with open_runtime(fetch_source=fetch, limits=EngineLimits(source_bytes=1000)) as runtime:
        before = runtime.library.components()
        try:
            await runtime.library.register_component(component(**execution))
        except InvalidComponentError as caught:
            error = caught
        assert runtime.library.components() == before
    assert error is not None
    return [(problem.code, problem.path, problem.message) for problem in error.problems]


async def test_a_fetched_source_runs() -> None:
    """A component without a source of its own does what the fetched one says."""
    async with open_workbench(fetch_source=Library({URL: SOURCE})) as workbench:
        await workbench.register(component(sourceUrl=URL))
        async with workbench.open("custom.square") as unit:
            assert (await unit.send("in", 12)).emissions == {"out": [144]}


async def test_a_fetched_source_is_pinned() -> None:
    """The text and its hash are kept; the URL is asked once, and not again for a component that exists."""
    library = Library({URL: SOURCE})
    conflicts = 0
    async with open_runtime(fetch_source=library) as runtime:
        await runtime.library.register_component(component(sourceUrl=URL, sourceHash="whatever the author says"))
        library.contents[URL] = b"return {}"
        try:
            await runtime.library.register_component(component(sourceUrl=URL))
        except ComponentExistsError:
            conflicts += 1
        code = runtime.library.component("custom.square").execution
    assert (code.source, code.source_url, code.source_hash) == (SOURCE.decode(), URL, HASH)
    assert (library.asked, conflicts) == ([URL], 1)


@pytest.mark.parametrize("execution", [{"sourceUrl": URL}, {"source": SOURCE.decode()}])
@pytest.mark.parametrize("sha256", [HASH, HASH.upper(), ""])
async def test_the_expected_hash_is_taken_and_returned(execution: dict[str, str], sha256: str) -> None:
    """Whether it was expected or not, and wherever the source came from, its hash is told."""
    code = (await registered(Library({URL: SOURCE}), sha256=sha256, **execution)).execution
    assert (code.source_hash, code.sha256) == (HASH, "")


@pytest.mark.parametrize(
    ("execution", "place"),
    [({"sourceUrl": URL}, "execution.sourceUrl"), ({"source": SOURCE.decode()}, "execution.sha256")],
)
async def test_another_hash_is_refused(execution: dict[str, str], place: str) -> None:
    """A source that is not the expected one is not kept, and both hashes are told."""
    ((code, path, message),) = await problems(Library({URL: SOURCE}), sha256="0" * 64, **execution)
    assert (code, path) == ("component.source_hash_mismatch", place)
    assert HASH in message
    assert "0" * 64 in message


@pytest.mark.parametrize(
    ("content", "code", "words"),
    [
        (None, "component.source_unavailable", "there is nothing"),
        (b"\xff", "component.source_not_text", "byte 0"),
        (b" \n", "component.missing_source", "empty"),
        (b"//" + b"x" * 1000, "component.source_too_large", "at most 1000 bytes"),
    ],
)
async def test_what_cannot_be_a_source_is_refused_at_its_url(content: bytes | None, code: str, words: str) -> None:
    """Nothing, no text, nothing but space, too much: each a problem at sourceUrl that names the URL."""
    library = Library({} if content is None else {URL: content})
    ((found, path, message),) = await problems(library, sourceUrl=URL)
    assert (found, path) == (code, "execution.sourceUrl")
    assert words in message
    assert URL in message


async def test_without_a_fetcher_the_problem_says_what_to_do() -> None:
    """A runtime that fetches nothing refuses a sourceUrl and asks for it in the definition."""
    ((code, path, message),) = await problems(no_source, sourceUrl=URL)
    assert (code, path) == ("component.source_unavailable", "execution.sourceUrl")
    assert "send it in the definition itself" in message


async def test_a_fetched_source_is_checked_like_any_other() -> None:
    """A syntax error in it is a problem of the source."""
    ((code, path, _),) = await problems(Library({URL: b"return {"}), sourceUrl=URL)
    assert (code, path) == ("program.invalid", "execution.source")


async def test_a_byte_order_mark_is_no_part_of_the_program() -> None:
    """It is left out of the text, and counts for the hash, which is that of the file."""
    content = b"\xef\xbb\xbf" + SOURCE
    code = (await registered(Library({URL: content}), sourceUrl=URL)).execution
    assert (code.source, code.source_hash) == (SOURCE.decode(), hashlib.sha256(content).hexdigest())


@pytest.mark.parametrize(
    "url",
    [
        *[
            "ftp://code.example/a",
            "file:///etc/passwd",
            "//code.example/a",
            "code.example",
            "https://",
            "https:///a",
        ],
        *["https://user:pass@code.example/", "https://user@code.example/", "https://code.example/a b", "http://["],
        *["https://code.example/\n", "data:text/javascript,1", "https://code.example/" + "a" * 2000],
    ],
)
async def test_a_url_that_is_none_is_refused_unasked(url: str) -> None:
    """Other schemes, credentials and malformed URLs never reach the fetcher."""
    library = Library({url: SOURCE})
    ((code, path, _),) = await problems(library, sourceUrl=url)
    assert (code, path) == ("component.invalid_source_url", "execution.sourceUrl")
    assert library.asked == []


async def test_everything_wrong_with_the_origin_is_told_at_once() -> None:
    """Two sources, a URL that is none, and a hash that is none are three problems of one answer."""
    found = await problems(Library({}), source="return {}", sourceUrl="x", sha256="abc")
    assert [code for code, _, _ in found] == [
        "component.two_sources",
        "component.invalid_source_url",
        "component.invalid_sha256",
    ]


@given(url=st.text(min_size=1) | st.text("htps:/@[]?#. \n", min_size=1), sha256=st.text())
def test_any_origin_is_judged(url: str, sha256: str) -> None:
    """Whatever stands in the document, the check answers with problems or none, and raises nothing."""
    found = check_origin(Code(type="javascript", source_url=url, sha256=sha256))
    assert all(problem.message and problem.path.startswith("execution.") for problem in found)
