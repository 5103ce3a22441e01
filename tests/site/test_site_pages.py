"""Every page in Chromium: wide and narrow, light and dark, with axe-core's rules of accessibility.

MINIRES_NODE_MODULES is the folder in which `npm install axe-core puppeteer-core` has put its modules;
MINIRES_SITE a site to look at, without which it is a small one.
"""

import json
import os
import pathlib
import shutil
import subprocess

import pytest
from test_site import site  # noqa: F401

MODULES = os.environ.get("MINIRES_NODE_MODULES")
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")


@pytest.mark.slow
@pytest.mark.skipif(not MODULES, reason="MINIRES_NODE_MODULES: no folder with axe-core and puppeteer-core")
@pytest.mark.skipif(not CHROMIUM, reason="no Chromium here")
@pytest.mark.skipif(not shutil.which("node"), reason="no Node here")
def test_pages_fit_a_phone_and_are_for_everybody(request):
    folder = os.environ.get("MINIRES_SITE") or request.getfixturevalue("site")[0]
    command = ["node", pathlib.Path(__file__).with_name("check_pages.mjs"), folder]
    environment = {**os.environ, "CHROMIUM": CHROMIUM}
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    *found, last = map(json.loads, done.stdout.splitlines())
    assert found == []
    assert last["looked"] == len(list(pathlib.Path(folder).rglob("*.html")))
