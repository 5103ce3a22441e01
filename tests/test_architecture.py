"""What holds the parts together: each test names the step that was forgotten, and says what to do.

The checklists of .github/CONTRIBUTING.md are these tests in another order.
"""

import ast
import functools
import importlib
import inspect
import io
import pathlib
import re
import tokenize

import pytest

import minires
import minires.functional as F
from minires import layers, models, resources
from minires.catalogue import PAIRS, layer_rows
from minires.course import exercise
from minires.kernels import cpu, cuda
from minires.layers import Layer

PACKAGE = pathlib.Path(minires.__file__).parent
ANSWERS = pathlib.Path(__file__).parent / "answers"

# -- rooms and floors ----------------------------------------------------------------------------------------

# From the bottom up. What stands on one floor may import from the floors below, and from itself.
FLOORS = (
    ("typing",),
    ("backend", "windows", "sums", "resources", "reprs", "markup"),
    ("checks", "archives", "pickle_machine"),
    ("kernels",),
    ("functional", "init"),
    ("layers", "gradcheck"),
    ("models", "optim", "probe", "accounting"),
    ("surgery", "data"),
    ("plot",),
    ("train",),
    ("detection",),
    ("catalogue", "interop", "lesson", "experiments"),
    ("course", "bench"),
    ("site",),
    ("cli",),
    ("__main__",),
)
# Some know less than their floor allows.
ARGUMENTS, PROMPT = {"backend", "checks", "windows", "sums", "typing"}, {"reprs", "markup"}
ALONE = {
    "kernels": ARGUMENTS,
    "functional": ARGUMENTS | {"kernels"},
    "layers": ARGUMENTS | PROMPT | {"init", "functional"},
    "gradcheck": PROMPT | {"backend", "typing"},
}
FLOOR = {room: height for height, rooms in enumerate(FLOORS) for room in rooms}


def room_of(path):
    """Return the folder or file of the package, without .py, that a file belongs to."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported_modules(source):
    """Yield the dotted name of every module of minires that a source imports, also inside functions."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        yield from (name for name in names if name.startswith("minires."))


def sources(room=None):
    """Yield (path, source) of the package's files, or of one room's."""
    for path in sorted(PACKAGE.rglob("*.py")):
        if path != PACKAGE / "__init__.py" and room in (None, room_of(path)):
            yield path, path.read_text(encoding="utf-8")


def upward_imports(room, source):
    """Return the rooms that a source of this room imports though they do not lie below it."""
    rooms = {name.split(".")[1] for name in imported_modules(source)} & FLOOR.keys()
    below = ALONE.get(room, {other for other in FLOOR if FLOOR[other] < FLOOR[room]})
    return rooms - below - {room}


def test_every_folder_has_a_floor():
    rooms = {room_of(path) for path, _ in sources()}
    assert rooms == set(FLOOR), (
        "a folder or file of minires/ has no floor in FLOORS (or one there is gone): put it above "
        "all that it imports"
    )


def test_nothing_imports_upwards():
    for path, source in sources():
        wrong = upward_imports(room_of(path), source)
        assert not wrong, (
            f"{path.relative_to(PACKAGE)} imports {', '.join(sorted(wrong))}, which does not lie below "
            f"{room_of(path)}: move what both need to a room below, or hand it in as an argument"
        )


def test_an_upward_import_is_seen():
    assert upward_imports("layers", "def f():\n    from minires import models") == {"models"}
    assert upward_imports("kernels", "import minires.functional as F") == {"functional"}
    assert upward_imports("gradcheck", "from minires.layers import Layer") == {"layers"}
    assert upward_imports("cli", "from minires import train, layers") == set()


# -- the maths -----------------------------------------------------------------------------------------------

MOST_LINES_OF_A_FUNCTION, MOST_LINES_OF_A_FILE = 25, 200
# Words of what is fast; an identifier that contains one, between underscores, does not belong to a textbook.
FAST = set("parallel thread threads scratch tile tiles block blocks chunk chunks".split())
FAST |= set("environ strides flags ndarray".split())
FAST_NAMES = {"on_cpu", "has_kernels", "in_use"}
FUNCTIONAL = [path for path, _ in sources("functional") if path.stem not in ("__init__", "dispatch")]

each_file_of_functional = pytest.mark.parametrize("path", FUNCTIONAL, ids=lambda path: path.stem)


