"""One thing that is wrong in an author's exercise."""

import pathlib
from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """Where and what. line: from 1; fatal: whether nothing more can be found out about the file."""

    path: pathlib.Path
    line: int
    what: str
    fatal: bool = False

    def __str__(self):
        return f"{self.path}:{self.line}: {self.what}"
