import json
from typing import Any

import httpx
import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from engine.builtin.parts.url_template import (
    TEMPLATE_LIMIT_CHARACTERS,
    URL_LIMIT_CHARACTERS,
    UrlError,
    UrlTemplate,
    query_text,
)

MESSAGE = {
    "id": 7,
    "user": {"name": "Ada Lovelace"},
    "ok": True,
    "none": None,
    "list": [1],
    "empty": "",
    "user-id": "u/1",
}


def filled(text: str, message: Any = MESSAGE, **query: str | list[str]) -> str:
    return str(trio.run(UrlTemplate(text).fill, json.dumps(message).encode(), query_text(query)))


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("https://host/plain?a=1", "https://host/plain?a=1"),
        ("https://host:8080/users/{id}/x", "https://host:8080/users/7/x"),
        ("https://host/{user.name}?q={user.name}", "https://host/Ada%20Lovelace?q=Ada%20Lovelace"),
        ("https://host/{ok}-{id}", "https://host/true-7"),
        ("https://host/{list.0}/{user-id}", "https://host/1/u%2F1"),
        ("https://host?empty={empty}&dots=..", "https://host?empty=&dots=.."),
    ],
)
def test_fills_placeholders(text: str, url: str) -> None:
    """Strings, numbers and booleans of the message stand where the placeholders stood, percent-encoded."""
    assert filled(text) == url


def test_a_template_may_be_as_long_as_it_may() -> None:
    """To the character; one more is refused, and both numbers are told."""
    name = "x" * (TEMPLATE_LIMIT_CHARACTERS - len("http://host/{}"))
    UrlTemplate(f"http://host/{{{name}}}")
    with pytest.raises(UrlError, match="It has 32001 characters; 32000 are allowed"):
        UrlTemplate(f"http://host/{{{name}x}}")


def test_numbers_keep_their_digits() -> None:
    """A number is written as it stands in the message."""
    url = trio.run(UrlTemplate("http://host/{id}").fill, b'{"id": 12345678901234567890123.10}')
    assert str(url) == "http://host/12345678901234567890123.10"


def test_query_is_added() -> None:
    """Configured parameters follow those of the URL, and do not replace them."""
    assert filled("http://host/?a={id}", b=["1", "&"]) == "http://host/?a=7&b=1&b=%26"
    assert filled("http://host/?a=1#x", a="2 3") == "http://host/?a=1&a=2+3#x"


@pytest.mark.parametrize("own", ["name=%E9&page=1", "a&b=&c=1%2B1+2", "x=%c3%a9;y=~%7E", "redirect=http://h/?q"])
def test_the_urls_own_query_stays_byte_for_byte(own: str) -> None:
    """It may be in another character set, or no form at all; with parameters behind it it is still the same."""
    assert filled(f"http://host/?{own}", more="1") == f"http://host/?{own}&more=1"
    assert filled(f"http://host/?{own}") == f"http://host/?{own}"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("http://host/{missing}", "has nothing"),
        ("http://host/{none}", "has null"),
        ("http://host/{list}", "has an array"),
        ("http://host/{user}", "has an object"),
        ("http://host/{id.deeper}", "has nothing"),
        ("http://host/{empty}", "another path"),
    ],
)
def test_unfit_messages_are_refused(text: str, said: str) -> None:
    """A field that is missing or fits no URL is an error that names the placeholder and what was met."""
    with pytest.raises(UrlError) as caught:
        filled(text)
    assert said in str(caught.value)
    assert text.partition("host/")[2] in str(caught.value)


@pytest.mark.parametrize("value", ["..", ".", "../admin", "a/../b", "..\\admin", "a/.", "%2e%2e"])
def test_values_name_no_other_path(value: str) -> None:
    """What a server could resolve to another path is refused in the path."""
    with pytest.raises(UrlError, match="another path"):
        filled("http://host/files/{name}", {"name": value})


def test_pieces_name_no_other_path() -> None:
    """Two dots from two places are still two dots."""
    with pytest.raises(UrlError, match="another path"):
        filled("http://host/files/.{name}/x", {"name": "."})
    with pytest.raises(UrlError, match="another path"):
        filled("http://host/files/.{name}.", {"name": "%2e"})


@pytest.mark.parametrize(
    "text",
    [
        *("", "host/path", "ftp://host/", "file:///etc/passwd", "//host/", "http://", "http:///path", "http://?x"),
        *("http://{host}/", "http://host{x}/", "http://user:{x}@host/", "http://a\\@host/", "http://host:{port}/"),
        *("http://host/{", "http://host/}", "http://host/{}", "http://host/{a b}", "http://host/{{a}}"),
        *("http://host:99999/", "http://host:0/", "http://host/a/../b", "http://host/%2E%2e/b", "http://host/\n"),
        "http://host/" + "x" * URL_LIMIT_CHARACTERS,
    ],
)
def test_malformed_urls_are_refused(text: str) -> None:
    """Only absolute HTTP URLs with well-formed placeholders behind the host are taken."""
    with pytest.raises(UrlError):
        UrlTemplate(text)


@given(st.text())
def test_no_value_leaves_its_segment(value: str) -> None:
    """Whatever the data, server, path and query keep their shape, and the value arrives whole."""
    try:
        url = httpx.URL(filled("http://host:81/a/{x}/b?c={x}&d=1", {"x": value}))
    except UrlError:
        assert value == "" or "." in value or "\ud800" <= max(value) <= "\udfff" or "%2e" in value.lower()
        return
    assert (url.scheme, url.host, url.port) == ("http", "host", 81)
    segments = url.raw_path.decode().partition("?")[0].split("/")
    assert (len(segments), segments[1], segments[3]) == (4, "a", "b")
    assert dict(url.params) == {"c": value, "d": "1"}


@given(st.text())
def test_any_text_is_a_url_or_refused(text: str) -> None:
    """A text makes a template, or raises the one documented error."""
    for candidate in (text, f"http://host/{text}", f"http://{text}/"):
        try:
            template = UrlTemplate(candidate)
        except UrlError:
            continue
        assert candidate.lower().startswith("http")
        assert template is not None
