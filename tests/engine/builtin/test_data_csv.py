import csv
import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.builtin.data_csv import CSV
from tests.engine.builtin.harness import driven, places, run
from tests.engine.builtin.test_data_texts import made

CELLS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\ufeff"), max_size=8)


async def test_rows_become_objects() -> None:
    """The first row names the columns; cells in quotes hold everything; empty lines and a byte order mark pass."""
    text = '\ufeffa,b\r\n1,"x,""y""\nz"\n\n,\n'
    assert await made(CSV, text) == [{"a": "1", "b": 'x,"y"\nz'}, {"a": "", "b": ""}]
    assert await made(CSV, text, columns=["c", "d"]) == [{"c": "1", "d": 'x,"y"\nz'}, {"c": "", "d": ""}]
    assert await made(CSV, "1;2\n3;4", header=False, delimiter=";") == [["1", "2"], ["3", "4"]]
    assert await made(CSV, "1,2", header=False, columns=["a", "b"]) == [{"a": "1", "b": "2"}]
    assert await made(CSV, "") == []


async def test_types_are_told_by_their_spelling() -> None:
    """A number keeps all its digits; what JSON does not spell so stays a text."""
    async with driven(CSV, types="detect", header=False, each=True) as driver:
        outcomes = await driver.send("1.10,12345678901234567890,true,,007, 1,x,NULL")
        expected = b'[1.10,12345678901234567890,true,null,"007"," 1","x","NULL"]'
        assert driver.texts(*outcomes) == [("out", expected)]


async def test_rows_leave_one_by_one() -> None:
    async with driven(CSV, each=True) as driver:
        assert driver.values(*await driver.send("a\n1\n2")) == [{"a": "1"}, {"a": "2"}]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ('a\n"x', "NotCsv"),
        ('a\n"x"y', "NotCsv"),
        ("a,a\n1,2", "DuplicateColumn"),
        ("a,b\n1", "RaggedRow"),
        ("a\n1,2", "RaggedRow"),
        ("a\n" + "x" * 140_000, "NotCsv"),
        (",".join(map(str, range(1_001))), "TooManyColumns"),
        ("a\n" + "1\n" * 100_001, "TooManyRows"),
        (["a"], "NotText"),
    ],
)
async def test_what_is_no_csv_is_an_error(text: Any, name: str) -> None:
    assert await made(CSV, text) == name


async def test_ragged_rows_are_made_to_fit_where_asked() -> None:
    assert await made(CSV, "a,b\n1\n1,2,3", ragged="fit") == [{"a": "1", "b": None}, {"a": "1", "b": "2"}]


async def test_rows_are_written() -> None:
    """Objects by the fields of the first one, or of `columns`; arrays as they are; numbers keep their digits."""
    rows = b'[{"a": 1.10, "b": "x,y"}, {"b": null, "a": {"c": [1]}}]'
    assert await made(CSV, rows, mode="format") == 'a,b\r\n1.10,"x,y"\r\n"{""c"": [1]}",\r\n'
    assert await made(CSV, rows, mode="format", columns=["b"], newline="\n") == 'b\n"x,y"\n""\n'
    assert await made(CSV, [[1, "a"], []], mode="format", header=False) == "1,a\r\n\r\n"
    assert await made(CSV, {"a": 1}, mode="format", header=False) == "1\r\n"
    assert await made(CSV, [], mode="format") == ""


@pytest.mark.parametrize("rows", [[{"a": 1}, {"b": 1}], [{"a": 1}, {"a": 1, "b": 1}], [{"a": 1}, {}]])
async def test_rows_of_another_shape_are_an_error_when_written(rows: Any) -> None:
    """What `columns` does not name is left away, though, and what lacks is empty."""
    assert await made(CSV, rows, mode="format") == "RaggedRow"
    assert isinstance(await made(CSV, rows, mode="format", columns=["a"]), str)


async def test_what_is_no_row_is_an_error_when_written() -> None:
    assert await made(CSV, 1, mode="format") == "NotRows"
    assert await made(CSV, [1], mode="format") == "NotRows"


@given(st.lists(st.lists(CELLS, min_size=2, max_size=2), max_size=6), st.sampled_from([",", ";", "\t"]))
def test_written_and_read_are_the_same_rows(rows: list[list[str]], delimiter: str) -> None:
    """And what is written is what others read."""

    async def body() -> None:
        config = {"header": False, "delimiter": delimiter}
        text = await made(CSV, rows, mode="format", **config)
        assert list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)) == rows
        assert await made(CSV, text, **config) == rows

    run(body)


@pytest.mark.parametrize(
    ("config", "place"),
    [
        ({"delimiter": ""}, "delimiter"),
        ({"delimiter": "\n"}, "delimiter"),
        ({"quote": ","}, "quote"),
        ({"columns": ["a", "a"]}, "columns"),
        ({"columns": [1]}, "columns"),
        ({"each": True, "into": "a"}, "each"),
        ({"each": True, "mode": "format"}, "each"),
    ],
)
async def test_a_configuration_that_cannot_be_refuses_the_graph(config: dict[str, Any], place: str) -> None:
    assert await places(CSV, **config) == [place]
