"""Components in WebAssembly, one for each language, and how they are built."""
