"""A fuzzer of the guest's reader and writer of JSON, and of programs on random values: ``make fuzz-guest``."""
