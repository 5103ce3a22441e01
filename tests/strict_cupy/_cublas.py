"""The few functions of the cuBLAS library that a captured matrix product calls, on host memory.

Like cuBLAS: matrices are stored column by column, arguments are pointers, and what is called while a stream
is captured happens when the graph is launched.
"""

import ctypes

import numpy as np

from . import _array


class Library:
    """Stands for ctypes.CDLL("libcublas.so.12")."""

    def __init__(self):
        self.calls = []  # names, in order

    def cublasCreate_v2(self, handle):
        handle._obj.value = 1
        return 0

    def cublasSetMathMode(self, handle, mode):
        self.calls.append(("math mode", mode))
        return 0

    def cublasSetStream_v2(self, handle, stream):
        self.calls.append(("stream", stream.value))
        return 0

    def cublasSetWorkspace_v2(self, handle, workspace, size):
        self.calls.append(("workspace", size.value))
        return 0

    def cublasSgemm_v2(self, *arguments):
        return self._gemm(ctypes.c_float, *arguments)

    def cublasDgemm_v2(self, *arguments):
        return self._gemm(ctypes.c_double, *arguments)

    def _gemm(self, scalar, handle, op_a, op_b, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc):
        op_a, op_b, scale = op_a.value, op_b.value, alpha._obj.value
        if (type(alpha._obj), type(beta._obj)) != (scalar, scalar) or beta._obj.value:
            return 7  # CUBLAS_STATUS_INVALID_VALUE
        if lda < (k if op_a else m) or ldb < (n if op_b else k) or ldc < m:
            return 7
        first = _columns(a.value, scalar, (k, m) if op_a else (m, k), lda)
        second = _columns(b.value, scalar, (n, k) if op_b else (k, n), ldb)
        result = _columns(c.value, scalar, (m, n), ldc)
        _array.count("launches")

        def run():
            result[...] = scale * (first.T if op_a else first) @ (second.T if op_b else second)

        _array.do(run)
        return 0


def _columns(address, scalar, shape, leading):
    """Return the matrix of that shape at an address, stored column by column, `leading` elements apart."""
    count = leading * (shape[1] - 1) + shape[0]
    flat = np.ctypeslib.as_array(ctypes.cast(address, ctypes.POINTER(scalar)), (count,))
    step = flat.itemsize
    return np.lib.stride_tricks.as_strided(flat, shape, (step, step * leading))
