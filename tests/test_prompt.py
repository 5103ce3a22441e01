"""What a user meets at the prompt: lazy names, reprs, trees of networks, tables in notebooks, examples."""

import ast
import base64
import doctest
import html.parser
import importlib
import inspect
import io
import pathlib
import re
import struct
import sys
import zlib

import numpy as np
import pytest

import minires
from minires import data, gradcheck, init, layers, markup, models, optim, surgery
from minires.accounting import cost
from minires.catalogue import layer_rows
from minires.layers import (
    BatchNorm,
    Buffer,
    Conv2d,
    Dropout,
    Layer,
    Linear,
    MaxPool2d,
    Parameter,
    Recompute,
    ReLU,
    Residual,
    Sequential,
    StochasticDepth,
)
from minires.layers.trace import Blank
from minires.train import checkpoint
from minires.train.config import Config

FILES = sorted(pathlib.Path(layers.__file__).parent.glob("[a-z]*.py"))
LAYERS = [kind for name in layers.__all__ if inspect.isclass(kind := getattr(layers, name))]
cases = pytest.mark.parametrize("case", layer_rows(), ids=lambda case: case.name)


def rng():
    return np.random.default_rng(0)


# -- import minires as mr ----------------------------------------------------------------------------------


def modules():
    folder = pathlib.Path(minires.__file__).parent
    found = {path.stem for path in folder.glob("[a-z]*.py")}
    return sorted(found | {path.parent.name for path in folder.glob("[a-z]*/__init__.py")})


@pytest.mark.parametrize("name", modules())
def test_every_module_is_an_attribute(name):
    assert getattr(minires, name) is importlib.import_module(f"minires.{name}")


@pytest.mark.parametrize("name", layers.__all__)
def test_every_name_of_the_layers_is_an_attribute(name):
    assert getattr(minires, name) is getattr(layers, name)


def test_dir_and_all_list_the_same_names():
    assert dir(minires) == minires.__all__ == sorted([*modules(), *layers.__all__])


def test_type_checkers_see_the_same_modules():
    tree = ast.parse(pathlib.Path(minires.__file__).read_text(encoding="utf-8"))
    (block,) = [node for node in tree.body if isinstance(node, ast.If)]
    seen = {node.module: [name.name for name in node.names] for node in block.body}
    assert seen == {"minires": modules(), "minires.layers": ["*"]}


@pytest.mark.parametrize(
    ("name", "hint"),
    [("model", "models"), ("conv2d", "Conv2d"), ("BatchNorm2d", "BatchNorm"), ("combine", None)],
)
def test_an_unknown_name_is_refused_with_the_nearest(name, hint):
    with pytest.raises(AttributeError, match=f"'minires' has no attribute '{name}'") as error:
        getattr(minires, name)
    assert ("did you mean" in str(error.value)) == bool(hint) and (hint or "") in str(error.value)


# -- a layer's repr ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "call",
    [
        "Conv2d(3, 16, 3)",
        "Conv2d(4, 6, (3, 1), stride=2, padding=(1, 0), groups=2, bias=False)",
        "Linear(5, 3, bias=False)",
        "DropConnect(5, 3, keep=0.25)",
        "BatchNorm(16, momentum=0.99, eps=0.001)",
        "LocalResponseNorm(size=3, k=1.0)",
        "MaxPool2d(2)",
        "MaxPool2d((3, 2), stride=1, padding=1, ceil_mode=True)",
        "AvgPool2d(3, stride=(1, 2))",
        "Dropout()",
        "Dropout(keep=0.7)",
        "PadShortcut(32, stride=2, placement='mean')",
        "Channels(1, 3)",
        "Scale(0.5)",
        "Maxout(2)",
        "Upsample(3)",
        "AdaptiveAvgPool2d(4)",
        "ReLU()",
    ],
)
def test_a_layers_repr_is_the_call_that_makes_it(call):
    assert repr(made(call)) == call


