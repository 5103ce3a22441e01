"""CUDA sources that run on the CPU: compiled as C++ with a few definitions, one thread after the other.

    strict_cupy.RawKernel = RawKernel        # `with kernels():` does it for a while

What is run is the source itself: its index arithmetic, its sums, its types. A block's threads take turns at
__syncthreads, so shared memory works, and a barrier that not all of them reach raises. `backwards` runs
threads and blocks from last to first: a result that depends on their order is a race.
"""

import contextlib
import ctypes
import functools
import hashlib
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import numpy as np

from . import _array
from ._array import PACKAGE, count, ndarray

COMPILER = shutil.which("g++") or shutil.which("clang++")
AVAILABLE = COMPILER is not None and sys.platform.startswith("linux")  # ucontext
# glibc's checked longjmp refuses to leave for another stack
OPTIONS = ("-O1", "-std=c++14", "-fPIC", "-shared", "-ffp-contract=off", "-U_FORTIFY_SOURCE")
LARGEST_GRID = (2**31 - 1, 65535, 65535)
backwards = False

PROLOGUE = r"""
#include <cmath>
#include <csetjmp>
#include <ucontext.h>
#include <vector>
using std::sqrt; using std::exp; using std::log; using std::log1p;
#define __global__
#define __device__ static
#define __shared__ static
struct Three { unsigned int x, y, z; };
static Three threadIdx, blockIdx, blockDim, gridDim;
struct Place { jmp_buf jump; };
static Place scheduler;
static std::vector<Place> places;
static std::vector<char> state;  // 0 to begin, 1 at a barrier, 2 done
static unsigned int current;
static void __syncthreads()
{
    state[current] = 1;
    if (!_setjmp(places[current].jump)) _longjmp(scheduler.jump, 1);
}
"""

EPILOGUE = r"""
typedef void (*Kernel)(void**);
static Kernel running;
static void** given;
static void fiber() { running(given); state[current] = 2; _longjmp(scheduler.jump, 1); }
static std::vector<char> stacks;

// Let thread `current` run to its next barrier or its end, on a stack of its own.
static void resume()
{
    if (_setjmp(scheduler.jump)) return;
    if (state[current]) _longjmp(places[current].jump, 1);
    ucontext_t begin;
    getcontext(&begin);
    begin.uc_stack.ss_sp = &stacks[current * 16384ull];
    begin.uc_stack.ss_size = 16384;
    begin.uc_link = nullptr;
    makecontext(&begin, fiber, 0);
    setcontext(&begin);
}
// 0, or 1 if a barrier was not reached by all threads of a block
extern "C" int launch(Kernel kernel, void** arguments, unsigned gx, unsigned gy, unsigned gz,
                      unsigned threads, int barriers, int backwards)
{
    gridDim = {gx, gy, gz}; blockDim = {threads, 1, 1};
    running = kernel; given = arguments;
    unsigned long long blocks = (unsigned long long)gx * gy * gz;
    stacks.resize(barriers ? threads * 16384ull : 0);
    for (unsigned long long number = 0; number < blocks; ++number) {
        unsigned long long b = backwards ? blocks - 1 - number : number;
        blockIdx = {(unsigned)(b % gx), (unsigned)(b / gx % gy), (unsigned)(b / gx / gy)};
        if (!barriers) {
            for (unsigned t = 0; t < threads; ++t) {
                threadIdx = {backwards ? threads - 1 - t : t, 0, 0};
                kernel(arguments);
            }
            continue;
        }
        places.resize(threads); state.assign(threads, 0);
        for (;;) {
            unsigned done = 0, waiting = 0;
            for (unsigned turn = 0; turn < threads; ++turn) {
                current = backwards ? threads - 1 - turn : turn;
                threadIdx = {current, 0, 0};
                if (state[current] != 2) resume();
                if (state[current] == 2) ++done; else ++waiting;
            }
            if (done && waiting) return 1;
            if (done) break;
        }
    }
    return 0;
}
"""

C_TYPES = {"int": np.int32, "long long": np.int64}


