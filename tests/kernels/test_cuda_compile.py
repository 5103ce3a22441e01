"""The CUDA sources compile for real GPUs, with NVIDIA's own compiler library (`pip install
nvidia-cuda-nvrtc-cu12`); no GPU is needed for that. And the stand-in's compiler sees the mistakes that it is
there for."""

import ctypes
import ctypes.util
import importlib.util
import pathlib
import re

import numpy as np
import pytest
import strict_cupy
from strict_cupy import _kernels

from minires.kernels.cuda import launch, source

needs_compiler = pytest.mark.skipif(
    not _kernels.AVAILABLE, reason="no C++ compiler to run CUDA sources on the CPU"
)


def nvrtc():
    """Return NVIDIA's run-time compiler as a ctypes library, or None."""
    spec = importlib.util.find_spec("nvidia")
    folders = [pathlib.Path(folder) for folder in (spec.submodule_search_locations if spec else ())]
    patterns = ("cuda_nvrtc/lib/libnvrtc.so.*", "cu13/lib/libnvrtc.so.*", "cuda_nvrtc/bin/nvrtc64_*.dll")
    found = [path for folder in folders for pattern in patterns for path in sorted(folder.glob(pattern))]
    for name in [*map(str, found), ctypes.util.find_library("nvrtc")]:
        if name and "alt" not in pathlib.Path(name).name:
            try:
                return ctypes.CDLL(name)
            except OSError:
                continue
    return None


NVRTC = nvrtc()
needs_nvrtc = pytest.mark.skipif(NVRTC is None, reason="nvidia-cuda-nvrtc-cu12 is not installed")


def compile_cuda(text, architecture):
    """Return (whether text compiles, what the compiler says, the size of the program in bytes)."""
    program, size = ctypes.c_void_p(), ctypes.c_size_t()
    assert not NVRTC.nvrtcCreateProgram(ctypes.byref(program), text.encode(), b"kernels.cu", 0, None, None)
    options = [f"--gpu-architecture={architecture}".encode(), b"--std=c++14"]
    status = NVRTC.nvrtcCompileProgram(program, len(options), (ctypes.c_char_p * len(options))(*options))
    NVRTC.nvrtcGetProgramLogSize(program, ctypes.byref(size))
    log = ctypes.create_string_buffer(size.value)
    NVRTC.nvrtcGetProgramLog(program, log)
    if not status:
        NVRTC.nvrtcGetCUBINSize(program, ctypes.byref(size))
    NVRTC.nvrtcDestroyProgram(ctypes.byref(program))
    return not status, log.value.decode(), size.value


@needs_nvrtc
@pytest.mark.parametrize("real", ["float", "double"])
@pytest.mark.parametrize("mark", ["unsigned char", "int"])
@pytest.mark.parametrize("architecture", ["sm_75", "sm_80", "sm_90"])
def test_the_sources_compile_without_a_warning(real, mark, architecture):
    compiles, log, size = compile_cuda(launch.text(real, mark), architecture)
    assert compiles, log
    assert not log.strip("\0\n ")
    assert size > 10_000  # a program for the machine itself, not only its intermediate form


@needs_nvrtc
def test_a_mistake_in_a_source_is_found():
    compiles, log, _ = compile_cuda(launch.text("float").replace("real mean = 0", "real mean = x"), "sm_90")
    assert not compiles and "kernels.cu" in log


def test_the_number_of_threads_is_the_same_in_python_and_cuda():
    assert re.search(r"#define THREADS (\d+)", source.SOURCE)[1] == str(source.THREADS)
    assert source.THREADS & (source.THREADS - 1) == 0


# -- what the stand-in's compiler catches -------------------------------------------------------------------


def raw(body, parameters="real* x"):
    head = "typedef double real;\ntypedef unsigned char mark;\n#define THREADS 256\n"
    return _kernels.RawKernel(
        f'{head}extern "C" __global__ void probe({parameters})\n{{ {body} }}\n', "probe"
    )


@needs_compiler
def test_threads_share_memory_and_meet_at_barriers():
    kernel = raw(
        "__shared__ real line[8]; line[threadIdx.x] = x[threadIdx.x]; __syncthreads();"
        "x[threadIdx.x] = line[7 - threadIdx.x] + 10 * blockIdx.x;"
    )
    x = strict_cupy.asarray(np.arange(8.0))
    kernel((2,), (8,), (x,))
    assert x.get().tolist() == [10 + i for i in range(8)]  # turned round twice


