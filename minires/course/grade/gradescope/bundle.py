"""What Gradescope takes: a zip with setup.sh, run_autograder, a wheel of this minires, and the settings.

On Gradescope the zip's files lie in /autograder/source. setup.sh runs once, when the image is built, and
run_autograder for every hand-in. AUTOGRADER_ROOT is another root than /autograder, for a rehearsal.

References
----------
gradescope-autograders.readthedocs.io, "Autograder Specifications".
"""

import io
import json
import zipfile

from minires.course.grade.gradescope import wheel

VISIBILITY = ("visible", "after_due_date", "after_published", "hidden")
SECONDS = 570  # Gradescope ends a run after ten minutes, unless it was told otherwise
UNFINISHED = {  # lies there until the grades do, in case nothing else is ever written
    "score": 0,
    "output": "The grader could not finish. That is no mistake of yours: please tell your instructor, who "
    "finds the reason below and can let it run again.",
    "output_format": "text",
    "visibility": "visible",
    "stdout_visibility": "hidden",
    "tests": [],
}

SETUP = """\
#!/usr/bin/env bash
# Runs once, as root, when Gradescope builds the image.
set -euo pipefail
root="${AUTOGRADER_ROOT:-/autograder}"
if ! python3 -c 'import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 10))'; then
    apt-get update
    apt-get install -y python3 python3-venv
fi
if ! python3 -c 'import sys; sys.exit(sys.version_info < (3, 10))'; then
    echo "minires needs Python 3.10 or later: choose Ubuntu 22.04 or later as the base image" >&2
    exit 1
fi
python3 -m venv "$root/environment"
"$root/environment/bin/python" -m pip install --no-cache-dir "$root"/source/*.whl
"""

RUN = """\
#!/usr/bin/env bash
# Runs for every hand-in. Whatever happens, results.json is there: first what is said if nothing else comes.
root="${AUTOGRADER_ROOT:-/autograder}"
mkdir -p "$root/results"
cp "$root/source/unfinished.json" "$root/results/results.json"
timeout --kill-after=10 "${AUTOGRADER_SECONDS:-570}" \\
    "$root/environment/bin/python" -I -m minires.course.grade.gradescope.autograder "$root"
code=$?
if [ "$code" -ne 0 ]; then
    echo "minires: the grader ended with exit status $code (124: it took too long)"
fi
exit 0
"""


def content(settings, seed):
    """Return the bytes of the zip. settings: see `autograder`; seed: of the hidden cases."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as bundle:
        wheel.add(bundle, "setup.sh", SETUP, 0o755)
        wheel.add(bundle, "run_autograder", RUN.replace("570", str(SECONDS)), 0o755)
        wheel.add(bundle, "unfinished.json", json.dumps(UNFINISHED, indent=2) + "\n")
        wheel.add(bundle, "settings.json", json.dumps(settings, indent=2) + "\n")
        wheel.add(bundle, "seed", f"{seed}\n", 0o600)
        wheel.add(bundle, wheel.file_name(), wheel.content())
    return packed.getvalue()
