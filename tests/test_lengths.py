"""Each chapter can be read in one sitting, and the tool that says so can be wrong."""

from pathlib import Path

import lengths
import nbformat
import pytest

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = sorted(ROOT.glob("notebooks/*.ipynb"))
FIGURE = {
    "output_type": "display_data",
    "data": {"text/plain": "<Figure size 640x480 with 1 Axes>"},
    "metadata": {},
}


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_chapter_can_be_read_in_one_sitting(path):
    measured = lengths.measure(nbformat.read(path, as_version=4))
    assert not lengths.excesses(measured)


def toy(words=10, cells=1, source="score = 1", figures=0):
    text = nbformat.v4.new_markdown_cell("word " * words)
    code = [nbformat.v4.new_code_cell(source) for _ in range(cells)]
    for cell in code[:figures]:
        cell.outputs = [nbformat.from_dict(FIGURE)]
    return nbformat.v4.new_notebook(cells=[text, *code])


@pytest.mark.parametrize(
    ("notebook", "says"),
    [
        (toy(words=1601), "1601 words, 1600 at most"),
        (toy(cells=15), "15 cells, 14 at most"),
        (toy(cells=7, figures=7), "7 figures, 6 at most"),
        (toy(words=1600, cells=14, figures=13), "28 minutes, 25 at most"),
        (toy(source='score = 1\nprint(f"R2: {score:.2f}")'), "1 format strings, 0.2 at most"),
    ],
)
def test_each_limit_is_enforced(notebook, says):
    assert says in lengths.excesses(lengths.measure(notebook))


def test_a_chapter_at_the_limits_passes():
    assert lengths.excesses(lengths.measure(toy(words=1600, cells=14, figures=6))) == []


def test_words_are_those_that_a_reader_sees():
    source = (
        "```{admonition} In this chapter\n:class: objectives\nTwo words\n```\n"
        "{term}`voxels <voxel>` {cite:t}`miyawaki2008` [Loading](01_loading.ipynb) don't 100\n"
        "$$\nx = y\n$$ (label)\n\n![A picture](picture.png)"
    )
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell(source)])
    measured = lengths.measure(notebook)
    # In this chapter; Two words; voxels; Loading; don't; A picture.
    assert measured["words"] == 3 + 2 + 1 + 1 + 1 + 2
    assert measured["figures"] == 1


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ('print(f"{a:.2f}")\nb = 1', True),
        ('print(f"{a}")\nsome_longer_name = function(of_another_name)', False),
        ('print(\n    f"{a:.2f} and {b:.2f} and more"\n)', True),
        ('print("voxels:", count)', False),
        ("", False),
    ],
)
def test_cells_of_format_strings_are_found(source, found):
    assert lengths.longest_line_is_a_format_string(source) is found
