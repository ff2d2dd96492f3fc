"""The library that weighs JSON texts: found by its source, and the same wherever a text is cut or a block ends."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proto import native_weight
from proto.native_weight import NativeLibrary, NativeText
from wasm_host.wasmtime_c import build

LIBRARY = native_weight.load()
MARKS = st.lists(st.sampled_from([b"[", b"]", b'"', b"\\", b",", b"a" * 61, b"{" * 9, b"}" * 9, b"\\\\" * 31]))


def native() -> NativeLibrary:
    """The library, which the environment of the tests has."""
    assert LIBRARY is not None, "build it: python -m wasm_host.wasmtime_c.build"
    return LIBRARY


def weighed(pieces: list[bytes]) -> tuple[int, int]:
    """Depth and elements of a text that comes in pieces."""
    text = NativeText(native())
    for piece in pieces:
        text.feed(piece)
    return text.depth, text.elements


@given(MARKS, st.integers(0, 200), st.integers(0, 200))
def test_a_cut_changes_nothing(parts: list[bytes], first: int, second: int) -> None:
    """Within an escape, a string or a block of 64 bytes, on text that is no JSON too."""
    text = b"".join(parts)
    whole = weighed([text])
    assert weighed([text[:first], text[first : first + second], text[first + second :]]) == whole
    assert native().depth(text, len(text)) == whole[0]


@pytest.mark.parametrize("offset", range(60, 68))
@pytest.mark.parametrize(
    ("marks", "weight"),
    [(b'"[\\"["', (0, 0)), (b'"\\\\",[', (1, 2)), (b'"\\\\\\"[",[]', (1, 2)), (b"[[],[]]", (2, 4))],
)
def test_the_end_of_a_block_hides_nothing(offset: int, marks: bytes, weight: tuple[int, int]) -> None:
    """An escape whose quote is in the next block is still one."""
    assert weighed([b" " * offset + marks + b" " * 80]) == weight


def test_a_library_of_another_source_is_not_loaded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Its name says what it was made of; where there is none of this source, Python weighs."""
    changed = tmp_path / "json_weight.c"
    changed.write_bytes(native_weight.SOURCE.read_bytes() + b"\n")
    before = native_weight.library().name
    monkeypatch.setattr(native_weight, "SOURCE", changed)
    assert native_weight.library().name != before
    assert native_weight.load() is None


def test_what_is_built_is_what_is_loaded() -> None:
    """Both know where a library lies; the packages they stand in may not import each other."""
    assert build.library(native_weight.SOURCE) == native_weight.library()
    assert native_weight.SOURCE in build.SOURCES
