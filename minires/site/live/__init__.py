"""Lessons and exercises that run in the browser: minires on Pyodide, Python compiled to WebAssembly.

    from minires.site import live

    live.add("site", "pyodide-0.27.7.tar.bz2")

The folder is that of a finished site. Beside its pages come Pyodide's own files (`distribution`), minires and
what it needs (`packages`), the lessons' cells and the exercises as JSON (`content`); the pages that can run
get two scripts (`pages`). What then runs in the browser is `session`. Pyodide is the user's to give: minires
contains none of it.
"""

from minires.site.live.add import add
from minires.site.live.distribution import WANTED, take

__all__ = ["WANTED", "add", "take"]
