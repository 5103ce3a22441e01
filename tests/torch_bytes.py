"""Writes files of torch.save byte by byte, without PyTorch: honest ones and such as it would never write."""

import io
import pickle
import struct
import zipfile


def text(value):
    return b"X" + struct.pack("<I", len(value.encode())) + value.encode()


def number(value):
    """A number or None, True, False, by the opcodes of protocol 2."""
    return pickle.dumps(value, 2)[2:-1]


def name(module, word):
    return f"c{module}\n{word}\n".encode()


def group(*parts):
    return b"(" + b"".join(parts) + b"t"


def numbers(*values):
    return group(*map(number, values))


def call(module, word, *arguments):
    return name(module, word) + group(*arguments) + b"R"


def mapping(**items):
    return b"}(" + b"".join(text(key) + value for key, value in items.items()) + b"u"


def storage(count=4, key="0", kind=("torch", "FloatStorage"), word="storage", device="cpu"):
    return group(text(word), name(*kind), text(key), text(device), number(count)) + b"Q"


def tensor(shape=(4,), strides=(1,), offset=0, of=None, function="_rebuild_tensor_v2", extra=()):
    rest = [number(False), call("collections", "OrderedDict"), *extra]
    view = [storage() if of is None else of, number(offset), numbers(*shape), numbers(*strides)]
    return call("torch._utils", function, *view, *(rest if function != "_rebuild_tensor" else []))


def program(body):
    return b"\x80\x02" + body + b"."


FOUR = struct.pack("<4f", 1, 2, 3, 4)  # what `storage()` holds


def archive(body, storages=None, *, folder="archive", compression=zipfile.ZIP_STORED, members=(), **options):
    """Return the zip format; body: opcodes; storages: {key: bytes}; members: further (name, bytes)."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as z:
        z.writestr(f"{folder}/data.pkl", program(body))
        for key, content in ({"0": FOUR} if storages is None else storages).items():
            z.writestr(f"{folder}/data/{key}", content)
        for member, content in members:
            z.writestr(member, content)
    return file.getvalue()


MAGIC = number(0x1950A86A20F9469CFC6C)
FACTS = mapping(little_endian=number(True))


def legacy(body, storages=None, *, magic=MAGIC, protocol=1001, keys=None):
    """Return the format before PyTorch 1.6; storages: {key: (count, bytes)}."""
    storages = {"0": (4, FOUR)} if storages is None else storages
    keys = b"](" + b"".join(map(text, storages)) + b"e" if keys is None else keys
    head = [magic, number(protocol), FACTS, body, keys]
    tail = [struct.pack("<q", count) + content for count, content in storages.values()]
    return b"".join(map(program, head)) + b"".join(tail)
