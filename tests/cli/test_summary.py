"""`minires summary` prints the table of a network without building it, in four formats and two pictures."""

import csv
import io
import json
import re
import tracemalloc

import pytest
from test_cli import error_of, minires

from minires import cli, models, plot
from minires.accounting import published
from minires.detection.build import NAMES as DETECTORS


@pytest.fixture(autouse=True)
def empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_text_is_the_lectures_table(capsys):
    code, out, err = minires(capsys, "summary", "resnet20")
    assert code == 0 and err == []
    assert out[0] == "resnet20, input 3x32x32"
    assert out[2].split() == "layer kind input kernel stride pad output memory KB params MACs".split()
    assert out[4].split() == ["conv", "Conv2d", *"3x32x32 3x3 1 1 16x32x32 64.00 432 442,368".split()]
    strided = next(line for line in out if line.startswith("stage2.0.branch.0"))
    assert strided.split()[2:7] == ["16x32x32", "3x3", "2", "1", "32x16x16"]
    assert next(line for line in out if line.startswith("pool")).split()[-1] == "(4,096)"
    assert next(line for line in out if "BatchNorm" in line).split() == ["19", "x", "BatchNorm", "1,376"]
    assert out[-2].split() == ["total", "736.04", "269,722", "40,551,040"]
    assert out[-1].split() == ["with", "pooling", "736.29", "40,555,136"]
    assert max(map(len, out)) < 120


def test_json_has_integer_totals_and_every_layer(capsys):
    code, out, _ = minires(capsys, "summary", "resnet20", "--format", "json", "--train", "--batch", "32")
    report = json.loads("\n".join(out))
    assert code == 0 and type(report["params"]) is type(report["macs"]) is int
    assert (report["params"], report["macs"], report["pooling"]) == (269_722, 40_551_040, 4_096)
    assert sum(layer["params"] for layer in report["layers"]) == 269_722
    assert report["layers"][0]["kernel"] == [3, 3] and report["input"] == [3, 32, 32]
    assert report["training"]["batch"] == 32
    assert report["training"]["peak"] > report["training"]["remembered"] > 32 * 1e6


def test_csv_has_a_line_for_each_layer(capsys):
    _, out, _ = minires(capsys, "summary", "resnet20", "--format", "csv")
    rows = list(csv.DictReader(io.StringIO("\n".join(out))))
    assert sum(int(row["params"]) for row in rows) == 269_722
    assert (rows[0]["name"], rows[0]["kernel"], rows[-1]["kernel"]) == ("conv", "3x3", "")


def test_markdown_is_a_table(capsys):
    _, out, _ = minires(capsys, "summary", "resnet20", "--format", "markdown", "--depth", "1")
    table = [line for line in out if line.startswith("|")]
    assert {line.count("|") for line in table} == {11}
    assert table[1].count("---:") == 3 and "| stage1 | 12 layers |" in "\n".join(table)


def test_training_memory_grows_with_the_batch(capsys):
    def remembered(batch):
        _, out, _ = minires(capsys, "summary", "resnet20", "--train", "--batch", batch)
        (line,) = (line for line in out if "cached between" in line)
        return float(line.split()[-2].replace(",", ""))

    assert remembered(64) == pytest.approx(64 * remembered(1), rel=0.05)  # printed with one decimal


def test_another_input_and_other_classes(capsys):
    _, out, _ = minires(
        capsys, "summary", "resnet20", "--input", "1x28x20", "--classes", "7", "--format", "json"
    )
    report = json.loads("\n".join(out))
    assert report["layers"][0]["input"] == [1, 28, 20] and report["layers"][-1]["output"] == [7]


def test_without_a_name_all_networks_are_listed(capsys):
    code, out, _ = minires(capsys, "summary")
    assert code == 0 and [line.split()[0] for line in out[1:]] == [*models.names(), *DETECTORS]
    (line,) = (line for line in out if line.startswith("vgg16 "))
    assert line.split() == ["vgg16", "3x224x224", "138,357,544", "15,470,264,320"]


def test_the_comparison_is_drawn(capsys, empty_folder):
    code, out, _ = minires(capsys, "summary", "--compare", "alexnet", "vgg16", "googlenet", "resnet152")
    assert code == 0 and out[-1] == "plot: comparison.png" and (empty_folder / "comparison.png").exists()
    assert out[1].split() == "vgg16 15.47 G multiply-adds 138.4 M parameters 71.6 % top-1 accuracy".split()


def test_an_option_that_would_be_ignored_is_refused(capsys):
    assert "--train: only applies to the table of one network" in error_of(capsys, "summary", "--train")
    assert "--batch: only applies with --train" in error_of(capsys, "summary", "resnet20", "--batch", "3")
    assert "--format" in error_of(capsys, "summary", "--compare", "alexnet", "--format", "json")
    assert "did you mean" in error_of(capsys, "summary", "--compare", "alexnet", "resnet19")