class RawKernel:
    """One kernel of a CUDA source, with the arguments of cupy.RawKernel."""

    def __init__(
        self,
        code,
        name,
        options=(),
        backend="nvrtc",
        *,
        translate_cucomplex=False,
        enable_cooperative_groups=False,
        jitify=False,
    ):
        if options or backend != "nvrtc" or translate_cucomplex or enable_cooperative_groups or jitify:
            raise NotImplementedError(f"{PACKAGE}.RawKernel: options are not simulated")
        self.code, self.name = code, name
        self.parameters = parameters_of(code)[name]
        body = code.partition(f"void {name}(")[2].partition('extern "C"')[0]
        self.has_barriers = "block_sum" in body or "__syncthreads" in body

    def __call__(self, grid, block, args, *, shared_mem=0):
        grid = (*grid, 1, 1)[:3]
        if len(block) != 1 or shared_mem:
            raise NotImplementedError(f"{PACKAGE}.RawKernel: only blocks of one dimension are simulated")
        if not all(1 <= size <= most for size, most in zip(grid, LARGEST_GRID, strict=True)):
            raise ValueError(f"CUDA_ERROR_INVALID_VALUE: grid {grid}")
        if len(args) != len(self.parameters):
            raise TypeError(f"{self.name}: expected {len(self.parameters)} arguments, got {len(args)}")
        real = re.search(r"typedef (\w+) real", self.code)[1]
        mark = re.search(r"typedef ([\w ]+) mark", self.code)[1]
        values = [
            self._value(kind.replace("real", real).replace("mark", mark), value)
            for kind, value in zip(self.parameters, args, strict=True)
        ]
        count("launches")
        kernels_launched.append(self.name)

        def run(keep=args):  # the arrays, whose addresses are in values
            pointers = (ctypes.c_void_p * len(values))(*(value.ctypes.data for value in values))
            library = compiled(self.code)
            function = getattr(library, f"call_{self.name}")
            if library.launch(function, pointers, *grid, block[0], self.has_barriers, backwards):
                raise RuntimeError(f"{self.name}: a barrier was not reached by all threads")

        _array.do(run)

    def _value(self, kind, value):
        """Return a NumPy array of one element: the argument as the C type `kind` in memory."""
        if kind.endswith("*"):
            dtype = {
                "float": "float32",
                "double": "float64",
                "long long": "int64",
                "unsigned long long": "uint64",
                "int": "int32",
            }
            wanted = kind.removeprefix("const ").removesuffix("*")
            accepted = ("uint8", "bool") if wanted == "unsigned char" else (dtype[wanted],)
            if not isinstance(value, ndarray) or value.dtype not in [np.dtype(name) for name in accepted]:
                raise TypeError(f"{self.name}: expected {kind}, got {getattr(value, 'dtype', value)!r}")
            return np.array([value.data.ptr], np.uint64)
        wanted = {"float": np.float32, "double": np.float64}.get(kind) or C_TYPES[kind]
        if type(value) is not wanted:  # CuPy would pass it in the type that it has, of another size perhaps
            raise TypeError(f"{self.name}: expected {wanted.__name__} for {kind}, got {type(value).__name__}")
        return np.array([value])


kernels_launched = []  # their names, in order


@functools.cache
def parameters_of(code):
    """Return {kernel: the C types of its parameters}."""
    found = re.findall(r"__global__ void (\w+)\((.*?)\)\s*{", code, re.DOTALL)
    return {
        name: [re.sub(r"\s*\w+$", "", part.strip()) for part in listed.split(",")] for name, listed in found
    }


@functools.cache
def compiled(code):
    """Return the library of all kernels of a source."""
    calls = "".join(
        f'extern "C" void call_{name}(void** given) {{ {name}('
        + ", ".join(f"*({kind}*)given[{i}]" for i, kind in enumerate(kinds))
        + "); }\n"
        for name, kinds in parameters_of(code).items()
    )
    source = PROLOGUE + code + calls + EPILOGUE
    folder = pathlib.Path(tempfile.gettempdir()) / f"strict_cupy-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.stat().st_uid != os.getuid():
        raise PermissionError(f"{folder} belongs to somebody else")
    path = folder / f"{hashlib.sha256(source.encode()).hexdigest()}.so"
    if not path.exists():
        with tempfile.TemporaryDirectory() as work:
            (pathlib.Path(work) / "kernels.cpp").write_text(source, encoding="utf-8")
            command = [COMPILER, *OPTIONS, "kernels.cpp", "-o", "kernels.so"]
            subprocess.run(command, cwd=work, check=True)
            shutil.copy(pathlib.Path(work) / "kernels.so", path.with_suffix(f".{os.getpid()}"))
        path.with_suffix(f".{os.getpid()}").replace(path)  # another process may be doing the same
    return ctypes.CDLL(str(path))


@contextlib.contextmanager
def kernels():
    """Give the stand-in a RawKernel for a while, as CuPy has one, and ask for the kernels."""
    package = sys.modules[PACKAGE]
    package.RawKernel = RawKernel
    os.environ["MINIRES_CUDA_KERNELS"] = "1"
    try:
        yield package
    finally:
        del package.RawKernel, os.environ["MINIRES_CUDA_KERNELS"]
