from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.builtin.data_xml import XML
from tests.engine.builtin.harness import places, run
from tests.engine.builtin.test_data_texts import made


async def test_elements_become_values() -> None:
    """Text, nothing, attributes, mixed content, several of a name, entities of XML's own, CDATA, a declaration."""
    text = """<?xml version="1.0" encoding="latin1"?>
    <o:order xmlns:o="u" id="7"><a>x &amp; &#233;</a><b/><c n="1"/><d n="2"> t <e/> u</d><f>1</f>
    <f><![CDATA[<2>]]></f>
    </o:order>"""
    assert await made(XML, text) == {
        "o:order": {
            "@xmlns:o": "u",
            "@id": "7",
            "a": "x & é",
            "b": None,
            "c": {"@n": "1"},
            "d": {"@n": "2", "e": None, "#text": "t  u"},
            "f": ["1", "<2>"],
        }
    }


async def test_lists_are_arrays_even_of_one() -> None:
    assert await made(XML, "<a><b>1</b></a>", lists=["b"]) == {"a": {"b": ["1"]}}
    assert await places(XML, lists=[1]) == ["lists"]


LAUGHS = '<!DOCTYPE a [<!ENTITY l "ha"><!ENTITY m "&l;&l;&l;&l;">]><a>&m;</a>'


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (LAUGHS, "DocumentType"),
        ('<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>', "DocumentType"),
        ("<a>&unknown;</a>", "NotXml"),
        ("<a>", "NotXml"),
        ("", "NotXml"),
        ("<a/><b/>", "NotXml"),
        ("<a b='1' b='2'/>", "NotXml"),
        ("<a>\0</a>", "NotXml"),
        ("<a>" * 102, "TooDeep"),
        ("<a>" + "<b/>" * 100_001 + "</a>", "TooManyElements"),
        (1, "NotText"),
    ],
)
async def test_what_is_no_xml_or_too_much_is_an_error(text: Any, name: str) -> None:
    assert await made(XML, text) == name


@given(st.text(st.sampled_from("<>/=\"'ab &;!-[]?#x \n"), max_size=60))
def test_any_text_is_a_value_or_an_error(text: str) -> None:
    async def body() -> None:
        assert isinstance(await made(XML, text), (dict, str))

    run(body)
