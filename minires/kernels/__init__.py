"""Some operations of `minires.functional` again, fast: `cpu` for NumPy arrays, `cuda` for NVIDIA GPUs.

A kernel has the name, the arguments, the checks and the cache of the textbook's function, so that either's
backward may follow the other's forward; it answers NotImplemented where it does not support a case or is too
small to pay. `functional.dispatch` decides which of the two runs; to read an operation, read `functional`::

    with kernels.use("textbook"):      # step through the maths with a debugger
        y, cache = net.forward(x, train=True)

For a whole process set the environment variable MINIRES_KERNELS to "textbook"; it is read once, at the first
operation. `minires bench --kernels` lists the kernels and what each of them gains.
"""

import contextvars
import os

CHOICES = ("fast", "textbook")

_chosen: contextvars.ContextVar[str | None] = contextvars.ContextVar(
    "kernels", default=None
)  # None: what the environment says
_of_environment = None


class use:  # noqa: N801 (it is written like a function: with kernels.use("textbook"))
    """Within a with-block, run the kernels ("fast") or the textbook's functions alone ("textbook").

    It holds for the thread, or asyncio task, that enters the block.

    Raises
    ------
    ValueError
        For another name.

    Examples
    --------
    >>> with use("textbook"):
    ...     in_use()
    'textbook'
    """

    def __init__(self, which: str) -> None:
        self._which = _known("which", which)
        self._tokens: list[contextvars.Token] = []

    def __enter__(self) -> None:
        self._tokens.append(_chosen.set(self._which))

    def __exit__(self, *error: object) -> None:
        _chosen.reset(self._tokens.pop())

    def __repr__(self) -> str:
        return f"<kernels.use({self._which!r}): nothing has changed yet; write `with` before it>"


def in_use() -> str:
    """Return "fast" or "textbook": what `use`, else MINIRES_KERNELS, else the default asks for."""
    global _of_environment
    chosen = _chosen.get()
    if chosen is None:
        if _of_environment is None:
            _of_environment = _known(
                "MINIRES_KERNELS", os.environ.get("MINIRES_KERNELS", "").strip() or "fast"
            )
        return _of_environment
    return chosen


def _known(name: str, value: str) -> str:
    if value not in CHOICES:
        raise ValueError(f"{name}: expected {' or '.join(map(repr, CHOICES))}, got {value!r}")
    return value


def get_threads() -> int:
    """Return how many threads the kernels for a CPU use."""
    from minires.kernels.cpu import parallel

    return parallel.get_threads()


def set_threads(count: int) -> None:
    """Let the kernels for a CPU use count threads from now on. ValueError unless it is at least 1."""
    from minires.kernels.cpu import parallel

    parallel.set_threads(count)
