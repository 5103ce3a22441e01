"""What others have published is data with sources, its slips stand beside the true numbers."""

import csv
import re

import pytest

from minires import models
from minires.accounting import published

COLUMNS = ["table", "model", "measure", "percent", "printed", "year", "layers", "source", "note"]
LECTURES = ("lecture 6", "the ResNet lecture", "the ICML 2016 tutorial", "lecture 9")
ROWS = published.rows()


def row(table, model, measure):
    (found,) = (r for r in published.rows(table) if (r["model"], r["measure"]) == (model, measure))
    return found


def test_every_line_has_every_column_and_names_one_number():
    with published.PATH.open(encoding="utf-8", newline="") as file:
        lines = list(csv.reader(file))
    assert lines[0] == COLUMNS and all(len(line) == len(COLUMNS) for line in lines)
    assert all(text == text.strip() for line in lines for text in line)
    names = [(r["table"], r["model"], r["measure"]) for r in ROWS]
    assert len(set(names)) == len(names) and all(all(name) for name in names)


def test_every_row_names_a_lecture_with_a_slide_or_a_paper_or_code_that_can_be_found():
    for r in ROWS:
        for part in re.split(r"; ", r["source"]):
            lecture = part.startswith(LECTURES) and (part.count('"') >= 2 or "the same" in part)
            paper = re.search(r"\(arXiv:\d{4}\.\d{4,5}\), (table|section|abstract)", part)
            code = re.match(r"(torchvision 0\.1 documentation|KaimingHe/|BVLC Caffe)", part)
            assert lecture or paper or code, (r["table"], r["model"], part)


def test_numbers_are_percentages_and_layers_and_years_are_whole():
    for r in ROWS:
        assert re.fullmatch(r">?\d{1,2}(\.\d{1,2})?", r["percent"]), r
        assert not r["printed"] or re.fullmatch(r"\d{1,2}(\.\d{1,2})?", r["printed"]), r
        assert not r["year"] or 2010 <= int(r["year"]) <= 2016, r
        assert r["layers"] in ("", "shallow") or 5 <= int(r["layers"]) <= 1202, r


def test_layers_agree_with_the_names_of_the_models():
    for r in ROWS:
        named = re.match(r"(?:pre)?(?:resnet|plain|vgg)(\d+)|(?:ResNet|VGG)-(\d+)", r["model"])
        if named:
            assert r["layers"] == (named[1] or named[2]), r["model"]


def test_a_slip_stands_beside_the_true_number_with_the_reason():
    slips = {(r["table"], r["model"], r["percent"], r["printed"]) for r in ROWS if r["printed"]}
    assert slips == {
        ("coco detection, Faster R-CNN", "VGG-16", "21.2", "21.5"),
        ("competitions 2015", "ImageNet localization (top-5 error)", "25.0", "27"),
    }
    assert all(r["note"] and float(r["printed"]) != float(r["percent"]) for r in ROWS if r["printed"])


def test_the_revolution_of_depth():
    winners = published.rows("imagenet challenge winners")
    assert [(r["year"], r["percent"], r["layers"]) for r in winners] == [
        ("2010", "28.2", "shallow"),
        ("2011", "25.8", "shallow"),
        ("2012", "16.4", "8"),
        ("2013", "11.7", "8"),
        ("2014", "7.3", "19"),
        ("2014", "6.7", "22"),
        ("2015", "3.57", "152"),
    ]
    assert "ensemble of six" in winners[-1]["note"] and "Clarifai" in winners[3]["note"]
    assert row("imagenet single models", "resnet152", "top-5 error")["percent"] == "4.49"


def test_the_engines_of_detection():
    engines = published.rows("pascal voc 2007 detection")
    assert [(r["percent"], r["layers"]) for r in engines] == [
        ("34", "shallow"),
        ("58", "8"),
        ("66", "16"),
        ("86", "101"),
    ]


def test_relative_improvements_follow_from_the_numbers_beside_them():
    second = published.values("competitions 2015", "second place")
    resnet = published.values("competitions 2015", "ResNet")
    relative = published.values("competitions 2015", "relative improvement")
    assert len(relative) == 4
    for track, improvement in relative.items():
        assert 100 * abs(resnet[track] / second[track] - 1) == pytest.approx(improvement, abs=0.05), track
    assert [round(v) for v in relative.values()] == [25, 16, 11, 12]  # the lectures: 27, 16, 11, 12


