"""``python -m symbia_runtime`` is ``symbia-runtime``."""

from symbia_runtime import main

main()
