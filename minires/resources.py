"""Finds the files that come with the library, and says of a stranger's file whether it can be read at all.

In a checkout (and in an editable install) the embedded data set and the lessons lie in folders beside the
package, where people look for them; a wheel can hold only what is inside the package, so there they lie in
`minires/_files/`.
"""

import errno
import os
import pathlib
import stat

PACKAGE = pathlib.Path(__file__).resolve().parent
KINDS = (  # what a path may lead to besides a file
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)
# Compressed numbers of trained networks, photos and digits become at most some ten times as large again.
EXPANSION = 100  # beyond that a file was made to fill the memory ...
HARMLESS = 16 * 2**20  # ... unless that many bytes hold what it becomes


def find(name: str, folder: str = "data") -> pathlib.Path:
    """Return the path of a file (or folder) that comes with minires.

    Raises
    ------
    ValueError
        If it is in neither place.

    Examples
    --------
    >>> find("digits.npz").name
    'digits.npz'
    """
    places = [PACKAGE / "_files" / folder / name, PACKAGE.parent / folder / name]
    for path in places:
        if path.exists():
            return path
    raise ValueError(f"{folder}/{name} does not come with minires; looked for {places[0]} and {places[1]}")


def regular_file(path: str | pathlib.Path) -> pathlib.Path:
    """Return path if there is a file that can be read to its end. Opens nothing, so it answers at once.

    Raises
    ------
    ValueError
        Naming the path if it leads, perhaps through links, to a folder, a pipe (which may have no writer), a
        device (which may never end) or nowhere, and if the file is larger than this machine's memory.
    OSError
        If there is nothing of that name, or nobody may look.

    Examples
    --------
    >>> regular_file(find("digits.npz")).name
    'digits.npz'
    """
    path = pathlib.Path(path)
    try:
        found = path.stat()
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise ValueError(f"{path} is no file but a link that leads in a circle") from None
        if path.is_symlink():
            raise ValueError(f"{path} is no file but a link to nothing: {os.readlink(path)}") from None
        raise
    if not stat.S_ISREG(found.st_mode):
        kind = next((name for is_kind, name in KINDS if is_kind(found.st_mode)), "something else")
        raise ValueError(f"{path} is no file but {kind}")
    memory = _memory()
    if memory and found.st_size > memory:
        sizes = f"{found.st_size / 2**30:,.1f} GiB, more than the {memory / 2**30:,.1f} GiB of memory here"
        raise ValueError(f"{path} is too large to be read: {sizes}")
    return path


def require_expansion(packed: int, unpacked: int) -> None:
    """Raise ValueError if so many compressed bytes announce more than any real data become.

    To be asked before memory is taken: a deflated file can become 1032 times as large.
    """
    if unpacked > max(HARMLESS, EXPANSION * packed):
        raise ValueError(
            f"its {packed:,} bytes would become {unpacked:,}, more than {EXPANSION} times as many; "
            "no real data do, so it is not unpacked"
        )


def _memory() -> int:
    """Return the machine's memory in bytes, 0 where the system does not say (Windows)."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return 0