def made(call):
    """Return the layer that a repr makes, its rng supplied."""
    node = ast.parse(call, mode="eval").body
    kind = getattr(layers, node.func.id)
    keywords = {each.arg: ast.literal_eval(each.value) for each in node.keywords}
    supplied = {"rng": rng()} if "rng" in inspect.signature(kind).parameters else {}
    return kind(*map(ast.literal_eval, node.args), **keywords, **supplied)


@cases
def test_every_single_layer_can_be_made_again_from_its_repr(case):
    """Every argument of a constructor is found again: a new layer's are, or this fails."""
    for _, layer in case.make()[0].named_layers():
        if list(layer.children()):
            continue
        assert "..." not in repr(layer)
        again = made(repr(layer))
        assert type(again) is type(layer) and repr(again) == repr(layer)
        shapes = [{n: a.shape for n, a in each.state_dict().items()} for each in (layer, again)]
        assert shapes[0] == shapes[1]
        for name, value in vars(layer).items():
            if not isinstance(value, (Parameter, Buffer, np.random.Generator)) and name != "frozen":
                assert vars(again)[name] == value, name


def test_a_constructors_arguments_are_kept_by_every_layer():
    """Whatever is no default must come back, so each argument has an attribute of its name."""
    for kind in LAYERS:
        if not issubclass(kind, Layer) or kind is Layer:
            continue
        built = {type(inner): inner for case in layer_rows() for _, inner in case.make()[0].named_layers()}
        for name, argument in inspect.signature(kind).parameters.items():
            if argument.kind in (argument.VAR_POSITIONAL, argument.VAR_KEYWORD):
                continue
            if name not in ("rng", "init"):  # what they did stands in the weights
                assert hasattr(built[kind], name), f"{kind.__name__} does not keep {name}"


class Unkept(Layer):
    """A user's layer that forgets one argument and keeps another."""

    def __init__(self, width, *, sharp=False, gain=1.0, rng):
        self.weight = Parameter(rng.standard_normal((width, 2)))
        self.sharp, self.gain = sharp, np.float64(gain)


def test_a_users_layer_shows_what_it_kept():
    assert repr(Unkept(3, sharp=True, gain=2.5, rng=rng())) == "Unkept(..., sharp=True, gain=2.5)"


class Table(Layer):
    """A user's layer that keeps the array that it is given."""

    def __init__(self, table, offset=None):
        self.table, self.offset = table, Parameter(np.zeros(2)) if offset is None else offset


def test_arrays_are_not_spelled_out():
    assert repr(Table(np.zeros(3))) == "Table(..., offset=...)"


def test_what_equals_a_default_is_left_out():
    momentum, eps = (float(text) for text in ("0.9", "1e-5"))  # equal to the defaults, but other objects
    assert repr(BatchNorm(3, momentum=momentum, eps=eps)) == "BatchNorm(3)"


@pytest.mark.parametrize(
    ("thing", "text"),
    [
        (Parameter(np.zeros((3, 2), np.float32)), "<Parameter 3x2, float32>"),
        (layers.freeze(BatchNorm(3)).gamma, "<Parameter 3, float32, frozen>"),
        (BatchNorm(3).running_mean, "<Buffer 3, float32>"),
        (Parameter(np.zeros((), np.float64)), "<Parameter one number, float64>"),
        (Blank((2, 3, 4, 5)), "Blank(2x3x4x5)"),
        (
            Conv2d(3, 4, 1, rng=init.SHAPES_ONLY).trace(Blank((1, 3, 8, 9))),
            "<Step Conv2d: 1x3x8x9 to 1x4x8x9, 864 multiply-adds>",
        ),
        (init.SHAPES_ONLY, "SHAPES_ONLY"),
    ],
    ids=["Parameter", "frozen", "Buffer", "scalar", "Blank", "Step", "SHAPES_ONLY"],
)
def test_the_parts_of_a_layer_say_what_they_are(thing, text):
    assert repr(thing) == text


# -- a network's tree --------------------------------------------------------------------------------------


def block(width):
    return Residual(Linear(width, width, rng=init.SHAPES_ONLY), after=ReLU())


