"""Tests of wasm_host/quickjs."""
