"""The only ctypes: Wasmtime's C API."""
