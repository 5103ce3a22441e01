"""What is left of a function when its author's taste is taken away: names, layout, comments, order of lines.

    units(source, ["linear_forward", "linear_backward"])  # {function: Counter of its traits}

A trait is a statement without the names that its author chose, or two of them of which the second uses what
the first computed. Reordered independent lines, renamed variables, docstrings, annotations, number formats
and `x += y` for `x = x + y` give the same traits; a loop written as another loop does not.
"""

import ast
import builtins
import importlib.util
import warnings
from collections import Counter

LARGEST = 200_000  # bytes of a file that are looked at; solutions have a few thousand
HELPERS = "other code"
KNOWN = frozenset(dir(builtins))
METHODS = frozenset(
    "all any argmax argmin astype copy cumsum dot max mean min prod repeat reshape sum transpose var".split()
)  # np.sum(x) and x.sum() are the same
OPERATORS = (ast.operator, ast.unaryop, ast.boolop, ast.cmpop)
MIRRORED = {ast.Gt: "<", ast.GtE: "<=", ast.Lt: "<", ast.LtE: "<=", ast.Eq: "==", ast.NotEq: "!="}


def units(source, functions):
    """Return {name: Counter of traits} of these functions, and of HELPERS: all else in the file.

    Raises ValueError, with a line that says why, for what cannot be looked at.
    """
    if len(source) > LARGEST:
        raise ValueError(f"has more than {LARGEST} bytes")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an invalid escape sequence is no matter of ours
            tree = ast.parse(source)
        found = {}
        reader = _Reader(tree, frozenset(functions))
        for node in tree.body:
            is_asked = isinstance(node, ast.FunctionDef) and node.name in functions
            found.setdefault(node.name if is_asked else HELPERS, Counter()).update(reader.traits(node))
    except (SyntaxError, ValueError):
        raise ValueError("is not valid Python") from None
    except (RecursionError, MemoryError):
        raise ValueError("is nested too deeply") from None
    return found


def texts(source, functions):
    """Return {name: text} of the same parts of a file that `units` could read, without docstrings."""
    lines = importlib.util.decode_source(source).split("\n")  # splitlines knows more ends than Python
    found = {}
    for node in ast.parse(source).body:
        is_asked = isinstance(node, ast.FunctionDef) and node.name in functions
        first = min([node.lineno, *(each.lineno for each in getattr(node, "decorator_list", []))])
        text = lines[first - 1 : node.end_lineno]
        if is_asked and _has_text_alone(node):
            del text[node.body[0].lineno - first : node.body[0].end_lineno - first + 1]
        found.setdefault(node.name if is_asked else HELPERS, []).extend(text)
    return {name: "\n".join(text) for name, text in found.items()}


def _has_text_alone(function):
    """Whether a function has a docstring, on lines of its own."""
    text, *rest = function.body
    lines = [function.lineno, text.lineno, text.end_lineno + 1, *(each.lineno for each in rest[:1])]
    return _is_text(text) and len(rest) > 0 and lines == sorted(lines) and lines[0] < lines[1]


