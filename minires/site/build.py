"""Builds the site: executes the lessons, writes Sphinx's sources, and calls Sphinx on them."""

import pathlib
import shutil
import subprocess
import sys
import tempfile

from minires.lesson import notebook
from minires.lesson.run import environment_of
from minires.site import execute, moving, sources

NEEDED = "sphinx furo myst_nb numpydoc sphinx_codeautolink jupytext nbclient ipykernel latex2mathml".split()
OURS = b"# Project: minires\n"  # in objects.inv, which Sphinx writes
HERE = pathlib.Path(__file__).parent


class SiteError(Exception):
    """Sphinx has found something to complain of: a formula, a link, a docstring."""


def build(lessons, folder, *, setting=None, work=None, report=print):
    """Execute lessons and write the site into a folder; return the errors: LessonErrors of lessons that
    failed, whose pages end where they did, and SiteErrors, one for each complaint of Sphinx's.

    work: a folder that keeps what was executed, for the next time; report: is called with a line for each
    lesson. Raises ValueError if a package is missing, or if the folder is that of another site.
    """
    notebook.require(*NEEDED, extra="site", without="minires lesson 8 --run needs nothing more")
    environment = environment_of(setting)
    folder = pathlib.Path(folder)
    notebook.make_folder(folder)
    _require_ours(folder)
    with tempfile.TemporaryDirectory() as scratch:
        scratch = pathlib.Path(scratch).resolve()
        cache = execute.folder_of(work or scratch)
        errors = sources.write(lessons, scratch / "src", setting=setting, cache=cache, report=report)
        errors += _sphinx(scratch, environment)
        pictures = moving.asked_for(scratch / "src" / "pages")
        if pictures:
            moving.write(scratch / "out" / "_static", pictures)
        shutil.copytree(scratch / "out", folder, dirs_exist_ok=True)
    return errors


def _require_ours(folder):
    """Raise ValueError if the pages in a folder are not those of a site of minires."""
    index, names = folder / "index.html", folder / "objects.inv"
    if index.exists() and not (names.exists() and OURS in names.read_bytes()[:200]):
        raise ValueError(f"{index} is not of minires' site: name another folder, or delete it")


def _sphinx(scratch, environment):
    """Build scratch/out from scratch/src; return Sphinx's complaints as SiteErrors."""
    options = ["-b", "html", "-W", "--keep-going", "-q", "-j", "auto", "-c", HERE, "-d", scratch / "doctrees"]
    command = [sys.executable, "-m", "sphinx", *options, scratch / "src", scratch / "out"]
    done = subprocess.run(
        command, env=environment, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    said = [line.replace(f"{scratch}/src/", "") for line in done.stderr.splitlines()]
    said = [line for line in said if line.strip()]
    if done.returncode and not said:
        said = [f"Sphinx ended with {done.returncode}"]
    (scratch / "out").mkdir(exist_ok=True)
    return [SiteError(line) for line in said] if done.returncode else []
