"""Every public function says what it takes and returns (its types), and what it does (its docstring)."""

import inspect
import pathlib

import pytest
from public_names import definitions

import minires
import minires.functional as F
from minires.functional.dispatch import accelerated

PUBLIC = definitions()
FUNCTIONS = {path: value for path, value in PUBLIC.items() if not inspect.isclass(value)}


def unannotated(function):
    """Return the names of the parameters without an annotation, and "return" if that has none."""
    signature = inspect.signature(function)
    missing = [
        name
        for i, (name, parameter) in enumerate(signature.parameters.items())
        if parameter.annotation is parameter.empty and not (i == 0 and name in ("self", "cls"))
    ]
    return missing + (["return"] if signature.return_annotation is signature.empty else [])


@pytest.mark.parametrize("path", FUNCTIONS)
def test_every_parameter_and_the_result_have_a_type(path):
    assert unannotated(FUNCTIONS[path]) == []


@pytest.mark.parametrize("path", PUBLIC)
def test_every_public_name_has_a_docstring_whose_first_line_is_a_sentence(path):
    if path.endswith(".__init__"):
        return  # the class's docstring describes it
    first = (inspect.getdoc(PUBLIC[path]) or "").partition("\n")[0]  # a method's may be inherited
    assert len(first) > 10 and not first.startswith(" ")


def test_a_function_without_types_is_noticed():
    def scale(x, *, factor: float = 1.0):
        return x * factor

    assert unannotated(scale) == ["x", "return"]


def test_the_public_names_are_found_in_functions_classes_and_methods():
    for path in (
        "functional.conv.conv2d_forward",
        "optim.sgd.SGD",
        "optim.sgd.SGD.step",
        "data.dataset.Dataset.take",
    ):
        assert path in PUBLIC


def test_dispatch_keeps_the_signature_and_shows_the_textbook():
    @accelerated
    def twice(x: float, *, again: bool = False) -> float:
        return 2 * x

    assert str(inspect.signature(twice)) == "(x: float, *, again: bool = False) -> float"
    assert twice.textbook(1.5) == 3.0
    assert inspect.signature(F.relu_forward) == inspect.signature(F.relu_forward.textbook)


def test_signatures_are_short_enough_to_be_read_at_the_prompt():
    for name in F.__all__:
        signature = str(inspect.signature(getattr(F, name)))
        assert "ndarray[" not in signature  # Array, not what a checker takes it for


def test_type_checkers_are_told_that_there_are_types():
    assert (pathlib.Path(minires.__file__).parent / "py.typed").is_file()