def test_networks_of_fixed_size_fit_the_images_that_are_asked_for(capsys):
    _, out, _ = minires(
        capsys, "summary", "vgg16", "--input", "1x32x32", "--classes", "10", "--format", "json"
    )
    layers = {layer["name"]: layer for layer in json.loads("\n".join(out))["layers"]}
    assert layers["fc6"]["input"] == [512] and layers["conv1_1"]["input"] == [1, 32, 32]


def test_no_network_is_allocated(capsys):
    cli.main(["summary", "resnet20"])  # whatever is imported once
    tracemalloc.start()
    try:
        assert cli.main(["summary", "resnet1202"]) == 0
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 30e6  # its weights and gradients alone are 155 MB
    capsys.readouterr()


def test_bars_are_drawn(capsys, empty_folder):
    code, out, _ = minires(capsys, "summary", "resnet20", "--plot", "bars.png")
    assert code == 0 and out[-1] == "plot: bars.png"
    assert (empty_folder / "bars.png").read_bytes().startswith(b"\x89PNG")


def test_the_bars_are_the_table():
    from minires import init
    from minires.accounting import cost

    table = cost.table(models.build("resnet8", rng=init.SHAPES_ONLY), (3, 32, 32))
    figure = plot.costs(table, title="resnet8")
    rows = [row for row in table.rows if row.macs]
    for axes, values in zip(
        figure.axes,
        (
            [row.output_bytes / 1024 for row in rows],
            [row.params / 1e3 for row in rows],
            [row.macs / 1e6 for row in rows],
        ),
        strict=True,
    ):
        assert [bar.get_height() for bar in axes.patches] == pytest.approx(values)


def test_the_comparison_needs_a_point():
    with pytest.raises(ValueError, match="at least one network"):
        plot.comparison([])


def test_published_results_name_their_sources():
    rows = published.rows()
    assert len(rows) > 80 and all(row["source"] and row["percent"] for row in rows)
    top5 = published.values("imagenet one crop", "top-5 error")
    assert top5["resnet152"] == 6.7  # the paper's stride, whose multiply-adds resnet152 has
    assert top5["resnet152_v1.5"] == 5.94
    shortcuts = published.values("cifar10 resnet110 shortcuts", "test error")
    assert shortcuts["conv1x1"] == 12.22 and "dropout" not in shortcuts  # printed as a bound, >20
    with pytest.raises(ValueError, match="expected one of imagenet one crop"):
        published.rows("mnist")


def test_wrong_input_is_one_line(capsys):
    assert re.search("did you mean .*resnet20", error_of(capsys, "summary", "resnet21"))
    assert "--format: expected one of text" in error_of(capsys, "summary", "resnet20", "--format", "xml")
    assert "--batch: expected at least 1" in error_of(capsys, "summary", "resnet20", "--batch", "0")
    assert "3x224x224" in error_of(capsys, "summary", "resnet20", "--input", "32x32")
    assert "square images of" in error_of(capsys, "summary", "vgg16", "--input", "3x32x64")
    assert "expected a .png" in error_of(capsys, "summary", "resnet20", "--plot", "bars.txt")
    assert "no published error of plain20" in error_of(capsys, "summary", "--compare", "plain20")


def test_a_network_is_drawn_into_the_file_of_its_name_or_another(capsys, empty_folder):
    code, out, _ = minires(capsys, "summary", "resnet8", "--draw")
    assert code == 0 and out[-1] == "plot: resnet8.png" and out[0] == "resnet8, input 3x32x32"
    assert (empty_folder / "resnet8.png").read_bytes().startswith(b"\x89PNG")
    _, out, _ = minires(capsys, "summary", "--draw", "plain8")  # the name in the place of the file
    assert out[0] == "plain8, input 3x32x32" and (empty_folder / "plain8.png").exists()
    _, out, _ = minires(capsys, "summary", "resnet8", "--draw", "drawn.svg", "--input", "1x28x28")
    assert out[-1] == "plot: drawn.svg" and b"<svg" in (empty_folder / "drawn.svg").read_bytes()


def test_what_cannot_be_drawn_is_one_line(capsys):
    assert "--draw: expected a .png" in error_of(capsys, "summary", "resnet8", "--draw", "net.txt")
    assert "--draw: only applies to the table of one network" in error_of(capsys, "summary", "--draw")
    assert "--draw" in error_of(capsys, "summary", "--compare", "resnet50", "--draw")
    code, _, err = minires(capsys, "summary", "resnet8", "--draw", "no/where.png")
    assert code == 2 and len(err) == 1 and "no/where.png" in err[0]


@pytest.mark.parametrize(
    ("name", "params"), [("faster_rcnn", 251_984), ("fast_rcnn", 212_131), ("rcnn", 212_131)]
)
def test_detectors_are_counted_as_networks_are(name, params, capsys):
    """R-CNN sends 300 windows through its trunk, the others one image: the paper's reason for them."""
    assert cli.main(["summary", name, "--format", "json"]) == 0
    table = json.loads(capsys.readouterr().out)
    assert table["params"] == params
    assert (table["macs"] > 800e6) == (name == "rcnn")
    assert cli.main(["summary", name, "--input", "3x96x128", "--classes", "3", "--train"]) == 0
    assert "weights and running averages" in capsys.readouterr().out
