"""``symbia.data.template``, ``.base64``, ``.hash`` and ``.compress``, and the places that their results take."""

import gzip
import hashlib
import hmac
import zlib
from base64 import b64decode, b64encode
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.builtin.data_base64 import BASE64
from engine.builtin.data_compress import COMPRESS, UNPACKED_BYTES
from engine.builtin.data_hash import ALGORITHMS, HASH
from engine.builtin.data_template import TEMPLATE
from engine.builtin.parts.conversion import CONVERTED_BYTES
from engine.contracts.component import Component
from tests.engine.builtin.harness import JSON_VALUES, driven, places, run

TEXTS = st.text(st.characters(exclude_categories=["Cs"]))


async def made(component: Component, value: Any, **config: Any) -> Any:
    """What comes of a value, or the name of its error."""
    async with driven(component, **config) as driver:
        (outcome,) = await driver.send(value)
        return outcome.error.name if outcome.error is not None else driver.values(outcome)[0]


async def test_a_template_is_filled() -> None:
    """Texts stand as they are, all else as its JSON text with all digits; braces are written twice."""
    value = {"a": {"b": "x\n"}, "n": 12345678901234567890, "o": [1, {}], "z": None}
    template = "{{{a.b}}} {n} {o} {z} {a.b}"
    assert await made(TEMPLATE, value, template=template) == "{x\n} 12345678901234567890 [1,{}] null x\n"
    assert await made(TEMPLATE, b"  1.10", template="{}!") == "1.10!"


@pytest.mark.parametrize(
    ("escape", "filled"),
    [("none", '<"&/é'), ("html", "&lt;&quot;&amp;/é"), ("url", "%3C%22%26%2F%C3%A9"), ("json", '<\\"&/é')],
)
async def test_what_fills_a_place_is_escaped_for_it(escape: str, filled: str) -> None:
    """The text around it is the author's and stays."""
    assert await made(TEMPLATE, {"a": '<"&/é'}, template="<{a}>", escape=escape) == f"<{filled}>"


async def test_a_value_that_lacks_a_field_is_an_error_unless_the_author_says_otherwise() -> None:
    assert await made(TEMPLATE, {"a": 1}, template="{b}") == "MissingField"
    assert await made(TEMPLATE, {"a": 1}, template="<{b}>", missing="empty") == "<>"


@pytest.mark.parametrize("template", ["{", "}", "{a.}", "{a b}", "{{a}", "{a}" * 1_001, "x" * 70_000])
async def test_a_text_that_is_no_template_refuses_the_graph(template: str) -> None:
    assert await places(TEMPLATE, template=template) == ["template"]


async def test_a_filled_text_is_bounded() -> None:
    assert await made(TEMPLATE, {"a": "x" * 10_000}, template="{a}" * 200) == "ValueTooLarge"


async def test_a_result_takes_its_place() -> None:
    """In the object that came, whose other fields stay as they are; or alone."""
    config = {"field": "a.b", "into": "c"}
    async with driven(BASE64, **config) as driver:
        (outcome,) = await driver.send(b'{"n": 1.10, "a": {"b": "x"}, "c": 0}')
        assert driver.texts(outcome) == [("out", b'{"n":1.10,"a":{"b": "x"},"c":"eA=="}')]
    assert await made(BASE64, {"a": {"b": "x"}}, field="a.b") == "eA=="
    assert await made(BASE64, {"a": 1}, field="b") == "MissingField"
    assert await made(BASE64, "x", into="c") == "NotAnObject"
    assert await made(BASE64, {str(n): 0 for n in range(20_001)}, into="c") == "TooManyFields"


@given(TEXTS, st.sampled_from(["standard", "url"]))
def test_base64_and_back_is_the_text(text: str, alphabet: str) -> None:
    async def body() -> None:
        encoded = await made(BASE64, text, alphabet=alphabet)
        if alphabet == "standard":
            assert b64decode(encoded, validate=True) == text.encode()
        else:
            assert not set("+/=") & set(encoded)
        assert await made(BASE64, encoded, mode="decode", alphabet=alphabet) == text

    run(body)


@pytest.mark.parametrize("text", ["a", "ab*d", "eA==eA==", "é", "-_-_"])
async def test_what_is_no_base64_is_an_error(text: str) -> None:
    assert await made(BASE64, text, mode="decode") == "NotBase64"


async def test_bytes_that_json_has_not_are_an_error() -> None:
    assert await made(BASE64, b64encode(b"\xff").decode(), mode="decode") == "NotUtf8"
    assert await made(BASE64, 5, mode="decode") == "NotText"
    assert await made(BASE64, b'"\\ud800"') == "NotUtf8"


@pytest.mark.parametrize("algorithm", ALGORITHMS)
async def test_a_digest_is_that_of_the_text(algorithm: str) -> None:
    """Also of one that is worked on in several steps; with a key it is an HMAC."""
    text = "é" * 100_000
    assert await made(HASH, text, algorithm=algorithm) == hashlib.new(algorithm, text.encode()).hexdigest()
    signed = hmac.new(b"key", text.encode(), algorithm)
    assert await made(HASH, text, algorithm=algorithm, key="key") == signed.hexdigest()
    encoded = b64encode(signed.digest()).decode()
    assert await made(HASH, text, algorithm=algorithm, key="key", encoding="base64") == encoded


async def test_the_digest_of_an_object_is_that_of_its_spelling() -> None:
    assert await made(HASH, b' {"a": 1}') == hashlib.sha256(b'{"a": 1}').hexdigest()


@given(TEXTS | JSON_VALUES, st.sampled_from(["gzip", "zlib", "deflate"]), st.integers(1, 9))
def test_packed_and_unpacked_is_the_text(value: Any, form: str, level: int) -> None:
    async def body() -> None:
        packed = await made(COMPRESS, value, format=form, level=level)
        if packed == "NotUtf8":  # half of a surrogate pair
            return
        text = await made(COMPRESS, packed, mode="decompress", format=form)
        assert isinstance(text, str)
        assert not isinstance(value, str) or text == value

    run(body)


async def test_a_file_of_several_members_is_unpacked_whole() -> None:
    packed = b64encode(gzip.compress(b"ab") + gzip.compress(b"cd") + bytes(10)).decode()
    assert await made(COMPRESS, packed, mode="decompress") == "abcd"


@pytest.mark.parametrize(
    ("packed", "form", "name"),
    [
        (b"", "gzip", "NotCompressed"),
        (b"nothing", "gzip", "NotCompressed"),
        (gzip.compress(b"x" * 1000)[:-9], "gzip", "NotCompressed"),
        (zlib.compress(b"x") + b"y", "zlib", "NotCompressed"),
        (gzip.compress(b"\xff"), "gzip", "NotUtf8"),
        (gzip.compress(bytes(UNPACKED_BYTES + 1)), "gzip", "ValueTooLarge"),
    ],
)
async def test_what_is_not_packed_so_is_an_error(packed: bytes, form: str, name: str) -> None:
    assert await made(COMPRESS, b64encode(packed).decode(), mode="decompress", format=form) == name


async def test_a_value_that_is_too_large_is_an_error() -> None:
    assert await made(HASH, "x" * CONVERTED_BYTES) == "ValueTooLarge"
