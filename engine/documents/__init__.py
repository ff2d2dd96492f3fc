"""The rules for any document from outside: its weight, its problems, and that it can be encoded again."""
