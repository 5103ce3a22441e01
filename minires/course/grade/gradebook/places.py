"""What a word in an instructor's file means: an exercise, or one of its functions."""


def find(word, exercises):
    """Return (number, name of a function or None for the whole exercise).

    word: "1.1", "1.1 linear_backward" or "linear_backward", as in the table's columns. Raises ValueError
    with what there is.
    """
    names = {(exercise.number, part.name) for exercise in exercises for part in exercise.parts}
    numbers = [exercise.number for exercise in exercises]
    number, _, name = word.partition(" ")
    if word in numbers:
        return word, None
    if (number, name.strip()) in names:
        return number, name.strip()
    alike = [place for place in sorted(names) if place[1] == word]
    if len(alike) > 1:
        raise ValueError(
            f"{word!r} is a function of {' and '.join(n for n, _ in alike)}: write {alike[0][0]} {word}"
        )
    if alike:
        return alike[0]
    raise ValueError(
        f"expected an exercise ({', '.join(numbers)}) or one of its functions, such as "
        f"{'{} {}'.format(*min(names))}, got {word!r}"
    )
