"""What a process gives up before it runs untrusted code: files, processes, the network, memory.

Every restriction is a function of an `Allowance` that asks the operating system, for this process and for
good. It raises OSError where the system does not offer it; `apply` tries each and says which hold. Linux
offers all of them, macOS and Windows a few. Nothing here needs more than Python and the C library.
"""

import ctypes
import os
import signal
import struct
import sys
from typing import NamedTuple

try:
    import resource
except ImportError:  # Windows
    resource = None

import syscalls  # beside this file

NEW_USER, NEW_PROCESSES, NEW_NETWORK = 0x10000000, 0x20000000, 0x40000000
NEW_MOUNTS, NEW_MESSAGES = 0x00020000, 0x08000000
# Landlock's accesses, a bit each
WRITE, READ, LIST, TRUNCATE = 1 << 1, 1 << 2, 1 << 3, 1 << 14
CREATE = 1 << 5 | 1 << 8  # remove and make plain files; not folders, which could nest without end
THREADS, GLANCE = 500, 0.03  # how many there may be; seconds between two looks
PDEATHSIG, DUMPABLE, NO_NEW_PRIVILEGES = 1, 4, 38  # what prctl can set


class Allowance(NamedTuple):
    """What the process may use. memory, file: bytes; seconds: of processor time; scratch: the one folder that
    it may write to; numpy: the folder that contains NumPy."""

    memory: int
    file: int
    seconds: int
    scratch: str
    numpy: str


def _libc():
    """The C library. Raises OSError where it is not Linux's: the calls below are."""
    if sys.platform != "linux":
        raise OSError("only Linux has it")
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl.argtypes = [ctypes.c_int] + 4 * [ctypes.c_ulong]
    libc.syscall.restype = ctypes.c_long
    return libc


def _checked(result, what):
    """Return a C function's result. Raises OSError if it reports a failure."""
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


# --- before NumPy is imported, while the process is small: it may fork ---


def namespaces(scratch, size):
    """Continue in new namespaces, with processes, network and mounts of their own, which end together.

    The process becomes two. The one that returns from here is process 1 of the new namespace and sees no
    process outside; it cannot signal them, read their memory, or leave anything behind: when process 1 ends,
    Linux ends all the others. The original process never runs untrusted code. It waits, ends process 1 when
    it is told to (SIGTERM) or when the grader dies, and exits with the same status.
    size: bytes that the scratch folder may hold; it is kept in memory and vanishes with the namespaces.
    """
    libc = _libc()
    user, group = os.getuid(), os.getgid()
    flags = NEW_PROCESSES | NEW_NETWORK | NEW_MOUNTS | NEW_MESSAGES
    if libc.unshare(NEW_USER | flags) == 0:
        # files are owned by users: without this the new namespace knows none, and nothing can be written
        for path, text in (
            ("setgroups", "deny"),
            ("gid_map", f"{group} {group} 1"),
            ("uid_map", f"{user} {user} 1"),
        ):
            with open(f"/proc/self/{path}", "w") as file:
                file.write(text)
    else:
        _checked(libc.unshare(flags), "new namespaces")
    told = {signal.SIGTERM, signal.SIGCHLD}
    signal.pthread_sigmask(signal.SIG_BLOCK, told)
    libc.prctl(PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    child = os.fork()
    if child:
        _wait(child, told)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, told)
    _scratch_in_memory(libc, scratch, size)


def _wait(child, told):
    """Wait for process 1, then exit with its status, or with 128 plus the signal that ended it."""
    os.closerange(0, 3)  # the pipes are process 1's: that they close must mean that it ended
    while True:
        signalled = signal.sigtimedwait(told, GLANCE)
        if signalled is not None and signalled.si_signo == signal.SIGTERM or _threads(child) > THREADS:
            os.kill(child, signal.SIGKILL)
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            code = os.waitstatus_to_exitcode(status)
            os._exit(code if code >= 0 else 128 - code)


def _threads(process):
    """Return how many threads a process has: tens of thousands leave no process numbers for the grader."""
    try:
        with open(f"/proc/{process}/stat", "rb") as file:
            return int(file.read().rpartition(b")")[2].split()[17])
    except (OSError, IndexError, ValueError):
        return 0


def _scratch_in_memory(libc, scratch, size):
    """Mount an empty file system of this size over the scratch folder, so that nobody can fill the disk."""
    no_suid, no_devices, private, recursive = 2, 4, 1 << 18, 1 << 14
    if libc.mount(None, b"/", None, private | recursive, None) == 0:  # what is mounted here stays here
        options = f"size={size},nr_inodes=1000,mode=0700".encode()
        libc.mount(b"scratch", os.fsencode(scratch), b"tmpfs", no_suid | no_devices, options)
    os.chdir(scratch)


def end_with_the_grader():
    """Be killed when the thread that started this process ends: `kill -9` of the grader leaves nothing."""
    _checked(_libc().prctl(PDEATHSIG, signal.SIGKILL, 0, 0, 0), "PR_SET_PDEATHSIG")


# --- after NumPy is imported, before any untrusted code runs ---


def apply(allowance, names):
    """Apply the restrictions of these names. Return {name: None if it holds, else why not}."""
    return {
        name: attempt(restriction, allowance) if name in names else "not asked for"
        for name, restriction in RESTRICTIONS.items()
    }


def attempt(restriction, *arguments):
    """Apply a restriction. Return None if it holds, else why not."""
    try:
        restriction(*arguments)
    except (OSError, ValueError, AttributeError) as error:  # refused, or not known to this system
        return str(error) or type(error).__name__