def identifiers(tree):
    """Yield every name that code uses or defines."""
    for node in ast.walk(tree):
        for field in ("id", "attr", "arg", "name"):
            if isinstance(getattr(node, field, None), str):
                yield getattr(node, field)


def fast_words(source):
    """Return the identifiers and imports of what is fast in a source."""
    names = {
        name
        for name in identifiers(ast.parse(source))
        if name in FAST_NAMES or FAST & set(name.lower().split("_"))
    }
    return names | {name for name in imported_modules(source) if name.split(".")[1] == "kernels"}


def lines_of_code(source):
    """Return ({function: lines}, lines) of a source, without docstrings, comments and blank lines."""
    tree = ast.parse(source)
    no_code = (tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT)
    lines = {
        line
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.type not in (*no_code, tokenize.ENDMARKER)
        for line in range(token.start[0], token.end[0] + 1)
    }
    for node in ast.walk(tree):
        if (
            isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef))
            and ast.get_docstring(node) is not None
        ):
            lines -= set(range(node.body[0].lineno, node.body[0].end_lineno + 1))
    functions = {
        node.name: len(lines & set(range(node.lineno, node.end_lineno + 1)))
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef)
    }
    return functions, len(lines)


@each_file_of_functional
def test_the_maths_says_nothing_of_what_is_fast(path):
    found = fast_words(path.read_text(encoding="utf-8"))
    assert not found, (
        f"functional/{path.name} speaks of {', '.join(sorted(found))}: write the operation on whole "
        "arrays, and put "
        "what is fast under the same name into minires/kernels"
    )


@each_file_of_functional
def test_the_maths_is_short(path):
    functions, lines = lines_of_code(path.read_text(encoding="utf-8"))
    for name, count in functions.items():
        assert count <= MOST_LINES_OF_A_FUNCTION, (
            f"functional/{path.name}: {name} has {count} lines of code, a textbook's at most "
            f"{MOST_LINES_OF_A_FUNCTION}: move the checks to minires/checks.py, or split it"
        )
    assert lines <= MOST_LINES_OF_A_FILE, (
        f"functional/{path.name} has {lines} lines of code, at most {MOST_LINES_OF_A_FILE}: one idea a file"
    )


def test_what_is_fast_and_what_is_long_are_seen():
    assert fast_words("def f(x):\n    return on_cpu(x)") == {"on_cpu"}
    assert fast_words("def f(x):\n    import minires.kernels.cpu") >= {"minires.kernels.cpu"}
    assert fast_words("y = x.strides[0]; n_threads = 2; isinstance(x, np.ndarray)") == {
        "strides",
        "n_threads",
        "ndarray",
    }
    assert fast_words("def f(x):\n    '''In threads, by tiles.'''\n    return x  # strides") == set()
    code = "y = (\n        x\n    )\n\n    return y\n"
    source = f"'''One.'''\n\ndef f(x):\n    '''Two\n    lines.'''\n    # why\n    {code}"
    assert lines_of_code(source) == ({"f": 5}, 5)


@each_file_of_functional
def test_every_function_of_the_maths_is_exported(path):
    module = importlib.import_module(f"minires.functional.{path.stem}")
    for name, function in inspect.getmembers(module, inspect.isfunction):
        if function.__module__ == module.__name__ and not name.startswith("_"):
            assert name in F.__all__ and getattr(F, name, None) is function, (
                f"{name} of functional/{path.name} is not public: import it in functional/__init__.py "
                "and list "
                "it in __all__, or begin its name with _"
            )


def test_forward_and_backward_come_in_pairs():
    for name in F.__all__:
        pair, _, way = name.rpartition("_")
        if way in ("forward", "backward"):
            other = f"{pair}_{'backward' if way == 'forward' else 'forward'}"
            assert other in F.__all__, f"{name} has no {other}: write it beside it, and export it"


def test_every_pair_has_a_row_in_the_catalogue():
    pairs = {name.removesuffix("_forward") for name in F.__all__ if name.endswith("_forward")}
    rows = {row.pair for row in PAIRS}
    assert pairs == rows, (
        f"catalogue/pairs.py lacks {', '.join(sorted(pairs - rows)) or 'nothing'} and has "
        f"{', '.join(sorted(rows - pairs)) or 'nothing'} too much: add a PairRow with small, "
        "non-square shapes"
    )


