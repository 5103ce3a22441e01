"""Check the form of what a child sent, before anybody believes that it is the record of a call.

The child runs a stranger's code, which can send whatever the wire carries: anything plain, of any form.
"""

from minires.course.sandbox.wire import Unknown

LEAVES = 2_000  # values in one result; solutions return a dozen
DEPTH = 6  # of lists in lists
LETTERS = 100  # of a key
LINES = 2_000  # a file padded to a million could tell twenty bits of an input by the line that fails
RESULTS = ("given", "again", "late", "twice")


class BrokenRecords(Exception):
    """What came are not the records of as many calls. kind: as of a `isolation.SandboxError`."""

    kind = "protocol"


def checked(records, count, files):
    """Return the records of `sandbox.perform` with nothing in them but what may be looked at.

    count: of the cases; files: {name: its number of lines}, the only places that an error may name.
    A result of absurd size or depth becomes an Unknown. The text of an error is dropped: it may hold inputs.
    Raises BrokenRecords.
    """
    if type(records) is not list or len(records) != count:
        raise BrokenRecords
    return [_record(record, files) for record in records]


def timed(records, files):
    """Return the record of a large case, with the same care. Raises BrokenRecords."""
    record = records[0] if type(records) is list and len(records) == 1 else None
    if type(record) is not dict or not {"forward", "backward"} <= record.keys():
        raise BrokenRecords
    spent = {name: record[name] for name in ("forward", "backward")}
    if not all(type(seconds) is float and 0 <= seconds < 1e6 for seconds in spent.values()):
        raise BrokenRecords
    if "error" in record:
        return {**spent, "error": error(record["error"], files)}
    return {**spent, "given": _small(record.get("given"))}


def _record(record, files):
    if type(record) is not dict:
        raise BrokenRecords
    if "error" in record:
        return {"error": error(record["error"], files)}
    if not {"given", "again", "after"} <= record.keys() or type(record["after"]) is not dict:
        raise BrokenRecords
    after = {name: _small(value) for name, value in record["after"].items() if len(name) <= LETTERS}
    drew = record.get("drew") is True
    return {
        "after": after,
        "drew": drew,
        **{name: _small(record[name]) for name in RESULTS if name in record},
    }


def error(described, files):
    """Return the description of an error with its type, and its place if that is a line of the student's.

    A type, a file and a line can be made up to carry a number; only lines that the file has are left.
    """
    if type(described) is not dict or type(described.get("type")) is not str:
        raise BrokenRecords
    file, line = described.get("file"), described.get("line")
    if type(file) is not str or type(line) is not int or not 1 <= line <= min(files.get(file, 0), LINES):
        file = line = None
    return {"type": described["type"], "message": "", "file": file, "line": line}


def _small(value):
    """Return the value, or an Unknown in its place if it has more parts, levels or letters than needed."""
    waiting, seen = [(value, 0)], 0
    while waiting:
        part, depth = waiting.pop()
        seen += 1
        if type(part) is dict:
            if any(len(key) > LETTERS for key in part):
                return Unknown("a dict with long keys")
            part = list(part.values())
        if type(part) is int and part.bit_length() > 64:
            return Unknown("a huge int")
        if type(part) in (tuple, list):
            if depth == DEPTH or seen + len(waiting) + len(part) > LEAVES:
                return Unknown("a value of too many parts")
            waiting += [(held, depth + 1) for held in part]
    return value
