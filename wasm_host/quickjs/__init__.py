"""The guest that runs JavaScript: QuickJS-ng and our shim, compiled to WebAssembly."""