@needs_compiler
def test_a_barrier_that_some_threads_miss_raises():
    kernel = raw("if (threadIdx.x > 3) return; __syncthreads();")
    with pytest.raises(RuntimeError, match="barrier"):
        kernel((1,), (8,), (strict_cupy.zeros(1),))


@needs_compiler
def test_a_missing_barrier_shows_when_threads_run_backwards(monkeypatch):
    kernel = raw(
        "__shared__ real line[8]; line[threadIdx.x] = x[threadIdx.x]; real kept = line[7 - threadIdx.x];"
        "__syncthreads(); x[threadIdx.x] = kept;"
    )
    results = []
    for backwards in (False, True):
        monkeypatch.setattr(_kernels, "backwards", backwards)
        x = strict_cupy.asarray(np.arange(1.0, 9.0))
        kernel((1,), (8,), (x,))
        results.append(x.get().tolist())
    assert results[0] != results[1]


@needs_compiler
@pytest.mark.parametrize(
    ("grid", "block", "argument", "error"),
    [
        ((1,), (8,), np.zeros(3), TypeError),  # an array of the host
        ((1,), (8,), strict_cupy.zeros(3, np.float32), TypeError),  # of another dtype
        ((1,), (8,), 3.0, TypeError),
        ((0,), (8,), strict_cupy.zeros(3), ValueError),
        ((1, 65536), (8,), strict_cupy.zeros(3), ValueError),  # more blocks than CUDA allows along y
        ((1,), (8, 2), strict_cupy.zeros(3), NotImplementedError),
    ],
)
def test_a_launch_that_cuda_would_refuse_or_misread_raises(grid, block, argument, error):
    with pytest.raises(error):
        raw("x[0] = 0;")(grid, block, (argument,))


@needs_compiler
def test_a_kernel_is_one_launch():
    kernel, x = raw("x[0] = 0;"), strict_cupy.zeros(3)
    strict_cupy.launches = strict_cupy.synchronisations = strict_cupy.uploads = 0
    kernel((3,), (8,), (x,))
    assert (strict_cupy.launches, strict_cupy.synchronisations, strict_cupy.uploads) == (1, 0, 0)


# -- what the stand-in's capture refuses --------------------------------------------------------------------


def test_a_captured_stream_refuses_what_cupy_cannot_capture():
    x = strict_cupy.ones((2, 2))
    for call, error in (
        (lambda: x @ x, NotImplementedError),
        (lambda: strict_cupy.einsum("ij,jk", x, x), NotImplementedError),
        (lambda: strict_cupy.stack([x, x]), NotImplementedError),
        (lambda: x.get(), RuntimeError),
        (lambda: strict_cupy.asarray(np.ones(2)), RuntimeError),
        (lambda: x[[0, 1]], RuntimeError),
    ):
        stream = strict_cupy.cuda.Stream(non_blocking=True)
        with stream:
            stream.begin_capture()
            with pytest.raises(error):
                call()
            stream.end_capture()
    with pytest.raises(RuntimeError, match="default"):
        strict_cupy.cuda.Stream.null.begin_capture()


def test_a_graph_computes_at_each_launch_and_not_before():
    x, index = strict_cupy.ones(3), strict_cupy.asarray(np.array([2, 0]))
    kept = strict_cupy.zeros(2)
    stream = strict_cupy.cuda.Stream(non_blocking=True)
    with stream:
        stream.begin_capture()
        doubled = x + x
        x += 1
        x[:1] = 5
        kept[...] = doubled[index]
        copied = strict_cupy.array(x)
        total = x.sum()
        filled = strict_cupy.zeros(2)
        filled.fill(3)
        graph = stream.end_capture()
    assert x.get().tolist() == [1, 1, 1] and kept.get().tolist() == [0, 0]
    graph.launch()
    assert x.get().tolist() == copied.get().tolist() == [5, 2, 2] and kept.get().tolist() == [2, 2]
    graph.launch()
    assert x.get().tolist() == copied.get().tolist() == [5, 3, 3] and kept.get().tolist() == [4, 10]
    assert total.item() == 11 and filled.get().tolist() == [3, 3]
