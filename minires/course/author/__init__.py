"""One's own exercises: the template of a new one (`template`), and what is wrong in them (`verify`)."""
