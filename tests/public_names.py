"""What of the library is public: the modules that have types and documentation, and what they define."""

import importlib
import inspect
import pkgutil

from minires import surgery

# the programs around the library and what lies below it; `layers` and `catalogue` are described elsewhere
PACKAGES = "accounting data functional gradcheck interop models plot train".split()
SURGERY = ["surgery", *(f"surgery.{name}" for name in ("construction", "folding", "heads", "silence"))]
MODULES = "backend checks init kernels optim probe resources typing windows".split()


def modules():
    """Return the public modules, packages before what is in them."""
    names = [*MODULES, *SURGERY]
    for package in PACKAGES:
        path = importlib.import_module(f"minires.{package}").__path__
        names += [package, *(f"{package}.{found.name}" for found in pkgutil.iter_modules(path))]
    return [importlib.import_module(f"minires.{name}") for name in names]


def definitions():
    """Return {dotted path: object} of the public functions, classes and methods that these modules define."""
    found = {}
    for module in modules():
        for name, value in vars(module).items():
            if not is_public(name, value) or value.__module__ != module.__name__:
                continue
            if "surgery" not in module.__name__ or name in surgery.__all__:
                path = f"{module.__name__}.{name}".removeprefix("minires.")
                found[path] = value
                if inspect.isclass(value):
                    found |= {f"{path}.{own}": member for own, member in members(value)}
    return found


def is_public(name, value):
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