def memory(allowance):
    """Limit the address space: larger allocations raise MemoryError."""
    try:  # if the machine runs out of memory all the same, let Linux kill this process, not the grader
        with open("/proc/self/oom_score_adj", "w") as file:
            file.write("1000")
    except OSError:
        pass
    _limit("RLIMIT_AS", allowance.memory)
    if sys.platform == "darwin":
        raise OSError("macOS takes the limit and ignores it")


def small_files(allowance):
    """Write no large file, open few, leave no core dump, and stop when the processor time is used up."""
    _limit("RLIMIT_FSIZE", allowance.file)
    _limit("RLIMIT_CORE", 0)
    _limit("RLIMIT_NOFILE", 64)
    _limit("RLIMIT_CPU", allowance.seconds)


def _limit(name, value):
    if resource is None:
        raise OSError("this system has no resource limits")
    number = getattr(resource, name)
    _, most = resource.getrlimit(number)
    value = value if most == resource.RLIM_INFINITY else min(value, most)
    resource.setrlimit(number, (value, value))


def unreadable(allowance):
    """Let no other process of this user look into this one: not another student's, either."""
    _checked(_libc().prctl(DUMPABLE, 0, 0, 0, 0), "PR_SET_DUMPABLE")


def files(allowance):
    """Open no files except those of Python and NumPy and those in the scratch folder (Landlock, Linux 5.13).

    Each rule allows some accesses to a folder and all below it. What no rule allows is refused, and so are
    TCP (from Linux 6.7) and signals to processes without these rules (from 6.12).
    """
    libc = _libc()
    create_ruleset, add_rule, restrict_self = 444, 445, 446  # the same numbers on every machine
    version = _checked(libc.syscall(create_ruleset, None, ctypes.c_size_t(0), 1), "Landlock")
    # the accesses that each version added; refuse all that this one knows, without an exception
    accesses = 13 + (version >= 2) + (version >= 3) + (version >= 5)
    tcp, scope = (3 if version >= 4 else 0), (3 if version >= 6 else 0)
    asked = struct.pack("=QQQ", (1 << accesses) - 1, tcp, scope)
    size = 8 if version < 4 else 16 if version < 6 else 24
    rules = _checked(libc.syscall(create_ruleset, asked, ctypes.c_size_t(size), 0), "Landlock's rules")

    def allow(path, access):
        try:
            place = os.open(path, os.O_PATH)
        except OSError:
            return  # what is not there need not be allowed
        known = (1 << accesses) - 1
        if not os.path.isdir(path):
            known &= READ | WRITE | TRUNCATE  # Linux takes no rule to list what is no folder
        rule = struct.pack("=Qi", access & known, place)
        _checked(libc.syscall(add_rule, rules, 1, rule, 0), f"Landlock's rule for {path}")
        os.close(place)

    for path in readable(allowance.numpy):
        allow(path, READ | LIST)
    for path in _standard_folders():
        allow(path, LIST)
    allow(allowance.scratch, READ | LIST | WRITE | TRUNCATE | CREATE)
    allow(os.devnull, READ | WRITE | TRUNCATE)
    _no_new_privileges(libc)
    _checked(libc.syscall(restrict_self, rules, 0), "Landlock")
    os.close(rules)


def readable(numpy):
    """Return the paths that NumPy, in the folder numpy, and the standard library need to be read.

    Of the standard library's folder all entries but those with installed packages: minires may be there.
    """
    paths = [os.path.join(numpy, "numpy"), os.path.join(numpy, "numpy.libs"), "/etc/ld.so.cache"]
    for folder in _standard_folders():
        paths += [entry.path for entry in os.scandir(folder) if not entry.name.endswith("-packages")]
    # what parts of the standard library that are imported later load; by name: beside them may lie packages
    for folder in ("/lib", "/usr/lib", "/lib64", "/usr/lib64", os.path.join(sys.base_prefix, "lib")):
        for place in (folder, os.path.join(folder, getattr(sys.implementation, "_multiarch", ""))):
            paths += _libraries(place)
    return tuple(dict.fromkeys(paths))


def _standard_folders():
    """Under -I -S sys.path holds nothing but the standard library."""
    return [folder for folder in sys.path if os.path.isdir(folder)]


LIBRARIES = ("libbz2", "libcrypto", "libexpat", "libffi", "libgcc_s", "liblzma", "libm.", "libmpdec")
LIBRARIES += ("libpython", "libsqlite3", "libssl", "libstdc++", "libuuid", "libz.", "libzstd")


def _libraries(folder):
    try:
        return [os.path.join(folder, name) for name in os.listdir(folder) if name.startswith(LIBRARIES)]
    except OSError:
        return []


def privileges(allowance):
    """Keep an ordinary user's rights, and never gain others: root's, or those over the new namespaces."""
    libc = _libc()
    _no_new_privileges(libc)
    version = struct.pack("=Ii", 0x20080522, 0)  # capabilities of 64 bits, of this process
    _checked(libc.capset(version, bytes(24)), "capset")


def _no_new_privileges(libc):
    _checked(libc.prctl(NO_NEW_PRIVILEGES, 1, 0, 0, 0), "PR_SET_NO_NEW_PRIVS")


def system_calls(allowance):
    """Start no process or program, signal nobody, open no connection: see syscalls.py."""
    try:
        libc = _libc()
        _no_new_privileges(libc)
        syscalls.install(libc)
    except OSError:
        _limit("RLIMIT_NPROC", 0)  # weaker: root is not bound by it, and threads count as well
        raise


# in the order in which they are applied: the filter would refuse what the others still need
RESTRICTIONS = {
    "memory": memory,
    "small files": small_files,
    "unreadable": unreadable,
    "files": files,
    "privileges": privileges,
    "system calls": system_calls,
}
