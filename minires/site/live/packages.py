"""minires and its pure-Python needs, packed for the browser as they are installed here."""

import importlib.metadata
import pathlib
import zipfile

from minires import resources

NEEDED = ("tqdm", "threadpoolctl")  # of what setup.cfg names; Pyodide has the others, compiled
LEFT_OUT = ("__pycache__", ".pyc", ".so", "site/static/", "live/web/", "_files/")


def pack(path):
    """Write minires, its data and lessons, and what it needs into a zip that is unpacked where packages lie.

    Returns its size in bytes. Raises ValueError if a package is not installed here.
    """
    files = _below(resources.PACKAGE, "minires")
    for folder in ("data", "lessons"):
        files |= _below(resources.find("", folder), f"minires/_files/{folder}")
    for package in NEEDED:
        files |= _installed(package)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, file in sorted(files.items()):
            info = zipfile.ZipInfo(name)  # without a time: the same files give the same bytes
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, file.read_bytes())
    return pathlib.Path(path).stat().st_size


def _below(folder, prefix):
    """Return {name in the zip: path} of the files below a folder that a browser needs."""
    paths = {path.relative_to(folder).as_posix(): path for path in pathlib.Path(folder).rglob("*")}
    return {f"{prefix}/{name}": path for name, path in paths.items() if path.is_file() and _is_needed(name)}


def _is_needed(name):
    return not any(part in name for part in LEFT_OUT)


def _installed(package):
    """Return {name in the zip: path} of an installed package's files."""
    try:
        files = importlib.metadata.files(package) or ()
    except importlib.metadata.PackageNotFoundError:
        raise ValueError(
            f"{package} is not installed, and the live pages need it: pip install {package}"
        ) from None
    paths = {file.as_posix(): pathlib.Path(file.locate()) for file in files}
    return {
        name: path
        for name, path in paths.items()
        if path.is_file() and _is_needed(name) and not name.startswith("..")
    }
