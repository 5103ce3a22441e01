"""What the pickle in a file of `torch.save` may describe: tensors, each a view of a storage.

The names that it may ask for, such as `torch._utils._rebuild_tensor_v2`, stand for functions of this file
that only write down what they are given and compare it with the sizes of the storages.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from minires.interop.pickle_machine import STEP, Call, Machine, Source, set_items

# PyTorch's dtypes, by NumPy's of the same size
DTYPES: dict[str, type[np.generic]] = {
    **{name: getattr(np, name) for name in ("float64", "float32", "float16", "complex64", "complex128")},
    **{f"{sign}int{bits}": getattr(np, f"{sign}int{bits}") for sign in ("", "u") for bits in (8, 16, 32, 64)},
    "bool": np.bool_,
    "bfloat16": np.uint16,  # the upper half of a float32
}
MOST_AXES = 32  # of an array of NumPy 1
STORAGES = {
    "FloatStorage": "float32",
    "DoubleStorage": "float64",
    "HalfStorage": "float16",
    "BFloat16Storage": "bfloat16",
    "LongStorage": "int64",
    "IntStorage": "int32",
    "ShortStorage": "int16",
    "CharStorage": "int8",
    "ByteStorage": "uint8",
    "BoolStorage": "bool",
    "ComplexFloatStorage": "complex64",
    "ComplexDoubleStorage": "complex128",
    "UntypedStorage": "bytes",  # each tensor says what they are
}
REASONS = {
    "_rebuild_sparse_tensor": "a sparse tensor; save its .to_dense()",
    "_rebuild_qtensor": "a quantized tensor; save its .dequantize()",
    "_rebuild_meta_tensor_no_storage": "a tensor without numbers (on the device meta)",
    "_rebuild_from_type_v2": "a tensor of a class of its own or with attributes",
    "_load_from_bytes": "a pickle inside a pickle: written by pickle.dump; use torch.save",
}
A_MODULE = "a whole module is its code, which is not run; save its state_dict()"


@dataclasses.dataclass(frozen=True, slots=True)
class Dtype:
    """Stands for torch.float32 and its like. name: of DTYPES, or another that PyTorch has."""

    name: str


@dataclasses.dataclass(frozen=True, slots=True)
class Storage:
    """Numbers in a row, somewhere in the file. count: of elements, for the dtype "bytes" of bytes."""

    key: str
    dtype: str
    count: int

    @property
    def nbytes(self) -> int:
        """The bytes that the numbers take in the file."""
        return self.count * (1 if self.dtype == "bytes" else np.dtype(DTYPES[self.dtype]).itemsize)


@dataclasses.dataclass(frozen=True, slots=True)
class Tensor:
    """A view of a storage. dtype: of DTYPES; offset and strides in elements."""

    storage: Storage
    dtype: str
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


class Description:
    """What the pickles of one file may ask for, and what they have asked for.

    Attributes
    ----------
    storages
        {key: Storage}
    """

    def __init__(self, source: Source) -> None:
        self.source = source
        self.storages: dict[str, Storage] = {}
        dtypes = [*DTYPES, "complex32", *(f"float8_{kind}" for kind in ("e4m3fn", "e5m2"))]
        utils: dict[str, Callable[..., object]] = {
            "_rebuild_tensor": _tensor,
            "_rebuild_tensor_v2": _tensor_v2,
            "_rebuild_tensor_v3": _tensor_v3,
            "_rebuild_parameter": _parameter,
            "_rebuild_parameter_with_state": _parameter,
        }
        self.names: dict[tuple[str, str], object] = {
            **{("torch._utils", name): Call(make) for name, make in utils.items()},
            **{("torch", name): Dtype(name) for name in dtypes},
            **{
                (module, name): Dtype(d) for module in ("torch", "torch.cuda") for name, d in STORAGES.items()
            },
            ("torch.storage", "UntypedStorage"): Dtype("bytes"),
            ("torch", "Size"): Call(_size),
            ("collections", "OrderedDict"): Call(self._ordered_dict),
            ("collections", "Counter"): Call(self._ordered_dict),
        }

    def run(self) -> Any:
        """Return what the next pickle makes."""
        return Machine(self.names, _refusal, self._storage).run(self.source)

    def _storage(self, described: Any) -> Storage:
        """("storage", its type, key, device, number of elements) -> Storage"""
        if not isinstance(described, tuple) or not described or described[0] not in ("storage", "module"):
            raise ValueError("it refers to something outside of it that is no storage")
        if described[0] == "module":
            raise ValueError(A_MODULE)
        _, kind, key, device, count, *view = described
        if any(part is not None for part in view):
            raise ValueError(
                "it has views of storages, of PyTorch before 0.4; load it there and save it again"
            )
        if not isinstance(kind, Dtype) or not isinstance(key, str) or not isinstance(device, str):
            raise ValueError("a storage is described by something else than a type, a key and a device")
        _check_natural(count)
        storage = Storage(key, kind.name, count)
        if self.storages.setdefault(key, storage) != storage:
            raise ValueError(f"storage {key[:40]!r} is described in two ways")
        return storage

    def _ordered_dict(self, items: Any = ()) -> dict:
        """Python 2 gives the items as a list of pairs."""
        if isinstance(items, dict):
            return items
        self.source.spend(STEP * len(items))  # one list could be taken for many dicts
        result: dict = {}
        set_items(result, items)
        return result


def _tensor(storage: Any, offset: Any, shape: Any, strides: Any, dtype: str | None = None) -> Tensor:
    """Return a Tensor all of whose elements lie inside its storage; dtype: None for the storage's."""
    if not isinstance(storage, Storage) or not isinstance(shape, tuple) or not isinstance(strides, tuple):
        raise ValueError("a tensor is made of something else than a storage, a shape and strides")
    if len(shape) != len(strides) or len(shape) > MOST_AXES:
        raise ValueError(f"a tensor of {len(shape)} axes has {len(strides)} strides")
    if dtype is None:
        dtype = storage.dtype
    if dtype not in DTYPES:
        raise ValueError(f"a tensor has numbers of the type {dtype}, which NumPy does not have")
    count = storage.count
    if storage.dtype == "bytes":
        count //= np.dtype(DTYPES[dtype]).itemsize
    elif storage.dtype != dtype:
        raise ValueError(f"a tensor of {dtype} lies in a storage of {storage.dtype}")
    for value in (offset, *shape, *strides):
        _check_natural(value)
    size, last = 1, offset
    for n, stride in zip(shape, strides, strict=True):
        size, last = size * n, last + (n - 1) * stride
    if size and last >= count:
        raise ValueError(f"a tensor of shape {shape} reaches beyond the {count} numbers of its storage")
    if size > count:
        raise ValueError(f"a tensor of shape {shape} repeats numbers (expand); save its .contiguous()")
    return Tensor(storage, dtype, offset, shape, strides)