def test_only_the_true_baseline_gives_the_printed_gain_of_28_percent():
    table, measure = "coco detection, Faster R-CNN", "mAP at IoU 0.5 to 0.95"
    found = published.values(table, measure)
    gain = published.values(table, "relative gain on VGG-16")["ResNet-101"]
    assert 100 * (found["ResNet-101"] / found["VGG-16"] - 1) == pytest.approx(gain, abs=0.05)
    assert round(gain) == 28
    printed = float(row(table, "VGG-16", measure)["printed"])
    assert round(100 * (found["ResNet-101"] / printed - 1)) == 27


def test_plain_networks_get_worse_and_residual_ones_better_with_depth():
    error = published.values("imagenet ten crops", "top-1 error")
    assert (error["plain18"], error["plain34"]) == (27.94, 28.54)
    assert (error["resnet18"], error["resnet34"]) == (27.88, 25.03)
    cifar = published.values("cifar10", "test error")
    depths = [cifar[f"resnet{depth}"] for depth in (20, 32, 44, 56, 110)]
    assert depths == [8.75, 7.51, 7.17, 6.97, 6.61] and cifar["resnet1202"] == 7.93


def test_comparisons_on_cifar():
    cifar10 = published.values("cifar10", "test error")
    assert [cifar10[m] for m in ("NIN", "DSN", "FitNet", "Highway")] == [8.81, 8.22, 8.39, 7.72]
    assert (cifar10["preresnet164"], cifar10["preresnet1001"]) == (5.46, 4.92)
    cifar100 = published.values("cifar100", "test error")
    assert list(cifar100.values()) == [35.68, 34.57, 35.04, 32.39, 25.16, 27.82, 24.33, 22.71]
    for table, mean, spread in (("cifar10", "4.89", "0.14"), ("cifar100", "22.68", "0.22")):
        r = row(table, "preresnet1001", "mean test error of five runs")
        assert r["percent"] == mean and r["note"] == f"standard deviation {spread}"


def test_shortcuts_have_the_biases_of_their_gates():
    table = "cifar10 resnet110 shortcuts"
    error = published.values(table, "test error")
    assert (error["exclusive_gate"], error["exclusive_gate, bias -7"]) == (8.7, 9.81)
    assert (error["shortcut_gate"], error["shortcut_gate, bias -6"]) == (12.86, 6.91)
    assert "-6" in row(table, "exclusive_gate", "test error")["note"]
    assert "start at 0" in row(table, "shortcut_gate", "test error")["note"]
    failed = {r["model"] for r in published.rows(table) if r["percent"] == ">20"}
    assert failed == {
        "no shortcut (plain110)",
        "constant_unscaled",
        "exclusive_gate, bias 0 to -5",
        "dropout",
    }
    assert not failed & set(error)  # a bound is no value


def test_models_that_can_be_built_have_the_names_of_the_library():
    names = set(models.names())
    for r in ROWS:
        if re.fullmatch(r"(pre)?(resnet|plain|vgg)\d+|alexnet|googlenet", r["model"]):
            known = r["model"] in names or r["model"] in ("resnet164", "resnet200", "resnet1001")
            assert known, r["model"]  # the three are original networks of depths that only papers have


def test_numbers_that_nobody_looked_up_say_so():
    doubtful = {(r["table"], r["model"]) for r in ROWS if "from memory" in r["note"]}
    assert ("cifar10", "resnet1001") in doubtful and ("imagenet single models", "resnet50") in doubtful
    assert ("imagenet single models", "resnet152") not in doubtful


def test_tables_are_named_once_in_the_order_of_the_file_and_others_are_refused():
    assert published.tables()[0] == "imagenet one crop" and len(published.tables()) == 15
    assert [r["table"] for r in ROWS] == [t for t in published.tables() for _ in published.rows(t)]
    with pytest.raises(ValueError, match="expected one of imagenet one crop"):
        published.rows("mnist")
