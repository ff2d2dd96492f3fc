"""All outputs of a wait are listed in their order, within bounds that are told."""

import msgspec
import pytest

from engine.memory.ledger import Ledger
from service.ingress import output_list
from service.ingress.output_list import LISTED_BYTES, OutputList


def test_outputs_are_listed_until_there_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first ones stay; that there were others is said."""
    monkeypatch.setattr(output_list, "LISTED_OUTPUTS", 3)
    listed = OutputList(Ledger(0, 0).account("o"))
    for number in range(1, 4):
        listed.add(number, "n", "out", b"1", "canonical")
    assert not listed.is_truncated
    listed.add(4, "n", "out", b"1", "canonical")
    assert ([each.sequence for each in listed.entries], listed.is_truncated) == ([1, 2, 3], True)


def test_a_value_that_finds_no_room_is_named_with_its_size() -> None:
    """Smaller ones after it are shown."""
    listed = OutputList(Ledger(0, 0).account("o"))
    listed.add(1, "n", "out", b"1" * (LISTED_BYTES - 1), "canonical")
    listed.add(2, "n", "out", b"22", "apocryphal")
    listed.add(3, "n", "out", b"3", "canonical")
    assert [(each.omitted_bytes, bytes(each.value)[:4]) for each in listed.entries[1:]] == [
        (2, b"null"),
        (msgspec.UNSET, b"3"),
    ]
    assert listed.is_truncated


def test_what_is_listed_is_charged_until_it_is_shown() -> None:
    """Where there is no memory for an entry it is left out, and that is said."""
    ledger = Ledger(0, 20_000)
    listed = OutputList(ledger.account("o"))
    for number in range(1, 200):
        listed.add(number, "n", "out", b"1" * 10, "canonical")
    assert 20 <= len(listed.entries) < 200
    assert listed.is_truncated
    assert 250 * len(listed.entries) <= ledger.held_by("o") <= 20_000
    listed.close()
    assert ledger.held_by("o") == 0
