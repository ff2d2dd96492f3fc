"""``python -m service`` is ``symbia-runtime``."""

from service.cli import main

main()
