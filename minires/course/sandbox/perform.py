"""Call a student's function on every case, in the orders in which mistakes show, and record what happens.

A call is a dict {"name": function to judge, "after": the forward before it or None}. Without "after" the
function is called with the case's inputs. With it, name is a backward: `after` is called with the inputs, the
second thing that it returns is the cache, and name is called with (dy, cache). A student may call parameters
what he likes: what a name does not find goes by position (see `call`).

With "timed", a number of forwards, see `timed`.

A case is a dict {argument: value} of numbers, arrays, None, and tuples, lists and dicts of them; "dy" is the
upstream gradient, and "rng" a seed, from which the function is given a new generator.
"""

import contextlib
import copy
import inspect
import os
import time

import numpy as np

# code that is not the student's: ours, the standard library's, NumPy's
OURS = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
OTHERS = (OURS, os.path.dirname(os.__file__) + os.sep, "<frozen")
STOPPED = (Exception, SystemExit)  # what a student's function may raise; Ctrl-C is not theirs


def perform(functions, call, cases):
    """Return the records of all cases, each a dict:

    "given" what the function returned (absent if it raised: then "error", see `describe`);
    "again" what it returned when called once more with equal inputs;
    "late"  what backward returned for this case after the forwards of all cases had run;
    "twice" what it returned when it was then called once more with the same cache;
    "after" the inputs as the calls left them; "drew" whether it moved the generator that it was given.
    functions: {name: callable}, the student's module.
    """
    records, waiting = [], []
    with np.errstate(all="ignore"):  # an overflow on the way may be right; what comes out is judged
        for case in cases:
            record = {}
            records.append(record)
            try:
                record["given"], record["after"], record["drew"] = observed(functions, call, case)
                record["again"], _ = once(functions, call, case)
            except STOPPED as error:
                if type(error).__name__ == "BdbQuit":  # q in the debugger: away, not on to the next case
                    raise KeyboardInterrupt from error
                record["error"] = describe(error, _file_of(functions[call["name"]]))
            else:
                waiting.append((record, case))
        if call["after"] is not None:
            _in_turn(functions, call, waiting)
    return records


def once(functions, call, case):
    """Call with fresh copies. Return a copy of what the judged function returned, and the inputs after it."""
    return observed(functions, call, case)[:2]


def observed(functions, call, case):
    """The same, and whether the generator among the inputs is no longer as it was handed over."""
    inputs, dy = prepare(case)
    rng = inputs.get("rng")
    before = rng and rng.bit_generator.state
    if call["after"] is None:
        given = called(functions[call["name"]], call["name"], inputs)
    else:
        # the function may keep and change dy and the cache; only what it returns is looked at
        returned = called(functions[call["after"]], call["after"], inputs)
        cache = cache_of(returned, call["after"])
        given = by_position(functions[call["name"]], call["name"], dy, cache)
    given = _copied(given)
    inputs.pop("rng", None)
    drew = rng is not None and rng.bit_generator.state != before
    return given, {**inputs, **({} if dy is None else {"dy": dy})}, drew


class WrongSignature(Exception):
    """A function cannot be called with the inputs it is meant to take."""


def called(function, name, inputs):
    """Return what a function returns for inputs {name: value}: by name where it has a parameter of that name,
    the others by position, in order.
    """
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):  # it has no signature that can be read
        return function(**inputs)
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        return by_position(function, name, **inputs)
    named = {p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)} & set(inputs)
    waiting = [value for key, value in inputs.items() if key not in named]
    positional, by_name, skipped = [], {}, False
    for p in parameters:
        if p.name in named and (skipped or p.kind is p.KEYWORD_ONLY):
            by_name[p.name] = inputs[p.name]
        elif p.name in named:
            positional.append(inputs[p.name])
        elif p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) and waiting:
            positional.append(waiting.pop(0))
        elif p.kind is p.VAR_POSITIONAL:
            positional, waiting = positional + waiting, []
        else:
            skipped = True  # one with a default, or one too many
    return by_position(function, name, *positional, *waiting, **by_name)


