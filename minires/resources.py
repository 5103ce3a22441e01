"""Finds the files that come with the library: the embedded data set and the lessons.

In a checkout (and in an editable install) they lie in folders beside the package, where people look for
them; a wheel can hold only what is inside the package, so there they lie in `minires/_files/`.
"""

import pathlib

PACKAGE = pathlib.Path(__file__).resolve().parent


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
