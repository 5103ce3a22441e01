"""Find in a file of anybody's the functions and classes whose gradients can be checked.

What other courses and books write: `affine_forward` beside `affine_backward`; a loss that returns its own
gradient; a class with `forward` and `backward`, with a cache (two static methods) or without one (what
backward needs is in the object); a network with `params` and a `loss` that returns {name: gradient}.
"""

import ast
import inspect
import re
from collections.abc import Callable, Mapping
from typing import Any

from minires.gradcheck.foreign.forms import Form, LayerForm, LossForm, NetworkForm, PairForm, parameters

WORDS = {  # what a backward is called, and its forward; the longer word first
    "backpropagation": ("forwardpropagation", "propagation"),
    "backward": ("forward",),
    "Backward": ("Forward",),
    "backprop": ("forwardprop", "forward"),
    "bprop": ("fprop",),
    "bwd": ("fwd",),
}
LOSS = re.compile(r"loss|cost|criterion", re.IGNORECASE)
MAKES = re.compile(r"(\w+)(\(.*\))?", re.DOTALL)


class NotFound(ValueError):
    """Nothing of that name can be checked. found: {name: why it does not fit}."""

    def __init__(self, text: str, found: Mapping[str, str]) -> None:
        super().__init__(text)
        self.found = dict(found)


def find(namespace: Mapping[str, Any], module: str) -> tuple[list[Form], dict[str, str]]:
    """Return the Forms of what a file defines, in its order, and {name: why it does not fit} of the rest.

    namespace: {name: value}, the variables of the file; module: its name, which its own functions carry.
    """
    functions = {name: value for name, value in namespace.items() if _is_own(value, module, _is_function)}
    classes = {name: value for name, value in namespace.items() if _is_own(value, module, inspect.isclass)}
    forms: list[Form] = []
    rest: dict[str, str] = {}
    used = set()
    for name, function in functions.items():
        if backward_word(name) is None or name.startswith("_"):
            continue
        if any(word in name for words in WORDS.values() for word in words):  # nn_forward_backward
            forms.append(LossForm(name, function))
            used.add(name)
            continue
        forward = forward_of(name, functions)
        if forward is None:
            rest[name] = f"no {expected_forward(name)} beside it"
            continue
        used |= {name, forward}
        forms.append(PairForm(stem(name), functions[forward], function, names=(forward, name)))
    for name, function in functions.items():
        if name in used or name in rest or name.startswith("_"):
            continue
        if LOSS.search(name):
            forms.append(LossForm(name, function))
        elif any(word in name for words in WORDS.values() for word in words):
            rest[name] = f"no {expected_backward(name)} beside it"
        else:
            rest[name] = "neither ..._forward nor ..._backward, and no loss"
    for name, kind in classes.items():
        reason = _misfit(kind)
        if reason:
            rest[name] = reason
        else:
            forms.append(_of_class(name, kind))
    return forms, rest


def choose(namespace: Mapping[str, Any], module: str, wanted: str) -> Form:
    """Return the Form that a user named: "affine", one of its functions, "f,b", or "Class(4, 3)".

    Raises NotFound if there is none.
    """
    forms, rest = find(namespace, module)
    pair = [word.strip() for word in wanted.split(",")] if "(" not in wanted else []
    if len(pair) == 2:
        forward, backward = (_look_up(namespace, name, wanted, rest) for name in pair)
        return PairForm(stem(pair[1]), forward, backward, names=(pair[0], pair[1]))
    for form in forms:
        if wanted in (form.name, *form.names):
            return form
    made = MAKES.fullmatch(wanted)
    if made and inspect.isclass(namespace.get(made[1])):
        kind = namespace[made[1]]
        reason = _misfit(kind) or _no_arguments(made[2] or "()")
        if reason:
            raise NotFound(f"{made[1]}: {reason}", rest)
        return _of_class(made[1], kind, made[2] or "()", namespace)
    if "(" in wanted and made is None:
        raise NotFound(f"{wanted} is not Python", rest)
    plain = not any(word in wanted for way in WORDS.items() for word in (way[0], *way[1]))
    if plain and callable(namespace.get(wanted)):
        return LossForm(wanted, namespace[wanted])
    why = f"{wanted}: {rest[wanted]}; FILE.py:f,b names any two" if wanted in rest else f"no {wanted} there"
    raise NotFound(why, {**{form.name: "can be checked" for form in forms}, **rest})


