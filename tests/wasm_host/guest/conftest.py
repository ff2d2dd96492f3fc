"""Guests are called in two ways, which must come to the same: all tests of them run in both."""

import pytest

from wasm_host.wasmtime_c import exchange, ticker


@pytest.fixture(autouse=True, params=["in one step", "step by step"])
def _way_of_calls(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the library that ``python -m wasm_host.wasmtime_c.build`` makes, and as if it were not there."""
    if request.param == "step by step":
        monkeypatch.setattr(exchange, "_exchange", None)
        monkeypatch.setattr(ticker, "_library", None)
    else:
        for made in (exchange, ticker):
            assert made.library().exists(), "build it: python -m wasm_host.wasmtime_c.build"
