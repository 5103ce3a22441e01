"""Data sets in Pascal VOC's folders: Annotations/NAME.xml, JPEGImages/NAME.jpg, ImageSets/Main/SET.txt.

Many small sets of photographs with boxes come in this form. The 0 of the boxes: VOC counts pixels from 1 and
names the first and the last pixel of a box, so its edges are x1 - 1, y1 - 1, x2, y2.
"""

import difflib
import pathlib
import re
from collections.abc import Sequence
from xml.etree import ElementTree

import numpy as np

from minires import resources
from minires.data.objects import DetectionDataset, Objects, box_problem
from minires.data.pictures import SUFFIXES, read_image, resize

MOST = 1 << 22  # bytes of a description; VOC's largest has some thousand


def read_voc(
    directory: str | pathlib.Path,
    image_set: str,
    *,
    size: tuple[int, int] | None = None,
    class_names: Sequence[str] | None = None,
    zero_based: bool = False,
    skip_bad: bool = False,
) -> DetectionDataset:
    """Return the images of one set of a folder in Pascal VOC's format, with their objects.

    Parameters
    ----------
    directory
        The folder with Annotations/, JPEGImages/ and ImageSets/Main/ in it, or the one that this lies in.
    image_set
        "train", "val", "trainval" or "test": names the file in ImageSets/Main/ that lists the images.
    size : (height, width)
        To which images are resized, boxes with them; None: all must have one size.
    class_names
        The classes in their order; others are refused. None: those of all images in the folder, sorted.
    zero_based
        Whether the files count pixels from 0, as some programs write them. (Such a file read as 1-based has
        boxes that begin at -1.)
    skip_bad
        Leave out boxes that have no area or lie outside the image, and cut those that cross its border,
        instead of raising.

    Returns
    -------
    DetectionDataset
        RGB images, uint8 (N, 3, H, W). Objects marked `difficult` are so marked.

    Raises
    ------
    ValueError
        Naming the file, and the box, that is missing, damaged, or wrong.

    References
    ----------
    Everingham et al. 2010 (doi:10.1007/s11263-009-0275-4), and the development kit of VOC 2007.
    """
    root = find_voc(directory)
    names = _listed(root, image_set)
    if class_names is None:
        class_names = voc_classes(root)
    images: list[np.ndarray] = []
    objects = []
    for name in names:
        image = read_image(_image_of(root, name))
        objects.append(
            _read_objects(
                root / "Annotations" / f"{name}.xml",
                (image.shape[1], image.shape[2]),
                size,
                tuple(class_names),
                first=0 if zero_based else 1,
                skip_bad=skip_bad,
            )
        )
        if size is not None:
            image = resize(image, size)
        if images and image.shape != images[0].shape:
            raise ValueError(
                f"{_image_of(root, name)}: expected {images[0].shape[1]}x{images[0].shape[2]} pixels (height "
                f"x width) like the first image, got {image.shape[1]}x{image.shape[2]}; give a size for all"
            )
        images.append(image)
    return DetectionDataset(np.stack(images), tuple(objects), tuple(class_names), f"{root.name} {image_set}")


def find_voc(directory: str | pathlib.Path) -> pathlib.Path:
    """Return the folder that holds Annotations/, JPEGImages/ and ImageSets/Main/: this or the only one in it.

    Raises
    ------
    ValueError
        Naming what is missing.
    """
    directory = pathlib.Path(directory).expanduser()
    if not directory.is_dir():
        raise ValueError(f"{directory}: there is no such folder")
    inner = [path for path in sorted(directory.iterdir()) if (path / "Annotations").is_dir()]
    root = directory if (directory / "Annotations").is_dir() or len(inner) != 1 else inner[0]
    for part in ("Annotations", "JPEGImages", "ImageSets/Main"):
        if not (root / part).is_dir():
            raise ValueError(
                f"{root}: expected a folder in Pascal VOC's format with {part}/ in it (beside Annotations/, "
                "JPEGImages/, ImageSets/Main/)"
            )
    return root


def voc_classes(directory: str | pathlib.Path) -> tuple[str, ...]:
    """Return the names of all classes in a folder in Pascal VOC's format, sorted."""
    found = set()
    for path in sorted((find_voc(directory) / "Annotations").glob("*.xml")):
        found |= {_text(each, "name", path) for each in _parse(path).findall("object")}
    if not found:
        raise ValueError(f"{directory}: no file in Annotations/ describes an object")
    return tuple(sorted(found))


def _listed(root: pathlib.Path, image_set: str) -> list[str]:
    """Return the names of the images of a set, each once."""
    folder = root / "ImageSets" / "Main"
    path = folder / f"{image_set}.txt"
    sets = sorted(each.stem for each in folder.glob("*.txt"))
    if image_set not in sets:
        near = difflib.get_close_matches(str(image_set), sets, n=1)
        raise ValueError(
            f"{folder}: expected one of {', '.join(sets) or 'no set'}, got {image_set!r}"
            + (f"; did you mean {near[0]!r}?" if near else "")
        )
    lines = _content(path).decode("utf-8", "replace").splitlines()
    # the lists of one class have a second column: 1, -1 or 0 (difficult)
    names = [re.sub(r"\s+(-1|0|1)$", "", line.strip()) for line in lines if line.strip()]
    for name in names:
        if name.startswith(".") or set(name) & set("/\\:\0"):
            raise ValueError(f"{path}: expected a name of an image without a folder, got {name!r}")
    if not names:
        raise ValueError(f"{path}: names no image")
    return list(dict.fromkeys(names))


