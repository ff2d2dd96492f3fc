"""The guest that runs JavaScript: QuickJS-ng and our C files around it, compiled to WebAssembly."""
