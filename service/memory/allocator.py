"""The C library's allocator, asked to give back what it keeps after much memory has been freed.

glibc keeps freed parts of its heap wherever something small that lives lies behind them. Where values of megabytes
come and go, that is most of what was ever used.
"""

import ctypes


def give_back() -> bool:
    """Give freed memory back to the kernel, in up to a millisecond for each megabyte; whether any was given.

    Nothing is done with C libraries other than glibc.
    """
    try:
        trim = ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError):
        return False
    trim.argtypes = (ctypes.c_size_t,)
    trim.restype = ctypes.c_int
    return bool(trim(0))