def test_a_network_is_a_tree_with_settings_shapes_and_counts():
    net = Sequential(
        stem=Conv2d(3, 4, 3, padding=1, bias=False, rng=rng()),
        norm=BatchNorm(4),
        stage=Sequential(Residual(Conv2d(4, 4, 1, rng=rng())), ReLU()),
    )
    assert repr(net).splitlines() == [
        "Sequential: 136 parameters",
        "  (stem): Conv2d(3, 4, 3, padding=1, bias=False)  weight 4x3x3x3          108",
        "  (norm): BatchNorm(4)                            gamma 4, beta 4           8",
        "  (stage): Sequential                                                      20",
        "    (0): Residual                                                          20",
        "      (branch): Conv2d(4, 4, 1)                   weight 4x4x1x1, bias 4   20",
        "      (shortcut): Identity()",
        "      (after): Identity()",
        "    (1): ReLU()",
    ]
    assert str(net) == repr(net)


def test_blocks_that_look_the_same_are_folded():
    net = Sequential(*(block(2) for _ in range(3)), block(3), *(block(2) for _ in range(2)))
    lines = repr(net).splitlines()
    assert [line.split("  ")[1].strip() for line in lines if "Residual" in line] == [
        "(0-2): 3 x Residual",
        "(3): Residual",
        "(4-5): 2 x Residual",
    ]
    assert lines[1].endswith("3 x 6") and lines[0] == "Sequential: 42 parameters"


def test_only_neighbours_in_number_are_folded():
    net = Sequential(block1=block(2), block2=block(2), shortcut=block(2), block9=block(2))
    names = re.findall(r"^  \((.*?)\)", repr(net), re.MULTILINE)
    assert names == ["block1-block2", "shortcut", "block9"]


@pytest.mark.parametrize("name", models.names())
def test_a_tree_counts_the_parameters_that_the_cost_table_counts(name):
    net = models.build(name, rng=init.SHAPES_ONLY)
    text = repr(net)
    assert text.splitlines()[0].endswith(f": {models_parameters(net):,} parameters")
    assert not any("..." in line or line != line.rstrip() for line in text.splitlines())


def models_parameters(net):
    return sum(parameter.data.size for _, parameter in net.named_parameters())


def test_the_tree_of_a_thousand_layers_fits_on_two_screens():
    net = models.build("preresnet1001", rng=init.SHAPES_ONLY)
    assert len(list(net.named_layers())) > 3000 and "110 x Residual" in repr(net)
    assert len(repr(net).splitlines()) < 100


def test_thousands_of_nested_layers_are_no_recursion():
    net = Sequential(Linear(2, 3, rng=rng()))
    for _ in range(5000):
        net = Sequential(net)
    lines = repr(net).splitlines()
    assert lines[0] == "Sequential: 9 parameters"
    assert len(lines) < 20 and "Sequential ..." in lines[-1]


def test_a_layer_at_two_places_is_counted_once():
    linear, relu = Linear(2, 2, rng=rng()), ReLU()
    lines = repr(Sequential(a=Sequential(linear, relu), b=relu, c=linear)).splitlines()
    assert lines[0] == "Sequential: 6 parameters"
    assert lines[-2:] == ["  (b): ReLU()", "  (c): Linear, the same as a.0"]


def test_a_parameter_of_two_layers_is_counted_once():
    one, other = Linear(2, 2, rng=rng()), Linear(2, 2, bias=False, rng=rng())
    other.weight = one.weight
    lines = repr(Sequential(one, other)).splitlines()
    assert lines[0] == "Sequential: 6 parameters" and lines[2].endswith("weight: that of 0.weight")


def test_a_tree_says_what_is_frozen_and_what_is_recomputed():
    net = Sequential(a=block(2), b=Sequential(block(2), block(2)), c=Linear(2, 2, rng=rng()))
    layers.freeze(net["a"])
    net["b"].segment = 2
    net["c"].weight.frozen = True
    text = repr(net)
    assert "(a): Residual, frozen" in text and text.count("frozen") == 2
    assert "(b): Sequential, recomputed in segments of 2" in text
    assert "weight 2x2 (frozen), bias 2" in text


