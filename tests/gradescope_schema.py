"""results.json as Gradescope's documentation describes it, and a check of a value against such a description.

gradescope-autograders.readthedocs.io, "Autograder Specifications": all keys are optional, but there must be a
score at the top or in every test, and no other keys have a meaning.
"""

NUMBER, VISIBILITY = (int, float), ("hidden", "after_due_date", "after_published", "visible")
FORMAT = ("text", "simple_format", "html", "md", "ansi")
TEST = {
    "score": NUMBER,
    "max_score": NUMBER,
    "status": ("passed", "failed"),
    "name": str,
    "name_format": FORMAT,
    "number": str,
    "output": str,
    "output_format": FORMAT,
    "tags": [str],
    "visibility": VISIBILITY,
    "extra_data": dict,
}
RESULTS = {
    "score": NUMBER,
    "execution_time": NUMBER,
    "output": str,
    "output_format": FORMAT,
    "test_output_format": FORMAT,
    "test_name_format": FORMAT,
    "visibility": VISIBILITY,
    "stdout_visibility": VISIBILITY,
    "extra_data": dict,
    "tests": [TEST],
    "leaderboard": [{"name": str, "value": (int, float, str), "order": ("asc", "desc")}],
}


def problems(value, schema=RESULTS, place="results"):
    """Return lines on what is not as the schema says: types, words, keys, elements of lists."""
    if isinstance(schema, list):
        if not isinstance(value, list):
            return [f"{place}: no list"]
        return [each for i, one in enumerate(value) for each in problems(one, schema[0], f"{place}[{i}]")]
    if isinstance(schema, dict):
        if not isinstance(value, dict):
            return [f"{place}: no object"]
        unknown = [f"{place}: {key} has no meaning" for key in value.keys() - schema.keys()]
        known = value.keys() & schema.keys()
        return unknown + [
            each for key in known for each in problems(value[key], schema[key], f"{place}.{key}")
        ]
    if isinstance(schema, tuple) and isinstance(schema[0], str):
        return [] if value in schema else [f"{place}: {value!r} is none of {schema}"]
    fits = isinstance(value, schema) and not isinstance(value, bool)
    return [] if fits else [f"{place}: {value!r} is no {schema}"]


def check(results):
    """Raise AssertionError unless Gradescope can take these results."""
    found = problems(results)
    scored = "score" in results or results.get("tests") and all("score" in test for test in results["tests"])
    assert not found and scored, found or "no score"
