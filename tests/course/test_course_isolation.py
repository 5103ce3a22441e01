"""The child process of the grader: what it answers, how it ends, and what each restriction stops.

A restriction that this machine does not offer is skipped by name; what must hold without any is tested
without any.
"""

import os
import pathlib
import signal
import subprocess
import sys
import textwrap
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from places import ROOT

from minires.course.grade import child as processes
from minires.course.grade import isolation
from minires.course.grade.isolation import Limits, Sandbox, SandboxError
from minires.course.sandbox import syscalls

LINUX = sys.platform == "linux"
INSTALLED = sorted(pathlib.Path(os.__file__).parent.glob("*-packages/**/*.*"))[
    :1
]  # inside Python's own folder


def sandbox(source, **options):
    """A sandbox with one module."""
    source = source if isinstance(source, bytes) else textwrap.dedent(source).encode()
    return Sandbox({"work": source}, "work", **options)


def ask(child, name="f", seconds=10, **case):
    """Return the record of one call of one function."""
    return child.perform({"name": name, "after": None}, [case], seconds=seconds)[0]


def given(source, **options):
    """Return what f() of this source returned."""
    with sandbox(source, **options) as child:
        assert child.load_error is None, child.load_error
        record = ask(child)
    assert "error" not in record, record["error"]
    return record["given"]


def error(source, **options):
    """Return type and message of the exception that f() of this source raised."""
    with sandbox(source, **options) as child:
        assert child.load_error is None, child.load_error
        record = ask(child)
    return record["error"]["type"], record["error"]["message"]


def failure(source, *, seconds=10, **options):
    """Return the SandboxError that running f() of this source raises."""
    with pytest.raises(SandboxError) as raised:
        with sandbox(source, **options) as child:
            ask(child, seconds=seconds)
    return raised.value


@pytest.fixture(scope="module")
def restrictions():
    """Which restrictions this machine offers, as a child says that tried them."""
    with sandbox("") as child:
        return child.restrictions


@pytest.fixture
def holding(restrictions):
    """Skip a test of a restriction that this machine does not offer."""

    def check(*names):
        for name in names:
            if restrictions[name] is not None:
                pytest.skip(f"no restriction {name!r} on this machine: {restrictions[name]}")

    return check


# --- what is answered ---


def test_arrays_go_in_and_come_back_with_their_dtype():
    with sandbox("def f(x, stride):\n    return x[:, ::stride], {'mean': x.mean()}\n") as child:
        record = ask(child, x=np.arange(6, dtype=np.float32).reshape(2, 3), stride=2)
    y, extra = record["given"]
    np.testing.assert_array_equal(y, np.float32([[0, 2], [3, 5]]))
    assert y.dtype == extra["mean"].dtype == np.float32 and extra["mean"] == 2.5
    assert y.flags.owndata and y.flags.writeable


def test_a_backward_gets_the_cache_that_its_forward_returned():
    source = (
        "def forward(x):\n    return x * x, [x]\ndef backward(dy, cache):\n    return 2 * cache[0] * dy\n"
    )
    cases = [{"x": np.full(2, 3.0), "dy": np.ones(2)}, {"x": np.full(3, 4.0), "dy": np.ones(3)}]
    with sandbox(source) as child:
        records = child.perform({"name": "backward", "after": "forward"}, cases, seconds=10)
    assert [record["late"].tolist() for record in records] == [[6.0, 6.0], [8.0, 8.0, 8.0]]


def test_modules_of_a_submission_import_each_other():
    modules = {
        "first": b"from second import g\ndef f():\n    return g()\n",
        "second": b"def g():\n    return 7\n",
    }
    with Sandbox(modules, "first") as child:
        assert ask(child)["given"] == 7


def test_names_of_the_graders_own_modules_are_free():
    modules = {"wire": b"def g():\n    return 7\n", "work": b"import wire\ndef f():\n    return wire.g()\n"}
    with Sandbox(modules, "work") as child:
        assert ask(child)["given"] == 7


