"""CIFAR-10 and CIFAR-100 in the layouts of the official archives.

binary: records of one label byte (CIFAR-100: two, coarse before fine) and 3072 bytes, the red, green and
blue planes of 32x32 pixels. python: pickled dicts with the same 3072 bytes a row under "data".
Krizhevsky 2009, "Learning multiple layers of features from tiny images";
https://www.cs.toronto.edu/~kriz/cifar.html.
"""

import dataclasses
import pathlib

import numpy as np

from minires import resources
from minires.data.dataset import Dataset
from minires.data.locations import default_directory
from minires.data.pickles import read_pickle

PIXELS = 3 * 32 * 32

CIFAR10_CLASSES = tuple("airplane automobile bird cat deer dog frog horse ship truck".split())
CIFAR100_CLASSES = tuple(
    "apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus butterfly camel "
    "can castle caterpillar cattle chair chimpanzee clock cloud cockroach couch crab crocodile cup dinosaur "
    "dolphin elephant flatfish forest fox girl hamster house kangaroo keyboard lamp lawn_mower leopard lion "
    "lizard lobster man maple_tree motorcycle mountain mouse mushroom oak_tree orange orchid otter palm_tree "
    "pear pickup_truck pine_tree plain plate poppy porcupine possum rabbit raccoon ray road rocket rose sea "
    "seal shark shrew skunk skyscraper snail snake spider squirrel streetcar sunflower sweet_pepper table "
    "tank telephone television tiger tractor train trout tulip turtle wardrobe whale willow_tree wolf woman "
    "worm".split()
)
CIFAR100_COARSE_CLASSES = tuple(
    "aquatic_mammals fish flowers food_containers fruit_and_vegetables household_electrical_devices "
    "household_furniture insects large_carnivores large_man-made_outdoor_things "
    "large_natural_outdoor_scenes large_omnivores_and_herbivores medium_mammals non-insect_invertebrates "
    "people reptiles small_mammals trees vehicles_1 vehicles_2".split()
)


@dataclasses.dataclass(frozen=True)
class Layout:
    """One official archive: its folder, its files with their number of images, where the label is."""

    folder: str
    train: tuple[str, ...]
    test: str
    train_images: int  # in each training file
    test_images: int
    label: str | int  # the key of a pickle, or the place of the label byte in a binary record
    label_bytes: int = 1

    @property
    def files(self) -> tuple[str, ...]:
        """The training files, then the test file."""
        return (*self.train, self.test)


def cifar10_layouts() -> tuple[Layout, Layout]:
    """Return the two layouts of CIFAR-10."""
    names = tuple(f"data_batch_{i}" for i in range(1, 6))
    return (
        Layout("cifar-10-batches-bin", tuple(f"{n}.bin" for n in names), "test_batch.bin", 10_000, 10_000, 0),
        Layout("cifar-10-batches-py", names, "test_batch", 10_000, 10_000, "labels"),
    )


def cifar100_layouts(labels: str = "fine") -> tuple[Layout, Layout]:
    """Return the two layouts of CIFAR-100. labels: "fine" or "coarse"."""
    place = ("coarse", "fine").index(labels)
    return (
        Layout("cifar-100-binary", ("train.bin",), "test.bin", 50_000, 10_000, place, 2),
        Layout("cifar-100-python", ("train",), "test", 50_000, 10_000, f"{labels}_labels"),
    )


def read_cifar10(directory: str | pathlib.Path | None) -> tuple[Dataset, Dataset]:
    """Return the training and the test set of CIFAR-10.

    Parameters
    ----------
    directory
        An extracted official folder, or the folder that holds it; None: `default_directory()`.

    Raises
    ------
    ValueError
        Naming the file or folder that is missing, truncated or damaged.
    """
    return _read("cifar10", directory, cifar10_layouts(), CIFAR10_CLASSES)


def read_cifar100(directory: str | pathlib.Path | None, *, labels: str = "fine") -> tuple[Dataset, Dataset]:
    """Return the training and the test set of CIFAR-100; otherwise as `read_cifar10`.

    Parameters
    ----------
    labels
        "fine", 100 classes, or "coarse", 20.
    """
    if labels not in ("fine", "coarse"):
        raise ValueError(f"labels: expected 'fine' or 'coarse', got {labels!r}")
    classes = CIFAR100_CLASSES if labels == "fine" else CIFAR100_COARSE_CLASSES
    return _read("cifar100", directory, cifar100_layouts(labels), classes)


