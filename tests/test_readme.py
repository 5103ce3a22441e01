"""The README tells the truth: its Python examples run as they stand."""

import pathlib
import re

import pytest

README = pathlib.Path(__file__).parent.parent / "README.md"


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)


def test_the_python_examples_run_one_after_the_other(capsys):
    names = {}
    for code in blocks("python"):
        exec(compile(code, "README.md", "exec"), names)
    assert names["dx"].shape == names["y"].shape == (8, 16, 32, 32)
    assert names["accuracy"] > 0.9
    printed = capsys.readouterr().out
    (tree,) = re.findall(r"```\n(Sequential: .*?\n)```", README.read_text(encoding="utf-8"), re.DOTALL)
    assert tree in printed
    (diagnosis,) = re.findall(
        r"^  \* x: shortcut missing: .+$", README.read_text(encoding="utf-8"), re.MULTILINE
    )
    assert diagnosis in printed.splitlines()  # what the README says was printed


def test_every_file_that_the_readme_names_exists():
    links = re.findall(r"\]\(([^)#:]+)\)", README.read_text(encoding="utf-8"))
    assert links
    for link in links:
        assert (README.parent / link).exists(), f"{link} is named in the README but does not exist"


@pytest.mark.parametrize("name", ["train", "tests"])
def test_the_marked_commands_exist(name):
    assert re.search(rf"<!-- {name} -->\n```bash\n.+\n```", README.read_text(encoding="utf-8"))
