"""The grader's child process: apply restrictions, load a student's modules, call functions for the grader.

    python -I -S main.py NUMPY SCRATCH SIZE NAMESPACES

NUMPY is the folder that contains NumPy, SCRATCH the folder that may be written to, SIZE its bytes, and
NAMESPACES is 1 if the process should move into namespaces of its own. The grader writes frames (see `wire`)
to standard input and reads one answer to each from standard output:

    {"modules": {name: source}, "main": name, "restrictions": [names], "memory", "seconds", "output"}
        -> {"restrictions": {name: None or why not}}, then, when nothing more is trusted, {"loaded": True}
                                                                           or {"error": see perform.describe}
    {"call": see `perform`, "cases": [cases]}
        -> {"records": [records]}, or {"stopped": see perform.describe} or {"too much": text}
"""

import importlib
import importlib.machinery
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
UNLIMITED = 1 << 62  # the grader is trusted
HIGH = 200  # a loop that closes the first hundred descriptors does not cut the grader off


class Modules:
    """All that `import` finds besides built-in modules: the submission, NumPy, the standard library.

    A finder and loader of importlib. It looks nowhere else: sys.path may say what it likes.
    """

    def __init__(self, numpy):
        self.numpy, self.standard, self.sources = [numpy], list(sys.path), {}

    def find_spec(self, name, path=None, target=None):
        """Return where importlib finds a module, None if it is in none of the three."""
        if name in self.sources:
            spec = importlib.machinery.ModuleSpec(name, self, origin=f"{name}.py")
            spec.has_location = True  # so that the module has a __file__
            return spec
        path = path or (self.numpy if name == "numpy" else self.standard)
        spec = importlib.machinery.PathFinder.find_spec(name, path)
        # a folder without __init__.py would pass as a package: so would the folder of the installed ones
        return spec if spec is not None and spec.origin is not None else None

    def create_module(self, spec):
        """Leave it to importlib to make the empty module."""
        return None

    def exec_module(self, module):
        """Run a module of the submission."""
        exec(self.get_code(module.__name__), module.__dict__)

    def get_code(self, name):
        """Return the compiled source of a module of the submission."""
        # from bytes, as Python reads a file: byte order mark, declared encoding and Windows' line ends count
        return compile(self.sources[name], f"{name}.py", "exec", dont_inherit=True)

    def get_source(self, name):
        """For tracebacks and inspect."""
        return importlib.import_module("importlib.util").decode_source(self.sources[name])


def streams():
    """Return the streams to the grader, moved to where a student's code does not touch them by accident."""
    moved = []
    for number in (0, 1):
        try:
            import fcntl

            moved.append(fcntl.fcntl(number, fcntl.F_DUPFD_CLOEXEC, HIGH))
        except ImportError:  # Windows
            import msvcrt

            moved.append(os.dup(number))
            msvcrt.setmode(moved[-1], os.O_BINARY)
    discard_output(0, 1)
    return os.fdopen(moved[0], "rb", buffering=0), os.fdopen(moved[1], "wb", buffering=0)


def discard_output(*numbers):
    """Connect these descriptors to the null device."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for number in numbers:
        os.dup2(nowhere, number)
    os.close(nowhere)


def siblings(modules, *names):
    """Import the modules beside this file, then hide them: a submission's modules may have the same names."""
    modules.standard.append(HERE)
    found = [importlib.import_module(name) for name in names]
    modules.standard.remove(HERE)
    for name in (*names, "syscalls"):
        sys.modules.pop(name, None)
    return found


def answer(perform, functions, request):
    """Return the records of one request."""
    call, cases = request["call"], request["cases"]
    for name in (call["after"], call["name"]):
        if name is not None and not callable(functions.get(name)):
            missing = {
                "type": "Missing",
                "message": f"there is no function {name}",
                "file": None,
                "line": None,
            }
            return [{"error": missing} for _ in cases]
    if call.get("timed"):
        return [perform.timed(functions, call, case) for case in cases]
    return perform.perform(functions, call, cases)


def send(wire, target, message, limit):
    """Send an answer, or that it is too large."""
    try:
        content = wire.encode(message, limit=limit)
    except (wire.TooLarge, MemoryError) as error:
        content = wire.encode({"too much": str(error)})
    wire.send(target, content)


def begin(numpy, scratch, size, namespaces):
    """Apply the restrictions, load the modules, report both; return what requests need, or None."""
    modules = Modules(numpy)
    sys.meta_path[2:] = [modules]  # after the finders of built-in and frozen modules
    (restrictions,) = siblings(modules, "restrictions")
    separate = "not asked for"
    if namespaces == "1":
        separate = restrictions.attempt(restrictions.namespaces, scratch, int(size))
    orphans = restrictions.attempt(restrictions.end_with_the_grader)
    source, target = streams()
    wire, perform = siblings(modules, "wire", "perform")
    importlib.import_module("numpy.random")  # NumPy loads it late, and every case may need it
    first = wire.read(source, limit=UNLIMITED)
    allowance = restrictions.Allowance(first["memory"], int(size), first["seconds"], scratch, numpy)
    applied = restrictions.apply(allowance, first["restrictions"])
    wire.write(target, {"restrictions": {"namespaces": separate, "orphans": orphans, **applied}})
    modules.sources = first["modules"]
    discard_output(2)  # until now it told the grader why Python or NumPy did not start
    try:
        functions = vars(importlib.import_module(first["main"]))
    except BaseException as error:  # a module's own lines may raise anything, SystemExit too
        send(wire, target, {"error": perform.describe(error)}, first["output"])
        return None
    wire.write(target, {"loaded": True})
    return source, target, wire, perform, functions, first["output"]


def main():
    """Answer the grader's requests until it closes the stream."""
    begun = begin(*sys.argv[1:])
    sys.argv = [""]
    while begun is not None:
        source, target, wire, perform, functions, limit = begun
        try:
            request = wire.read(source, limit=UNLIMITED)
        except wire.Ended:
            return
        try:
            message = {"records": answer(perform, functions, request)}
        except BaseException as error:  # what perform does not take for the function's own: KeyboardInterrupt
            message = {"stopped": perform.describe(error)}
        send(wire, target, message, limit)


if __name__ == "__main__":
    main()