@pytest.mark.parametrize("name", F.__all__)
def test_the_maths_is_documented(name):
    text = inspect.getdoc(getattr(F, name)) or ""
    assert text, f"{name} has no docstring: a sentence, Parameters and Returns with shapes, References"
    assert not name.endswith("_forward") or "cache" in text, (
        f"{name}: its docstring does not say what the cache holds; name the items in the order of the tuple"
    )


# -- kernels -------------------------------------------------------------------------------------------------

NO_PAIRS = {"update_of"}  # functions of kernels/cuda that the optimiser calls by name


def kernels_of(package):
    """Return {name: function} of the functions that a package of kernels offers to the dispatcher."""
    return {name: kernel for name, kernel in vars(package).items() if inspect.isfunction(kernel)}


def untyped(function):
    """Return a function's signature without annotations: the textbook has them, its kernels do not."""
    signature = inspect.signature(function)
    parameters = [each.replace(annotation=each.empty) for each in signature.parameters.values()]
    return signature.replace(parameters=parameters, return_annotation=signature.empty)


@pytest.mark.parametrize("package", [cpu, cuda], ids=["cpu", "cuda"])
def test_every_kernel_has_the_name_and_the_signature_of_its_textbook(package):
    for name, kernel in kernels_of(package).items():
        if name in NO_PAIRS:
            continue
        where, textbook = f"{kernel.__module__}.{name}", getattr(F, name, None)
        assert textbook is not None, (
            f"{where}: minires.functional has no {name}; a kernel has its textbook's name"
        )
        assert hasattr(textbook, "textbook"), (
            f"{where} is never called: put @accelerated above functional's {name}"
        )
        assert untyped(kernel) == untyped(textbook.textbook), (
            f"{where} takes {untyped(kernel)}, its textbook "
            f"{untyped(textbook.textbook)}: "
            "they must be the same, defaults included"
        )


@pytest.mark.parametrize("package", [cpu, cuda], ids=["cpu", "cuda"])
def test_every_kernel_is_offered_to_the_dispatcher(package):
    for path in pathlib.Path(package.__file__).parent.glob("[a-z]*.py"):
        module = importlib.import_module(f"{package.__name__}.{path.stem}")
        for name, function in inspect.getmembers(module, inspect.isfunction):
            if name in F.__all__ and function.__module__ == module.__name__:
                assert getattr(package, name, None) is function, (
                    f"{module.__name__}.{name} never runs: import it in {package.__name__}/__init__.py"
                )


# -- layers --------------------------------------------------------------------------------------------------


def public_layers():
    """Return the classes of layers that `minires.layers` exports."""
    public = {getattr(layers, name) for name in layers.__all__}
    return {kind for kind in public if inspect.isclass(kind) and issubclass(kind, Layer)} - {Layer}


def test_every_layer_is_public():
    """A class of layers in a new file that nobody exports would escape every table."""
    for path in (PACKAGE / "layers").glob("[a-z]*.py"):
        module = importlib.import_module(f"minires.layers.{path.stem}")
        for name, kind in inspect.getmembers(module, inspect.isclass):
            if issubclass(kind, Layer) and kind.__module__ == module.__name__ and not name.startswith("_"):
                assert name in layers.__all__ and getattr(layers, name, None) is kind, (
                    f"{name} of layers/{path.name} is not public: import it in layers/__init__.py and "
                    "list it in "
                    "__all__"
                )


def test_every_layer_and_combinator_has_a_row_in_the_catalogue():
    used = {type(inner) for row in layer_rows() for _, inner in row.make()[0].named_layers()}
    missing = sorted(kind.__name__ for kind in public_layers() - used)
    assert not missing, (
        f"no row for {', '.join(missing)}: add a LayerRow to catalogue/layers.py (a combinator's to "
        "blocks.py)"
    )


@pytest.mark.parametrize("name", layers.__all__)
def test_every_layer_is_documented(name):
    assert getattr(layers, name).__doc__, (
        f"{name} has no docstring: a sentence, Parameters, the paper with its equation"
    )


def test_every_layer_stands_in_the_file_beside_its_operations():
    combinators = {"combine", "gated", "recompute", "stochastic_depth"}
    files = {path.stem for path in FUNCTIONAL} | combinators
    for kind in public_layers():
        file = kind.__module__.rpartition(".")[2]
        assert file in files, (
            f"{kind.__name__} stands in layers/{file}.py: a layer's file has the name of its operation's "
            "file in functional/"
        )


