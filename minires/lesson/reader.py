"""What a reader of a lesson does: she predicts numbers before they are measured, and answers questions.

Where nobody can be asked (a test, a pipe, a page), every prediction is blank and nothing else changes.
"""

import html
import json
import math
import re
import sys
import zlib

from minires.lesson import markdown, prompt

LETTERS = "abcdefgh"
_predictions = {}  # of this script, by question, in the order in which they were asked for
_page = {"show": None}  # what shows something on a page in which Python itself runs


class Prediction:
    """What a reader predicts: a number, or nothing yet.

    question, unit: what was asked; value: the reader's number, None for a blank; within, by: how near is
    near (see `predict`); result: what came out, once a table has shown both; row: its other values there.
    """

    def __init__(self, question, unit, value, *, within, by):
        self.question, self.unit, self.value, self.within, self.by = question, unit, value, within, by
        self.result, self.row = None, []

    def __repr__(self):
        return "" if self.value is None else f"{self.value:.4g}"

    def is_near(self):
        """Return whether the prediction was near what came out."""
        if self.by is not None:
            return abs(self.value - self.result) <= self.by
        if self.value == 0 or self.result == 0 or (self.value < 0) != (self.result < 0):
            return self.value == self.result  # a factor needs two numbers of one sign
        return abs(self.result) <= self.within * abs(self.value) <= self.within**2 * abs(self.result)

    def tolerance(self):
        """Return in words how near is near."""
        unit = "percentage points" if self.unit == "%" else self.unit  # not 10 % of the number
        return f"a factor of {self.within:g}" if self.by is None else f"{self.by:g} {unit}".rstrip()


def predict(question, unit="", *, within=2.0, by=None, guess=...):
    """Ask the reader for a number, before it is derived and measured.

    In a terminal the question is asked there; in a notebook the reader writes her number in place of the dots
    of `guess=...`; elsewhere the prediction stays blank.

    Parameters
    ----------
    question : str
        May have formulas and code in Markdown.
    unit : str
        What the number counts, such as "points" or "powers of ten".
    within : float
        The prediction is near if it is wrong by at most this factor, at least 1.
    by : float or None
        If given, it is near if it is wrong by at most so many units instead.
    guess : float
        The number, for who writes it into the script.

    Returns
    -------
    Prediction
        For the column "predicted" of `table`, which remembers what came out in "measured" (or "derived").

    Raises
    ------
    ValueError
        If the guess is no finite number, or nothing could be near.

    Examples
    --------
    >>> halved = predict("By what does one ReLU layer multiply the variance?", guess=0.25)
    Predict: By what does one ReLU layer multiply the variance?
    >>> halved
    0.25
    """
    if not (within >= 1 if by is None else by >= 0):
        raise ValueError(f"expected within >= 1 or by >= 0, got within={within}, by={by}")
    value = None if guess is None or guess is ... else _finite(guess)
    asked = Prediction(question, unit, value, within=within, by=by)
    _predictions[question] = asked  # run once more in a notebook, it is asked anew
    if in_notebook():
        said = f"You predict {asked}." if value is not None else "No number yet: the prediction stays blank."
        show_in_notebook({"text/plain": said}, predict={"question": question, "unit": unit})
        return asked
    _say("Predict:", f"{question} (in {unit})" if unit else question)
    if guess is ...:
        asked.value = _ask_number(unit)
    return asked


def _finite(number):
    value = float(number)
    if not math.isfinite(value):
        raise ValueError(f"guess: expected a finite number, got {number!r}")
    return value


def _ask_number(unit):
    """Return the number that the reader types; None for an empty line, or where there is nobody to ask."""
    while typed := prompt.ask("your number (or Enter):"):
        try:
            return number(typed.removesuffix(unit).strip() if unit else typed)
        except (ValueError, ArithmeticError):
            print(f"expected a number, such as 0.5, 1e-3, 1/4 or 2^-21, got {typed!r}")
    return None


def number(text):
    """Return the number that a reader means by 0.5, 1e-3, 12,000, 1/4 or 2^-21.

    Raises ValueError or ArithmeticError if it is none.
    """
    text = text.replace("\N{MINUS SIGN}", "-").replace("**", "^")
    if re.match(r"-?[1-9]\d{0,2}(,\d{3})+(?![\d,])", text):
        text = text.replace(",", "")
    if "/" in text:
        above, below = text.rsplit("/", 1)
        return _finite(number(above) / number(below))
    if "^" in text:
        base, power = text.split("^", 1)
        return _finite(math.pow(number(base), number(power)))
    return _finite(text)


def note(prediction, row, result):
    """Remember the row of a table in which something was predicted: [(column, its other values as they are
    shown)], and the number that came out."""
    prediction.row, prediction.result = row, result


