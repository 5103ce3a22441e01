"""The walk of a student who makes five mistakes is what happens, but for the sentences."""

import re

import five_mistakes_walk


def names_in(text):
    """Return the text without line breaks, in small letters."""
    return " ".join(text.split()).lower()


def test_five_mistakes_are_named_and_put_right(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    seen = five_mistakes_walk.TRANSCRIPT.read_text(encoding="utf-8").split("\nExit code ")
    assert len(seen) == len(five_mistakes_walk.WALK) + 1
    assert sum(1 for row in five_mistakes_walk.WALK if row[3]) == 5
    for (row, code, out), before, after in zip(five_mistakes_walk.walk(), seen, seen[1:], strict=False):
        _, _, expected, name, right = row
        block = before.rpartition("```console\n")[2]
        for text, ended in ((out, code), (block, int(after[0]))):  # today, and in the transcript
            assert ended == expected, text
            assert name is None or name.lower() in names_in(text), text
            assert re.search(rf"^{right} functions? (is|are) right", text, re.MULTILINE), text
            assert max(map(len, text.splitlines())) <= 80 or "numeric gradients" in text
