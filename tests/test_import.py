"""What `import minires` costs and brings along, and that no module draws from NumPy's global generator."""

import ast
import pathlib
import subprocess
import sys

import pytest

import minires

PACKAGE = pathlib.Path(minires.__file__).parent
HEAVY = ("matplotlib", "cupy", "torch", "PIL", "tqdm")


def python(script):
    """Run a script in a fresh interpreter that finds minires, and return what it prints."""
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=PACKAGE.parent, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


@pytest.mark.parametrize(
    "statement",
    [
        "import minires",
        "import minires.models, minires.functional",
        "import minires.layers, minires.optim, minires.init, minires.probe",
    ],
)
def test_importing_brings_no_heavy_package_along(statement):
    loaded = python(f"import sys; {statement}; print([n for n in {HEAVY} if n in sys.modules])")
    assert loaded == "[]"


@pytest.mark.parametrize("statement", ["import minires", "import minires.models, minires.optim"])
def test_importing_adds_under_three_tenths_of_a_second_to_numpy(statement):
    script = (
        f"import numpy, time; start = time.perf_counter(); {statement}; print(time.perf_counter() - start)"
    )
    # the best of three, for another program may have had the processor
    assert min(float(python(script)) for _ in range(3)) < 0.3


def global_random_names(source):
    """Yield every name of numpy.random that a source uses and that is no class or `default_rng`."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("numpy.random"):
            yield from (name.name for name in node.names if name.name not in ALLOWED)
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            yield from (name.name for name in node.names if name.name == "random")
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) in (
            "np.random",
            "numpy.random",
            "xp.random",
        ):
            if node.attr not in ALLOWED:
                yield node.attr


ALLOWED = {"default_rng", "Generator", "PCG64", "SeedSequence", "BitGenerator"}


def test_the_search_for_global_randomness_finds_it():
    found = "np.random.seed(0)\nfrom numpy.random import rand, Generator\nimport random\nxp.random.normal()"
    assert sorted(global_random_names(found)) == ["normal", "rand", "random", "seed"]
    assert list(global_random_names("rng = np.random.default_rng(0); rng.random()")) == []


@pytest.mark.parametrize(
    "path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE))
)
def test_no_module_draws_from_a_global_generator(path):
    assert list(global_random_names(path.read_text(encoding="utf-8"))) == []
