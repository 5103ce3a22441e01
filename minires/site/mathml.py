"""LaTeX formulas as MathML, which browsers set themselves: no script, no font from elsewhere."""

import re
from xml.etree import ElementTree

LIMITS = {"msub": "munder", "msubsup": "munderover"}  # where a displayed sum has them
FUNCTIONS = ("max", "min", "log", "exp", "ln", "sin", "cos", "tanh", "arg", "Var", "Cov")


def convert(latex, display):
    """Return a formula as MathML. display: "inline" or "block". Raises ValueError if a command is unknown."""
    from latex2mathml.converter import convert

    latex = re.sub(r"\\(begin|end)\{(?:aligned|split)\}(\[[tcb]\])?", r"\\\1{align*}", latex.strip())
    try:
        formula = ElementTree.fromstring(convert(latex, display=display, xmlns=""))
    except Exception as error:  # of many kinds, and all mean the same
        raise ValueError(f"cannot set the formula {latex}: {error!r}") from error
    for element in formula.iter():
        if re.match(r"\\\w", element.text or ""):
            raise ValueError(f"cannot set {element.text} in the formula {latex}")
        if display == "block" and element.tag in LIMITS and element[0].text in ("∑", "∏"):
            element.tag = LIMITS[element.tag]
    for row in list(formula.iter()):
        _space(list(row))
        if len(row) and "minsize" in row[0].attrib and row.tag in ("msup", "msub", "msubsup"):
            grows = ElementTree.Element("mrow")  # browsers let a bracket grow in a row only
            grows.append(row[0])
            row[0] = grows
    return ElementTree.tostring(formula, encoding="unicode")


def _space(row):
    """Set functions and slashes in a row of a formula as TeX does, not as signs between two terms."""
    for element, after in zip(row, [*row[1:], None], strict=False):
        if element.text in FUNCTIONS:
            element.tag = "mo"
            bare = after is None or after.text in ("(", "[")
            element.attrib |= {"lspace": "0.17em", "rspace": "0" if bare else "0.17em"}
        if element.text in ("/", "∂", "∇", "′"):
            element.attrib |= {"lspace": "0", "rspace": "0"}
        if "minsize" in element.attrib:  # \big( and its like
            element.attrib |= {"stretchy": "true", "symmetric": "true", "lspace": "0", "rspace": "0"}
        if len(element) == 1 and element[0].text == ",":  # {,} groups digits
            element[0].attrib |= {"lspace": "0", "rspace": "0"}
