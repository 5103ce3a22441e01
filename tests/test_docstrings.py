"""The docstrings are reStructuredText that renders without a warning, in numpydoc's sections."""

import inspect
import io
import re

import pytest
from public_names import definitions, modules

core = pytest.importorskip("docutils.core")

TEXTS = {module.__name__: module for module in modules()} | definitions()
TEXTS = {path: inspect.cleandoc(value.__doc__) for path, value in TEXTS.items() if value.__doc__}
SECTIONS = [
    "Parameters",
    "Attributes",
    "Returns",
    "Yields",
    "Raises",
    "Warns",
    "See Also",
    "Notes",
    "References",
    "Examples",
]


ENTRIES = SECTIONS[:7]  # sections that are lists: a line that is not indented begins an entry


def warnings(text):
    """Return what docutils has to complain of, one message a line."""
    complaints, lines, section = io.StringIO(), [], ""
    for line in text.splitlines():
        if re.fullmatch("-{3,}", line):
            section = lines.pop()
            lines += ["", section, line, ""]  # a heading, which numpydoc makes a rubric or a field
        elif section in ENTRIES and line and not line.startswith(" "):
            stars, name = re.fullmatch(r"(\**)(.*)", line).groups()
            lines += ["", stars.replace("*", r"\*") + name]  # numpydoc escapes those of *args, too
        else:
            lines.append(line)
    settings = {"warning_stream": complaints, "report_level": 2}
    core.publish_doctree("\n".join(lines), settings_overrides=settings)
    return complaints.getvalue()


def headings(text):
    """Return the underlined lines."""
    return re.findall(r"^(.+)\n[-=~]{3,}$", text, re.MULTILINE)


@pytest.mark.parametrize("path", TEXTS)
def test_docstring_renders_without_a_warning(path):
    assert warnings(TEXTS[path]) == ""


@pytest.mark.parametrize("path", TEXTS)
def test_docstring_has_numpydocs_sections_in_their_order(path):
    found = headings(TEXTS[path])
    assert found == sorted(found, key=SECTIONS.index)


def test_a_docstring_that_does_not_render_is_noticed():
    assert "emphasis" in warnings("Return *args, whatever they are.")
    assert "unindent" in warnings("Rules:\n    x\n  y")
    assert headings("Return it.\n\nParameter\n---------\nx\n") == ["Parameter"]
