"""Matrix products on a GPU that may be captured.

CuPy refuses to call cuBLAS while a stream is captured (CuPy 14: NotImplementedError; cupy/cupy issue 6290),
though cuBLAS itself allows it. So a captured product calls the library that CuPy has loaded, through ctypes,
with a handle and a workspace of our own; every other product is CuPy's. cuBLAS documentation, "CUDA Graphs
Support" and cublasSetWorkspace.
"""

import ctypes
import functools
import os
import sys

from minires.backend import array_module

WORKSPACE = 32 << 20  # bytes; what NVIDIA recommends for the largest GPUs
PLAIN, TRANSPOSED = 0, 1  # CUBLAS_OP_N, CUBLAS_OP_T
DEFAULT_MATH, TF32_MATH = 0, 3  # CUBLAS_DEFAULT_MATH, CUBLAS_TF32_TENSOR_OP_MATH


def matmul(a, b, out=None):
    """Return a @ b for matrices (M, K) and (K, N) of one dtype, in out (M, N) if given."""
    xp = array_module(a, b)
    if not is_capturing(xp):
        return xp.matmul(a, b, out=out) if out is not None else xp.matmul(a, b)
    if out is None:
        out = xp.empty((a.shape[0], b.shape[1]), a.dtype)
    if out.flags.c_contiguous:
        _gemm(xp, a, b, out)
    else:
        product = xp.empty(out.shape, out.dtype)
        _gemm(xp, a, b, product)
        out[...] = product
    return out


def is_capturing(xp):
    """Whether the current stream is being captured into a graph."""
    stream = xp.cuda.get_current_stream()
    return stream.ptr > 1 and stream.is_capturing()  # 0 and 1 are the default stream, which cannot be


def _gemm(xp, a, b, out):
    """Fill the contiguous out (M, N) with a @ b.

    cuBLAS takes matrices column by column and so reads each of ours transposed: out.T = b.T @ a.T, whose
    factors are b and a as they lie; a factor that lies transposed in our memory is the one to transpose.
    """
    blas = handle(xp)
    (a, lda, a_transposed), (b, ldb, b_transposed) = _as_it_lies(a), _as_it_lies(b)
    (m, k), n = a.shape, b.shape[1]
    scalar = ctypes.c_float if out.dtype.itemsize == 4 else ctypes.c_double
    gemm = blas.library.cublasSgemm_v2 if out.dtype.itemsize == 4 else blas.library.cublasDgemm_v2
    blas.check(
        gemm(
            blas.pointer, ctypes.c_int(b_transposed), ctypes.c_int(a_transposed), n, m, k,
            ctypes.byref(scalar(1)), ctypes.c_void_p(b.data.ptr), ldb,
            ctypes.c_void_p(a.data.ptr), lda,
            ctypes.byref(scalar(0)), ctypes.c_void_p(out.data.ptr), n,
        )
    )  # fmt: skip


def _as_it_lies(matrix):
    """Return (matrix, elements from line to line, whether its lines are columns), copied if it has
    neither."""
    if matrix.flags.c_contiguous:
        return matrix, matrix.shape[1], PLAIN
    if matrix.T.flags.c_contiguous:
        return matrix, matrix.shape[0], TRANSPOSED
    return _as_it_lies(array_module(matrix).ascontiguousarray(matrix))


class Handle:
    """A cuBLAS handle: the library, the pointer, and the workspace that it may use in a graph."""

    def __init__(self, xp):
        self.library = load(xp)
        self.pointer = ctypes.c_void_p()
        self.check(self.library.cublasCreate_v2(ctypes.byref(self.pointer)))
        tf32 = os.environ.get("CUPY_TF32", "0") not in ("", "0")
        self.check(self.library.cublasSetMathMode(self.pointer, TF32_MATH if tf32 else DEFAULT_MATH))
        self.workspace = xp.empty(WORKSPACE, "uint8")

    def use(self, stream):
        """Work on that stream from now on."""
        self.check(self.library.cublasSetStream_v2(self.pointer, ctypes.c_void_p(stream.ptr)))
        # after SetStream, which goes back to cuBLAS's own workspace
        where = ctypes.c_void_p(self.workspace.data.ptr)
        self.check(self.library.cublasSetWorkspace_v2(self.pointer, where, ctypes.c_size_t(WORKSPACE)))

    def check(self, status):
        """Raise RuntimeError unless status is cuBLAS's success."""
        if status:
            raise RuntimeError(f"cuBLAS: status {status}")


@functools.cache
def handle(xp):
    """Return the one Handle of module xp. Raises OSError where the library is not found."""
    return Handle(xp)


def load(xp):
    """Return the cuBLAS library of CuPy's CUDA version, which CuPy itself has loaded already."""
    version = xp.cuda.runtime.runtimeGetVersion() // 1000
    name = f"cublas64_{version}.dll" if sys.platform == "win32" else f"libcublas.so.{version}"
    return ctypes.CDLL(name)
