"""A wheel of the minires that is running, however it came here: pip, an editable install, or a checkout.

Nothing is built and nothing fetched: a wheel is a zip of the package's files with a few lines about them.

References
----------
packaging.python.org, "Binary distribution format".
"""

import base64
import configparser
import hashlib
import importlib.metadata
import io
import zipfile

import minires
from minires import resources

NAME = "minires-learn"
BESIDE = {"lessons/exercises": "lessons/exercises", "data": "data"}  # what the grader needs of a checkout
LITTER = ("__pycache__", ".ipynb_checkpoints")
WHEEL = "Wheel-Version: 1.0\nGenerator: minires\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
DATE = (1980, 1, 1, 0, 0, 0)  # of every file, so that the same files are the same bytes


def file_name():
    """Return the wheel's name, which says what it is."""
    return f"{NAME.replace('-', '_')}-{minires.__version__}-py3-none-any.whl"


def content():
    """Return the bytes of the wheel."""
    about = f"{NAME.replace('-', '_')}-{minires.__version__}.dist-info"
    needed = "".join(f"Requires-Dist: {each}\n" for each in _requirements())
    version = f"Name: {NAME}\nVersion: {minires.__version__}\nRequires-Python: >=3.10\n"
    files = {
        **_files(),
        f"{about}/METADATA": f"Metadata-Version: 2.1\n{version}{needed}".encode(),
        f"{about}/WHEEL": WHEEL.encode(),
    }
    record = [f"{name},sha256={_hash(data)},{len(data)}" for name, data in files.items()]
    files[f"{about}/RECORD"] = "\n".join([*record, f"{about}/RECORD,,\n"]).encode()
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as wheel:
        for name, data in files.items():
            add(wheel, name, data)
    return packed.getvalue()


def add(packed, name, data, mode=0o644):
    """Write a file into a zip, with a mode and without a date."""
    info = zipfile.ZipInfo(name, DATE)
    info.external_attr = (0o100000 | mode) << 16
    info.compress_type = zipfile.ZIP_DEFLATED
    packed.writestr(info, data)


def _files():
    """Return {path in the wheel: bytes} of the package, with what lies beside it in a checkout."""
    package = resources.PACKAGE
    places = [(package, "minires")]
    places += [
        (package.parent / there, f"minires/_files/{inside}")
        for there, inside in BESIDE.items()
        if not (package / "_files" / inside).exists()
    ]
    return {
        f"{inside}/{path.relative_to(folder).as_posix()}": path.read_bytes()
        for folder, inside in places
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not any(part in LITTER for part in path.parts) and path.suffix != ".pyc"
    }


def _requirements():
    """Return what minires needs, in pip's words, without its extras."""
    checkout = resources.PACKAGE.parent / "setup.cfg"
    if checkout.exists():
        config = configparser.ConfigParser()
        config.read(checkout, encoding="utf-8")
        if config.get("metadata", "name", fallback="") == NAME:
            return config["options"]["install_requires"].split("\n")[1:]
    needed = importlib.metadata.requires(NAME) or []
    return [each for each in needed if "extra ==" not in each]


def _hash(data):
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
