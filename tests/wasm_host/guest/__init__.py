"""Tests of wasm_host/guest."""
