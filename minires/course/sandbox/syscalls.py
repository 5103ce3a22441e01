"""A filter for system calls: what a student's functions may never ask of Linux.

A system call is a number and some arguments. Linux lets a process hand in a small program that looks at both
and answers "do it" or "refuse it with this error", for itself and for good (seccomp, mode 2). Such a program
is a list of steps, each (code, jump if true, jump if false, value), made here by `program`.
"""

import ctypes
import errno
import os
import struct

# number on x86-64, number on ARM64 (None: it has no such call); the comment says what would be done with it
REFUSED = {
    "fork": (57, None),  # a second process, a storm of them
    "vfork": (58, None),
    "execve": (59, 221),  # another program in this one's place
    "execveat": (322, 281),
    "ptrace": (101, 117),  # rule another process, read its memory, write into it
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "pidfd_getfd": (438, 438),  # take another process's open files
    "pidfd_send_signal": (424, 424),  # signals, on other ways than kill
    "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240),
    "tkill": (200, 130),
    "setpriority": (141, 140),  # slow the grader down
    "sched_setaffinity": (203, 122),
    "sched_setscheduler": (144, 119),
    "sched_setparam": (142, 118),
    "sched_setattr": (314, 274),
    "ioprio_set": (251, 30),
    "socket": (41, 198),  # talk to the network, or to a service of this machine
    "io_uring_setup": (425, 425),  # a second door to most calls, which no filter sees
    "unshare": (272, 97),  # rights over new namespaces, and with them much of the kernel
    "setns": (308, 268),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "add_key": (248, 217),  # the user's keys
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "chmod": (90, None),  # Landlock says nothing of who may use a file: open the seed, lock a submission
    "fchmod": (91, 52),
    "fchmodat": (268, 53),
    "fchmodat2": (452, 452),
    "chown": (92, None),
    "lchown": (94, None),
    "fchown": (93, 55),
    "fchownat": (260, 54),
    "utime": (132, None),  # nor of times
    "utimes": (235, None),
    "futimesat": (261, None),
    "utimensat": (280, 88),
    "setxattr": (188, 5),  # nor of attributes
    "lsetxattr": (189, 6),
    "fsetxattr": (190, 7),
    "setxattrat": (463, 463),
    "removexattr": (197, 14),
    "lremovexattr": (198, 15),
    "fremovexattr": (199, 16),
    "removexattrat": (466, 466),
    "file_setattr": (469, 469),
    "truncate": (76, 45),  # nor, before Linux 6.2, of cutting files short
    "openat2": (437, 437),
    "inotify_init": (253, None),  # nor of watching who opens what
    "inotify_init1": (294, 26),
    "fanotify_init": (300, 262),
    "shmget": (29, 194),  # memory that no limit counts, and that stays when the process ends
    "msgget": (68, 186),
    "semget": (64, 190),
    "mq_open": (240, 180),
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
}
CLONE, CLONE3 = (56, 220), (435, 435)
OF_ONE_PROCESS = {"kill": (62, 129), "tgkill": (234, 131)}  # the first argument is a process: only itself
PRLIMIT = (302, 261)  # the first argument is a process: 0, itself
PRCTL, PDEATHSIG, DUMPABLE = (157, 167), 1, 4  # calls that would undo other restrictions
# what is done with an open file is the second argument. F_SETOWN, F_SETSIG, F_SETOWN_EX, FIOSETOWN and
# SIOCSPGRP send a signal of choice to any process; F_SETLEASE makes all who open one of Python's files wait
FCNTL, SETTERS = (72, 25), (8, 10, 15, 1024)
IOCTL, OWNERS = (16, 29), (0x8901, 0x8902)
# flags of opening: with neither WRITE nor READ_WRITE, or with both, old Landlocks let a file be cut short
OPEN, OPENAT, WRITE, READ_WRITE, CUT_SHORT = (2, None), (257, 56), 1, 2, 0o1000