def by_position(function, name, *arguments, **options):
    """Return what a function returns. Raises WrongSignature with its own if it cannot be called like this."""
    with contextlib.suppress(TypeError, ValueError):  # of what has no signature that can be read
        signature = inspect.signature(function)
        try:
            signature.bind(*arguments, **options)
        except TypeError as error:
            raise WrongSignature(f"yours is {name}{signature}") from error
    return function(*arguments, **options)


def timed(functions, call, case):
    """Call backward once on a case that may be large: nothing is copied that need not be.

    Return a record with "given", or "error", and "forward" and "backward": seconds of processor time, by this
    process's own clock, of one backward and of as many forwards as call["timed"] says.
    """
    inputs, dy = prepare(case)
    spent = {"forward": 0.0, "backward": 0.0}
    with np.errstate(all="ignore"):
        try:
            cache = inputs.get("cache")
            if call["after"] is not None:
                begin = time.process_time()
                for _ in range(call["timed"]):
                    cache = cache_of(functions[call["after"]](**inputs), call["after"])
                spent["forward"] = time.process_time() - begin
            else:
                dy = inputs["dy"]
            begin = time.process_time()
            given = functions[call["name"]](dy, cache)
            spent["backward"] = time.process_time() - begin
        except STOPPED as error:
            return {"error": describe(error, _file_of(functions[call["name"]])), **spent}
    return {"given": given, **spent}


def _in_turn(functions, call, waiting):
    """Run the forwards of all cases, then their backwards: a cache must belong to its own call.

    An error ends it, and what is missing in the records tells of it.
    """
    with contextlib.suppress(*STOPPED):
        caches = []
        for _, case in waiting:
            inputs, dy = prepare(case)
            returned = called(functions[call["after"]], call["after"], inputs)
            caches.append((dy, cache_of(returned, call["after"])))
        for (record, _), (dy, cache) in zip(waiting, caches, strict=True):
            for which in ("late", "twice"):
                record[which] = _copied(functions[call["name"]](copy.deepcopy(dy), cache))


def _copied(value):
    """Return a copy; of what has none (a generator), the value itself, for a later look at its type."""
    try:
        return copy.deepcopy(value)
    except TypeError:
        return value


def prepare(case):
    """Return fresh copies: the inputs, with a generator in place of a seed, and dy (None if there is
    none).
    """
    inputs = copy.deepcopy(case)
    dy = inputs.pop("dy", None) if "cache" not in inputs else None
    if "rng" in inputs:
        inputs["rng"] = np.random.default_rng(inputs["rng"])
    return inputs, dy


class WrongReturn(Exception):
    """A function returned something from which its caller cannot take what it needs."""


def cache_of(returned, name):
    """Return the cache, the second thing that a forward returns."""
    if not isinstance(returned, (tuple, list)) or len(returned) < 2:
        raise WrongReturn(f"{name} must return y, cache; it returned {kind(returned)}")
    return returned[1]


def kind(value):
    """Return what a value is, in words: "None", "a tuple of 3", "an array of shape (2, 3)"."""
    if value is None:
        return "None"
    if type(value) is np.ndarray:
        return f"an array of shape {value.shape}"
    if isinstance(value, (tuple, list, dict)):
        return f"a {type(value).__name__} of {len(value)}"
    name = type(value).__name__
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"


def _file_of(function):
    return getattr(getattr(function, "__code__", None), "co_filename", None)


def describe(error, own=None):
    """Return {"type", "message", "file", "line"} of an exception, the place being the innermost one of the
    student's own code: of the file `own` if the exception came through it, for that may have called others.
    """
    place = (None, None)
    trace = error.__traceback__
    while trace is not None:
        name = trace.tb_frame.f_code.co_filename
        if not name.startswith(OTHERS) and f"{os.sep}numpy{os.sep}" not in name:
            if own is None or name == own or place[0] != own:
                place = (name, trace.tb_lineno)
        trace = trace.tb_next
    file, line = place
    file = file and os.path.basename(file)
    if isinstance(error, SyntaxError):
        file, line = os.path.basename(error.filename or ""), error.lineno
    try:
        message = str(error)[:1000]
    except Exception:  # a student's own exception may do anything
        message = ""
    return {"type": type(error).__name__, "message": message, "file": file, "line": line}