@pytest.mark.parametrize(
    "source",
    [
        b"\xef\xbb\xbfdef f():\n    return 'gr\xc3\xbc\xc3\x9f'\n",
        b"def f():\r\n    return 'gr\xc3\xbc\xc3\x9f'\r\n",
        b"# -*- coding: latin-1 -*-\ndef f():\n    return 'gr\xfc\xdf'\n",
    ],
    ids=["byte order mark", "Windows line ends", "declared encoding"],
)
def test_sources_are_read_as_python_reads_files(source):
    assert given(source) == "grüß"


def test_inspect_finds_the_source_of_a_submission():
    assert "return inspect" in given("import inspect\ndef f():\n    return inspect.getsource(f)\n")


@pytest.mark.parametrize("name", ["sqlite3", "ctypes", "random", "json", "lzma", "datetime", "unittest.mock"])
def test_the_standard_library_imports_when_the_locks_are_closed(name):
    __import__(name)  # a Python built without it is not the sandbox's doing
    assert given(f"def f():\n    import {name}\n    return True\n")


def test_what_numpy_loads_late_works_when_the_locks_are_closed():
    source = """
    import numpy as np
    def f():
        a = np.linalg.inv(np.eye(300) * 2) @ np.ones((300, 300))
        return np.fft.fft(a)[0, 0].real, np.random.default_rng(1).normal(), np.poly1d([2, 1])(3)
    """
    assert given(source)[2] == 7


def test_printing_goes_nowhere_and_reading_ends_at_once():
    assert given("import sys\ndef f():\n    print('grüß' * 10**6)\n    return sys.stdin.read()\n") == ""


def test_several_cells_run_at_a_time_in_threads():
    def run(number):
        return given(f"def f():\n    return {number}\n")

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(run, range(8))) == list(range(8))


# --- what the student is told ---


def test_a_missing_function_is_an_error_of_its_own():
    with sandbox("f = 3\n") as child:
        record = ask(child)
    assert record["error"]["type"] == "Missing" and "there is no function f" in record["error"]["message"]


@pytest.mark.parametrize(
    "source, kind, line",
    [
        (b"x = 1\ndef f(:\n    pass\n", "SyntaxError", 2),
        (b"x = 1\n\ny = z\n", "NameError", 3),
        (b"import sys\nsys.exit(0)\n", "SystemExit", 2),
        (b"\nraise KeyboardInterrupt\n", "KeyboardInterrupt", 2),
        (b"\nimport minires\n", "ModuleNotFoundError", 2),
        (b"\nfrom sklearn import svm\n", "ModuleNotFoundError", 2),
        (b"\nimport pytest\n", "ModuleNotFoundError", 2),
    ],
)
def test_an_error_while_loading_has_its_line(source, kind, line):
    with Sandbox({"work": source}, "work") as child:
        assert child.load_error["type"] == kind
        assert (child.load_error["file"], child.load_error["line"]) == ("work.py", line)
        with pytest.raises(SandboxError):
            ask(child)


def test_bytes_that_are_no_source_are_a_load_error():
    for source in (b"\0\0", b"x = '\xff'\n", b"# coding: nonsense\n"):
        with sandbox(source) as child:
            assert child.load_error["type"] in ("SyntaxError", "ValueError")


def test_messages_cannot_control_the_terminal():
    class_ = "type('\\x1b[2Jgone', (BaseException,), {})"
    assert failure(f"def f():\n    raise {class_}\n").text == "\ufffd[2Jgone ended it"


def test_what_raises_in_a_call_leaves_the_cell_alive():
    with sandbox("def f(x):\n    return 1 / x\n") as child:
        assert ask(child, x=0)["error"]["line"] == 2
        assert ask(child, x=4)["given"] == 0.25


# --- how it ends ---


@pytest.mark.parametrize("body", ["while True: pass", "import time; time.sleep(100)"])
def test_an_endless_call_is_ended_in_time(body):
    start = time.monotonic()
    assert failure(f"def f():\n    {body}\n", seconds=0.5).kind == "timeout"
    # The limit is 0.5 s. A grader that waits for the child itself takes 100 s or forever, so the bound lies
    # far from both: starting a child may take 30 s at most, on a machine however busy.
    assert time.monotonic() - start < 60


