"""What a Dataset refuses, how 45k/5k is split, that the embedded digits are those described, and `load`."""

import hashlib
import shutil

import numpy as np
import pytest

from minires import data, resources

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (7, 3, 4, 5), np.uint8)
LABELS = np.array([0, 1, 2, 0, 1, 2, 0])
NAMES = ("a", "b", "c")


def test_a_dataset_knows_its_length_and_can_be_cut():
    dataset = data.Dataset(IMAGES, LABELS, NAMES, "toy")
    part = dataset.take([4, 0])
    assert (
        len(dataset) == 7 and len(part) == 2 and part.labels.tolist() == [1, 0] and part.class_names == NAMES
    )
    assert np.array_equal(part.images, IMAGES[[4, 0]])


@pytest.mark.parametrize(
    "change, error, message",
    [
        (
            {"images": IMAGES.astype(np.float32)},
            TypeError,
            "images: expected a NumPy array of uint8, got float32",
        ),
        ({"images": IMAGES.tolist()}, TypeError, "got list"),
        (
            {"labels": LABELS.astype(np.uint8)},
            TypeError,
            "labels: expected a NumPy array of int64, got uint8",
        ),
        ({"images": IMAGES[:, 0]}, ValueError, r"\(N, C, H, W\)"),
        ({"images": IMAGES[:0], "labels": LABELS[:0]}, ValueError, "without a 0"),
        ({"labels": LABELS[:6]}, ValueError, r"expected shape \(7,\), one an image, got \(6,\)"),
        ({"labels": LABELS + 1}, ValueError, r"expected 0 to 2 \(3 classes\), got 1 to 3"),
        ({"labels": LABELS - 1}, ValueError, "got -1 to 1"),
        ({"class_names": ()}, ValueError, "0 classes"),
        ({"max_value": 16}, ValueError, "values up to 16"),
    ],
)
def test_what_does_not_fit_together_is_refused(change, error, message):
    fields = {"images": IMAGES, "labels": LABELS, "class_names": NAMES, "name": "toy"}
    with pytest.raises(error, match=f"toy: .*{message}"):
        data.Dataset(**{**fields, **change})


def test_hold_out_is_disjoint_complete_and_seeded():
    train, _ = data.load("digits")
    kept, validation = data.hold_out(train, 200, seed=3)
    assert (len(kept), len(validation)) == (1237, 200)
    rows = np.concatenate([kept.images, validation.images]).reshape(len(train), -1)
    assert sorted(map(bytes, rows)) == sorted(map(bytes, train.images.reshape(len(train), -1)))
    again = data.hold_out(train, 200, seed=3)[1]
    other = data.hold_out(train, 200, seed=4)[1]
    assert np.array_equal(validation.images, again.images)
    assert not np.array_equal(validation.images, other.images)
    for count in (0, 1437, -1):
        with pytest.raises(ValueError, match="expected 1 to 1436 of 1437"):
            data.hold_out(train, count, seed=0)


def test_the_digits_are_uci_s_with_the_split_described_beside_them():
    """The sums of digits.md; the whole file was compared with scikit-learn's copy when it was made."""
    with np.load(resources.find("digits.npz"), allow_pickle=False) as file:
        arrays = {name: file[name] for name in ("images", "labels", "is_test")}
    description = resources.find("digits.md").read_text(encoding="utf-8")
    for name, array in arrays.items():
        assert f"| `{name}` |" in description
        assert hashlib.sha256(array.tobytes()).hexdigest() in description
    assert arrays["images"].sum(dtype=int) == 561718
    assert "CC BY 4.0" in description and "Alpaydin" in description


def test_the_digits_split_is_stratified():
    train, test = data.load("digits")
    assert (train.images.shape, test.images.shape) == ((1437, 1, 8, 8), (360, 1, 8, 8))
    assert train.max_value == test.max_value == 16 and train.images.max() == 16
    counts = np.bincount(train.labels) + np.bincount(test.labels)
    assert counts.tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    # each digit's share of 360, rounded up or down
    assert np.abs(np.bincount(test.labels) - 360 * counts / 1797).max() < 1


