"""A recording of real records, and a version of a component that it finds wrong (docs/time-travel.md)."""
