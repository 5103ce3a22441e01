"""Pyodide's files: taken from a folder, an archive or an address, and only those that minires needs."""

import contextlib
import hashlib
import json
import pathlib
import re
import tarfile
import tempfile
import urllib.error
import urllib.parse
import urllib.request
import zipfile

LOCK = "pyodide-lock.json"  # what a distribution contains
CORE = ("pyodide.js", "pyodide.asm.js", "pyodide.asm.wasm", "python_stdlib.zip")
MODULES = ("pyodide.mjs", "pyodide.asm.mjs", "pyodide.asm.wasm", "python_stdlib.zip")  # of newer ones
NUMPY = (2, 0)  # the first that minires works with
FIGURES = "matplotlib"  # loaded when the first figure is drawn
WANTED = "pyodide-0.27.7.tar.bz2 of https://github.com/pyodide/pyodide/releases, or what it unpacks to"


def take(source, to):
    """Copy what is needed of the Pyodide distribution in `source` into the folder `to`.

    source: a folder, an archive (.tar.bz2, .zip, .whl, ...), or the address of either (an address of a folder
    ends in "/"). Returns {"module", "start", "figures", "packages"}: whether it is made of modules, the files
    that Python and NumPy take and those that matplotlib takes besides, {name: bytes} each, and the version of
    each package. Raises ValueError if it is no such distribution, is too old, incomplete or damaged.
    """
    with contextlib.ExitStack() as stack:
        read = _reader(str(source), stack)
        try:
            lock = _parsed(read(LOCK), source)
        except KeyError:
            raise _no_distribution(source) from None
        packages = lock["packages"]
        _require_numpy(packages, source)
        core, is_module = _core(read, source)
        closures = [_closure(packages, name) for name in ("numpy", FIGURES)]
        files = {**core, LOCK: json.dumps(lock).encode()}
        start = [*core, LOCK, *_files(packages, closures[0])]
        figures = [name for name in _files(packages, closures[1]) if name not in start]
        for name in {*closures[0], *closures[1]}:
            files[packages[name]["file_name"]] = _checked(read, packages[name], source)
    to = pathlib.Path(to)
    to.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (to / name).write_bytes(content)
    return {
        "module": is_module,
        "start": {name: len(files[name]) for name in start},
        "figures": {name: len(files[name]) for name in figures},
        "packages": {name: packages[name]["version"] for name in packages},
    }


def _reader(source, stack):
    """Return a function from a file's name to its bytes, which raises KeyError for one that is missing."""
    if re.match(r"https?://", source):
        if source.endswith("/"):
            return lambda name: _fetched(urllib.parse.urljoin(source, name))
        archive = stack.enter_context(tempfile.NamedTemporaryFile(suffix=pathlib.Path(source).name))
        archive.write(_fetched(source, missing=ValueError(f"{source}: there is no such file")))
        archive.flush()
        return _archive_reader(pathlib.Path(archive.name), source, stack)
    path = pathlib.Path(source)
    if path.is_dir():
        found = sorted(path.rglob(LOCK), key=lambda lock: len(lock.parts))
        if not found:
            raise _no_distribution(source)
        return lambda name: _file(found[0].parent / name)
    if not path.exists():
        raise ValueError(f"{source}: there is no such file or folder; expected {WANTED}")
    return _archive_reader(path, source, stack)


def _archive_reader(path, source, stack):
    """Return the reader of an archive; its distribution may lie in a folder of it."""
    if zipfile.is_zipfile(path):
        archive = stack.enter_context(zipfile.ZipFile(path))
        names, read = archive.namelist(), archive.read
    elif tarfile.is_tarfile(path):
        archive = stack.enter_context(tarfile.open(path))
        names = archive.getnames()

        def read(name):
            return archive.extractfile(name).read()
    else:
        raise _no_distribution(source)
    locks = sorted((name for name in names if name.rpartition("/")[2] == LOCK), key=len)
    if not locks:
        raise _no_distribution(source)
    folder = locks[0].removesuffix(LOCK)
    known = set(names)

    def member(name):
        if folder + name not in known:
            raise KeyError(name)
        return read(folder + name)

    return member


def _no_distribution(source):
    return ValueError(f"{source}: is no Pyodide distribution (there is no {LOCK} in it); expected {WANTED}")


def _file(path):
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise KeyError(path.name) from None


def _fetched(address, missing=None):
    try:
        with urllib.request.urlopen(address, timeout=60) as answer:
            return answer.read()
    except urllib.error.HTTPError as error:
        if error.code in (403, 404):
            raise missing or KeyError(address) from None
        raise ValueError(f"{address}: the server answers {error.code} {error.reason}") from error
    except OSError as error:
        raise ValueError(f"{address}: cannot be fetched: {error}") from error


def _parsed(content, source):
    try:
        lock = json.loads(content)
        lock["packages"]["numpy"]["version"], lock["packages"][FIGURES]["file_name"]
    except (ValueError, KeyError, TypeError):
        raise ValueError(
            f"{source}: its {LOCK} names no NumPy or no matplotlib; expected {WANTED}, not pyodide-core"
        ) from None
    return lock


def _require_numpy(packages, source):
    version = packages["numpy"]["version"]
    if tuple(map(int, version.split(".")[:2])) < NUMPY:
        raise ValueError(
            f"{source}: has NumPy {version}, minires needs {'.'.join(map(str, NUMPY))}: take Pyodide 0.27 or "
            "a later one"
        )


def _core(read, source):
    """Return ({name: content} of what starts Python, whether it is of modules)."""
    for names, is_module in ((CORE, False), (MODULES, True)):
        with contextlib.suppress(KeyError):
            return {name: read(name) for name in names}, is_module
    raise ValueError(f"{source}: is not complete: expected {', '.join(CORE)}")


def _closure(packages, name):
    """Return the names of a package and of all that it depends on."""
    found, waiting = {}, [name]
    while waiting:
        one = waiting.pop()
        if one not in found:
            found[one] = None
            waiting += [other.lower() for other in packages.get(one, {}).get("depends", ())]
    return [one for one in found if one in packages]


def _files(packages, names):
    return [packages[name]["file_name"] for name in names]


def _checked(read, package, source):
    name = package["file_name"]
    try:
        content = read(name)
    except KeyError:
        raise ValueError(f"{source}: is not complete: {name} is missing") from None
    if package.get("sha256") and hashlib.sha256(content).hexdigest() != package["sha256"]:
        raise ValueError(f"{source}: {name} is damaged: its SHA-256 is not that of {LOCK}")
    return content