class _Reader:
    """Turns the statements of one module into traits."""

    def __init__(self, tree, functions):
        self.given, self.aliases = functions, {}
        for node in ast.walk(tree):
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                for alias in node.names:
                    self.aliases[alias.asname or alias.name] = alias.name

    def traits(self, node):
        """Return the Counter of the traits of a statement and all within it."""
        self.parameters, self.makers, self.found = {}, {}, Counter()
        self._statement(node, "")
        return self.found

    def _statement(self, node, inside):
        """Add one statement, then those that it holds, which know what they are inside of."""
        if isinstance(node, (ast.Import, ast.ImportFrom, ast.Pass)) or _is_text(node):
            return
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            every = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
            self.parameters |= {each.arg: f"p{place}" for place, each in enumerate(every)}
        if isinstance(node, ast.Raise) and "NotImplementedError" in ast.dump(node):
            return
        blocks = [getattr(node, name, []) for name in ("body", "orelse", "finalbody")]
        blocks += [handler.body for handler in getattr(node, "handlers", [])]
        is_definition = isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))
        if not is_definition:
            text = f"{inside}{self._head(node)}"
            self.found[text] += 1
            used, made = _names(node)
            for maker in {self.makers[name] for name in used if name in self.makers}:
                self.found[f"{maker} -> {text}"] += 1
            self.makers.update(dict.fromkeys(made, text))
        within = inside if is_definition else f"{inside}{type(node).__name__}/"
        for block in blocks:
            for each in block:
                self._statement(each, within)

    def _head(self, node):
        """Return a statement's text, without the statements that it holds."""
        if isinstance(node, ast.AnnAssign):
            node = ast.Assign(targets=[node.target], value=node.value or ast.Constant(None))
        if isinstance(node, ast.AugAssign):
            both = ast.BinOp(left=node.target, op=node.op, right=node.value)
            node = ast.Assign(targets=[node.target], value=both)
        if isinstance(node, ast.Assign):
            targets = " ".join(self.text(each) for each in node.targets)
            return f"{targets} = {self.text(node.value)}"
        parts = [self.text(each) for each in ast.iter_child_nodes(node) if isinstance(each, ast.expr)]
        parts += [self.text(item.context_expr) for item in getattr(node, "items", [])]
        return f"{type(node).__name__} {' '.join(parts)}"

    def text(self, node):
        """Return an expression in a form that its author's taste does not change."""
        if isinstance(node, ast.Name):
            return self._name(node.id)
        if isinstance(node, ast.Constant):
            return _constant(node.value)
        if isinstance(node, ast.BinOp):
            operands = [self.text(node.left), self.text(node.right)]
            if isinstance(node.op, (ast.Add, ast.Mult)):
                operands.sort()
            return f"({type(node.op).__name__} {' '.join(operands)})"
        if isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) in MIRRORED:
            operands = [self.text(node.left), self.text(node.comparators[0])]
            if isinstance(node.ops[0], (ast.Gt, ast.GtE)):
                operands.reverse()
            return f"({MIRRORED[type(node.ops[0])]} {' '.join(operands)})"
        if isinstance(node, ast.Call):
            return self._call(node)
        if isinstance(node, ast.Attribute):
            return f"{self.text(node.value)}.{node.attr}"
        parts = [
            type(each).__name__ if isinstance(each, OPERATORS) else self.text(each)
            for each in ast.iter_child_nodes(node)
            if not isinstance(each, ast.expr_context)
        ]
        return f"({type(node).__name__} {' '.join(parts)})"

    def _name(self, name):
        if name in self.parameters:
            return self.parameters[name]
        if name in self.aliases:
            return self.aliases[name]
        return name if name in self.given or name in KNOWN else "v"

    def _call(self, node):
        function, arguments = self.text(node.func), [self.text(each) for each in node.args]
        module, _, name = function.rpartition(".")
        if module == "numpy" and name in METHODS and arguments:
            function = f"{arguments.pop(0)}.{name}"
        arguments += sorted(f"{each.arg}={self.text(each.value)}" for each in node.keywords)
        return f"{function}[{', '.join(arguments).replace('axis=', '')}]"


def _is_text(node):
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _constant(value):
    """Return a constant, 1 and 1.0 and 1e0 alike."""
    if type(value) in (int, float) and abs(value) < 1e300:
        return repr(float(value))
    return repr(value)[:100] if type(value) is not int else "a large number"


def _names(node):
    """Return the names that a statement uses, and those that it sets, not counting statements within it."""
    used, made = set(), set()
    if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
        used.add(node.target.id)
    waiting = [node]
    while waiting:
        for each in ast.iter_child_nodes(waiting.pop()):
            if isinstance(each, ast.Name):
                (used if isinstance(each.ctx, ast.Load) else made).add(each.id)
            elif not isinstance(each, (ast.stmt, ast.expr_context, ast.Constant)):
                waiting.append(each)
    return used, made
