"""minires: learn deep residual networks by reading, running and breaking every gradient in them.

    import minires as mr

    net = mr.models.build("resnet20", num_classes=10, rng=np.random.default_rng(0))
    block = mr.Residual(mr.Sequential(...), after=mr.ReLU())

Every module is there as an attribute (`mr.models`, `mr.functional`, `mr.gradcheck`, ...), and so is every
name of `mr.layers`. Each is imported when it is asked for: `import minires` by itself imports nothing.
"""

__version__ = "0.1.0"

TYPE_CHECKING = False  # which a type checker takes for True
if TYPE_CHECKING:
    from minires import (
        accounting,
        archives,
        backend,
        bench,
        catalogue,
        checks,
        cli,
        course,
        data,
        detection,
        experiments,
        functional,
        gradcheck,
        init,
        interop,
        kernels,
        layers,
        lesson,
        markup,
        models,
        optim,
        pickle_machine,
        plot,
        probe,
        reprs,
        resources,
        site,
        sums,
        surgery,
        train,
        typing,
        windows,
    )
    from minires.layers import *


def __getattr__(name: str) -> object:
    """Return the module minires.name, or the layer called name (PEP 562)."""
    if name == "__all__":
        return __dir__()
    if not name.startswith("_"):
        import importlib

        try:
            return importlib.import_module(f"minires.{name}")
        except ModuleNotFoundError as error:
            if error.name != f"minires.{name}":
                raise  # it is there, but something that it needs is not
        layers = importlib.import_module("minires.layers")
        if name in layers.__all__:
            globals()[name] = getattr(layers, name)  # from now on it is found without asking here
            return globals()[name]
    raise AttributeError(f"module 'minires' has no attribute {name!r}{_hint(name)}")


def __dir__() -> list[str]:
    import pkgutil

    from minires import layers

    modules = [module.name for module in pkgutil.iter_modules(__path__)]
    return sorted([*(name for name in modules if not name.startswith("_")), *layers.__all__])


def _hint(name: str) -> str:
    if name.startswith("_"):
        return ""
    import difflib

    names = {known.lower(): known for known in __dir__()}
    near = difflib.get_close_matches(name.lower(), names, n=2)
    return f"; did you mean {' or '.join(names[match] for match in near)}?" if near else ""
