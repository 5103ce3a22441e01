"""Lessons as Jupyter notebooks: for this machine, for a notebook service, and opened."""

import importlib.util
import pathlib
import signal
import subprocess
import sys

from minires import __version__
from minires.lesson import asking
from minires.lesson.run import environment_of

SETUP = """\
# Run this cell first: it installs what the lesson needs and this machine lacks.
import importlib.util
import pathlib
import shutil
import subprocess
import sys

# What pip installs: a wheel that you uploaded (from a clone: pip wheel --no-deps .), a folder with the
# source, or the address of its repository (git+https://...).
MINIRES = "minires_learn-{version}-py3-none-any.whl"
DEVICE_PACKAGE = "cupy-cuda12x"  # with CUDA 13: "cupy-cuda13x"
SETTING = "{setting}"  # how long the lesson may take: "fast", "live", or "full" (the papers' recipe)


def install(package):
    subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", package], check=True)
    importlib.invalidate_caches()


if importlib.util.find_spec("minires") is None:
    if MINIRES.endswith(".whl") and not pathlib.Path(MINIRES).exists():
        raise FileNotFoundError(f"upload {{MINIRES}} beside this notebook, or set MINIRES to where it is")
    install(MINIRES)
has_gpu = shutil.which("nvidia-smi") and subprocess.run("nvidia-smi", capture_output=True).returncode == 0
if has_gpu and importlib.util.find_spec("cupy") is None:
    install(DEVICE_PACKAGE)

import minires

print(f"minires {{minires.__version__}},", "with a GPU" if has_gpu else "without a GPU")
%env MINIRES_LESSON=$SETTING"""

# Ends without a traceback if Ctrl-C comes before Jupyter listens for it.
START = "import signal; signal.signal(signal.SIGINT, signal.SIG_DFL); from notebook.app import main; main()"


def require(
    *packages,
    extra="lessons",
    without="to run a lesson in the terminal, minires lesson 8 --run, needs nothing more",
):
    """Raise ValueError, with the remedy, unless all these packages of an extra are installed.

    without: how to do without them.
    """
    missing = [package for package in packages if importlib.util.find_spec(package) is None]
    if missing:
        raise ValueError(
            f'this needs {", ".join(missing)}: {sys.executable} -m pip install "minires-learn[{extra}]"; '
            f"{without}"
        )


def convert(lesson):
    """Return a lesson as a notebook, not executed, with a cell for each question, blanks for what its reader
    predicts, and its answers folded. Raises ValueError if Jupytext is not installed."""
    require("jupytext")
    import jupytext

    notebook = jupytext.reads(lesson.path.read_text(encoding="utf-8"), fmt="py:percent")
    notebook.metadata = {
        "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"},
        "language_info": {"name": "python"},
    }
    notebook.cells = [new for cell in notebook.cells for new in _with_questions(cell)]
    return _numbered(notebook)


def _with_questions(cell):
    """Return the cells that stand for one of the script in a notebook, where a reader may answer."""
    from nbformat.v4 import new_code_cell

    if cell.cell_type != "code":
        if asking.is_answers(cell.source):
            cell.source = asking.folded(cell.source)
        return [cell]
    cells = []
    for asked, source, _ in asking.parts(cell.source):
        new = new_code_cell(asking.with_a_blank(source) if asked == "predict" else source)
        new.metadata |= cell.metadata
        if asked:
            new.metadata["minires"] = {"asks": asked}
        if asked == "quiz":  # its source says which answer is right
            new.metadata |= {"jupyter": {"source_hidden": True}, "tags": ["hide-input"]}
        cells.append(new)
    return cells


def convert_for_service(lesson, *, setting):
    """Return a lesson as a notebook whose first cell installs what it needs, wherever it is opened."""
    notebook = convert(lesson)
    from nbformat.v4 import new_code_cell

    notebook.cells.insert(0, new_code_cell(SETUP.format(version=__version__, setting=setting or "live")))
    return _numbered(notebook)


def _numbered(notebook):
    """Give the cells names that are the same each time."""
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number}"
    return notebook


def write(notebook, path):
    """Write a notebook to a new file, for the old one may hold somebody's work.

    Raises ValueError if there is one, or if its name is not that of a notebook.
    """
    import nbformat

    path = pathlib.Path(path)
    if path.suffix != ".ipynb":
        raise ValueError(f"expected the name of a notebook, such as {path.stem}.ipynb, got {path}")
    if path.exists():
        raise ValueError(f"{path} exists: name another file, or delete it")
    make_folder(path.parent)
    path.write_text(nbformat.writes(notebook) + "\n", encoding="utf-8")


def make_folder(path):
    """Make a folder unless there is one. Raises ValueError if a file has its name."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        raise ValueError(
            f"{path}: expected a folder, but this is a file: move it, or name another folder"
        ) from error


def start(path, *, setting):
    """Open a notebook in Jupyter, wait until that is shut down, and return its exit code.

    Ctrl-C is Jupyter's meanwhile, which shuts down after asking. Raises KeyboardInterrupt if it came so
    early that it ended Jupyter.
    """
    command = [sys.executable, "-c", START, str(path)]
    with subprocess.Popen(command, env=environment_of(setting)) as server:
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            code = server.wait()
        finally:
            signal.signal(signal.SIGINT, before)
    if code == -signal.SIGINT:
        raise KeyboardInterrupt
    return code