def _tensor_v2(
    storage: Any, offset: Any, shape: Any, strides: Any, grad: Any, hooks: Any, metadata: Any = None
) -> Tensor:
    """metadata: what is still to be done to the numbers when they are read."""
    if metadata:
        raise ValueError("a tensor waits to be conjugated or negated; save its .resolve_conj().resolve_neg()")
    return _tensor(storage, offset, shape, strides)


def _tensor_v3(
    storage: Any,
    offset: Any,
    shape: Any,
    strides: Any,
    grad: Any,
    hooks: Any,
    dtype: Any,
    metadata: Any = None,
) -> Tensor:
    if not isinstance(dtype, Dtype) or metadata:
        raise ValueError("a tensor is described by something else than its dtype")
    return _tensor(storage, offset, shape, strides, dtype.name)


def _parameter(tensor: object, *_: object) -> Tensor:
    if not isinstance(tensor, Tensor):
        raise ValueError("a parameter is made of something else than a tensor")
    return tensor


def _size(shape: object) -> tuple:
    if not isinstance(shape, tuple):
        raise ValueError("a shape is no tuple")
    return shape


def _check_natural(value: object) -> None:
    if type(value) is not int or not 0 <= value < 2**63:
        raise ValueError("a size, an offset or a stride is no whole number from 0 up")


def _refusal(module: str, name: str) -> str:
    """Return why a pickle gets no such thing."""
    asked = f"it asks for {module[:80]!r} {name[:80]!r}"
    if name in REASONS:
        return f"{asked}: {REASONS[name]}"
    if module.startswith("torch.nn"):
        return f"{asked}: {A_MODULE}"
    return (
        f"{asked}, and only tensors, dicts, numbers and strings are made here; if it is a module: {A_MODULE}"
    )
