"""``python -m service`` is ``symbia-runtime``."""

from service.cli.main import main

main()
