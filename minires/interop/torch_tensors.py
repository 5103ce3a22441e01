"""What the pickle in a file of `torch.save` may describe: tensors, each a view of a storage.

The names that it may ask for, such as `torch._utils._rebuild_tensor_v2`, stand for functions of this file
that only write down what they are given and compare it with the sizes of the storages.
"""

import dataclasses
from typing import Any, BinaryIO

import numpy as np

from minires.pickle_machine import Call, Machine, set_items

# PyTorch's dtypes, by NumPy's of the same size
DTYPES: dict[str, type[np.generic]] = {
    **{name: getattr(np, name) for name in ("float64", "float32", "float16", "complex64", "complex128")},
    **{f"{sign}int{bits}": getattr(np, f"{sign}int{bits}") for sign in ("", "u") for bits in (8, 16, 32, 64)},
    "bool": np.bool_,
    "bfloat16": np.uint16,  # the upper half of a float32
}
MOST_AXES = 32  # of an array of NumPy 1
MOST_BYTES = 2**24  # of the pickles; the numbers of tensors stand beside them. ResNet-1202's has 2 million
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


def _ordered_dict(items: Any = ()) -> dict:
    """Return a dict of the items, which Python 2 gives as a list of pairs."""
    return items if isinstance(items, dict) else set_items({}, items)


class Description(Machine):
    """Runs the pickles of a file of PyTorch, which describe tensors.

    Attributes
    ----------
    storages
        {key: Storage} that the pickles have asked for.
    """

    names = {
        **{("torch", name): Dtype(name) for name in (*DTYPES, "complex32", "float8_e4m3fn", "float8_e5m2")},
        **{(f"torch{cuda}", name): Dtype(d) for cuda in ("", ".cuda") for name, d in STORAGES.items()},
        ("torch.storage", "UntypedStorage"): Dtype("bytes"),
        ("torch", "Size"): Call(_size),
        ("torch._utils", "_rebuild_tensor"): Call(_tensor),
        ("torch._utils", "_rebuild_tensor_v2"): Call(_tensor_v2),
        ("torch._utils", "_rebuild_tensor_v3"): Call(_tensor_v3),
        ("torch._utils", "_rebuild_parameter"): Call(_parameter),
        ("torch._utils", "_rebuild_parameter_with_state"): Call(_parameter),
        ("collections", "OrderedDict"): Call(_ordered_dict),
        ("collections", "Counter"): Call(_ordered_dict),
    }

    def __init__(self, file: BinaryIO, size: int) -> None:
        super().__init__(file, size, MOST_BYTES)
        self.storages: dict[str, Storage] = {}

    def refusal(self, module: str, name: str) -> str:
        """Return why there is no such thing, and what to do about it."""
        asked = f"it asks for {module[:80]!r} {name[:80]!r}"
        if name in REASONS:
            return f"{asked}: {REASONS[name]}"
        if module.startswith("torch.nn"):
            return f"{asked}: {A_MODULE}"
        made = "only tensors, dicts, numbers and strings are made here"
        return f"{asked}, and {made}; if it is a module: {A_MODULE}"

    def build(self, state: object) -> None:
        """Pass over the attributes of an ordered dict, such as a module's version numbers."""
        self.top(dict)

    def persistent(self, described: Any) -> Storage:
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
