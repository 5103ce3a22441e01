"""Assignments: hand them out, check them with a diagnosis, grade what cannot be trusted.

An exercise is one file in `lessons/exercises/` (`exercise` reads it): its functions with their solutions,
which the handout replaces by NotImplementedError (`handout`), the cases on which they are tried, and the
known mistakes, each an edit of the solution. A mistake is a wrong program, so the diagnosis can run it: it is
named only if it gives the student's numbers (`examination`, `diagnosis`). `check` does this in the student's
own process, `grade` in an isolated one (`sandbox` is all that runs there).
"""
