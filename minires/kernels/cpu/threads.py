"""Threads where they can be started, and the same work at once where they cannot, as in a browser."""

import functools
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import ParamSpec, TypeVar

P, T = ParamSpec("P"), TypeVar("T")


@functools.lru_cache(maxsize=1)
def can_start() -> bool:
    """Return whether this process can start threads: Python in a browser cannot, nor at a user's limit."""
    try:
        thread = threading.Thread(target=int)
        thread.start()
        thread.join()
    except RuntimeError:  # can't start new thread
        return False
    return True


def pool(count: int, name: str) -> Executor:
    """Return an executor of so many threads of this name, or of none: one that does its work in `submit`."""
    return ThreadPoolExecutor(count, thread_name_prefix=name) if can_start() else Inline()


class Inline(Executor):
    """An executor without threads: what is submitted has been done when `submit` returns."""

    def submit(self, work: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Return a future that holds what work(*args, **kwargs) returned or raised."""
        future: Future[T] = Future()
        try:
            future.set_result(work(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future