def score():
    """Say how many of the reader's predictions were near what came out; nothing if there were none."""
    judged = [p for p in _predictions.values() if p.value is not None and p.result is not None]
    if judged:
        near = sum(p.is_near() for p in judged)
        _say("Your predictions:", f"{near} of {len(judged)} came near.")
    for p in judged:
        _say("-", p.question, "  ")
        verdict = "within" if p.is_near() else "not within"
        print(f"    You said {p.value:.4g}, it is {p.result:.4g}: {verdict} {p.tolerance()}.")


def quiz(question, right, *wrong):
    """Ask a question with several answers, one of which is right, and say why each is what it is.

    In a terminal the reader chooses until she has it (or presses Enter to be told); in a notebook and on a
    page each answer opens to its reason; elsewhere the question and the answers are shown.

    Parameters
    ----------
    question : str
    right, *wrong : (str, str)
        An answer, and why it is right or wrong; both may have formulas and code in Markdown. They are shown
        in an order that does not tell.

    Raises
    ------
    ValueError
        If there is no wrong answer, or if there are more answers than letters from a to h.

    Examples
    --------
    >>> quiz(
    ...     "What does /2 mean in '3x3 conv, 128, /2'?",
    ...     ("a stride of 2", "every second position is computed: half the height, half the width"),
    ...     ("half as many filters", "the number of filters is the 128, twice that of the stage before"),
    ... )
    Question: What does /2 mean in '3x3 conv, 128, /2'?
      a) a stride of 2
      b) half as many filters
    """
    if not 1 <= len(wrong) < len(LETTERS):
        raise ValueError(f"expected 1 to {len(LETTERS) - 1} wrong answers, got {len(wrong)}")
    options = sorted([right, *wrong], key=lambda option: zlib.crc32(f"{question}{option[0]}".encode()))
    if in_notebook():
        answers = [(answer, verdict(reason, answer == right[0])) for answer, reason in options]
        shown = {"text/html": _folded(question, answers), "text/plain": markdown.inline(question)}
        show_in_notebook(shown, quiz={"question": question, "answers": answers})
        return
    _say("Question:", question)
    for letter, (answer, _) in zip(LETTERS, options, strict=False):
        _say(f"{letter})", answer, "  ")
    while (typed := prompt.ask("your letter (or Enter):")) is not None:
        letter = typed.lower().removesuffix(")")
        chosen = LETTERS.find(letter) if len(letter) == 1 else -1
        if not typed:
            _say(f"{LETTERS[options.index(right)]}) {right[0]}:", f"{right[1].rstrip('.')}.", "  ")
        elif not 0 <= chosen < len(options):
            print(f"expected a letter from a to {LETTERS[len(options) - 1]}, got {typed!r}")
            continue
        else:
            word, _, reason = verdict(options[chosen][1], options[chosen] == right).partition(" ")
            _say(word, reason, "  ")
        if not typed or options[chosen] == right:
            return


def verdict(reason, is_right):
    """Return what is said of an answer."""
    return f"{'Yes' if is_right else 'No'}: {reason.rstrip('.')}."


def _say(head, text, indent=""):
    """Print text after what it is, in lines that fit."""
    colour = prompt.has_colour(sys.stdout)
    words = f"{markdown.paint(head, markdown.BOLD, colour)} {markdown.inline(text, colour=colour)}"
    lines = markdown.wrap(words, prompt.width(), f"{indent}  ")  # which the first line has two less of
    print(lines.removeprefix("  "))


def in_notebook():
    """Return whether what is displayed is shown in a notebook, or on a page: Jupyter's kernel runs this, or
    a page itself."""
    if _page["show"] is not None:
        return True
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    return getattr(shell, "kernel", None) is not None  # IPython in a terminal has none


def show_in_notebook(data, **question):
    """Show something in a notebook; what was asked goes along as metadata, for pages that are made of it.

    data: what is shown, by MIME type; a picture as bytes.
    """
    if _page["show"] is not None:
        _page["show"](data, question)
        return
    from IPython.display import display

    display(data, raw=True, metadata={"minires": question} if question else None)


def show_on(page):
    """Show everything on a page in which Python itself runs. page: called with what is shown, by MIME type,
    and what was asked; None: no longer."""
    _page["show"] = page


def is_on_page():
    """Return whether a page in which Python itself runs shows what is displayed."""
    return _page["show"] is not None


def _folded(question, answers):
    """Return a quiz in HTML, each answer of which opens to what is said of it."""
    items = "".join(
        f"<details><summary>{letter}) {_plain(answer)}</summary><p>{_plain(said)}</p></details>"
        for letter, (answer, said) in zip(LETTERS, answers, strict=False)
    )
    return f"<p><b>Question.</b> {_plain(question)}</p>{items}"


def _plain(text):
    return html.escape(markdown.inline(text).replace(markdown.TIE, " "))


def results():
    """Return what came of each prediction, as JSON: {question: {"row": [[column, value]], "near": text}}."""
    return json.dumps({p.question: {"row": p.row, "near": p.tolerance()} for p in _predictions.values()})


def restart():
    """Forget every prediction: a script starts afresh."""
    _predictions.clear()
    prompt.restart()
