"""The inputs of `minires gradcheck FILE.py`: --shapes "x=4x3", --with "pad=1 y=labels(4, 10)", cases(rng)."""

import ast
import re
from collections.abc import Mapping

import numpy as np

from minires.gradcheck.foreign.forms import MEMORY
from minires.gradcheck.foreign.subject import Case

DRAWS = 2  # sets of random numbers for the same shapes: a chance agreement does not repeat
NAME = r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*"
LABELS = re.compile(r"y|Y|labels?|targets?|t|captions?|idx|indices", re.ASCII)
SETTINGS = re.compile(
    r"mode|activation|reg|eps|epsilon|alpha|lr|momentum|stride|pad|padding|p|keep_prob|kernel_size|kernel|G|groups|k|"
    r"lam|lambd|lambda_|l2|seed|train|training|dilation|pool_size|num_heads|axis"
)
OPTIONS = re.compile(r"\w*(param|params|parameters|hparameters|config|conf)$")


def labels(rng, *shape):
    """Whole numbers below the last argument, in the shape of the others."""
    *shape, classes = shape
    return rng.integers(0, classes, shape)


def onehot(rng, *shape):
    """Rows with a single 1."""
    return np.eye(shape[-1])[labels(rng, *shape)]


def mask(rng, *shape):
    """True and False."""
    return rng.random(shape) < 0.7


def normal(rng, *shape):
    """Normal numbers that have no gradient."""
    return rng.standard_normal(shape)


def positive(rng, *shape):
    """Numbers from 0.5 to 1.5 that have no gradient."""
    return 0.5 + rng.random(shape)


def generator(rng, seed=0):
    """A generator of random numbers, new for every call."""
    return np.random.default_rng(seed)


MAKERS = {make.__name__: make for make in (labels, onehot, mask, normal, positive, generator)}


class Inputs:
    """What --shapes and --with say. shapes: {path: shape}; others: {path: expression}."""

    def __init__(self, shapes, others):
        self.shapes = parse_shapes(shapes or "")
        self.others = parse_with(others or "")
        both = set(self.shapes) & set(self.others)
        if both:
            raise ValueError(f"{sorted(both)[0]} is in --shapes and in --with: give it once")
        self.names = {path.partition(".")[0] for path in (*self.shapes, *self.others)}
        self.case(np.random.default_rng(0))  # says what is wrong with an expression

    def __bool__(self):
        return bool(self.names)

    def case(self, rng):
        """Return a Case with numbers from rng."""
        values = {}
        for path, shape in self.shapes.items():
            _put(values, path, rng.standard_normal(shape))
        for path, tree in self.others.items():
            try:
                _put(values, path, evaluate(tree, rng))
            except (ValueError, TypeError, IndexError) as error:
                raise ValueError(f"--with: {path}: {error}") from None
        return Case(values, set(self.others))

    def cases(self, seed):
        """Return the Cases of a check."""
        return [self.case(np.random.default_rng([seed, 1, draw])) for draw in range(DRAWS)]


def _put(values, path, value):
    *before, last = path.split(".")
    for name in before:
        values = values.setdefault(name, {})
        if not isinstance(values, dict):
            raise ValueError(f"{path}: {name} has another value already")
    values[last] = value


def parse_shapes(text):
    """Return {path: shape} of "x=4x3 w=3x5 b=5"."""
    shapes = {}
    for word in re.sub(r"\s*=\s*", "=", text).replace("(", "").replace(")", "").split():
        name, _, lengths = word.rstrip(",").partition("=")
        if not re.fullmatch(NAME, name) or not re.fullmatch(r"\d+([x×*,]\d+)*", lengths):
            raise ValueError(
                f'--shapes: expected words such as x=4x3, as in --shapes "x=4x3 b=5", got {word!r}'
            )
        shape = tuple(int(length) for length in re.split(r"[x×*,]", lengths))
        if 0 in shape or np.prod(shape) > 1e7:
            raise ValueError(
                f"--shapes: {word}: expected lengths from 1, and small ones: every number is moved"
            )
        shapes[name] = shape
    return shapes


