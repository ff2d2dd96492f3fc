from engine.builtin.core_each import EACH, ITEMS_LIMIT
from tests.engine.builtin.harness import driven


async def test_items_are_cut_out_as_they_stand() -> None:
    """Every item leaves as the text that it has in the array, in order; white space around does not matter."""
    async with driven(EACH) as driver:
        (outcome,) = await driver.send(b' [1.10, {"a" : [2]},"x" ,null, [ ] ] ')
        texts = [b"1.10", b'{"a" : [2]}', b'"x"', b"null", b"[ ]"]
        assert driver.texts(outcome) == [("out", text) for text in texts]


async def test_items_are_bounded() -> None:
    """One item more than an array may have makes it an error."""
    async with driven(EACH) as driver:
        (most,) = await driver.send(b"[" + b",".join([b"0"] * ITEMS_LIMIT) + b"]")
        assert len(most.emissions) == ITEMS_LIMIT
        (refused,) = await driver.send(b"[" + b",".join([b"0"] * (ITEMS_LIMIT + 1)) + b"]")
        assert refused.error is not None
        assert refused.error.message == "The array on port in has 100001 items; 100000 are allowed"
