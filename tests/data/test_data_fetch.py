"""Fetching from a server on the loopback address: whole, cut off, resumed, refused, damaged, hostile."""

import dataclasses
import gzip
import hashlib
import http.server
import io
import os
import re
import tarfile
import threading
import tracemalloc

import pytest
from official_pickles import write_cifar10_python

from minires import data
from minires.data import fetch as fetching
from minires.data.fetch import fetch

NAME = "cifar-10-python.tar.gz"
FOLDER = "cifar-10-batches-py"


class Server(http.server.ThreadingHTTPServer):
    """Serves `content`. ranges: whether it can continue; cuts: how many bytes the next connections bring
    before they break off; status: an error for every request. `asked` collects their Range headers."""

    daemon_threads = True

    def __init__(self, content):
        super().__init__(("127.0.0.1", 0), Handler)
        self.content, self.ranges, self.cuts, self.status, self.asked = content, True, [], None, []
        self.url = f"http://127.0.0.1:{self.server_address[1]}/{NAME}"


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        server, asked = self.server, self.headers.get("Range")
        server.asked.append(asked)
        if server.status:
            return self.send_error(server.status)
        first = int(re.fullmatch(r"bytes=(\d+)-", asked)[1]) if asked and server.ranges else None
        if first is not None and first >= len(server.content):
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(server.content)}")
            self.send_header("Content-Length", "0")
            return self.end_headers()
        body = server.content[first or 0 :]
        self.send_response(200 if first is None else 206)
        if first is not None:
            last = len(server.content) - 1
            self.send_header("Content-Range", f"bytes {first}-{last}/{len(server.content)}")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: server.cuts.pop(0)] if server.cuts else body)

    def log_message(self, *_):
        pass


