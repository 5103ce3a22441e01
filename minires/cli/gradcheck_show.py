"""What a student reads about the pairs in her file."""

import shutil
import textwrap

import numpy as np

from minires.course.diagnosis import facts
from minires.gradcheck.report import table

AGREE = 1e-6  # numeric gradients are this exact, relative to the largest
HEADINGS = {
    "ok": "right",
    "wrong": "WRONG",
    "not yet": "not written yet",
    "raises": "could not be checked",
    "unusable": "could not be checked",
    "hung": "could not be checked",
    "ended": "could not be checked",
    "kink": "could not be checked",
    "noise": "could not be checked",
}
WORDS = {"ok": "right", "wrong": "WRONG", "not yet": "not yet", "vacuous": "zero, as it should be"}


def width():
    """Return how wide the text may be."""
    return max(40, min(80, shutil.get_terminal_size().columns))


def wrap(text, mark="", indent=None):
    """Return a text in lines that fit."""
    after = " " * len(mark) if indent is None else indent
    return textwrap.fill(text, width(), initial_indent=mark, subsequent_indent=after, break_on_hyphens=False)


def check(pair, told, file):
    """Return the text about one pair."""
    lines = [f"{pair}: {HEADINGS.get(told['state'], told['state'])}"]
    if told["state"] == "raises":
        lines += exception(told["error"], told["inputs"])
    elif told["state"] in ("hung", "ended"):
        lines += lost(told, file)
    elif "text" in told:
        lines.append(wrap(f"{told['text']}.", "  "))
    lines += [wrap(f"{kind}: {sentence}.", "  * ") for kind, sentence in told.get("broken", [])]
    rows = [_row(gradient) for gradient in told.get("gradients", [])]
    texts = ["  " + line for line in table(rows)] if rows else []
    for line, gradient in zip(texts, told.get("gradients", []), strict=True):
        lines += [line, *_explained(gradient, told["cases"])]
    lines += [wrap(f"note: {note}.", "  - ") for note in told.get("notes", [])]
    return "\n".join(lines)


def _row(gradient):
    cells = [gradient["label"], WORDS.get(gradient["verdict"], gradient["verdict"])]
    if gradient["verdict"] in ("ok", "noise"):
        return [*cells, f"largest error {gradient['error']:.0e}"]
    if gradient["verdict"] == "wrong" and "index" in gradient:
        index = ", ".join(map(str, gradient["index"]))
        values = (
            f"{gradient['label']}[{index}] is {gradient['analytic']:.6g}, should be {gradient['numeric']:.6g}"
        )
        return [*cells, values]
    return [*cells, ""]


def _explained(gradient, cases):
    """Return the lines below the row of one gradient."""
    lines = []
    kind, sentence = gradient["kind"], gradient["sentence"]
    if sentence:
        lines.append(wrap(f"{kind}: {sentence}{'' if sentence[-1] in '.?' else '.'}", "      "))
    if gradient["verdict"] != "wrong" or "both" not in gradient or kind in ("shape", "transposed"):
        return lines
    if not sentence:
        got, expected = (np.array(each, np.float64) for each in gradient["both"])
        said = _facts(got, expected)
        if gradient["checked"] < gradient["size"]:
            said.append(f"{gradient['checked']} of {gradient['size']} elements were checked")
        lines += [wrap(f"{each}.", "      ") for each in said]
    if len(gradient["wrong"]) < cases:
        lines.append(wrap(f"right in {cases - len(gradient['wrong'])} of {cases} cases.", "      "))
    return lines


def _facts(got, expected):
    """Return what is certain about wrong values."""
    known = np.isfinite(expected)
    scale = np.abs(expected[known]).max(initial=0.0)
    near = ~known | (np.abs(got - np.where(known, expected, got)) <= AGREE * scale)
    return facts(got, np.where(near, got, expected))


def exception(error, inputs):
    """Return the lines about an exception of the file's own."""
    lines = []
    for file, line, function, text in error["frames"]:
        where = f", in {function}" if function and function != "<module>" else ""
        lines.append(wrap(f"{file}, line {line}{where}", "  "))
        if text:
            lines.append(f"      {text}"[: width()])
    message = f"{error['type']}: {error['message']}" if error["message"] else error["type"]
    lines.append(wrap(" ".join(message.split()), "  ", "      "))
    if inputs:
        lines.append(wrap(f"called with {', '.join(inputs)}", "  ", "      "))
    return lines


