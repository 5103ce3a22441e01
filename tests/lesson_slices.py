"""The part of a lesson that some of its assertions need: what a changed constant is tried on.

A lesson's cells measure different things: an assertion about the last one need not wait for the training in
the first, and one behind another that fails is reached all the same.
"""

import ast
import builtins


def assertions(tree):
    """Every `assert` of a lesson, in the order of its text."""
    found = [node for node in ast.walk(tree) if isinstance(node, ast.Assert)]
    return sorted(found, key=lambda node: node.lineno)


def place_of(source, text):
    """The place, among its lesson's assertions, of the one whose condition is or has that text."""
    conditions = [ast.get_source_segment(source, node.test) for node in assertions(ast.parse(source))]
    places = [i for i, condition in enumerate(conditions) if text == condition]
    places = places or [i for i, condition in enumerate(conditions) if text in condition]
    assert len(places) == 1, f"{text!r} should stand in exactly one assertion, not in {len(places)}"
    return places[0]


def reached_fast(source):
    """The places of the assertions that `--fast` reaches: those that no `if` keeps for a longer setting."""
    tree = ast.parse(source)
    of_settings = [
        node for node in ast.walk(tree) if isinstance(node, ast.If) and "setting" in names_of(node.test)
    ]
    kept_back = {id(inner) for node in of_settings for inner in ast.walk(node)}
    return {i for i, node in enumerate(assertions(tree)) if id(node) not in kept_back}


def names_of(node):
    found = {inner.id.lower() for inner in ast.walk(node) if isinstance(inner, ast.Name)}
    return found | {inner.attr for inner in ast.walk(node) if isinstance(inner, ast.Attribute)}


def false_ones(source, places, path):
    """Run what the assertions at these places need, without stopping at one; return which were false."""
    tree, false = ast.parse(source), set()
    every = assertions(tree)
    tree = ast.fix_missing_locations(Noted({every[place]: place for place in places}).visit(tree))
    code = compile(ast.Module(needed(tree), []), path, "exec")
    note = lambda place, holds: None if holds else false.add(place)  # noqa: E731
    exec(code, {"__name__": "__main__", "__file__": str(path), "__note__": note})
    return false


class Noted(ast.NodeTransformer):
    """A wanted assertion notes whether it holds; another one is left out, and so are tables and figures."""

    def __init__(self, places):
        self.places = places  # {node of a wanted assertion: its place}

    def visit_Assert(self, node):
        if node not in self.places:
            return ast.copy_location(ast.Pass(), node)
        call = ast.Call(ast.Name("__note__", ast.Load()), [ast.Constant(self.places[node]), node.test], [])
        return ast.copy_location(ast.Expr(call), node)

    def visit_Expr(self, node):
        return ast.copy_location(ast.Pass(), node) if root(node.value) in ("lesson", "print") else node


def needed(tree):
    """The lesson's statements that what is noted needs, by their names.

    What was drawn from `rng` before is no need: a claim holds for other random numbers too.
    """
    imports = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    modules = {(alias.asname or alias.name).split(".")[0] for node in imports for alias in node.names}
    unchanged = modules | {node.name for node in functions} | {"rng", *dir(builtins)}
    noting = {"__note__"} | {node.name for node in functions if "__note__" in mentioned(node)}
    kept, always = [], imports
    while True:
        before, kept, live = kept, [], noting
        for statement in reversed(tree.body):
            changes = {
                name for name in changed(statement) - unchanged if not name.isupper()
            }  # constants: capitals
            if statement in always or (defined(statement) | changes) & live:
                kept.append(statement)
                live = live - set_anew(statement) | read(statement)
        if kept == before:
            return kept[::-1]
        # conv.weight.data *= 2 counts for a network that was built of conv before
        names = {name for statement in kept for name in mentioned(statement)}
        always = imports + [node for node in tree.body if parts_set(node) & names]


def mentioned(node):
    return {inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name)}


def bound(node):
    """The names that a node gives a value: targets, and the arguments of functions."""
    stored = {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    return stored | {n.arg for n in ast.walk(node) if isinstance(n, ast.arg)}


def root(node):
    """The name at the beginning of name.attribute[index](argument)."""
    while isinstance(node, ast.Attribute | ast.Subscript | ast.Call):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else None


def defined(statement):
    """The names that a statement gives a value or a part of one."""
    if isinstance(statement, ast.FunctionDef | ast.ClassDef):
        return {statement.name}
    stored = [node for node in ast.walk(statement) if isinstance(getattr(node, "ctx", None), ast.Store)]
    return {root(node) for node in stored}


def parts_set(statement):
    """The names of objects of which a statement sets an attribute or an item."""
    if not isinstance(statement, ast.Assign | ast.AugAssign):
        return set()
    targets = getattr(statement, "targets", None) or [statement.target]
    return {root(target) for target in targets if not isinstance(target, ast.Name | ast.Tuple)}


def changed(statement):
    """The names whose objects a statement may change: by a method or, if it assigns nothing, by any call."""
    if isinstance(statement, ast.FunctionDef | ast.ClassDef):
        return set()
    if isinstance(statement, ast.For) and all(isinstance(inner, ast.Pass) for inner in statement.body):
        return set()
    if not isinstance(statement, ast.Assign):
        return mentioned(statement)
    calls = [node.func for node in ast.walk(statement) if isinstance(node, ast.Call)]
    return {root(method) for method in calls if isinstance(method, ast.Attribute)} - {None}


def set_anew(statement):
    """The names that an assignment gives a value, whatever they had before."""
    if not isinstance(statement, ast.Assign):
        return set()
    places = [place for target in statement.targets for place in getattr(target, "elts", [target])]
    return {place.id for place in places if isinstance(place, ast.Name)} - read(statement)


def read(statement):
    """The names that must have a value before a statement."""
    if isinstance(statement, ast.For):
        live = set()
        for inner in reversed(statement.body):
            live = live - set_anew(inner) | read(inner)
        return live - bound(statement.target) | mentioned(statement.iter)
    if isinstance(statement, ast.FunctionDef | ast.ClassDef):
        return mentioned(statement) - bound(statement)
    if isinstance(statement, ast.Assign):
        within = [node.target for node in ast.walk(statement.value) if isinstance(node, ast.comprehension)]
        targets = {name for target in statement.targets for name in mentioned(target) - bound(target)}
        return targets | mentioned(statement.value) - {name for target in within for name in bound(target)}
    return mentioned(statement)
