"""Names of students as they stand in the table: one visible line each, and no two alike."""

import os
import re
import unicodedata

INVISIBLE = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")  # control, format, halves of characters, line ends


def visible(name):
    """Return a name as a reader sees it: one spelling of each letter, nothing invisible, single spaces."""
    text = unicodedata.normalize("NFC", os.fsencode(name).decode("utf-8", "replace"))
    seen = (" " if unicodedata.category(letter) in ("Cc", "Zl", "Zp") else letter for letter in text)
    shown = "".join(letter for letter in seen if unicodedata.category(letter) not in INVISIBLE)
    return " ".join(shown.split()) or "(no name)"


def written(name):
    """Return a name with what cannot be seen of it spelled out: two that look alike are told apart."""
    return "".join(
        letter.encode("unicode_escape").decode() if unicodedata.category(letter) in INVISIBLE else letter
        for letter in name
    )


def unlike(names):
    """Return a visible name for each of these names, in their order, no two alike.

    Who alone has a visible name keeps it. Of several, the one that is written so keeps it, the others become
    "name (2)", "name (3)", ...: numbers whose name nobody else has.
    """
    shown = [visible(name) for name in names]
    order = sorted(
        range(len(names)), key=lambda i: (shown[i], names[i] != shown[i], os.fsencode(names[i]), i)
    )
    taken, given = set(), {}
    reserved = set(shown)
    for i in order:
        name, number = shown[i], 2
        while name in taken or (name in reserved and name != shown[i]):
            name, number = f"{shown[i]} ({number})", number + 1
        taken.add(name)
        given[i] = name
    return [given[i] for i in range(len(names))]


def folded(name):
    """Return a name as two lists that spell it differently agree on: no case, accents, order, punctuation."""
    text = unicodedata.normalize("NFKD", visible(name)).casefold()
    text = "".join(letter for letter in text if not unicodedata.combining(letter))
    return " ".join(sorted(re.findall(r"\w+", text.replace("_", " "))))


def joined(name):
    """Return the letters of a name alone, in their order: "Doe, Jane" as Canvas writes it, "doejane"."""
    text = unicodedata.normalize("NFKD", visible(name)).casefold()
    return "".join(letter for letter in text if letter.isalnum())
