"""Downloads the official archives: resumes, verifies, and moves a data set into place only when whole."""

import contextlib
import dataclasses
import gzip
import hashlib
import http.client
import os
import pathlib
import re
import shutil
import tarfile
import tempfile
import urllib.error
import urllib.request
import zlib
from collections.abc import Iterator
from typing import Any

from minires import resources
from minires.data.cifar import Layout, cifar10_layouts, cifar100_layouts
from minires.data.locations import default_directory

BLOCK = 1 << 18  # bytes read at once
LARGEST = 2**29  # bytes; unpacked, an official archive has 186 million
BLOCK_OF_TAR = 1 << 20  # bytes that may be asked for at once
TIMEOUT = 30  # seconds without a byte
ATTEMPTS = 5  # connections that may break off before we give up


@dataclasses.dataclass(frozen=True)
class Archive:
    """An official archive: its address, the MD5 of its bytes, the folder in it and the files it must have.

    MD5 is what the authors publish: it finds damage, it does not prove who made the file.
    """

    url: str
    md5: str
    folder: str
    files: tuple[str, ...]

    @property
    def file_name(self) -> str:
        """The last part of the address."""
        return self.url.rpartition("/")[2]


def _cifar(name: str, md5: str, layout: Layout) -> Archive:
    return Archive(f"https://www.cs.toronto.edu/~kriz/{name}", md5, layout.folder, layout.files)


ARCHIVES = {
    "cifar10": _cifar("cifar-10-python.tar.gz", "c58f30108f718f92721af3b95e74349a", cifar10_layouts()[1]),
    "cifar100": _cifar("cifar-100-python.tar.gz", "eb9058c3a382ffc7106e4002c42a8d85", cifar100_layouts()[1]),
}


@dataclasses.dataclass(frozen=True)
class Fetched:
    """What fetch did.

    Attributes
    ----------
    folder
        Where the data set lies now.
    message
        One line for people.
    """

    folder: pathlib.Path
    message: str


def fetch(
    name: str, directory: str | pathlib.Path | None = None, *, url: str | None = None, progress: bool = True
) -> Fetched:
    """Download an official data set into a folder, unless it is there.

    Parameters
    ----------
    name
        "cifar10" or "cifar100".
    directory
        None: `default_directory()`.
    url
        Another place of the same archive.
    progress
        Whether to show a bar.

    Returns
    -------
    Fetched

    Raises
    ------
    ValueError
        In one line, without a network, for a wrong checksum or a damaged archive.

    Notes
    -----
    A data set that is there stays as it is. An archive that somebody copied into `directory` is used instead
    of the network. A download that broke off is continued the next time.
    """
    if name not in ARCHIVES:
        raise ValueError(f"data fetch: expected one of {', '.join(ARCHIVES)}, got {name!r}")
    archive = ARCHIVES[name]
    directory = default_directory() if directory is None else pathlib.Path(directory).expanduser()
    folder = directory / archive.folder
    if folder.exists():
        missing = [file for file in archive.files if not (folder / file).is_file()]
        if missing:
            raise ValueError(f"{folder} lacks {', '.join(missing)}; remove the folder, then fetch again")
        return Fetched(folder, f"{name} is already there: {folder}")

    directory.mkdir(parents=True, exist_ok=True)
    whole = directory / archive.file_name
    for path in (whole, _part_of(whole)):
        if path.exists():
            resources.regular_file(path)  # a pipe would wait for somebody to read or to write
    copied = whole.is_file()
    if copied:
        _verify(whole, archive.md5, "replace it by a whole copy, or remove it to download the archive")
    else:
        _get(archive, whole, url or archive.url, progress)
    _unpack(whole, archive, directory)
    if copied:
        return Fetched(folder, f"{name} unpacked from {whole}: {folder}")
    whole.unlink()
    return Fetched(folder, f"{name} downloaded: {folder}")


def _part_of(whole: pathlib.Path) -> pathlib.Path:
    """Return where an archive lies until all of it is there."""
    return whole.with_name(f"{whole.name}.part")


def _get(archive: Archive, whole: pathlib.Path, url: str, progress: bool) -> None:
    """Download an archive into the file `whole`, which is not there before it is verified."""
    part, directory = _part_of(whole), whole.parent
    _download(url, part, progress, f"put {archive.file_name} into {directory} yourself")
    try:
        _verify(part, archive.md5, "it has been removed: fetch again")
        os.replace(part, whole)
    except FileNotFoundError:
        raise ValueError(
            f"{part} has gone: another fetch into {directory} seems to run; wait for it, then fetch again"
        ) from None
    except ValueError:
        part.unlink(missing_ok=True)
        raise


def _download(url: str, part: pathlib.Path, progress: bool, instead: str) -> None:
    """Download url into the file `part`, continuing what is there; go on when a connection breaks off."""
    from tqdm import tqdm

    reason: object = "the connection keeps breaking off"
    with tqdm(unit="B", unit_scale=True, desc=url.rpartition("/")[2], disable=not progress) as bar:
        for _ in range(ATTEMPTS):
            try:
                if _receive(url, part, bar):
                    return
            except urllib.error.HTTPError as error:
                reason = f"the server answers {error.code} {error.reason}"
                break
            except (OSError, http.client.HTTPException) as error:  # no network, no server, a full disk
                reason = getattr(error, "reason", error)
                break
    raise ValueError(f"cannot download {url}: {reason}; fetch again later, or {instead}")