@pytest.mark.parametrize(
    ("build", "line"),
    [
        (lambda: StochasticDepth(ReLU(), survival=0.9, rng=rng()), "StochasticDepth(survival=0.9): 0"),
        (lambda: Recompute(ReLU()), "Recompute: 0"),
        (lambda: models.build("googlenet", rng=init.SHAPES_ONLY), "Network: 6,998,552"),
        (
            lambda: models.build("googlenet", aux=True, rng=init.SHAPES_ONLY),
            "NetworkWithHeads(loss_weights=",
        ),
        (lambda: surgery.fold(models.build("resnet8", rng=rng())), "FoldedNetwork: "),
    ],
    ids=["StochasticDepth", "Recompute", "Network", "NetworkWithHeads", "folded"],
)
def test_every_composite_is_named_with_its_settings(build, line):
    assert repr(build()).splitlines()[0].startswith(line)


def test_a_folded_convolution_shows_what_was_folded():
    net = surgery.fold(Sequential(Conv2d(3, 4, 3, rng=rng()), BatchNorm(4), ReLU()))
    assert repr(net).splitlines()[1].split() == ["(0):", "FoldedConv2d", "120"]
    assert "(norm): BatchNorm(4)" in repr(net)


def test_a_users_own_repr_is_kept_in_a_tree():
    class Named(ReLU):
        def __repr__(self):
            return "my own\nlayer"

    assert repr(Sequential(Named())).splitlines()[1:] == ["  (0): my own"]


# -- everything else in one line ---------------------------------------------------------------------------


def digits():
    return data.load("digits")[0]


def test_one_line_reprs_of_optimisers_and_schedules():
    net = Sequential(Linear(2, 3, rng=rng()))
    sgd = optim.SGD(net.named_parameters(), lr=0.1, momentum=0.9, no_decay=("bias",), lr_scale={"0": 2.0})
    assert repr(sgd) == (
        "<SGD of 2 parameter arrays, 9 numbers: "
        "lr=0.1, momentum=0.9, no_decay=('bias',), lr_scale={'0': 2.0}>"
    )
    assert repr(optim.Adam(net.named_parameters())) == "<Adam of 2 parameter arrays, 9 numbers>"
    names = {"Constant": optim.Constant, "Steps": optim.Steps, "WarmUp": optim.WarmUp}
    for text in ("Constant(0.1)", "WarmUp(Steps(0.1, (3, 5), factor=0.5), steps=4, rising=True)"):
        assert repr(eval(text, names)) == text
    assert repr(optim.Cosine(0.1, 100)) == "Cosine(0.1, 100)"
    assert repr(optim.Plateau(0.1, patience=3)) == "Plateau(0.1, patience=3)"


def test_one_line_reprs_of_data():
    train = digits()
    assert repr(train) == "<Dataset digits train: 1,437 images of 1x8x8, 10 classes>"
    fitted = data.Normalisation.fit(train)
    assert repr(fitted) == "<Normalisation: mean 4.892; std 6.02>"
    assert "one for each pixel, 1x8x8" in repr(data.Normalisation.fit(train, "per_pixel"))
    batches = data.Batches(train, batch_size=64, seed=3, normalisation=fitted, shuffle=False)
    assert repr(batches) == (
        "<Batches: 23 of digits train, 1,437 images, batch_size=64, seed=3, shuffle=False>"
    )
    assert repr(data.Augmentation(flip=False)) == "Augmentation(padding=4, flip=False, colour=None)"
    assert repr(data.ColourNoise(np.eye(3))) == "<ColourNoise: components 3x3, std=0.1>"
    folder = data.ImageFolder(pathlib.Path("photos"), ("a.png",), np.zeros(1, np.int64), ("cat",), "mine")
    assert repr(folder) == "<ImageFolder mine: 1 image of 3x224x224, 1 class, in photos>"


