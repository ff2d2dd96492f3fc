"""One guest: its bytes in and out, its time slices, its memory."""