# -- networks ------------------------------------------------------------------------------------------------


ON_A_BODY = {"fcn"}  # builders that take a network to stand on, and so are not built by name


def builders():
    """Return {function: file's name} of the functions in models/ that build a whole network."""
    found = {}
    for path in (PACKAGE / "models").glob("[a-z]*.py"):
        module = importlib.import_module(f"minires.models.{path.stem}")
        for name, function in inspect.getmembers(module, inspect.isfunction):
            parameter = inspect.signature(function).parameters.get("num_classes")
            keyword = parameter is not None and parameter.kind is parameter.KEYWORD_ONLY
            if function.__module__ == module.__name__ and not name.startswith("_"):
                if keyword and name not in ON_A_BODY:
                    found[function] = path.name
    return found


def test_every_network_can_be_built_by_a_name():
    listed = {getattr(models, name) for name in models.__all__}  # built with a depth of one's own
    for name in models.names():
        build = models.about(name).build
        while isinstance(build, functools.partial):
            build = build.func
        listed.add(build)
    for build, file in builders().items():
        assert build in listed, (
            f"{build.__name__} of models/{file} is in no list: give it an Entry in the file's MODELS, "
            "and the file a "
            "place in FAMILIES of models/__init__.py"
        )


def test_every_network_is_spoken_of_in_a_test():
    folder = pathlib.Path(__file__).parent
    tests = "\n".join(path.read_text(encoding="utf-8") for path in folder.rglob("test_*.py"))
    for build, file in builders().items():
        assert re.search(rf"\b{build.__name__}\b", tests), (
            f"no test speaks of {build.__name__} of models/{file}: count its parameters and multiply-adds by "
            "hand or from its paper, in tests/accounting/test_counts.py or a file of its own"
        )


def test_every_family_is_listed():
    for path in (PACKAGE / "models").glob("[a-z]*.py"):
        module = importlib.import_module(f"minires.models.{path.stem}")
        assert not hasattr(module, "MODELS") or module in models.FAMILIES, (
            f"models/{path.name} is not in FAMILIES of models/__init__.py, so nobody can build its "
            "networks by name"
        )


# -- lessons and exercises -----------------------------------------------------------------------------------


def test_every_lesson_has_a_row():
    folder = resources.find("", "lessons")
    text = (folder / "README.md").read_text(encoding="utf-8")
    for path in folder.glob("[0-9][0-9]_*.py"):
        row = rf"^{int(path.name[:2])}\. \[.+\]\({re.escape(path.name)}\) \(.+\)$"
        assert re.search(row, text, re.MULTILINE), (
            f"lessons/README.md lacks the row of {path.name}: number, [title](file), (time), as its "
            "first cell has them"
        )


@pytest.mark.parametrize("subject", exercise.exercises(), ids=lambda subject: subject.number)
def test_every_exercise_has_a_row_mistakes_and_answers(subject):
    text = (exercise.folder() / "README.md").read_text(encoding="utf-8")
    assert f"| {subject.number} [{subject.title}]({subject.module}.py) |" in text, (
        f"exercises/README.md lacks the row of {subject.number}: number, [title](file), functions, "
        "lesson, points"
    )
    assert len(subject.mistakes) >= 8, (
        f"{subject.module}.py knows {len(subject.mistakes)} mistakes: write at least 8 into MISTAKES, "
        "each an edit of the "
        "solution and the sentence that a student reads"
    )
    files = {path.name for path in (ANSWERS / subject.module).glob("*.py")}
    assert "wrong.py" in files and len(files) > 3, (
        f"tests/answers/{subject.module}/ has {', '.join(sorted(files)) or 'nothing'}: it needs three "
        "right answers, each "
        "written another way, and wrong.py"
    )


def test_the_checklists_name_files_that_are_there():
    root = PACKAGE.parent
    text = (root / ".github" / "CONTRIBUTING.md").read_text(encoding="utf-8")
    for name in re.findall(r"`((?:minires|tests|lessons|\.github)/[\w./-]*)`", text):
        assert (root / name).exists(), f".github/CONTRIBUTING.md speaks of {name}, which is not there"
