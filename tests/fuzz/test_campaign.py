"""Short campaigns of requests made from our own OpenAPI document; ``make fuzz`` runs long ones."""

import pytest

from tests.fuzz.campaign import run_campaign


@pytest.mark.timeout(120)
def test_no_answer_is_a_surprise() -> None:
    """Whatever is generated, no answer is a 5xx, undocumented, of another shape, or lenient with wrong data."""
    result = run_campaign(examples=2, seed=20, phases="coverage,stateful")
    assert result.is_clean, result.report
    assert result.cases > 400


@pytest.mark.timeout(120)
def test_no_answer_to_a_recognised_caller_is_a_surprise() -> None:
    """With a token nothing else happens; without, the requests are refused where the document says so."""
    result = run_campaign(examples=2, seed=20, phases="examples,fuzzing", recognised=True)
    assert result.is_clean, result.report
    assert result.cases > 50