def test_digits_agree_with_scikit_learn_where_it_is_installed():
    datasets = pytest.importorskip("sklearn.datasets")
    original = datasets.load_digits()
    with np.load(resources.find("digits.npz")) as file:
        assert np.array_equal(file["images"], original.images)
        assert np.array_equal(file["labels"], original.target)


def damaged_digits():
    whole = resources.find("digits.npz").read_bytes()
    return list(
        {
            "empty": b"",
            "half": whole[: len(whole) // 2],
            "last_byte_missing": whole[:-1],
            "pixel_changed": whole[:5000] + bytes([whole[5000] ^ 255]) + whole[5001:],
            "directory_lost": whole[:-200],
            "text": b"images,labels",
            "pickle": b"\x80\x02}.",
            "start_missing": whole[100:],
        }.items()
    )


@pytest.mark.parametrize("name, content", damaged_digits())
def test_a_damaged_copy_of_the_digits_is_one_error_that_names_it(tmp_path, name, content):
    path = tmp_path / f"{name}.npz"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=f"{name}.npz is damaged"):
        data.read_digits(path)


@pytest.mark.parametrize("lost", ["images", "labels", "is_test"])
def test_a_copy_of_the_digits_without_an_array_is_refused(tmp_path, lost):
    with np.load(resources.find("digits.npz")) as file:
        np.savez(tmp_path / "lost.npz", **{name: file[name] for name in file.files if name != lost})
    with pytest.raises(ValueError, match="lost.npz is damaged.*" + lost):
        data.read_digits(tmp_path / "lost.npz")


def test_an_array_of_python_objects_is_never_unpickled(tmp_path):
    with np.load(resources.find("digits.npz")) as file:
        arrays = {name: file[name] for name in file.files}
    np.savez(tmp_path / "objects.npz", **{**arrays, "labels": np.array([{}] * 1797, object)})
    with pytest.raises(ValueError, match="labels holds no numbers: object"):
        data.read_digits(tmp_path / "objects.npz")


def test_load_suggests_the_nearest_name_and_asks_for_a_folder():
    with pytest.raises(ValueError, match="did you mean 'cifar10'?"):
        data.load("cifr10")
    with pytest.raises(ValueError, match="expected one of digits, cifar10, cifar100, mnist, folder"):
        data.load("imagenet")
    with pytest.raises(ValueError, match="name the folder"):
        data.load("folder")
    with pytest.raises(ValueError, match="comes with minires"):
        data.load("digits", "somewhere")


@pytest.mark.parametrize(
    "platform, environment, expected",
    [
        ("linux", {"XDG_CACHE_HOME": "/x"}, "/x/minires"),
        ("linux", {}, "/home/me/.cache/minires"),
        ("darwin", {"XDG_CACHE_HOME": "/x"}, "/home/me/Library/Caches/minires"),
        ("win32", {"LOCALAPPDATA": "/local"}, "/local/minires"),
        ("win32", {}, "/home/me/AppData/Local/minires"),
        ("linux", {"MINIRES_DATA": "/data", "XDG_CACHE_HOME": "/x"}, "/data"),
    ],
)
def test_downloads_land_where_the_platform_keeps_caches(monkeypatch, platform, environment, expected):
    for name in ("MINIRES_DATA", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("sys.platform", platform)
    monkeypatch.setattr("pathlib.Path.home", lambda: data.locations.pathlib.Path("/home/me"))
    assert data.default_directory().as_posix() == expected


def test_the_default_folder_is_read_when_no_folder_is_named(tmp_path, monkeypatch):
    from official_pickles import write_cifar10_python

    monkeypatch.setenv("MINIRES_DATA", str(tmp_path))
    write_cifar10_python(tmp_path / "cifar-10-batches-py")
    assert len(data.load("cifar10")[0]) == 20
    shutil.rmtree(tmp_path / "cifar-10-batches-py")
    with pytest.raises(ValueError, match="fetch cifar10"):
        data.load("cifar10")
