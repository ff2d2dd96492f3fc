"""The console: the page in a browser, served from files that were built of ``app/`` (``build.py``)."""
