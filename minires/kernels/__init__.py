"""The operations of `minires.functional` again, fast."""
