"""The examples in the docstrings run, and the names that people use first have one."""

import doctest
import inspect

import numpy as np
import pytest
from public_names import modules

from minires import data, functional, gradcheck, init, interop, layers, models, optim, probe, surgery, train
from minires.accounting import cost

FIRST = {
    functional: [
        "conv2d_forward",
        "relu_forward",
        "batch_norm_train_forward",
        "softmax_cross_entropy_forward",
    ],
    models: ["build", "names", "cifar_resnet"],
    optim: ["SGD", "Cosine", "Steps", "WarmUp"],
    init: ["msra", "xavier"],
    probe: ["watch", "Statistics"],
    gradcheck: ["check_function", "check_gradients", "check_directional"],
    surgery: ["deepen", "fold", "freeze_prefix", "replace_head"],
    data: ["load", "Batches", "Dataset", "Normalisation", "Augmentation"],
    train: ["Config", "prepare", "evaluate"],
    interop: ["load_torch", "to_torch"],
    cost: ["table"],
}


def examples():
    """Return {path: DocTest} of every docstring with examples; they find np, and a generator rng.

    Those of the layers find all layers by their names.
    """
    finder, found = doctest.DocTestFinder(exclude_empty=True), {}
    for module in modules():
        for test in finder.find(module):
            if test.examples:
                if module.__name__.startswith("minires.layers"):
                    test.globs = {name: getattr(layers, name) for name in layers.__all__} | test.globs
                found[test.name] = test
    return found


EXAMPLES = examples()


@pytest.mark.parametrize("path", EXAMPLES)
def test_example(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    test = EXAMPLES[path]
    test.globs |= {"np": np, "rng": np.random.default_rng(0)}
    said = []
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE)
    result = runner.run(test, out=said.append)
    assert result.attempted and not result.failed, "".join(said)


@pytest.mark.parametrize("module", FIRST)
def test_what_people_use_first_has_an_example(module):
    for name in FIRST[module]:
        assert ">>>" in inspect.getdoc(getattr(module, name)), f"{module.__name__}.{name}"


def test_a_wrong_example_fails():
    test = doctest.DocTestParser().get_doctest(">>> 1 + 1\n3\n", {}, "wrong", None, None)
    assert doctest.DocTestRunner().run(test, out=lambda text: None).failed == 1
