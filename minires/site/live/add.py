"""Make a finished site live."""

import json
import pathlib
import shutil

from minires.course import exercise
from minires.site.live import content, distribution, packages, pages

WEB = pathlib.Path(__file__).with_name("web")  # the scripts and their style
FOLDER = "live"  # of a site


def add(folder, pyodide):
    """Let the lessons, programs and exercises of the site in `folder` run in the browser.

    Writes the folder `live` of the site, and two lines into each page that can run. Needs no network, unless
    `pyodide` is an address. What it writes works on every plain host; opened as files, the pages say that
    they must be served.

    Parameters
    ----------
    folder : path
        Of a finished site: pages of lessons and exercises have the names of their files.
    pyodide : path or str
        Pyodide's distribution, version 0.27 or later: a folder, an archive, or the address of either.

    Returns
    -------
    list of path
        The pages that can run now.

    Raises
    ------
    ValueError
        If there is no site in the folder, or no distribution that can be used in `pyodide`.
    """
    folder = pathlib.Path(folder)
    if not any(folder.rglob("*.html")):
        raise ValueError(f"{folder}: expected the folder of a finished site, there is no page in it")
    live = folder / FOLDER
    live.mkdir(exist_ok=True)
    taken = distribution.take(pyodide, live / "pyodide")
    taken["minires"] = packages.pack(live / "minires.zip")
    _write(live / "manifest.json", taken)
    lessons = content.lessons()
    for stem, lesson in lessons.items():
        _write(live / "lessons" / f"{stem}.json", lesson)
    exercises = {each.module: "exercise" for each in exercise.exercises()}
    for path in WEB.iterdir():
        shutil.copyfile(path, live / path.name)
    return pages.make_live(folder, {stem: "lesson" for stem in lessons} | exercises, live=FOLDER)


def _write(path, value):
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(value, ensure_ascii=False), encoding="utf-8")
