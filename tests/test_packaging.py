"""The distribution minires-learn: its name, what it needs at least, and versions that are written twice."""

import configparser
import os
import pathlib
import re
import runpy
import shutil
import subprocess
import sys

import pytest

from minires import __version__
from minires.lesson import notebook

ROOT = pathlib.Path(__file__).parent.parent
TEXTS = {"", *".py .md .cfg .toml .yml .yaml .sh .txt .css .html .json .ipynb".split()}  # "": commands
MADE = {".git", ".venv", ".hypothesis", "build", "dist", "lesson-figures", "lesson-notebooks"}

# `pip install minires`, as a command or a list of arguments, with options and other packages before it on the
# line, or the line broken before it; and extras of a distribution of that name
NEXT = r"""(?: +|["'], *(?=["']))"""
SOMEBODY_ELSES = re.compile(
    rf"""\bpip[0-9.]*{NEXT}["']?install(?:{NEXT}["']?[\w.<>=~!\[\]-]+["']?)*?(?:{NEXT}|\n[#\s]*)["']?"""
    r"minires(?![-\w./\\*])"
    r"|\bminires\["
)


def settings():
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg", encoding="utf-8")
    return parser


def texts():
    """Yield the path and the text of every file that somebody wrote, but for this one's bad examples."""
    for folder, inner, files in os.walk(ROOT):
        inner[:] = [name for name in inner if name not in MADE and not name.endswith((".egg-info", "_cache"))]
        for path in (pathlib.Path(folder, name) for name in files):
            if path.suffix in TEXTS and path != pathlib.Path(__file__):
                yield path, path.read_text(encoding="utf-8", errors="replace")


# -- the name ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "pip install minires",
        "python -m pip install -q --upgrade minires\n",
        "!pip install minires",
        "pip install --upgrade pip numpy minires",
        '["-m", "pip", "install", "--quiet", "minires"]',
        "pip3 install 'minires==0.1'",
        'pip install "minires[gpu]"',
        'or "minires[gpu13]" (CUDA 13)',
        "pip install\nminires",
    ],
)
def test_the_search_finds_the_other_project(text):
    assert SOMEBODY_ELSES.search(text)


@pytest.mark.parametrize(
    "text",
    [
        "pip install minires-learn",
        'pip install "minires-learn[gpu]"',
        "pip install . && .venv/bin/minires train",
        "python -m pip install . && minires train",
        "pip install ./minires_learn-0.1.0-py3-none-any.whl",
        "its first cell installs minires from a wheel",
        "python -m pip install .; minires train",
        "pip install numpy\\nminires train",
        'python -m pip install ".[lessons]"    # from here on Jupyter is needed\nminires lesson 8',
        'pip install "minires-learn[lessons]"\' in message and "minires lesson 8',
    ],
)
def test_the_search_leaves_ours_alone(text):
    assert not SOMEBODY_ELSES.search(text)


def test_nothing_says_how_to_install_the_other_project():
    found = dict(texts())
    names = {path.name for path in found}
    assert {"README.md", "setup.cfg", "run", "tests.yml", "backend.py", "01_convolution_cost.py"} <= names
    wrong = [
        f"{path.relative_to(ROOT)}: {match[0]}"
        for path, text in found.items()
        for match in SOMEBODY_ELSES.finditer(text)
    ]
    assert not wrong, f"minires is somebody else's on the package index: say minires-learn in {wrong}"


def test_the_notebook_asks_for_the_wheel_that_is_built():
    name = settings()["metadata"]["name"]
    assert name == "minires-learn"
    wheel = f"{name.replace('-', '_')}-{__version__}-py3-none-any.whl"
    assert f'MINIRES = "{wheel}"' in notebook.SETUP.format(version=__version__, setting="live")


def test_a_wheels_metadata_has_the_name(tmp_path):
    pytest.importorskip("setuptools.build_meta")
    source = tmp_path / "source"
    source.mkdir()
    for name in ("setup.cfg", "pyproject.toml", "README.md", "LICENSE", "minires", "data", "lessons"):
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__", "*.npz"))
        else:
            shutil.copy(ROOT / name, source)
    build = f"from setuptools import build_meta as b; b.prepare_metadata_for_build_wheel({str(tmp_path)!r})"
    subprocess.run([sys.executable, "-c", build], cwd=source, check=True, capture_output=True)
    (metadata,) = tmp_path.glob("*.dist-info/METADATA")
    assert metadata.parent.name == f"minires_learn-{__version__}.dist-info"
    lines = metadata.read_text(encoding="utf-8").splitlines()
    assert "Name: minires-learn" in lines and "Requires-Dist: numpy>=2.0.0" in lines


# -- versions ----------------------------------------------------------------------------------------------


def test_every_dependency_has_a_lower_bound():
    config = settings()
    needed = {"install_requires": config["options"]["install_requires"], **config["options.extras_require"]}
    for extra, packages in needed.items():
        for package in packages.split("\n"):
            assert not package or re.fullmatch(r"[\w-]+ (>=|==) [\d.]+", package), f"{extra}: {package}"


def test_ruff_has_one_version():
    (ours,) = re.findall(r"ruff == ([\d.]+)", settings()["options.extras_require"]["dev"])
    hooks = (ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8")
    assert re.findall(r"ruff-pre-commit\n\s+rev: v([\d.]+)\n", hooks) == [ours]


# -- continuous integration --------------------------------------------------------------------------------


def test_the_test_files_that_ci_names_exist():
    scripts = [*(ROOT / ".ci").iterdir(), *(ROOT / ".github" / "workflows").iterdir()]
    named = {
        name for script in scripts for name in re.findall(r"\btests/[\w*/]+\.py\b", script.read_text("utf-8"))
    }
    lowest = runpy.run_path(str(ROOT / ".ci" / "lowest"))
    named |= {f"tests/{name}" for name in [*lowest["TESTS"], *sum(lowest["TESTS_OF_EXTRAS"].values(), [])]}
    assert len(named) > 5
    for name in named:
        assert list(ROOT.glob(name)), f"CI runs {name}, which does not exist"


def test_the_lowest_versions_are_those_of_setup_cfg():
    bounds = runpy.run_path(str(ROOT / ".ci" / "lowest"))["bounds"]
    config = configparser.ConfigParser()
    config.read_string(
        "[options]\ninstall_requires =\n    numpy >= 2.0.0\n    Pillow >= 9.2.0\n"
        "[options.extras_require]\ntest =\n    pytest >= 7.0.0\n    numpy >= 2.0.0\n"
    )
    assert bounds(config, ["test"]) == ["Pillow==9.2.0", "numpy==2.0.0", "pytest==7.0.0"]


def test_every_folder_of_code_is_in_the_wheel():
    """setup.cfg lists them; from a checkout a forgotten one is found all the same, from a wheel not."""
    listed = set(settings()["options"]["packages"].split())
    found = {
        ".".join(path.relative_to(ROOT).parent.parts) for path in (ROOT / "minires").rglob("__init__.py")
    }
    assert {name for name in listed if "_files" not in name} == found
