"""Finding the tokens of one text in another."""

from hypothesis import given
from hypothesis import strategies as st

from wasm_host.typescript.alignment import align


def words(text: str) -> list[str]:
    """Tokens, written with spaces between them."""
    return text.split()


TOKENS = st.lists(st.sampled_from([*"abcdefgh(){};:,="]), max_size=60)


@given(TOKENS, TOKENS)
def test_matches_are_equal_tokens_and_rise(original: list[str], made: list[str]) -> None:
    """Whatever the two texts are, a match is a token of the same key, and no two matches cross."""
    matches = align(original, made)
    assert len(matches) == len(made)
    found = [match for match in matches if match >= 0]
    assert found == sorted(set(found))
    assert all(original[match] == made[at] for at, match in enumerate(matches) if match >= 0)


@given(TOKENS)
def test_a_text_is_found_in_itself(tokens: list[str]) -> None:
    """Nothing changed, everything matched."""
    assert align(tokens, tokens) == list(range(len(tokens)))


@given(st.lists(st.integers(0, 10_000).map(str), unique=True, max_size=80))
def test_whatever_is_left_of_unique_tokens_is_found(original: list[str]) -> None:
    """Tokens that were only taken away, never changed, leave the others certain."""
    made = [token for token in original if int(token) % 3]
    assert [original[match] for match in align(original, made)] == made


def test_repeated_code_is_found_one_by_one() -> None:
    """Where no token is unique, types between equal calls are skipped."""
    original = words("emit ( a ) ; emit ( a as T ) ; emit ( a ) ;")
    made = words("emit ( a ) ; emit ( a ) ; emit ( a ) ;")
    assert align(original, made) == [*range(8), *range(10, 17)]


def test_the_body_of_an_overloaded_function_is_behind_its_last_signature() -> None:
    """Its name is found in the first signature, which looks the same; what runs is where it is."""
    original = words("function f ( x : A ) : C ; function f ( x : B ) : C { go ( ) }")
    made = words("function f ( x ) { go ( ) }")
    assert align(original, made) == [0, 1, 2, 3, 6, 19, 20, 21, 22, 23]


def test_what_was_added_matches_nothing() -> None:
    """Tokens of the printer's own have no place in the original."""
    assert align(["a", "b"], ["a", "x", "b", ";"]) == [0, -1, 1, -1]
