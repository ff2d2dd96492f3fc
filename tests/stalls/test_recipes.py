"""Recipes and cases: small to write, exact in what they make, and always well formed after a change."""

import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.stalls.cases import Case, Http, Raw, WebSocket, recipes_of, save_case, with_recipe
from tests.stalls.conversation import frame
from tests.stalls.recipes import RecipeTooLargeError, changed, grown, render, size_of
from tests.stalls.seeds import seeds

RECIPES = st.recursive(
    st.text(max_size=5),
    lambda part: st.one_of(
        st.lists(part, min_size=1, max_size=3).map(lambda parts: ["cat", *parts]),
        st.tuples(part, st.integers(0, 4)).map(lambda pair: ["rep", *pair]),
        st.tuples(part, st.integers(0, 4), st.just(",")).map(lambda three: ["each", *three]),
    ),
    max_leaves=6,
)


@pytest.mark.parametrize(
    ("recipe", "text"),
    [
        (["cat", "[", ["each", "§", 4, ","], "]"], b"[0,1,2,3]"),
        (["rep", ["cat", "a", ["hex", "00ff"]], 2], b"a\x00\xffa\x00\xff"),
        (["each", ["rep", "§", 2], 2, ""], b"0011"),
    ],
)
def test_a_recipe_makes_its_text(recipe: object, text: bytes) -> None:
    """Texts are put together, repeated and numbered."""
    assert render(recipe) == text


@given(RECIPES, st.integers())
def test_a_changed_recipe_is_a_recipe(recipe: object, seed: int) -> None:
    """Whatever is changed, and however often, makes a text, or is refused for its size before it is made."""
    draw = random.Random(seed)
    for _ in range(5):
        recipe = changed(recipe, draw, ["x", ["rep", "[", 3]])
        try:
            text = render(recipe, 10_000)
        except RecipeTooLargeError:
            assert size_of(recipe) > 10_000
        else:
            assert len(text) <= size_of(recipe)


def test_growing_takes_the_largest_count() -> None:
    """What makes a text large is made larger."""
    assert grown(["cat", ["rep", "a", 3], ["rep", "b", 10]], 2) == ["cat", ["rep", "a", 3], ["rep", "b", 20]]
    assert grown("a", 2) == "a"


def test_every_seed_can_be_said_and_kept(tmp_path: Path) -> None:
    """Each case of the beginning makes its texts within the limit, and its file is the same each time."""
    first = seeds()
    assert {each.kind for each in first} >= {"message", "socket", "wire", "graph", "schema", "program", "life"}
    for number, case in enumerate(first):
        for _, _, recipe in recipes_of(case):
            assert size_of(recipe) <= 40_000_000
        if number % 20 == 0:
            save_case(case, tmp_path / "case.json")
            text = (tmp_path / "case.json").read_bytes()
            save_case(case, tmp_path / "case.json")
            assert (tmp_path / "case.json").read_bytes() == text


def test_each_text_of_a_case_can_be_replaced() -> None:
    """The place of a recipe is where its replacement goes."""
    case = Case("x", (Http("GET", "/", "a"), Raw("b"), WebSocket(messages=("c", "d"), raw="e")))
    for position, number, recipe in recipes_of(case):
        changed_case = with_recipe(case, position, number, "new")
        texts = [text for _, _, text in recipes_of(changed_case)]
        assert texts == ["new" if text == recipe else text for text in "abcde"]


@pytest.mark.parametrize("size", [0, 125, 126, 65_535, 65_536])
def test_a_frame_has_its_length(size: int) -> None:
    """The three forms of a frame's length."""
    head = frame(b"x" * size)[: -size or None]
    assert len(head) == {0: 6, 125: 6, 126: 8, 65_535: 8, 65_536: 14}[size]
