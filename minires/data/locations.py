"""Where data sets lie: outside of any repository, in the folder that the platform has for caches."""

import os
import pathlib
import sys


def default_directory() -> pathlib.Path:
    """Return the folder that downloads go to (it need not exist yet).

    The environment variable MINIRES_DATA if set; else ~/Library/Caches/minires on macOS,
    %LOCALAPPDATA%/minires on Windows, $XDG_CACHE_HOME/minires or ~/.cache/minires elsewhere.
    """
    chosen = os.environ.get("MINIRES_DATA")
    if chosen:
        return pathlib.Path(chosen).expanduser()
    home = pathlib.Path.home()
    if sys.platform == "darwin":
        return home / "Library" / "Caches" / "minires"
    if sys.platform == "win32":
        return pathlib.Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local") / "minires"
    return pathlib.Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache") / "minires"
