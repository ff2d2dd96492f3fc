"""The list of broken promises: it is complete, and each change can still be made."""

from pathlib import Path

import pytest

from tests.mutants.laboratory import open_laboratory
from tests.mutants.promises import (
    SEMANTICS,
    SIMULATION,
    Broken,
    PromisesCampaign,
    broken_source,
    promised,
    read_promises,
)

ROOT = Path(__file__).parents[2]
PROMISES = read_promises()


def test_each_promise_is_broken_or_beyond_the_simulation_with_a_reason() -> None:
    """Those of the table of the page, all of them; and what else is broken stands on the page, too."""
    named = {change.promise for change in PROMISES.broken} | {each.promise for each in PROMISES.beyond}
    assert [promise for promise in promised(ROOT) if promise not in named] == []
    page = " ".join((ROOT / SEMANTICS).read_text().split())
    assert [promise for promise in named if promise not in page] == []
    assert [each for each in PROMISES.beyond if not each.reason] == []


@pytest.mark.parametrize("change", PROMISES.broken, ids=lambda change: Path(change.file).stem)
def test_each_change_can_be_made(change: Broken) -> None:
    """Its place is there once, and what stands there instead can be compiled."""
    assert broken_source(ROOT, change) != (ROOT / change.file).read_text()


@pytest.mark.parametrize("source", ["", "a = 1\na = 1\n"])
def test_a_place_that_has_gone_is_refused(source: str, tmp_path: Path) -> None:
    """Or that is there twice: otherwise nobody would know what was broken."""
    (tmp_path / "x.py").write_text(source)
    with pytest.raises(ValueError, match=r"x\.py has this \d times: a = 1"):
        broken_source(tmp_path, Broken("p", "x.py", "a = 1", "a = 2"))


@pytest.mark.timeout(120)  # pytest is started twice
def test_what_the_simulation_does_not_notice_is_told(tmp_path: Path) -> None:
    """It is asked with each change, and the copy is as it was afterwards."""
    simulation = tmp_path / "project" / SIMULATION[0].partition("::")[0]
    simulation.parent.mkdir(parents=True)
    (tmp_path / "project" / "x.py").write_text("a = 1\nb = 1\n")
    names = [test.partition("::")[2] for test in SIMULATION]
    simulation.write_text("import x\n\n\n" + "\n".join(f"def {name}():\n    assert x.a == 1\n" for name in names))
    one, two = Broken("one", "x.py", "a = 1", "a = 2"), Broken("two", "x.py", "b = 1", "b = 2")
    told: list[str] = []
    with open_laboratory(tmp_path / "project", preloaded=("pytest", "hypothesis")) as laboratory:
        campaign = PromisesCampaign(laboratory, told.append)
        campaign.run([one, two])
        assert (laboratory.root / "x.py").read_text() == "a = 1\nb = 1\n"
    assert campaign.unnoticed == [two]
    assert [line.partition(" after")[0] for line in told] == ["noticed", "not noticed"]