def _image_of(root: pathlib.Path, name: str) -> pathlib.Path:
    """Return the path of an image, whatever its suffix."""
    for suffix in (each for plain in SUFFIXES for each in (plain, plain.upper())):
        path = root / "JPEGImages" / f"{name}{suffix}"
        if path.exists():
            return path
    raise ValueError(f"{root / 'JPEGImages' / name}.jpg: the image is missing, though a set lists it")


def _read_objects(
    path: pathlib.Path,
    image_size: tuple[int, int],
    size: tuple[int, int] | None,
    class_names: tuple[str, ...],
    *,
    first: int,
    skip_bad: bool,
) -> Objects:
    """Return the objects of one description, in pixels of an image resized to size. first: the first pixel's
    number."""
    root, (height, width) = _parse(path), image_size
    _require_size(root, image_size, path)
    scale = (1, 1) if size is None else (size[1] / width, size[0] / height)
    boxes, labels, difficult = [], [], []
    for number, each in enumerate(root.findall("object"), start=1):
        name = _text(each, "name", path)
        if name not in class_names:
            raise ValueError(
                f"{path}: object {number}: {name!r} is none of the classes {', '.join(class_names)}"
            )
        found = each.find("bndbox")
        if found is None:
            raise ValueError(f"{path}: object {number} ({name}) has no bndbox")
        box, problem = _box(found, path, image_size, first)
        if problem and not skip_bad:
            raise ValueError(
                f"{path}: object {number} ({name}): {problem}; mend it, or pass over such "
                "boxes (skip_bad, on the command line --skip-bad)"
            )
        if problem:
            box = np.clip(box, 0, [width, height] * 2)
            if "no area" in problem or box_problem(box, image_size):
                continue
        boxes.append(np.clip(np.multiply(box, scale * 2), 0, [width * scale[0], height * scale[1]] * 2))
        labels.append(class_names.index(name))
        difficult.append((each.findtext("difficult") or "0").strip() == "1")
    return Objects(
        np.array(boxes, np.float32).reshape(-1, 4), np.array(labels, np.int64), np.array(difficult, bool)
    )


def _require_size(root: ElementTree.Element, image_size: tuple[int, int], path: pathlib.Path) -> None:
    """Raise ValueError if a description speaks of another size than the image has."""
    told = root.find("size")
    if told is None:
        return
    height, width = int(_number(told, "height", path)), int(_number(told, "width", path))
    if (height, width) not in (image_size, (0, 0)):  # some programs leave it out
        raise ValueError(
            f"{path}: speaks of {height}x{width} pixels (height x width), but the image has "
            f"{image_size[0]}x{image_size[1]}"
        )


def _box(
    bndbox: ElementTree.Element, path: pathlib.Path, image_size: tuple[int, int], first: int
) -> tuple[np.ndarray, str]:
    """Return a box's edges (4,) in pixels of the image, and what is wrong with it; "" if nothing."""
    x1, y1, x2, y2 = (_number(bndbox, part, path) for part in ("xmin", "ymin", "xmax", "ymax"))
    # the first and the last pixel: from the left edge of one to the right edge of the other
    box = np.array([x1 - first, y1 - first, x2 + 1 - first, y2 + 1 - first])
    if not (x1 < x2 and y1 < y2):
        return box, f"a box x {x1:g} to {x2:g}, y {y1:g} to {y2:g} has no area"
    return box, box_problem(box, image_size)


def _parse(path: pathlib.Path) -> ElementTree.Element:
    """Return the root of an XML file; one that declares entities, with which a small file can become
    gigabytes or ask for other files, is refused."""
    content = _content(path)
    if re.search(rb"<!(DOCTYPE|ENTITY)", content, re.IGNORECASE) or b"\0" in content:
        raise ValueError(f"{path}: a description needs no <!DOCTYPE or <!ENTITY; take it out")
    try:
        root = ElementTree.fromstring(content)
    except (ElementTree.ParseError, ValueError, LookupError) as error:  # damaged, or in an unknown encoding
        raise ValueError(f"{path}: is no XML: {error}") from error
    if root.tag != "annotation":
        raise ValueError(f"{path}: expected <annotation>, got <{root.tag}>")
    return root


def _content(path: pathlib.Path) -> bytes:
    """Return the bytes of a plain file: no pipe, which would wait for ever, and nothing huge."""
    try:
        if resources.regular_file(path).stat().st_size > MOST:
            raise ValueError(f"{path}: has more than {MOST >> 20} MB, too much for a description")
        return path.read_bytes()
    except OSError as error:
        raise ValueError(f"{path}: cannot be read: {error.strerror}") from error


def _text(element: ElementTree.Element, part: str, path: pathlib.Path) -> str:
    text = (element.findtext(part) or "").strip()
    if not text:
        raise ValueError(f"{path}: an <{element.tag}> has no <{part}>")
    return text


def _number(element: ElementTree.Element, part: str, path: pathlib.Path) -> float:
    text = _text(element, part, path)
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not np.isfinite(value):
        raise ValueError(f"{path}: <{part}>: expected a number, got {text!r}")
    return value
