"""Text from elsewhere, made safe to show: a terminal obeys control characters, and lines are one entry each."""


def printable(text: str) -> str:
    """Return a text whose control characters are visible, as ``repr`` writes them."""
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in text)
