"""Run guests in Wasmtime: bytes in, bytes out. Knows no node, no graph and no HTTP."""