ARCHITECTURES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}  # column above, Linux's own number
CLONE_THREAD = 0x10000

LOAD, EQUAL, AT_LEAST, HAS_BIT, ANSWER = 0x20, 0x15, 0x35, 0x45, 0x06  # codes of the steps
NUMBER, ARCHITECTURE, ARGUMENT, SECOND, THIRD = (
    0,
    4,
    16,
    24,
    32,
)  # where they stand in what it looks at
ALLOW, REFUSE = 0x7FFF0000, 0x00050000


def program(machine, pid):
    """Return the filter's steps for a machine ("x86_64" or "aarch64") and the process that hands it in."""
    column, architecture = ARCHITECTURES[machine]
    no = (ANSWER, 0, 0, REFUSE | errno.EPERM)
    yes = (ANSWER, 0, 0, ALLOW)
    # numbers of another architecture mean other calls; from 2^30 on x86-64 has a second set
    steps = [(LOAD, 0, 0, ARCHITECTURE), (EQUAL, 1, 0, architecture), no]
    steps += [(LOAD, 0, 0, NUMBER), (AT_LEAST, 0, 1, 0x40000000), no]
    for numbers in REFUSED.values():
        if numbers[column] is not None:
            steps += [(EQUAL, 0, 1, numbers[column]), no]
    # clone3 hides its flags where a filter cannot look; told that there is none, the C library takes clone
    steps += [(EQUAL, 0, 1, CLONE3[column]), (ANSWER, 0, 0, REFUSE | errno.ENOSYS)]

    def only(number, code, value):
        """This call passes only if its first argument equals the value, or has its bit."""
        return [(EQUAL, 0, 4, number), (LOAD, 0, 0, ARGUMENT), (code, 0, 1, value), yes, no]

    steps += only(CLONE[column], HAS_BIT, CLONE_THREAD)  # threads may start, processes may not
    for numbers in OF_ONE_PROCESS.values():
        steps += only(numbers[column], EQUAL, pid)
    steps += only(PRLIMIT[column], EQUAL, 0)
    for numbers, values in ((FCNTL, SETTERS), (IOCTL, OWNERS)):
        refused = [step for value in values for step in ((EQUAL, 0, 1, value), no)]
        steps += [(EQUAL, 0, len(refused) + 2, numbers[column]), (LOAD, 0, 0, SECOND), *refused, yes]
    for numbers, flags in ((OPEN, SECOND), (OPENAT, THIRD)):
        if numbers[column] is not None:
            steps += [(EQUAL, 0, 7, numbers[column]), (LOAD, 0, 0, flags), (HAS_BIT, 0, 4, CUT_SHORT)]
            steps += [
                (HAS_BIT, 1, 0, WRITE),
                (HAS_BIT, 2, 1, READ_WRITE),
                (HAS_BIT, 0, 1, READ_WRITE),
                no,
                yes,
            ]
    steps += [(EQUAL, 0, 5, PRCTL[column]), (LOAD, 0, 0, ARGUMENT)]
    steps += [(EQUAL, 1, 0, PDEATHSIG), (EQUAL, 0, 1, DUMPABLE), no, yes]
    return [*steps, yes]


def install(libc):
    """Filter this process's calls from now on. Raises OSError where there is none."""
    machine = os.uname().machine
    if machine not in ARCHITECTURES or struct.calcsize("P") != 8:
        raise OSError(f"no filter is known for a {machine}")
    steps = program(machine, os.getpid())
    listing = b"".join(struct.pack("=HBBI", *step) for step in steps)
    listing = ctypes.create_string_buffer(listing, len(listing))
    header = ctypes.create_string_buffer(struct.pack("@HxxxxxxP", len(steps), ctypes.addressof(listing)))
    set_seccomp, mode_filter = 22, 2
    if libc.prctl(set_seccomp, mode_filter, ctypes.addressof(header), 0, 0):
        raise OSError(ctypes.get_errno(), "Linux takes no filter for system calls")
