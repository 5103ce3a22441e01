"""What of the library is public: the modules that have types and documentation, and what they define."""

import importlib
import inspect
import pkgutil

# not here: the programs around the library (among them `catalogue`), and what lies below it
PACKAGES = "accounting data functional gradcheck interop layers models optim plot surgery train".split()
MODULES = "archives backend checks init kernels markup probe reprs resources sums typing windows".split()


def modules():
    """Return the public modules, packages before what is in them."""
    names = MODULES.copy()
    for package in PACKAGES:
        path = importlib.import_module(f"minires.{package}").__path__
        names += [package, *(f"{package}.{found.name}" for found in pkgutil.iter_modules(path))]
    return [importlib.import_module(f"minires.{name}") for name in names]


def definitions():
    """Return {dotted path: object} of the public functions, classes and methods that these modules define."""
    found = {}
    for module in modules():
        for name, value in defined_in(module):
            path = f"{module.__name__}.{name}".removeprefix("minires.")
            found[path] = value
            if inspect.isclass(value):
                found |= {f"{path}.{own}": member for own, member in members(value)}
    return found


def defined_in(module):
    """Return [(name, function or class)] of what a module itself defines for everybody."""
    return [(n, v) for n, v in vars(module).items() if is_public(n, v) and v.__module__ == module.__name__]


def offered_by(package):
    """Return [(name, function or class)] of what a package offers under its own name."""
    return [(name, value) for name, value in vars(package).items() if is_public(name, value)]


def is_public(name, value):
    """Return whether a name stands for a function or a class that anybody may use."""
    return not name.startswith("_") and (inspect.isfunction(value) or inspect.isclass(value))


def members(kind):
    """Yield (name, function) of the methods and properties that a class itself defines; `__init__`, too."""
    for name, value in vars(kind).items():
        if isinstance(value, property):
            value = value.fget
        value = getattr(value, "__func__", value)  # of a class method
        own = inspect.isfunction(value) and value.__qualname__.startswith(f"{kind.__name__}.")
        if own and (not name.startswith("_") or name in ("__init__", "__call__", "__getitem__")):
            yield name, value