def packed(files):
    """A .tar.gz of {name: bytes, or a TarInfo for something that is no plain file}."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, content in files.items():
            if isinstance(content, tarfile.TarInfo):
                tar.addfile(content)
            else:
                info = tarfile.TarInfo(name)
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


@pytest.fixture(scope="module")
def official(tmp_path_factory):
    """The files of a small archive in the official layout."""
    folder = tmp_path_factory.mktemp("official") / FOLDER
    write_cifar10_python(folder)
    return {f"{FOLDER}/{path.name}": path.read_bytes() for path in sorted(folder.iterdir())}


@pytest.fixture
def server(official, monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    serving = Server(packed(official))
    expect(monkeypatch, serving.content)
    monkeypatch.setattr(fetching, "BLOCK", 1000)
    thread = threading.Thread(target=serving.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield serving
    serving.shutdown()
    serving.server_close()
    thread.join()


def expect(monkeypatch, content):
    """Make this archive the official one."""
    md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
    changed = dataclasses.replace(fetching.ARCHIVES["cifar10"], md5=md5)
    monkeypatch.setitem(fetching.ARCHIVES, "cifar10", changed)


def get(directory, server, **options):
    return fetch("cifar10", directory, url=server.url, progress=False, **options)


def names(directory):
    return sorted(path.name for path in directory.iterdir())


def test_the_official_archives_are_the_python_ones_with_their_published_sums():
    archive = fetching.ARCHIVES["cifar10"]
    assert archive.url == "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz"
    assert archive.md5 == "c58f30108f718f92721af3b95e74349a" and archive.folder == FOLDER
    assert fetching.ARCHIVES["cifar100"].md5 == "eb9058c3a382ffc7106e4002c42a8d85"


def test_a_fetched_data_set_is_whole_loads_and_leaves_nothing_else(tmp_path, server):
    got = get(tmp_path / "new" / "folder", server)
    assert got.folder == tmp_path / "new" / "folder" / FOLDER and "downloaded" in got.message
    assert names(tmp_path / "new" / "folder") == [FOLDER]
    assert len(data.load("cifar10", tmp_path / "new" / "folder")[0]) == 20


def test_a_data_set_that_is_there_is_left_alone_and_says_so(tmp_path, server):
    get(tmp_path, server)
    assert "already there" in get(tmp_path, server).message and len(server.asked) == 1


def test_an_incomplete_folder_is_not_taken_for_the_data_set(tmp_path, server):
    get(tmp_path, server)
    (tmp_path / FOLDER / "data_batch_2").unlink()
    with pytest.raises(ValueError, match="lacks data_batch_2; remove the folder"):
        get(tmp_path, server)


def test_a_connection_that_breaks_off_is_continued_from_the_last_byte(tmp_path, server):
    server.cuts = [5000, 7000]
    get(tmp_path, server)
    assert server.asked == [None, "bytes=5000-", "bytes=12000-"] and names(tmp_path) == [FOLDER]


def test_a_download_that_was_given_up_is_continued_the_next_time(tmp_path, server):
    server.cuts = [2000] * fetching.ATTEMPTS
    with pytest.raises(ValueError, match="keeps breaking off; fetch again later"):
        get(tmp_path, server)
    assert (tmp_path / f"{NAME}.part").stat().st_size == 2000 * fetching.ATTEMPTS
    get(tmp_path, server)
    assert server.asked[-1] == f"bytes={2000 * fetching.ATTEMPTS}-" and names(tmp_path) == [FOLDER]


def test_a_server_that_cannot_continue_sends_everything_again(tmp_path, server):
    server.ranges, server.cuts = False, [5000]
    get(tmp_path, server)
    assert server.asked == [None, "bytes=5000-"] and names(tmp_path) == [FOLDER]


def test_a_whole_part_file_needs_no_further_byte(tmp_path, server):
    (tmp_path / f"{NAME}.part").write_bytes(server.content)
    get(tmp_path, server)
    assert len(server.asked) == 1 and names(tmp_path) == [FOLDER]


def test_a_part_file_longer_than_the_archive_is_begun_again(tmp_path, server):
    (tmp_path / f"{NAME}.part").write_bytes(server.content + b"more")
    get(tmp_path, server)
    assert server.asked[1] is None and names(tmp_path) == [FOLDER]


def test_a_wrong_checksum_is_an_error_and_the_next_fetch_begins_again(tmp_path, server):
    (tmp_path / f"{NAME}.part").write_bytes(b"x" * 5000)  # the start of some other file
    with pytest.raises(ValueError, match="has the MD5 .*, expected .*fetch again"):
        get(tmp_path, server)
    assert names(tmp_path) == []
    get(tmp_path, server)
    assert names(tmp_path) == [FOLDER]


def test_404_is_one_line_that_says_what_to_do(tmp_path, server):
    server.status = 404
    with pytest.raises(ValueError, match="404 Not Found") as caught:
        get(tmp_path, server)
    assert f"put {NAME} into {tmp_path} yourself" in str(caught.value) and "\n" not in str(caught.value)
    assert len(server.asked) == 1 and not (tmp_path / FOLDER).exists()


def test_without_a_network_one_line_names_the_folder_for_a_copy(tmp_path, server):
    server.shutdown()
    server.server_close()
    with pytest.raises(ValueError, match="refused") as caught:
        get(tmp_path, server)
    assert f"put {NAME} into {tmp_path} yourself" in str(caught.value) and "\n" not in str(caught.value)


def test_a_copy_laid_into_the_folder_is_used_and_kept(tmp_path, server):
    (tmp_path / NAME).write_bytes(server.content)
    assert "unpacked from" in get(tmp_path, server).message
    assert server.asked == [] and names(tmp_path) == [FOLDER, NAME]


def test_a_damaged_copy_is_named_and_kept(tmp_path, server):
    (tmp_path / NAME).write_bytes(server.content[:-1])
    with pytest.raises(ValueError, match=f"{NAME} has the MD5"):
        get(tmp_path, server)
    assert names(tmp_path) == [NAME]


def special(name, kind, target=""):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return {name: info}


HOSTILE = {
    "path with ..": {f"{FOLDER}/../../evil": b"x"},
    "absolute path": {"/tmp/evil": b"x"},
    "another folder": {"elsewhere/data_batch_1": b"x"},
    "no folder": {"evil": b"x"},
    "name ..": {f"{FOLDER}/..": b"x"},
    "hidden file": {f"{FOLDER}/.profile": b"x"},
    "backslashes": {f"{FOLDER}/..\\..\\evil": b"x"},
    "symbolic link": special(f"{FOLDER}/link", tarfile.SYMTYPE, "/etc/passwd"),
    "hard link": special(f"{FOLDER}/link", tarfile.LNKTYPE, "/etc/passwd"),
    "device": special(f"{FOLDER}/zero", tarfile.CHRTYPE),
    "pipe": special(f"{FOLDER}/pipe", tarfile.FIFOTYPE),
}


@pytest.mark.parametrize("trick", HOSTILE)
def test_an_archive_with_anything_but_its_plain_files_is_refused(
    tmp_path, server, official, monkeypatch, trick
):
    (tmp_path / "inner").mkdir()
    content = packed({**official, **HOSTILE[trick]})
    (tmp_path / "inner" / NAME).write_bytes(content)
    expect(monkeypatch, content)
    with pytest.raises(ValueError, match=f"{NAME} is damaged: unexpected entry"):
        get(tmp_path / "inner", server)
    assert names(tmp_path) == ["inner"] and names(tmp_path / "inner") == [NAME]


def announcing(size, kind=tarfile.REGTYPE):
    """The header of an entry with so many bytes, in a tar file of its own that lacks them."""
    info = tarfile.TarInfo(f"{FOLDER}/data_batch_1")
    info.size, info.type = size, kind
    return info.tobuf(tarfile.GNU_FORMAT)


@pytest.mark.parametrize(
    "content",
    [
        announcing(2**40),
        announcing(2**40, tarfile.GNUTYPE_SPARSE),
        announcing(2**31, tarfile.GNUTYPE_LONGNAME),
        announcing(2**31, tarfile.XHDTYPE),
        announcing(2**62, tarfile.XGLTYPE),
        bytes(512) * 20 + announcing(2**40),
    ],
    ids=["a file", "a sparse file", "a long name", "an extended header", "a global header", "zeros"],
)
def test_an_archive_that_announces_terabytes_is_refused_before_they_take_memory(
    tmp_path, server, monkeypatch, content
):
    content = gzip.compress(content + bytes(100_000))
    (tmp_path / NAME).write_bytes(content)
    expect(monkeypatch, content)
    tracemalloc.start()
    with pytest.raises(ValueError, match=f"{NAME} is damaged"):
        get(tmp_path, server)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10_000_000 and names(tmp_path) == [NAME]


def test_an_archive_that_becomes_larger_than_an_official_one_is_refused(
    tmp_path, server, official, monkeypatch
):
    monkeypatch.setattr(fetching, "LARGEST", 60_000)  # the official one of these tests has more
    (tmp_path / NAME).write_bytes(server.content)
    with pytest.raises(ValueError, match="becomes larger than an official archive"):
        get(tmp_path, server)
    assert names(tmp_path) == [NAME]


def test_the_same_file_twice_is_refused(tmp_path, server, official, monkeypatch):
    with gzip.open(io.BytesIO(server.content)) as file:
        twice = file.read().rstrip(b"\0")
    twice += bytes(-len(twice) % 512) + gzip.decompress(server.content)
    content = gzip.compress(twice)
    (tmp_path / NAME).write_bytes(content)
    expect(monkeypatch, content)
    with pytest.raises(ValueError, match="damaged: '.*/batches.meta' comes twice"):
        get(tmp_path, server)


def test_the_check_sum_at_gzip_s_end_is_looked_at(tmp_path, server, monkeypatch):
    content = server.content[:-8] + bytes([server.content[-8] ^ 1]) + server.content[-7:]
    (tmp_path / NAME).write_bytes(content)
    expect(monkeypatch, content)
    with pytest.raises(ValueError, match=f"{NAME} is damaged: CRC"):
        get(tmp_path, server)
    assert names(tmp_path) == [NAME]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="named pipes need POSIX")
@pytest.mark.parametrize("name", [NAME, f"{NAME}.part"])
def test_a_pipe_in_the_place_of_the_archive_is_named_at_once(tmp_path, server, name):
    os.mkfifo(tmp_path / name)
    with pytest.raises(ValueError, match=f"{name} is no file but a named pipe"):
        get(tmp_path, server)


@pytest.mark.parametrize("damage", ["cut", "not gzipped", "not a tar", "a file lacks"])
def test_an_archive_damaged_before_it_was_summed_is_refused(tmp_path, server, official, monkeypatch, damage):
    whole = server.content
    content = {
        "cut": whole[: len(whole) // 2],
        "not gzipped": b"no archive" * 100,
        "not a tar": gzip.compress(b"no archive" * 100),
        "a file lacks": packed({name: c for name, c in official.items() if "batch_3" not in name}),
    }[damage]
    (tmp_path / NAME).write_bytes(content)
    expect(monkeypatch, content)
    with pytest.raises(ValueError, match=f"{NAME} is damaged"):
        get(tmp_path, server)
    assert names(tmp_path) == [NAME]


def test_a_disk_that_fills_up_while_unpacking_loses_neither_download_nor_order(tmp_path, server, monkeypatch):
    def full(source, target):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(fetching.shutil, "copyfileobj", full)
        with pytest.raises(OSError, match="No space left"):
            get(tmp_path, server)
    assert names(tmp_path) == [NAME]
    get(tmp_path, server)
    assert len(server.asked) == 1 and (tmp_path / FOLDER).is_dir()


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="needs POSIX permissions of new folders")
def test_the_fetched_folder_can_be_read_as_any_new_folder(tmp_path, server):
    get(tmp_path, server)
    (tmp_path / "new").mkdir()
    assert (tmp_path / FOLDER).stat().st_mode == (tmp_path / "new").stat().st_mode


def test_an_unknown_name_is_refused_before_anything_is_written(tmp_path):
    with pytest.raises(ValueError, match="expected one of cifar10, cifar100, got 'mnist'"):
        fetch("mnist", tmp_path / "x")
    assert names(tmp_path) == []


def test_the_progress_bar_begins_where_the_download_is_continued(tmp_path, server, capsys):
    server.cuts = [5000]
    fetch("cifar10", tmp_path, url=server.url)
    assert NAME in capsys.readouterr().err


def test_a_second_fetch_that_loses_its_file_to_the_first_says_so(tmp_path, server, monkeypatch):
    verify = fetching._verify

    def first_fetch_ends_meanwhile(path, *arguments):
        path.unlink()
        verify(path, *arguments)

    monkeypatch.setattr(fetching, "_verify", first_fetch_ends_meanwhile)
    with pytest.raises(ValueError, match="another fetch into .* seems to run; wait for it, then fetch again"):
        fetch("cifar10", tmp_path, url=server.url, progress=False)
