"""A short campaign of requests made from our own OpenAPI document; ``make fuzz`` runs a long one."""

import pytest

from tests.fuzz.campaign import run_campaign


@pytest.mark.timeout(120)
def test_no_answer_is_a_surprise() -> None:
    """Whatever is generated, no answer is a 5xx, undocumented, of another shape, or lenient with wrong data."""
    result = run_campaign(examples=2, seed=20, phases="coverage,stateful")
    assert result.is_clean, result.report
    assert result.cases > 400
