"""Fuzzers of the guest: its reader and writer of JSON, whole guests, programs on random values."""
