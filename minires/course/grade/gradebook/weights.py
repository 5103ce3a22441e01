"""`--points weights.csv`: what exercises and functions are worth in this course."""

from fractions import Fraction

from minires.course.grade.gradebook import numbers, places, tables


def default(exercises):
    """Return {(exercise's number, function): points} as the exercises have them."""
    return {(e.number, part.name): Fraction(part.points) for e in exercises for part in e.parts}


def read(path, exercises):
    """Return {(exercise's number, function): points} with those in a file in place of the exercises' own.

    The file has the columns what and points. An exercise's points go to its functions in the proportion of
    the points that they have. Raises ValueError for a line that cannot be meant.
    """
    own, chosen, seen = default(exercises), {}, {}
    for line in tables.read(path, ("what", "points")):
        try:
            place = places.find(line["what"], exercises)
        except ValueError as error:
            raise ValueError(f"{line.place}: {error}") from None
        points = numbers.read(line["points"])
        if points is None:
            raise ValueError(f"{line.place}: expected points, such as 2 or 2.5, got {line['points']!r}")
        number, function = place
        others = [other for other in seen if other[0] == number and None in (function, other[1])]
        if place in seen or others:
            before = seen[place] if place in seen else seen[others[0]]
            raise ValueError(
                f"{line.place}: {line['what']} has points already ({before.rpartition(', ')[2]})"
            )
        seen[place] = line.place
        inside = {key: value for key, value in own.items() if key[0] == number}
        if function is not None:
            inside = {place: own[place]}
        chosen |= {key: points * value / sum(inside.values()) for key, value in inside.items()}
    if not sum({**own, **chosen}.values()):
        raise ValueError(f"{path}: expected points for something, got 0 for everything")
    return {**own, **chosen}