def test_one_line_reprs_of_reports_tables_and_records(tmp_path):
    x = rng().standard_normal((2, 3))
    report = gradcheck.check_gradients(Linear(3, 2, rng=rng()), x, train=True, rng=rng())
    assert re.fullmatch(r"<Report on Linear: ok, 3 tensors, largest error \d\.\de-\d\d>", repr(report))
    along = gradcheck.check_directional(Linear(3, 2, rng=rng()), x, train=True, rng=rng())
    assert re.fullmatch(r"<DirectionalReport on .+: ok, error \d\.\de-\d\d>", repr(along))
    table = cost.table(Sequential(Conv2d(3, 4, 1, rng=rng())), (3, 5, 6))
    assert repr(table) == "<Table of 1 row, input 3x5x6: 16 parameters, 360 multiply-adds>"
    assert str(table).splitlines()[0].startswith("layer") and "with pooling" in str(table)
    checkpoint.save(tmp_path / "c.npz", {"net/a": np.zeros(2**18)}, {"epoch": 3})
    saved = repr(checkpoint.load(tmp_path / "c.npz"))
    assert (
        saved.startswith(f"<Checkpoint {tmp_path / 'c.npz'}: 1 array, 2.0 MiB; facts: ") and "epoch" in saved
    )


def test_a_configuration_is_the_call_that_makes_it():
    config = Config.for_data("digits", seed=3, milestones=(2, 4), schedule="step")
    assert "seed=3" in repr(config) and "momentum" not in repr(config)
    assert eval(repr(config), {"Config": Config}) == config
    assert repr(Config()) == "Config(model='resnet20', data='cifar10', epochs=164)"


# -- notebooks ---------------------------------------------------------------------------------------------


class Page(html.parser.HTMLParser):
    """What a browser makes of it: the cells' texts, the images, and that every tag is closed."""

    def __init__(self, text):
        super().__init__()
        self.open, self.cells, self.images, self.tags = [], [], [], set()
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        if tag == "img":
            self.images.append(dict(attributes))
            return
        self.open.append(tag)
        if tag in ("td", "th"):
            self.cells.append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, text):
        if "td" in self.open or "th" in self.open:
            self.cells[-1] += text


HOSTILE = "<script>alert(1)</script>"


def test_a_network_in_a_notebook_is_its_tree_as_a_table():
    net = models.build("resnet20", rng=init.SHAPES_ONLY)
    page = Page(net._repr_html_())
    assert "(0-2): 3 x Residual" in page.cells and "3 x 4,672" in page.cells
    assert "269,722 parameters" in net._repr_html_()


def test_a_cost_table_in_a_notebook_is_the_summary():
    table = cost.table(models.build("resnet20", rng=init.SHAPES_ONLY), (3, 32, 32))
    cells = Page(table._repr_html_()).cells
    assert cells[:3] == ["layer", "kind", "input"] and "269,722" in cells and "40,551,040" in cells


def test_a_gradient_report_in_a_notebook_is_its_table():
    report = gradcheck.check_gradients(
        Linear(3, 2, rng=rng()), rng().standard_normal((2, 3)), train=True, rng=rng(), title=HOSTILE
    )
    page = Page(report._repr_html_())
    assert page.cells[:2] == ["tensor", "verdict"] and {"x", "weight", "bias"} <= set(page.cells)
    assert "script" not in page.tags
    report.rows[0].notes.append("a note <b>")
    assert "* x: a note &lt;b&gt;" in report._repr_html_()


def test_a_directional_report_in_a_notebook_is_its_table():
    x = rng().standard_normal((2, 3))
    report = gradcheck.check_directional(Linear(3, 2, rng=rng()), x, train=True, rng=rng())
    assert "step" in Page(report._repr_html_()).cells and "<- plateau" in str(report)


def test_a_data_set_in_a_notebook_shows_its_first_images():
    train = digits()
    page = Page(train._repr_html_())
    assert [image["alt"] for image in page.images] == [str(label) for label in train.labels[:10]]
    kind, _, encoded = page.images[0]["src"].partition(",")
    assert kind == "data:image/png;base64"
    expected = (train.images[0, 0] * (255 / 16)).round()
    np.testing.assert_array_equal(decoded(base64.b64decode(encoded)), expected)


