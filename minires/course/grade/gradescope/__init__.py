"""Gradescope: `bundle` makes the zip that it takes, with a `wheel` of minires; `autograder` runs there."""
