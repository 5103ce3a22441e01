"""What the text of a student's file says, before it runs: relative imports, the keys of its dicts."""

import ast
import contextlib


def _tree(path):
    with contextlib.suppress(SyntaxError, ValueError):
        return ast.parse(path.read_bytes())
    return ast.Module([], [])


def imports_from_above(path):
    """Return how many folders above a file belong to its package: if it has relative imports."""
    levels = [node.level for node in ast.walk(_tree(path)) if isinstance(node, ast.ImportFrom)]
    depth = max(levels, default=0)
    if depth:
        while (path.parents[depth] / "__init__.py").exists() and depth + 1 < len(path.parents):
            depth += 1
    return min(depth, len(path.parents) - 1)


def keys_of(path):
    """Return {name: keys} of the dicts of which a file asks d['key'], but for those that may be absent."""
    found, optional = {}, set()
    for node in ast.walk(_tree(path)):
        match node:
            case ast.Subscript(value=ast.Name(id=name), slice=ast.Constant(value=str(key)), ctx=ctx):
                if isinstance(ctx, ast.Load) and key not in found.setdefault(name, []):
                    found[name].append(key)
                elif isinstance(ctx, ast.Store):
                    optional.add((name, key))
            case ast.Compare(
                left=ast.Constant(value=str(key)), ops=[ast.In()], comparators=[ast.Name(id=name)]
            ):
                optional.add((name, key))
    return {name: [key for key in keys if (name, key) not in optional] for name, keys in found.items()}
