"""Random graphs under random commands, checked against what the engine promises; see README.md."""
