"""What setup shows of a step where nobody looks at a terminal."""

import pytest
import step as step_module
from hypothesis import given
from hypothesis import strategies as st
from lock import normal_name
from step import Step


def test_a_step_is_announced_and_closed_with_its_time(capsys: pytest.CaptureFixture[str]) -> None:
    """In a log a step has one line when it begins, and one with its time and its remark when it ends."""
    with Step("[1/2] packages") as step:
        step.note("58 of them")
    begun, ended = capsys.readouterr().err.splitlines()
    assert begun == "[1/2] packages ..."
    assert ended == "[1/2] packages: 0.0 s (58 of them)"


def test_a_failed_step_is_not_closed(capsys: pytest.CaptureFixture[str]) -> None:
    """A step that fails gets no time, so it cannot be taken for one that is done."""
    with pytest.raises(ValueError, match="broken"), Step("[1/2] packages"):
        raise ValueError("broken")
    assert capsys.readouterr().err.splitlines() == ["[1/2] packages ..."]


def test_a_short_step_stays_quiet(capsys: pytest.CaptureFixture[str]) -> None:
    """A program's own words are kept out of a log until the step has been silent for long."""
    with Step("[1/2] packages") as step:
        step.show("Collecting trio")
    assert "Collecting" not in capsys.readouterr().err


def test_a_long_step_shows_that_it_lives(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the quiet time the program's last line is shown, cut to a readable length."""
    monkeypatch.setattr(step_module, "QUIET_SECONDS", -1.0)
    with Step("[1/2] packages") as step:
        step.show("Successfully installed " + "x" * 1000)
    shown = capsys.readouterr().err.splitlines()[1]
    assert "Successfully installed" in shown
    assert len(shown) < step_module.PLAIN_CHARACTERS + 20


@given(st.from_regex(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?", fullmatch=True))
def test_a_normal_name_is_its_own(name: str) -> None:
    """However a distribution spells its name, the normal form is one, in lower case, with single hyphens."""
    normal = normal_name(name)
    assert normal_name(normal) == normal
    assert normal == normal.lower()
    assert not any(character in normal for character in "._")
    assert "--" not in normal