def _receive(url: str, part: pathlib.Path, bar: Any) -> bool:
    """Append what one connection brings to `part`. Return whether that is all.

    Asks for the bytes from the end of `part` on. A server may send those (206), send everything from the
    start (200: it cannot continue), or say that there are none (416: `part` is whole, or longer than that).
    """
    have = part.stat().st_size if part.is_file() else 0
    request = urllib.request.Request(url, headers={"Range": f"bytes={have}-"} if have else {})
    try:
        response = urllib.request.urlopen(request, timeout=TIMEOUT)
    except urllib.error.HTTPError as error:
        if error.code != 416 or not have:
            raise
        error.close()
        if re.fullmatch(rf"bytes \*/{have}", error.headers.get("Content-Range", "")):
            return True
        part.unlink()
        return False
    with response:
        asked = re.match(r"bytes (\d+)-", response.headers.get("Content-Range", ""))
        continues = response.status == 206 and asked is not None and int(asked[1]) == have
        if response.status == 206 and not continues:
            part.unlink(missing_ok=True)  # another piece than the one asked for
            return False
        have = have if continues else 0
        length = response.headers.get("Content-Length")
        total = have + int(length) if length else None
        bar.reset(total)
        bar.update(have)
        with part.open("ab" if continues else "wb") as file:
            for block in _blocks(response):
                file.write(block)
                have += len(block)
                bar.update(len(block))
    return total is None or have == total


def _blocks(response: Any) -> Iterator[bytes]:
    """Yield what a connection brings until it ends or breaks off."""
    with contextlib.suppress(http.client.HTTPException, ConnectionError, TimeoutError):
        while block := response.read(BLOCK):
            yield block


def _verify(path: pathlib.Path, md5: str, remedy: str) -> None:
    """Raise ValueError unless the file has this MD5."""
    digest = hashlib.md5(usedforsecurity=False)
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
    if digest.hexdigest() != md5:
        raise ValueError(f"{path} has the MD5 {digest.hexdigest()}, expected {md5}; {remedy}")


def _unpack(path: pathlib.Path, archive: Archive, directory: pathlib.Path) -> None:
    """Unpack the archive's one folder of plain files beside its place, then move it there in one step."""
    with tempfile.TemporaryDirectory(
        prefix=".unpacking-", dir=directory, ignore_cleanup_errors=True
    ) as scratch:
        unpacked = pathlib.Path(scratch) / archive.folder
        unpacked.mkdir()
        try:
            with gzip.open(path) as packed:
                bounded: Any = _Bounded(packed)  # all of a file that tarfile asks for
                tar = tarfile.open(fileobj=bounded, mode="r:")
                for member in tar:
                    if member.isdir():
                        continue
                    # No other place can be written to: only the last name is used, and only of plain files.
                    inside, _, name = member.name.rpartition("/")
                    if (
                        not member.isfile()
                        or inside != archive.folder
                        or not re.fullmatch(r"\w[\w.-]*", name)
                    ):
                        raise ValueError(f"unexpected entry {member.name!r}")
                    if member.issparse() or not 0 <= member.size <= LARGEST:
                        raise ValueError(f"{member.name!r} announces {member.size:,} bytes")
                    if (unpacked / name).exists():
                        raise ValueError(f"{member.name!r} comes twice")
                    source = tar.extractfile(member)
                    with source, (unpacked / name).open("xb") as target:  # type: ignore[union-attr] # a file
                        shutil.copyfileobj(source, target)  # type: ignore[arg-type]
                while bounded.read(BLOCK):
                    pass  # to gzip's check sum at the end, which tarfile does not look for
        except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile, ValueError, OverflowError) as error:
            raise ValueError(f"{path} is damaged: {error}") from error
        missing = [file for file in archive.files if not (unpacked / file).is_file()]
        if missing:
            raise ValueError(f"{path} is damaged: it lacks {', '.join(missing)}")
        os.replace(unpacked, directory / archive.folder)


class _Bounded:
    """What tarfile reads: a gzipped archive that cannot become more than LARGEST bytes, nor be read but in
    pieces, for a header of a few bytes may announce a name of gigabytes."""

    def __init__(self, packed: gzip.GzipFile) -> None:
        self._packed = packed
        self.tell = packed.tell

    def seek(self, place: int, whence: int = 0) -> int:
        if whence or not 0 <= place <= LARGEST:
            raise ValueError("it becomes larger than an official archive")
        return self._packed.seek(place)

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= BLOCK_OF_TAR:
            raise ValueError(f"it announces a piece of {size:,} bytes")
        if self._packed.tell() > LARGEST:
            raise ValueError("it becomes larger than an official archive")
        return self._packed.read(size)
