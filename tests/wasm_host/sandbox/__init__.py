"""Tests of wasm_host/sandbox."""
