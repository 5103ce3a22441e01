"""What a reader of a lesson does: she predicts numbers before they are measured, and answers questions.

Where nobody can be asked (a test, a pipe, a page), every prediction is blank and nothing else changes.
"""

import sys
import zlib

LETTERS = "abcdefgh"
_predictions = []  # of this script, in the order in which they were asked for


class Prediction:
    """What a reader predicts: a number, or nothing yet.

    question, unit: what was asked; value: the reader's number, None for a blank; within, by: how near is
    near (see `predict`); result: what came out, once a table has shown both.
    """

    def __init__(self, question, unit, value, *, within, by):
        self.question, self.unit, self.value, self.within, self.by = question, unit, value, within, by
        self.result = None

    def __repr__(self):
        return "" if self.value is None else f"{self.value:.4g}"

    def is_near(self):
        """Return whether the prediction was near what came out."""
        if self.by is not None:
            return abs(self.value - self.result) <= self.by
        if self.value * self.result <= 0:  # a factor needs two numbers of one sign
            return self.value == self.result
        return 1 / self.within <= self.value / self.result <= self.within


def predict(question, unit="", *, within=2.0, by=None, guess=...):
    """Ask the reader for a number, before it is derived and measured.

    In a terminal the question is asked there; in a notebook the reader writes her number in place of the dots
    of `guess=...`; elsewhere the prediction stays blank.

    Parameters
    ----------
    question : str
    unit : str
        What the number counts, such as "points" or "powers of ten".
    within : float
        The prediction is near if it is wrong by at most this factor.
    by : float or None
        If given, it is near if it is wrong by at most so many units instead.
    guess : float
        The number, for who writes it into the script.

    Returns
    -------
    Prediction
        For the column "predicted" of `table`, which remembers what came out in "measured" (or "derived").

    Examples
    --------
    >>> halved = predict("By what does one ReLU layer multiply the variance?", guess=0.25)
    Predict: By what does one ReLU layer multiply the variance?
    >>> halved
    0.25
    """
    print(f"Predict: {question}" + (f" (in {unit})" if unit else ""))
    value = _ask_number() if guess is ... else None if guess is None else float(guess)
    _predictions.append(Prediction(question, unit, value, within=within, by=by))
    return _predictions[-1]


def _ask_number():
    """Return the number that the reader types; None for an empty line, or where there is nobody to ask."""
    while _somebody_reads():
        print("your number (or Enter): ", end="", flush=True)
        typed = sys.stdin.readline().strip().replace(",", "")
        if not typed:
            return None
        try:
            return float(typed)
        except ValueError:
            print(f"expected a number, such as 0.5 or 1e-3, got {typed!r}")
    return None


def _somebody_reads():
    return sys.stdin is not None and sys.stdin.isatty() and sys.stdout.isatty()


def note(prediction, result):
    """Remember what came out where something was predicted: the number of a table."""
    prediction.result = float(result)


def score():
    """Say how many of the reader's predictions were near what came out; nothing if there were none."""
    judged = [p for p in _predictions if p.value is not None and p.result is not None]
    if judged:
        near = sum(p.is_near() for p in judged)
        print(f"You predicted {len(judged)} numbers, of which {near} came near:")
        for p in judged:
            tolerance = f"a factor of {p.within:g}" if p.by is None else f"{p.by:g} {p.unit}".rstrip()
            verdict = "within" if p.is_near() else "not within"
            print(f"  {p.question} you said {p.value:.4g}, it is {p.result:.4g}: {verdict} {tolerance}")


def quiz(question, right, *wrong):
    """Ask a question with several answers, one of which is right, and say why each is what it is.

    Parameters
    ----------
    question : str
    right, *wrong : (str, str)
        An answer, and why it is right or wrong. They are shown in an order that does not tell.

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
    options = sorted([right, *wrong], key=lambda option: zlib.crc32(f"{question}{option[0]}".encode()))
    print(f"Question: {question}")
    for letter, (answer, _) in zip(LETTERS, options, strict=False):
        print(f"  {letter}) {answer}")
    while _somebody_reads():
        print("your letter (or Enter): ", end="", flush=True)
        typed = sys.stdin.readline().strip().lower()
        chosen = LETTERS.find(typed) if len(typed) == 1 else -1
        if typed and not 0 <= chosen < len(options):
            print(f"expected a letter from a to {LETTERS[len(options) - 1]}, got {typed!r}")
            continue
        answer, reason = options[chosen] if typed else right
        print(f"  {'Yes' if typed and answer == right[0] else 'No' if typed else answer}: {reason}.")
        if not typed or answer == right[0]:
            return


def restart():
    """Forget every prediction: a script starts afresh."""
    _predictions.clear()
