"""Changes of a running execution: what they would do, how they are done, how they are tried and taken back."""