def test_an_endless_module_is_ended_in_time():
    assert failure("while True: pass\n", limits=Limits(load=0.5)).kind == "timeout"


def test_signals_cannot_be_ignored():
    source = """
    import signal, time
    def f():
        for number in set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP}:
            signal.signal(number, signal.SIG_IGN)
        time.sleep(100)
    """
    assert failure(source, seconds=0.5).kind == "timeout"
    assert failure(source, seconds=0.5, ask_for=()).kind == "timeout"


@pytest.mark.parametrize(
    "body, text",
    [
        ("import os; os._exit(3)", "exit status 3"),
        ("import os; os._exit(0)", "exit status 0"),
        ("import ctypes; ctypes.string_at(0)", "SIGSEGV"),
        ("import os; os.closerange(0, 1000); import time; time.sleep(100)", "closed its connection"),
    ],
)
def test_a_child_that_dies_says_how(body, text):
    failed = failure(f"def f():\n    {body}\n")
    assert failed.kind == "crash" and text in failed.text


def test_a_dead_cell_stays_dead():
    with sandbox("import os\ndef f():\n    os._exit(0)\n") as child:
        for _ in range(2):
            with pytest.raises(SandboxError):
                ask(child)


def test_an_interrupt_of_any_kind_ends_the_call():
    failed = failure("def f():\n    raise KeyboardInterrupt('mine')\n")
    assert failed.kind == "crash" and failed.text == "KeyboardInterrupt ended it"


def test_a_result_that_is_too_large_is_not_sent():
    source = "import numpy as np\ndef f():\n    return np.zeros(1 << 20)\n"
    assert failure(source, limits=Limits(output=1 << 20)).kind == "output"
    assert failure("def f():\n    a = []\n    a += [a, a]\n    return a\n").kind == "output"


FIND_THE_PIPE = """
import os, struct, time
def pipe():
    return max(number for number in range(3, 1000) if os.path.exists(f"/dev/fd/{number}") or valid(number))
def valid(number):
    try:
        os.fstat(number)
        return True
    except OSError:
        return False
"""


@pytest.mark.parametrize(
    "sent, kind",
    [
        ("b'garbage ' * 1000", "output"),  # its first eight bytes are a length
        ("struct.pack('<Q', 5) + b'hello'", "protocol"),
        ("struct.pack('<Q', 1) + b'N'", "protocol"),
        ("struct.pack('<Q', 1 << 62)", "output"),
        ("struct.pack('<Q', 1 << 20) + b'l'", "crash"),
    ],
)
@pytest.mark.skipif(os.name != "posix", reason="finds the pipe by fstat")
def test_nonsense_in_the_pipe_is_told_from_an_answer(sent, kind):
    source = FIND_THE_PIPE + f"def f():\n    os.write(pipe(), {sent})\n    os._exit(0)\n"
    assert failure(source).kind == kind


@pytest.mark.skipif(os.name != "posix", reason="finds the pipe by fstat")
def test_a_forged_answer_must_have_the_form_of_one():
    # {"records": []}, where one case was asked
    frame = b"d" + (1).to_bytes(8, "little") + b"s" + (7).to_bytes(8, "little") + b"records"
    frame += b"l" + (0).to_bytes(8, "little")
    source = FIND_THE_PIPE + f"def f():\n    os.write(pipe(), {len(frame).to_bytes(8, 'little') + frame!r})\n"
    failed = failure(source)
    assert failed.kind == "protocol" and "records" in failed.text


@pytest.mark.skipif(os.name != "posix", reason="finds the pipe by fstat")
def test_a_child_that_reads_nothing_cannot_hold_the_grader():
    loaded = b"d" + (1).to_bytes(8, "little") + b"s" + (6).to_bytes(8, "little") + b"loadedT"
    source = (
        FIND_THE_PIPE + f"os.write(pipe(), {len(loaded).to_bytes(8, 'little') + loaded!r})\ntime.sleep(100)\n"
    )
    with sandbox(source) as child:
        with pytest.raises(SandboxError, match="not done"):
            ask(child, x=np.zeros(1 << 20), seconds=0.5)


