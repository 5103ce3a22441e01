"""What lies in SUBMISSIONS, a folder or a zip that holds a class: its entries, and what each holds."""

import os
import pathlib

from minires.course.grade.containers import (
    DEPTH,
    FILE,
    ZIP,
    Folder,
    Refused,
    Several,
    Zip,
    is_litter,
    leads_out,
    read_file,
)


class Listing:
    """The entries of a class. name: of the folder, or of the zip without .zip; kind: "folder" or "zip".

    entries: {name: "folder", "zip" or "file" (links too)}, sorted.
    """

    kind, name = "", ""
    outside = ()  # names of what lies beside the one folder that holds the class

    def is_kind(self, *kinds):
        """Return the names of the entries of these kinds that no system left behind."""
        return [name for name, kind in self.entries.items() if kind in kinds and not is_litter(name)]

    def text(self, *parts, limit=FILE):
        """Return a small text that lies here, or None. For what a platform puts beside the hand-ins."""
        try:
            return self.content(parts, limit).decode("utf-8-sig", "replace")
        except (Refused, KeyError):
            return None


class FolderListing(Listing):
    """A class in a folder. own: paths in it that the grader writes and are no hand-ins."""

    kind = "folder"

    def __init__(self, path, own=()):
        self.path, self.name = path, path.resolve().name
        own = {place.resolve() for place in own}
        self.entries = {
            entry.name: self._kind(entry)
            for entry in sorted(os.scandir(path), key=lambda entry: os.fsencode(entry.name))
            if pathlib.Path(entry.path).absolute() not in own and (path / entry.name).resolve() not in own
        }

    @staticmethod
    def _kind(entry):
        if entry.is_dir(follow_symlinks=False):
            return "folder"
        return "zip" if entry.name.lower().endswith(".zip") else "file"

    def content(self, parts, limit=FILE):
        """Return the bytes of a file, as a source does."""
        return read_file(self.path.joinpath(*parts), limit)

    def is_link(self, entry):
        """Whether an entry leads to another place."""
        return (self.path / entry).is_symlink()

    def holds(self, entry, name):
        """Whether a folder holds a file or folder of this name."""
        return os.path.lexists(self.path / entry / name)

    def source(self, entry):
        """Return the source of an entry that is a hand-in of its own. Raises Refused."""
        path = self.path / entry
        if path.is_symlink():
            raise Refused("is a link to another place: hand in the files themselves")
        return Folder(path) if self.entries[entry] == "folder" else Zip(read_file(path, ZIP))

    def has_inside(self, entry):
        """Whether an entry can be a class of its own: a folder, or a zip that can be read."""
        try:
            return self.inside(entry) is not None
        except Refused:
            return False

    def inside(self, entry):
        """Return the listing of a folder or zip in it, None of anything else. Raises Refused."""
        if self.is_link(entry) or self.entries[entry] == "file":
            return None
        path = self.path / entry
        return FolderListing(path) if self.entries[entry] == "folder" else ZipListing(path)

    def whole(self):
        """Return the source of all that lies here."""
        return Folder(self.path)

    def pieces(self, entry):
        """Return [(source, path in it, path below the entry)] of all files of an entry, for `Several`."""
        if self.entries[entry] != "folder":
            return [(Folder(self.path), (entry,), (entry,))]
        source = self.source(entry)
        return [(source, parts, parts) for parts in source.names()]


class ZipListing(Listing):
    """A class in a zip. folder: the one in it that holds the class, () if it lies at the top."""

    kind = "zip"

    def __init__(self, path, folder=(), opened=None):
        self.path, self.name, self.folder = path, path.stem, folder
        self.zip = opened or Zip(path)
        self._files, self.entries = {}, {}
        for parts, infos in self.zip.infos.items():
            if parts[: len(folder)] != folder or len(parts) == len(folder):
                continue
            below = parts[len(folder) :]
            files = [parts for info in infos if not info.is_dir()]
            self._files.setdefault(below[0], []).extend(files)
            is_folder = len(below) > 1 or not files or self.entries.get(below[0]) == "folder"
            kind = "zip" if below[0].lower().endswith(".zip") else "file"
            self.entries[below[0]] = "folder" if is_folder else kind
        self.entries = dict(sorted(self.entries.items()))

    def has_inside(self, entry):
        """Whether an entry can be a class of its own: a folder."""
        return self.entries[entry] == "folder"

    def inside(self, folder):
        """Return the listing of a folder in it."""
        return ZipListing(self.path, (*self.folder, folder), self.zip)

    def content(self, parts, limit=FILE):
        """Return the bytes of a file, as a source does."""
        return self.zip.content((*self.folder, *parts), limit)

    def is_link(self, entry):
        """Whether an entry leads to another place: zips are asked when the file is read."""
        return False

    def holds(self, entry, name):
        """Whether a folder holds a file or folder of this name."""
        at = len(self.folder) + 1
        return any(parts[at : at + 1] == (name,) for parts in self._files.get(entry, ()))

    def source(self, entry):
        """Return the source of an entry that is a hand-in of its own. Raises Refused."""
        if leads_out((entry,)):
            raise Refused("has a name that leads out of the zip")
        if self.entries[entry] == "folder":
            return Several(self.pieces(entry))
        if len(self._files[entry]) > 1:
            raise Refused("is twice in the zip, under one name: hand in one")
        return Zip(self.content((entry,), ZIP))

    def whole(self):
        """Return the source of all that lies here."""
        return Several([piece for entry in self.entries for piece in self.pieces(entry, keep=True)])

    def pieces(self, entry, keep=False):
        """Return [(source, path in it, path below the entry)] of all files of an entry, for `Several`.

        keep: let the paths begin with the entry.
        """
        at = len(self.folder) + (self.entries[entry] == "folder" and not keep)
        files = (
            parts
            for parts in self._files[entry]
            if not any(is_litter(name) and name != ".." for name in parts[at:-1])
        )
        # a zip can hold a file and a folder of one name
        return [
            (self.zip, parts, parts[at:] or parts[-1:]) for parts in files if len(parts) - at <= DEPTH + 1
        ]


def within(listing, folder):
    """Return the listing of the one folder or zip in it that holds the class."""
    inside = listing.inside(folder)
    inside.outside = tuple(entry for entry in listing.entries if entry != folder)
    return inside


def opened(path, own=()):
    """Return the Listing of a folder or zip. Raises ValueError if it is neither, or cannot be read."""
    path = pathlib.Path(path)
    if path.is_dir():
        return FolderListing(path, own)
    if not path.is_file() or path.suffix.lower() != ".zip":
        raise ValueError(f"{path}: there is no such folder, or zip, of submissions")
    try:
        listing = ZipListing(path)
    except Refused as refused:
        raise ValueError(f"{path}: {refused}") from None
    # systems that zip a folder put it into the zip, under its own name
    if (
        listing.is_kind("folder", "zip", "file") == [listing.name]
        and listing.entries[listing.name] == "folder"
    ):
        inside = listing.inside(listing.name)
        if len(inside.is_kind("folder", "zip")) > 1:
            return within(listing, listing.name)
    return listing
