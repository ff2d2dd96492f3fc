"""Tests of wasm_host/compile."""