@pytest.mark.skipif(os.name != "posix", reason="finds the pipe by fstat")
def test_a_child_that_writes_slowly_cannot_hold_the_grader():
    source = FIND_THE_PIPE + (
        "def f():\n    os.write(pipe(), struct.pack('<Q', 100))\n"
        "    while True:\n        os.write(pipe(), b'l')\n        time.sleep(0.1)\n"
    )
    assert failure(source, seconds=0.5).kind == "timeout"


# --- what is closed ---


def test_the_environment_and_the_arguments_tell_nothing(monkeypatch):
    monkeypatch.setenv("SECRET", "seed 42")
    environment, arguments = given("import os, sys\ndef f():\n    return dict(os.environ), sys.argv\n")
    allowed = {*processes.KEPT, *processes.ONE_THREAD, "HOME", "TMPDIR", "TEMP", "TMP", "LC_CTYPE"}
    assert environment.keys() <= allowed and arguments == [""]


def test_the_scratch_folder_is_the_working_folder_and_is_removed():
    source = "import os\ndef f():\n    open('a', 'w').write('b')\n    return os.getcwd(), open('a').read()\n"
    folder, text = given(source)
    assert text == "b" and not os.path.exists(folder)
    folder, text = given(source, ask_for=())
    assert text == "b" and not os.path.exists(folder)


def test_a_large_allocation_is_a_memory_error(holding):
    holding("memory")
    for body in ("bytearray(100 << 30)", "__import__('numpy').ones(100 << 27)", "list(range(10**10))"):
        assert error(f"def f():\n    return len({body})\n")[0] == "MemoryError"


def test_files_are_small_and_few(holding):
    holding("small files")
    source = "def f():\n    with open('a', 'wb') as file:\n        file.write(bytes(100 << 20))\n"
    assert error(source)[0] == "OSError"
    assert error("def f():\n    a = [open('a', 'wb') for _ in range(1000)]\n")[0] == "OSError"


def test_the_scratch_folder_cannot_fill_the_disk(holding):
    holding("namespaces")
    source = """
    def f():
        for number in range(9):
            with open(str(number), "wb") as file:
                file.write(bytes(15 << 20))
    """
    assert "No space left" in error(source)[1]


@pytest.mark.parametrize(
    "path",
    [
        __file__,
        isolation.__file__,
        "/etc/passwd",
        "/proc/self/environ",
        "/proc/1/environ",
        "/",
        str(ROOT),
        "/tmp",
    ]
    + list(map(str, INSTALLED)),
)
def test_no_other_file_can_be_read(holding, path):
    holding("files")
    read = f"open({path!r}).read()" if not os.path.isdir(path) else f"__import__('os').listdir({path!r})"
    assert error(f"def f():\n    return {read}\n")[0] == "PermissionError"


def test_no_other_file_can_be_written(holding, tmp_path):
    holding("files")
    (tmp_path / "a").write_text("kept")
    for body in (
        f"open({str(tmp_path / 'a')!r}, 'w')",
        f"os.remove({str(tmp_path / 'a')!r})",
        f"os.truncate({str(tmp_path / 'a')!r}, 0)",
        f"os.mkdir({str(tmp_path / 'b')!r})",
        f"os.symlink('a', {str(tmp_path / 'c')!r})",
        "os.mkdir('nested')",
        "os.symlink('/', 'root')",
    ):
        assert error(f"import os\ndef f():\n    return {body} and 1\n")[0] in ("PermissionError", "OSError")
    assert [path.name for path in tmp_path.iterdir()] == ["a"] and (tmp_path / "a").read_text() == "kept"


@pytest.mark.parametrize(
    "body",
    [
        f"sys.path.insert(0, {str(ROOT)!r}); import minires",
        f"sys.path[:] = [{str(ROOT)!r}]; sys.meta_path[:] = [importlib.machinery.PathFinder]; import minires",
        f"spec = importlib.util.spec_from_file_location('other', {str(ROOT / 'minires' / 'init.py')!r}); "
        "module = importlib.util.module_from_spec(spec); spec.loader.exec_module(module)",
        f"np.__path__.append({str(ROOT)!r}); import numpy.minires",
        "importlib.import_module('site-packages')",
    ],
)
def test_the_reference_cannot_be_imported(holding, body):
    holding("files")
    source = f"import importlib.util, importlib.machinery, sys\nimport numpy as np\ndef f():\n    {body}\n"
    assert error(source)[0] in ("ModuleNotFoundError", "PermissionError")