def _read(
    name: str, directory: str | pathlib.Path | None, layouts: tuple[Layout, ...], class_names: tuple[str, ...]
) -> tuple[Dataset, Dataset]:
    folder, layout = _find_folder(name, directory, layouts)
    paths = [folder / file for file in layout.files]
    parts = [_read_file(path, layout, len(class_names)) for path in paths]
    _check_counts(paths, [len(labels) for _, labels in parts], layout)
    images, labels = (np.concatenate(arrays) for arrays in zip(*parts[:-1], strict=True))
    train = Dataset(images, labels, class_names, f"{name} train")
    return train, Dataset(*parts[-1], class_names, f"{name} test")


def _find_folder(
    name: str, directory: str | pathlib.Path | None, layouts: tuple[Layout, ...]
) -> tuple[pathlib.Path, Layout]:
    """Return (folder, layout) for the first layout found: `directory` is its folder, or holds it."""
    directory = default_directory() if directory is None else pathlib.Path(directory).expanduser()
    for layout in layouts:
        for folder in (directory, directory / layout.folder):
            missing = [file for file in layout.files if not (folder / file).is_file()]
            if not missing:
                return folder, layout
            if len(missing) < len(layout.files):
                raise ValueError(
                    f"{name}: {folder} lacks {', '.join(missing)}; complete it or fetch it again"
                )
    expected = " or ".join(layout.folder for layout in layouts)
    gone = "" if directory.is_dir() else ", which does not exist"
    raise ValueError(
        f"{name}: found no folder {expected} in {directory}{gone}; run `minires data fetch {name}`, "
        f"or put one into {default_directory()}, or name the folder that holds it (--data-dir)"
    )


def _read_file(path: pathlib.Path, layout: Layout, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Return images (n, 3, 32, 32) and int64 labels (n,) of one file."""
    read = _read_pickled if isinstance(layout.label, str) else _read_binary
    rows, labels = read(path, layout)  # (n, 3072), (n,)
    if len(rows) == 0 or labels.min() < 0 or labels.max() >= classes:
        found = f"{labels.min()} to {labels.max()}" if len(rows) else "no image"
        raise ValueError(f"{path} is damaged: expected labels 0 to {classes - 1}, got {found}")
    return rows.reshape(-1, 3, 32, 32), labels


def _read_binary(path: pathlib.Path, layout: Layout) -> tuple[np.ndarray, np.ndarray]:
    size = resources.regular_file(path).stat().st_size
    record = layout.label_bytes + PIXELS
    if size % record:
        raise ValueError(f"{path} is truncated: {size} bytes are no multiple of a record's {record}")
    records = np.fromfile(path, np.uint8).reshape(-1, record)
    return records[:, layout.label_bytes :], records[:, int(layout.label)].astype(np.int64)


def _read_pickled(path: pathlib.Path, layout: Layout) -> tuple[np.ndarray, np.ndarray]:
    record = read_pickle(path)
    rows, labels = record.get("data"), record.get(str(layout.label))
    if not isinstance(rows, np.ndarray) or rows.shape[1:] != (PIXELS,) or rows.dtype != np.uint8:
        raise ValueError(f"{path} is damaged: 'data' is no array of rows of {PIXELS} bytes")
    if isinstance(labels, np.ndarray) and labels.ndim == 1:  # of somebody's subset
        labels = labels.tolist()
    if not isinstance(labels, list) or not all(type(label) is int for label in labels):
        raise ValueError(f"{path} is damaged: {layout.label!r} is no list of integers")
    if len(labels) != len(rows):
        raise ValueError(f"{path} is damaged: {len(labels)} labels for {len(rows)} images")
    return rows, np.array(labels, np.int64)


def _check_counts(paths: list[pathlib.Path], counts: list[int], layout: Layout) -> None:
    """Find the file that lost whole records: where one file has its official size, the others have theirs.

    (Where none has, this is somebody's subset, and there is nothing to compare with.)
    """
    official = [layout.train_images] * len(layout.train) + [layout.test_images]
    if any(count == expected for count, expected in zip(counts, official, strict=True)):
        for path, count, expected in zip(paths, counts, official, strict=True):
            if count != expected:
                raise ValueError(f"{path} is truncated or damaged: {count} images, expected {expected}")