def _is_own(value: Any, module: str, fits: Callable[[Any], bool]) -> bool:
    return fits(value) and getattr(value, "__module__", None) == module


def _is_function(value: Any) -> bool:
    return callable(value) and not inspect.isclass(value) and hasattr(value, "__name__")


def backward_word(name: str) -> str | None:
    """Return the word that makes a name a backward's, or None."""
    return next((word for word in WORDS if word in name), None)


def stem(name: str) -> str:
    """Return what a pair is called: "affine" of "affine_backward", "conv_naive" of "conv_backward_naive"."""
    word = backward_word(name)
    rest = name.replace(word, "", 1) if word else name
    return re.sub(r"_+", "_", rest).strip("_.") or name


def forward_of(name: str, functions: Mapping[str, Any]) -> str | None:
    """Return the name of the forward that belongs to a backward's name, or None."""
    word = backward_word(name) or ""
    until = name[: name.index(word) + len(word)]  # batchnorm_backward of batchnorm_backward_alt
    for whole in (name, until):
        for other in (*WORDS[word], ""):
            candidate = whole.replace(word, other, 1).strip("_")
            if candidate != name and candidate in functions:
                return candidate
    return None


def expected_forward(name: str) -> str:
    """Return what the forward of a backward should be called."""
    word = backward_word(name) or ""
    return name.replace(word, WORDS[word][0], 1)


def expected_backward(name: str) -> str:
    """Return what the backward of a forward should be called."""
    for backward, words in WORDS.items():
        for word in words:
            if word in name:
                return name.replace(word, backward, 1)
    return f"{name}_backward"


def _misfit(kind: type) -> str:
    """Return why a class cannot be checked, or ""."""
    bases = {f"{base.__module__}.{base.__qualname__}" for base in kind.__mro__}
    if "torch.autograd.function.Function" in bases:
        return "a torch.autograd.Function, which torch.autograd.gradcheck checks"
    has = {name for name in ("forward", "backward", "loss") if callable(getattr(kind, name, None))}
    if has >= {"forward", "backward"} or has >= {"loss"} and "backward" not in has:
        return ""
    if "torch.nn.modules.module.Module" in bases:
        return "a torch.nn.Module without a backward of its own"
    missing = " and ".join(sorted({"forward", "backward"} - has))
    return f"a class without {missing}"


def _no_arguments(text: str) -> str:
    """Return why a text is not what stands behind a class's name, or ""."""
    try:
        ast.parse(f"name{text}", mode="eval")
    except SyntaxError:
        return f"{text} is not Python"
    return ""


def _of_class(
    name: str, kind: Any, arguments: str = "()", namespace: Mapping[str, Any] | None = None
) -> Form:
    """Return the Form of a class. arguments: of its constructor, as text."""

    def make() -> Any:
        return eval(f"_kind{arguments}", {**(namespace or {}), "_kind": kind})  # the user's own words

    if not callable(getattr(kind, "forward", None)):
        form: Form = NetworkForm(name, kind, make)
    elif _are_static(kind):
        names = (f"{name}.forward", f"{name}.backward")
        return PairForm(name, kind.forward, kind.backward, names=names)
    else:
        form = LayerForm(name, kind, make)
    if arguments == "()":
        form.needs = [n for n, p in parameters(kind).items() if p.default is p.empty]
    return form


def _are_static(kind: type) -> bool:
    return all(
        isinstance(inspect.getattr_static(kind, name), (staticmethod, classmethod))
        for name in ("forward", "backward")
    )


def _look_up(namespace: Mapping[str, Any], name: str, wanted: str, rest: Mapping[str, str]) -> Any:
    value: Any = None
    first, *inner = name.split(".")
    value = namespace.get(first)
    for attribute in inner:
        value = getattr(value, attribute, None)
    if not callable(value):
        raise NotFound(f"{wanted}: no function {name} there", rest)
    return value