def test_a_path_put_in_front_finds_nothing_even_without_landlock():
    source = f"import sys\ndef f():\n    sys.path.insert(0, {str(ROOT)!r})\n    import minires\n"
    assert error(source, ask_for=())[0] == "ModuleNotFoundError"


@pytest.mark.parametrize(
    "body",
    [
        "os.fork()",
        "os.posix_spawn('/bin/true', ['true'], {})",
        "subprocess.run(['/bin/true'])",
        "os.execv('/bin/true', ['true'])",
        "socket.socket()",
        "socket.socket(socket.AF_UNIX)",
        "os.kill(os.getppid(), 9)",
        "os.killpg(0, 9)",
        "os.kill(-1, 9)",
        "os.setpriority(os.PRIO_PROCESS, 0, 19)",
        "resource.prlimit(1, resource.RLIMIT_CPU)",
    ],
)
def test_system_calls_that_reach_out_are_refused(holding, body):
    holding("system calls")
    source = f"import os, resource, socket, subprocess\ndef f():\n    {body}\n"
    restrictions = set(isolation.RESTRICTIONS) - {
        "namespaces",
        "files",
    }  # what these stop, the filter stops alone
    assert error(source, ask_for=restrictions)[0] == "PermissionError"


def test_threads_can_start_and_end_with_the_cell(holding):
    holding("system calls")  # without the filter, threads count among the forbidden processes
    source = """
    import threading, time
    found = []
    def f():
        thread = threading.Thread(target=found.append, args=(1,)); thread.start(); thread.join()
        threading.Thread(target=time.sleep, args=(100,)).start()
        return found
    """
    start = time.monotonic()
    assert given(source)[0] == 1
    assert time.monotonic() - start < 60  # the thread that is left sleeps for 100 s


def test_the_filter_knows_both_machines():
    for machine in syscalls.ARCHITECTURES:
        steps = syscalls.program(machine, 1)
        assert steps[-1][3] == syscalls.ALLOW
        assert all(
            0 <= true < len(steps) - at and 0 <= false < len(steps) - at
            for at, (_, true, false, _) in enumerate(steps)
        )


def verdict(steps, architecture, number, argument):
    """Run a filter as Linux does."""
    at, value = 0, None
    while True:
        code, true, false, constant = steps[at]
        if code == syscalls.ANSWER:
            return constant
        if code == syscalls.LOAD:
            value = {
                syscalls.NUMBER: number,
                syscalls.ARCHITECTURE: architecture,
                syscalls.ARGUMENT: argument,
            }[constant]
            at += 1
            continue
        holds = {
            syscalls.EQUAL: value == constant,
            syscalls.AT_LEAST: value >= constant,
            syscalls.HAS_BIT: value & constant != 0,
        }[code]
        at += 1 + (true if holds else false)


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_the_filter_refuses_what_it_names_and_allows_the_rest(machine):
    column, architecture = syscalls.ARCHITECTURES[machine]
    steps = syscalls.program(machine, 77)

    def passes(number, argument=0, architecture=architecture):
        return verdict(steps, architecture, number, argument) == syscalls.ALLOW

    for name, numbers in syscalls.REFUSED.items():
        assert numbers[column] is None or not passes(numbers[column]), name
    assert (
        passes((0, 63)[column]) and passes((1, 64)[column]) and passes((9, 222)[column])
    )  # read, write, mmap
    assert not passes((0, 63)[column], architecture=0x40000003) and not passes(0x40000000)
    assert passes(syscalls.CLONE[column], 0x3D0F00) and not passes(syscalls.CLONE[column], 0x1200011)
    for numbers in syscalls.OF_ONE_PROCESS.values():
        assert passes(numbers[column], 77) and not passes(numbers[column], 1)
    assert passes(syscalls.PRLIMIT[column], 0) and not passes(syscalls.PRLIMIT[column], 1)
    assert [passes(syscalls.PRCTL[column], option) for option in (1, 4, 15)] == [False, False, True]


