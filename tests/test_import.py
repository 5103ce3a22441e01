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
        "import minires.data, minires.train, minires.gradcheck, minires.accounting, minires.surgery",
        "import minires as mr; mr.models; mr.Conv2d; dir(mr)",
    ],
)
def test_importing_brings_no_heavy_package_along(statement):
    loaded = python(f"import sys; {statement}; print([n for n in {HEAVY} if n in sys.modules])")
    assert loaded == "[]"


def brought_along(statement, *, first="pass"):
    """Return the set of the modules that a statement imports, after another has been run."""
    known = f"import sys; {first}; known = set(sys.modules)"
    return set(python(f"{known}; {statement}; print(*(set(sys.modules) - known))").split())


def test_importing_minires_imports_nothing_else():
    """Not even NumPy: what is not loaded takes no time, on any machine and under any load."""
    assert brought_along("import minires") == {"minires"}


def test_models_bring_along_only_what_they_are_made_of():
    """Modules are counted, not milliseconds: about a hundred of them, NumPy's generators among them, keep
    the import below 0.3 s on top of NumPy."""
    loaded = brought_along("import minires.models, minires.optim", first="import numpy")
    rooms = {name.split(".")[1] for name in loaded if name.startswith("minires.")}
    needed = {"backend", "checks", "functional", "init", "kernels", "layers", "models", "optim", "windows"}
    assert rooms == needed | {"reprs", "sums", "typing"}
    assert len(loaded) < 110, sorted(loaded)


def test_a_name_is_imported_when_it_is_asked_for():
    lazily = brought_along("import minires as mr; mr.gradcheck", first="import numpy")
    assert "minires.gradcheck" in lazily and "minires.models" not in lazily


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
# draws nothing: it seeds what somebody else's code draws from, in that code's own process
SEEDS_OTHERS = {"gradcheck/foreign/border.py": {"random", "seed", "get_state"}}


def test_the_search_for_global_randomness_finds_it():
    found = "np.random.seed(0)\nfrom numpy.random import rand, Generator\nimport random\nxp.random.normal()"
    assert sorted(global_random_names(found)) == ["normal", "rand", "random", "seed"]
    assert list(global_random_names("rng = np.random.default_rng(0); rng.random()")) == []


@pytest.mark.parametrize(
    "path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE))
)
def test_no_module_draws_from_a_global_generator(path):
    allowed = SEEDS_OTHERS.get(path.relative_to(PACKAGE).as_posix(), set())
    assert set(global_random_names(path.read_text(encoding="utf-8"))) <= allowed