def lost(told, file):
    """Return the lines about a child that did not come back."""
    if told["state"] == "hung":
        what = f"not done after {told['seconds']:g} s; it was at"
    else:
        what = "it ended Python (sys.exit, os._exit, a crash or too much memory)"
        what += "; it was at" if told["frames"] else ""
    frames = [f"{name}, line {line}, in {function}: {text}" for name, line, function, text in told["frames"]]
    return [wrap(f"{what} {frames[0] if frames else ''}".strip() + ("" if frames else f" ({file})"), "  ")]


def skipped(checks):
    """Return the text about the pairs that were not checked."""
    lines = [f"Not checked, {len(checks)}:"]
    lines += [wrap(f"{pair}: {told['text']}", "  ", "      ") for pair, told in checks.items()]
    return "\n".join(lines)


def all_skipped(checks, path):
    """Return the error if nothing could be checked."""
    pair, told = next(iter(checks.items()))
    if len(checks) > 1:
        return f"{path}: nothing was checked, for inputs are missing: begin with {path}:{pair}"
    if "missing" in told:
        return f"{path}: {pair} needs {', '.join(told['missing'])}: {told['text']}"
    return f"{path}: {pair}: {told['text']}"


def unchecked(checks, file):
    """Return the error if nothing is wrong but something could not be checked."""
    pair, told = next((pair, told) for pair, told in checks.items() if told["state"] != "ok")
    if told["state"] == "raises":
        error = told["error"]
        place = f" at line {error['frames'][-1][1]} of {error['frames'][-1][0]}" if error["frames"] else ""
        given = f": do these shapes fit? {', '.join(told['inputs'])}" if told["inputs"] else ""
        return f"{file}: {pair} raises {error['type']}{place}{given}"
    if told["state"] == "hung":
        return f"{file}: {pair} took more than {told['seconds']:g} s (--seconds allows more)"
    if told["state"] == "ended":
        return f"{file}: {pair} ended Python"
    if told["state"] == "unusable":
        return f"{file}: {pair}: {told['text']} (a function cases(rng) in the file may return others)"
    return f"{file}: {pair}: choose inputs without equal values and zeros, of moderate size"


def summary(states):
    """Return the last line."""
    right = states.count("ok")
    return f"{right} of {len(states)} {'is' if right == 1 else 'are'} right"


def nothing(found, file):
    """Return the text on what a file has if no pair is in it."""
    if not found["rest"]:
        return f"{file} defines no function and no class."
    lines = [f"Found in {file}:"]
    rest = list(found["rest"].items())
    lines += [wrap(f"{name}: {why}", "  ", "      ") for name, why in rest[:20]]
    return "\n".join([*lines, f"  and {len(rest) - 20} more"] if len(rest) > 20 else lines)


def no_pair(found, path):
    """Return the error if no pair was found."""
    if found["none"] == "no pair":
        return (
            f"{path}: expected NAME_forward and NAME_backward, or a loss; {path}:f,b names any two functions"
        )
    return f"{path}: {found['none']}"


def unloaded(error, file):
    """Return the error of a file that does not run."""
    if "state" in error:
        place = "".join(f", at line {line}: {text}" for _, line, _, text in error["frames"])
        if error["state"] == "hung":
            took = f"{file} took more than {error['seconds']:g} s to be read{place}"
            return f"{took}; is there a loop outside the functions?"
        return f"{file} ends Python when it is read{place}"
    place = "".join(f"line {line} of {name}: " for name, line, *_ in error["frames"][-1:])
    text = f": {error['frames'][-1][3]}" if error["frames"] and error["frames"][-1][3] else ""
    if error["type"] in ("SyntaxError", "IndentationError", "TabError"):
        return f"{file} is not valid Python: {place}{error['message']}{text}"
    if error["type"] == "ModuleNotFoundError" and error.get("module"):
        missing = error["module"]
        return f"{file} imports {missing}, which is not there: pip install it, or put the file beside {file}"
    if error["type"] == "SystemExit":
        return (
            f"{file} ends Python when it is read ({place}sys.exit); put that under if __name__ == '__main__':"
        )
    return f"{file} cannot be read: {place}{error['type']}: {error['message']}"


def prints(text, count):
    """Return what the file printed, cut."""
    lines = text.rstrip("\n").split("\n")
    more = count - len(lines)
    shown = [f"  {line}" if len(line) < width() - 2 else f"  {line[: width() - 5]}..." for line in lines]
    return "\n".join(["The file printed:", *shown, *([f"  ... and {more:,} more lines"] if more > 0 else [])])


def stopped(error, file):
    """Return the line on where a stopped check was."""
    frames = [
        f"{name}, line {line}, in {function}: {text}" for name, line, function, text in error["frames"][-1:]
    ]
    return wrap(f"{file}: stopped" + (f"; it was at {frames[0]}" if frames else ""))
