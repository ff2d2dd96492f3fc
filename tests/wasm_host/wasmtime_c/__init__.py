"""Tests of wasm_host/wasmtime_c."""