def decoded(png):
    image = pytest.importorskip("PIL.Image")
    return np.asarray(image.open(io.BytesIO(png)))


@pytest.mark.parametrize("shape", [(5, 7), (5, 7, 3)], ids=["grey", "colour"])
def test_a_png_has_the_pixels_that_it_was_made_of(shape):
    pixels = rng().integers(0, 256, shape, np.uint8)
    png = markup.png(pixels)
    np.testing.assert_array_equal(decoded(png), pixels)
    length, kind = struct.unpack(">I4s", png[8:16])  # every chunk has the checksum of its bytes
    assert kind == b"IHDR" and struct.unpack(">I", png[16 + length : 20 + length])[0] == zlib.crc32(
        png[12 : 16 + length]
    )


def test_names_are_escaped_in_html():
    named = data.Dataset(np.zeros((1, 3, 2, 2), np.uint8), np.zeros(1, np.int64), (HOSTILE,), HOSTILE)
    assert Page(named._repr_html_()).tags == {"div", "b", "figure", "img", "figcaption"}
    page = Page(Sequential(**{HOSTILE: ReLU()})._repr_html_())
    assert f"({HOSTILE}): ReLU()" in page.cells and "script" not in page.tags


def test_html_names_no_colour_but_a_grey():
    """Black text would vanish in a dark theme, and a white background would glare."""
    net = models.build("resnet8", rng=rng())
    for shown in (net, digits(), cost.table(net, (3, 8, 8))):
        colours = re.findall(r"(?:color|background|border[a-z-]*):([^;\"]+)", shown._repr_html_())
        assert {"none", "inherit", "collapse", "1px solid rgba(128,128,128,0.45)"} >= set(colours)


def test_showing_a_network_imports_no_matplotlib(monkeypatch):
    for name in ("matplotlib", "PIL"):
        monkeypatch.setitem(sys.modules, name, None)  # importing it raises
    assert digits()._repr_html_() and models.build("resnet8", rng=rng())._repr_html_()


# -- help(mr.Conv2d) ---------------------------------------------------------------------------------------


def documented(kind):
    """Return the names in the Parameters section of a class's docstring."""
    _, _, rest = inspect.getdoc(kind).partition("Parameters\n----------\n")
    section = re.split(r"\n\n\w[\w ]+\n-{3,}\n", rest)[0]
    names = re.findall(r"^(\*{0,2}\w[\w, ]*?)(?: :.*)?$", section, re.MULTILINE)
    return [name.strip("*") for group in names for name in group.split(", ")]


@pytest.mark.parametrize("kind", LAYERS, ids=lambda kind: kind.__name__)
def test_help_describes_every_argument(kind):
    assert documented(kind) == list(inspect.signature(kind).parameters)


@pytest.mark.parametrize("kind", LAYERS, ids=lambda kind: kind.__name__)
def test_public_methods_are_annotated(kind):
    for name, method in vars(kind).items():
        if inspect.isfunction(method) and (not name.startswith("_") or name == "__init__"):
            arguments = set(inspect.signature(method).parameters) - {"self"}
            assert set(method.__annotations__) == arguments | {"return"}, f"{kind.__name__}.{name}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_examples_run(path):
    module = importlib.import_module(f"minires.layers.{path.stem}".removesuffix(".__init__"))
    names = {name: getattr(layers, name) for name in layers.__all__} | {
        "np": np,
        "init": init,
        "Blank": Blank,
    }
    runner = doctest.DocTestRunner()
    for test in doctest.DocTestFinder().find(module, globs=names):
        runner.run(test)
    assert runner.failures == 0


def test_every_layer_has_an_example():
    shown = [kind for kind in LAYERS if ">>>" not in inspect.getdoc(kind)]
    assert shown == [Buffer]


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (Recompute, "gradient checkpointing"),
        (Sequential, "gradient checkpointing"),
        (Residual, "skip connection"),
        (Dropout, "inverted dropout"),
        (MaxPool2d, "stride"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_the_words_that_people_search_for_are_there(kind, words):
    assert words in " ".join(inspect.getdoc(kind).lower().split())