def test_a_namespace_of_its_own_has_no_other_processes(holding):
    holding("namespaces")
    number, parent = given("import os\ndef f():\n    return os.getpid(), os.getppid()\n")
    assert (number, parent) == (1, 0)


def processes_of(folder):
    """Return the processes on whose command line a scratch folder stands: a sandbox's, and their forks."""
    found = []
    for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if folder.encode() in path.read_bytes():
                found.append(int(path.parent.name))
        except OSError:
            pass
    return found


STORM = """
import os, time
def f():
    for _ in range(20):
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                time.sleep(100)
            os._exit(0)
    return os.getcwd()
"""


def test_a_namespace_ends_with_all_its_processes(holding):
    holding("namespaces")
    with sandbox(STORM, ask_for={"namespaces"}) as child:
        folder = ask(child)["given"]
        assert len(processes_of(folder)) > 20
    assert processes_of(folder) == []


def grader(body):
    """Start another Python that uses sandboxes as the grader does."""
    head = "import sys; sys.path.insert(0, sys.argv[1])\nfrom minires.course.grade import isolation\n"
    source = head + f"STORM = {STORM.encode()!r}\n" + textwrap.dedent(body)
    command = [sys.executable, "-c", source, str(ROOT)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


@pytest.mark.skipif(not LINUX, reason="the subreaper is Linux's")
def test_without_a_namespace_the_subreaper_ends_what_was_left_behind():
    with grader("""
        import subprocess
        mine = subprocess.Popen(["sleep", "100"])
        isolation.harden()
        with isolation.Sandbox({"a": STORM}, "a", ask_for=()) as child:
            folder = child.perform({"name": "f", "after": None}, [{}], seconds=9)[0]["given"]
        print(folder, mine.poll(), flush=True)
        mine.kill()
    """) as process:
        folder, spared = process.communicate()[0].split()
    assert processes_of(folder) == [] and spared == "None"


@pytest.mark.skipif(not LINUX, reason="other systems do not tell a child that its parent ended")
@pytest.mark.parametrize(
    "chosen", [isolation.RESTRICTIONS, ("system calls",)], ids=["in namespaces", "without"]
)
def test_kill_9_of_the_grader_ends_its_sandboxes(chosen):
    source = b"def f():\n    while True: pass\n"
    with grader(f"""
        child = isolation.Sandbox({{"a": {source!r}}}, "a", ask_for={chosen!r}).__enter__()
        print(child._child.scratch, flush=True)
        child.perform({{"name": "f", "after": None}}, [{{}}], seconds=99)
    """) as process:
        folder = process.stdout.readline().strip()
        time.sleep(0.2)
        assert processes_of(folder)
        process.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 60  # the process has 99 s; on an idle machine it is gone at once
    while processes_of(folder) and time.monotonic() < deadline:
        time.sleep(0.02)
    os.rmdir(folder)
    assert processes_of(folder) == []


@pytest.mark.skipif(not LINUX, reason="there is no /proc")
def test_nobody_looks_into_a_hardened_grader():
    asked = tuple(set(isolation.RESTRICTIONS) - {"files", "namespaces"})
    look = "import os\ndef f():\n    return open(f'/proc/{os.getppid()}/environ').read()\n"
    with grader(f"""
        isolation.harden()
        with isolation.Sandbox({{"a": {look.encode()!r}}}, "a", ask_for={asked!r}) as child:
            records = child.perform({{"name": "f", "after": None}}, [{{}}], seconds=9)
            print(child.restrictions["privileges"], records)
    """) as process:
        said = process.communicate()[0]
    if not said.startswith("None"):
        pytest.skip(f"the child keeps root's rights: {said}")
    assert "PermissionError" in said


def test_protections_are_tried_and_explained():
    tried = isolation.protections()
    assert [protection.name for protection in tried] == list(isolation.MEANINGS)
    for protection in tried:
        assert protection.meaning in isolation.MEANINGS[protection.name] and protection.meaning.endswith(".")


@pytest.mark.skipif(not LINUX, reason="what is open without restrictions differs")
def test_the_probe_succeeds_where_nothing_is_locked():
    probe = {"probe": (isolation.FOLDER / "probe.py").read_bytes()}
    with Sandbox(probe, "probe", ask_for=()) as child:
        case = {"grader": os.getpid(), "secret": __file__, "port": 1, "memory": 1 << 20}
        attempts = ask(child, "attempts", **case)["given"]
    assert {name for name, stopped in attempts.items() if stopped is not None} <= {"network", "first"}
    assert "ConnectionRefused" in attempts["network"]  # by port 1, where nothing listens


def test_protections_that_fail_are_said_to_fail(monkeypatch):
    monkeypatch.setattr(isolation, "RESTRICTIONS", ())
    monkeypatch.setattr(isolation.Sandbox.__init__, "__kwdefaults__", {"limits": None, "ask_for": ()})
    monkeypatch.setattr(isolation, "Limits", lambda: Limits(memory=1 << 20))
    if LINUX:
        assert not any(
            p.holds
            for p in isolation.protections()
            if p.name != "descendants" or not processes.ends_orphans()
        )


# --- other systems ---


OTHER_SYSTEM = """
import os, runpy, sys, types
import fcntl, signal
sys.path.append({numpy!r})
import numpy.random
{change}
sys.path.pop()
runpy.run_path({main!r}, run_name="__main__")
"""
CHANGES = {
    "macOS": "sys.platform = 'darwin'\nfor name in ('O_PATH', 'unshare'):\n    vars(os).pop(name, None)\n",
    "Windows": (
        "sys.platform = 'win32'\n"
        "sys.modules['fcntl'] = sys.modules['resource'] = None\n"
        "sys.modules['msvcrt'] = types.SimpleNamespace(setmode=lambda number, mode: None)\n"
        "os.O_BINARY = 0\n"
        "for name in ('fork', 'getuid', 'getgid', 'uname', 'O_PATH', 'geteuid', 'waitstatus_to_exitcode'):\n"
        "    vars(os).pop(name, None)\n"
        "for name in ('SIGKILL', 'SIGCHLD', 'pthread_sigmask', 'sigwait'):\n"
        "    vars(signal).pop(name, None)\n"
    ),
}


@pytest.mark.parametrize("system", CHANGES)
def test_a_system_without_locks_still_answers_and_ends_in_time(system, tmp_path, monkeypatch):
    """Simulated: what such a system lacks is taken away before the child's script begins."""
    numpy = str(pathlib.Path(np.__file__).resolve().parent.parent)
    script = OTHER_SYSTEM.format(numpy=numpy, change=CHANGES[system], main=str(isolation.FOLDER / "main.py"))
    (tmp_path / "main.py").write_text(script)
    monkeypatch.setattr(isolation, "FOLDER", tmp_path)
    with sandbox("def f(x):\n    while x < 1: pass\n    return x * 2\n") as child:
        assert child.restrictions["namespaces"] == child.restrictions["files"] == "only Linux has it"
        assert ask(child, x=3)["given"] == 6
        with pytest.raises(SandboxError, match="not done"):
            ask(child, x=0, seconds=0.3)
    with sandbox("import minires\n") as child:
        assert child.load_error["type"] == "ModuleNotFoundError"


def test_a_python_that_does_not_start_says_why(monkeypatch, tmp_path):
    (tmp_path / "main.py").write_text("raise OSError('no such luck')\n")
    monkeypatch.setattr(isolation, "FOLDER", tmp_path)
    with pytest.raises(SandboxError, match="OSError: no such luck"), sandbox(""):
        pass


def test_cells_leave_no_threads_and_no_open_files():
    given("def f():\n    pass\n")
    before = threading.active_count(), len(os.listdir("/proc/self/fd")) if LINUX else 0
    for _ in range(3):
        given("def f():\n    pass\n")
        failure("def f():\n    while True: pass\n", seconds=0.1)
    assert (threading.active_count(), len(os.listdir("/proc/self/fd")) if LINUX else 0) == before
