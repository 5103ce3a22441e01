"""What a lesson asks, as parts of a page that need no script: fields, and answers that open."""

import html

from minires.lesson.reader import LETTERS

PREDICTION = """\
<div class="asks">
<p id="question-{id}"><label for="number-{id}"><strong>Predict.</strong> {question}</label></p>
<p><input id="number-{id}" type="text" size="12" autocomplete="off" spellcheck="false"{described}>{unit}</p>
{reveal}</div>
"""
REVEAL = """\
<details>
<summary aria-describedby="question-{id}">Reveal</summary>
<p>{what}</p>
<dl>{values}</dl>
<p class="near">Near: within {near}.</p>
</details>
"""
QUIZ = """\
<div class="asks" role="group" aria-labelledby="question-{id}">
<p id="question-{id}"><strong>Question.</strong> {question}</p>
{answers}
</div>
"""


def prediction(asked, found, id, set_text):
    """Return a field for the reader's number, and what came out, for her to open.

    asked: {"question", "unit"}; found: what `reader.results` has of it, or None, if the lesson broke off;
    set_text: turns Markdown into HTML.
    """
    unit = f' <span id="unit-{id}">{set_text(asked["unit"])}</span>' if asked["unit"] else ""
    return PREDICTION.format(
        id=id,
        question=set_text(asked["question"]),
        described=f' aria-describedby="unit-{id}"' if unit else "",
        unit=unit,
        reveal=_reveal(found, id, set_text) if found and found["row"] else "",
    )


def _reveal(found, id, set_text):
    (_, what), *others = [map(html.escape, pair) for pair in found["row"]]  # the first says what it is about
    values = "".join(f"<dt>{name}</dt><dd>{value}</dd>" for name, value in others)
    return REVEAL.format(id=id, what=what, values=values, near=set_text(found["near"]))


def quiz(asked, id, set_text):
    """Return a question whose answers open to what is said of them. asked: {"question", "answers"}."""
    answers = "\n".join(
        f"<details><summary>{letter}) {set_text(answer)}</summary><p>{set_text(said)}</p></details>"
        for letter, (answer, said) in zip(LETTERS, asked["answers"], strict=False)
    )
    return QUIZ.format(id=id, question=set_text(asked["question"]), answers=answers)


def answers(heading, body):
    """Return the answers of a lesson, both HTML already, for the reader to open."""
    return f'{heading}\n<details class="answers">\n<summary>Show the answers</summary>\n{body}\n</details>'