def parse_with(text):
    """Return {path: expression} of "pad=1 y=labels(4, 10) conv_param={'stride': 1}"."""
    expressions = {}
    for word in _split(text):
        name, equals, expression = word.partition("=")
        if not equals or not re.fullmatch(NAME, name.strip()):
            raise ValueError(
                f'--with: expected words such as pad=1, as in --with "pad=1 y=labels(4, 10)", got {word!r}'
            )
        try:
            expressions[name.strip()] = ast.parse(expression.strip(), mode="eval").body
        except SyntaxError:
            raise ValueError(f"--with: {name.strip()}: {expression.strip()!r} is no Python value") from None
    return expressions


def _split(text):
    """Return the words of a text, which may have spaces inside brackets and quotes."""
    words, word, depth, quote = [], "", 0, ""
    for character in re.sub(r"\s*=\s*", "=", text):
        if quote:
            quote = "" if character == quote else quote
        elif character in "'\"":
            quote = character
        elif character in "([{":
            depth += 1
        elif character in ")]}":
            depth -= 1
        if not quote and depth == 0 and character in " ,;\n\t":
            words.append(word)
            word = ""
        else:
            word += character
    return [word for word in [*words, word] if word]


def evaluate(tree, rng):
    """Return the value of an expression: what Python writes of a value, bare words (texts), and MAKERS."""
    match tree:
        case ast.Constant():
            return tree.value
        case ast.Name():
            return tree.id
        case ast.UnaryOp(op=ast.USub()):
            return -evaluate(tree.operand, rng)
        case ast.Tuple() | ast.List():
            items = [evaluate(item, rng) for item in tree.elts]
            return tuple(items) if isinstance(tree, ast.Tuple) else items
        case ast.Dict() if None not in tree.keys:
            pairs = zip(tree.keys, tree.values, strict=True)
            return {evaluate(key, rng): evaluate(value, rng) for key, value in pairs}
        case ast.Call(func=ast.Name(id="dict"), args=[]):
            return {keyword.arg: evaluate(keyword.value, rng) for keyword in tree.keywords}
        case ast.Call(func=ast.Name(id=name)) if name in MAKERS and not tree.keywords:
            numbers = [evaluate(argument, rng) for argument in tree.args]
            if not all(isinstance(number, int) for number in numbers) or name != "generator" and not numbers:
                raise ValueError(f"expected whole numbers, as in {name}(4, 10), got {ast.unparse(tree)}")
            return MAKERS[name](rng, *numbers)
    makers = ", ".join(f"{name}(...)" for name in MAKERS)
    raise ValueError(f"expected a number, a text, a dict, a list or one of {makers}, got {ast.unparse(tree)}")


def of_file(cases, form, seed):
    """Return the Cases that a file's own cases(rng) makes for a form, [] if none is for it."""
    made = cases(np.random.default_rng([seed, 1]))
    if isinstance(made, Mapping):
        own = next((made[name] for name in (form.name, *form.names) if name in made), None)
        if own is None and any(name in made for name in form.parameters):
            own = made
        made = [] if own is None else own
    made = [made] if isinstance(made, (Mapping, tuple)) else made
    found = []
    for case in made:
        values = (
            dict(zip(form.parameters, case, strict=False)) if isinstance(case, (tuple, list)) else dict(case)
        )
        if set(values) <= {*form.parameters, *form.also} and not missing(form, values):
            found.append(Case(values))
    return found


def missing(form, given):
    """Return the names of the arguments that are missing."""
    return [name for name in form.required() if name not in given]


def advice(form, names, source):
    """Return the options that would give the missing arguments. source: {name: keys that it is asked for}."""
    shapes, others = [], []
    for name in names:
        keys = source.get(name, [])
        if LABELS.fullmatch(name):
            others.append(f"{name}=labels(N, CLASSES)")
        elif name in ("params", "parameters"):
            shapes += [f"{name}.{key}=NxM" for key in keys or ["W"]]
        elif keys or OPTIONS.fullmatch(name):
            inner = ", ".join(f"'{key}': VALUE" for key in keys or ["KEY"])
            others.append(f"{name}={{{inner}}}")
        elif SETTINGS.fullmatch(name) or MEMORY.search(name):
            others.append(f"{name}=VALUE")
        elif name in ("mask", "rng"):
            others.append({"mask": "mask=mask(N, M)", "rng": "rng=generator(0)"}[name])
        else:
            shapes.append(f"{name}=NxM")
    parts = [f'--shapes "{" ".join(shapes)}"'] if shapes else []
    return " ".join([*parts, *([f'--with "{" ".join(others)}"'] if others else [])])
