"""Programs that differ from a right one by a single edit: every way in which one line can be wrong.

    for line, source in mutants(exercise.head, names): ...      # names: of the functions to change

A mutant has one operator, number, axis, name, argument, index or statement changed, dropped or exchanged.
"""

import ast
import copy

BINARY = {
    ast.Add: [ast.Sub],
    ast.Sub: [ast.Add],
    ast.Mult: [ast.Div, ast.Add],
    ast.Div: [ast.Mult, ast.FloorDiv],
    ast.FloorDiv: [ast.Mod, ast.Div],
    ast.Mod: [ast.FloorDiv],
    ast.Pow: [ast.Mult],
}
COMPARED = {
    ast.Lt: [ast.LtE, ast.Gt],
    ast.LtE: [ast.Lt, ast.GtE],
    ast.Gt: [ast.GtE, ast.Lt],
    ast.GtE: [ast.Gt, ast.LtE],
    ast.Eq: [ast.NotEq],
    ast.NotEq: [ast.Eq],
    ast.Is: [ast.IsNot],
    ast.IsNot: [ast.Is],
}
CALLED = {"sum": "mean", "mean": "sum", "max": "min", "min": "max", "argmax": "argmin", "zeros": "ones"}


def mutants(source, functions):
    """Yield (line, new text of the changed node, source) of every program that one edit makes of a source."""
    tree = ast.parse(source)
    bodies = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name in functions]
    for body in bodies:
        first = 1 if ast.get_docstring(body) else 0
        names = sorted({n.id for n in ast.walk(body) if isinstance(n, ast.Name) and n.id != "np"})
        for statement in body.body[first:]:
            for parent, field, index, node in _places(body, statement):
                for other in _others(node, names):
                    _put(parent, field, index, other)
                    text = ast.unparse(other) if isinstance(other, ast.AST) else str(other)
                    yield node.lineno, text, ast.unparse(ast.fix_missing_locations(tree))
                    _put(parent, field, index, node)


def _places(body, statement):
    """Yield (parent, field, index, node) of a statement and of everything in it."""
    waiting = [(body, "body", body.body.index(statement), statement)]
    while waiting:
        place = waiting.pop(0)
        if hasattr(place[3], "lineno"):
            yield place
        for field, value in ast.iter_fields(place[3]):
            if isinstance(value, ast.AST):
                waiting.append((place[3], field, None, value))
            elif isinstance(value, list):
                waiting += [
                    (place[3], field, i, item) for i, item in enumerate(value) if isinstance(item, ast.AST)
                ]


def _put(parent, field, index, node):
    if index is None:
        setattr(parent, field, node)
    else:
        getattr(parent, field)[index] = node


def _others(node, names):
    """Yield what may stand in a node's place."""

    def changed(**fields):
        other = copy.deepcopy(node)
        for name, value in fields.items():
            setattr(other, name, value)
        return other

    if isinstance(node, ast.BinOp):
        yield from (changed(op=op()) for op in BINARY.get(type(node.op), []))
        yield from (node.left, node.right)
        if isinstance(node.op, (ast.Sub, ast.Div, ast.FloorDiv, ast.MatMult, ast.Pow)):
            yield changed(left=node.right, right=node.left)
    elif isinstance(node, ast.Compare) and len(node.ops) == 1:
        yield from (changed(ops=[op()]) for op in COMPARED.get(type(node.ops[0]), []))
    elif isinstance(node, ast.UnaryOp):
        yield node.operand
    elif isinstance(node, ast.Constant) and type(node.value) is int:
        yield from (changed(value=node.value + step) for step in (-1, 1))
    elif isinstance(node, ast.Constant) and type(node.value) is bool:
        yield changed(value=not node.value)
    elif isinstance(node, ast.AugAssign):
        other = {ast.Add: ast.Sub, ast.Sub: ast.Add}.get(type(node.op), ast.Add)
        yield changed(op=other())
        yield ast.copy_location(ast.Assign([node.target], node.value), node)
    elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id in names:
        yield from (changed(id=name) for name in names if name != node.id)
    elif isinstance(node, ast.Attribute) and node.attr == "T":
        yield node.value
    elif isinstance(node, ast.Attribute) and node.attr in CALLED:
        yield changed(attr=CALLED[node.attr])
    elif isinstance(node, ast.Call):
        yield from _calls(node, changed)
    elif isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load):
        yield node.value
    elif isinstance(node, ast.Tuple) and isinstance(node.ctx, ast.Load) and len(node.elts) > 1:
        for i in range(len(node.elts) - 1):
            a, b = node.elts[i : i + 2]
            yield changed(elts=[*node.elts[:i], b, a, *node.elts[i + 2 :]])
    elif isinstance(node, ast.Slice):
        for field in ("lower", "upper", "step"):
            if getattr(node, field) is not None:
                yield changed(**{field: None})
    elif isinstance(node, ast.stmt):
        yield ast.copy_location(ast.Pass(), node)
    if isinstance(node, ast.AugAssign):
        yield ast.copy_location(ast.Pass(), node)


def _calls(node, changed):
    """Yield a call's mutants: an option or the call dropped, arguments exchanged, `range` cut."""
    for i in range(len(node.keywords)):
        yield changed(keywords=node.keywords[:i] + node.keywords[i + 1 :])
    for i in range(len(node.args) - 1):
        yield changed(args=[*node.args[:i], node.args[i + 1], node.args[i], *node.args[i + 2 :]])
    if isinstance(node.func, ast.Attribute) and not (
        isinstance(node.func.value, ast.Name) and node.func.value.id == "np"
    ):
        yield node.func.value
    elif node.args:
        yield node.args[0]
    if isinstance(node.func, ast.Name) and node.func.id == "range" and len(node.args) == 1:
        one, end = ast.Constant(1), node.args[0]
        yield changed(args=[ast.BinOp(end, ast.Sub(), one)])
        yield changed(args=[one, end])
