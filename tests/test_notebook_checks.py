"""Each check of the notebooks finds a fault planted for it, and names the place.

The faults are planted in small notebooks that are otherwise in order.
"""

import json

import copy_checks
import nbformat
import notebook_checks
import output_checks
import prose_checks
import pytest
from notebook_checks import load_tool, read_cells, stored_otherwise
from test_notebooks import CHECKS, name, report

# On Windows, pyzmq says that it starts a thread for the kernel's messages; nothing is wrong.
pytestmark = pytest.mark.filterwarnings("ignore:Proactor event loop:RuntimeWarning")

ALT = "A line that rises from left to right, steeply at first and then hardly at all."
FIGURE = {
    "output_type": "display_data",
    "data": {"text/plain": "<Figure size 640x480 with 1 Axes>"},
    "metadata": {},
}
DRAW = "fig, ax = plt.subplots()\nplotting.label_source(fig, dataset.source)"
EXERCISE = "```{exercise-start}\n:label: ex-one\n```\nTry it.\n```{exercise-end}\n```"
SOLUTION = "```{solution-start} ex-one\n:class: dropdown\n```\nSo.\n```{solution-end}\n```"


def text(source):
    return nbformat.v4.new_markdown_cell(source)


def printed(words, stream="stdout"):
    return {"output_type": "stream", "name": stream, "text": words}


def result(words):
    data = {"text/plain": words}
    return {"output_type": "execute_result", "data": data, "metadata": {}, "execution_count": 1}


def cell(source="score = 1", *outputs, count=1, tags=(), alt=None):
    made = nbformat.v4.new_code_cell(source, execution_count=count, outputs=list(outputs))
    if tags:
        made.metadata["tags"] = list(tags)
    if alt is not None:
        made.metadata["mystnb"] = {"image": {"alt": alt}}
    return made


def store(folder, *cells, file="toy.ipynb"):
    path = folder / file
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(nbformat.v4.new_notebook(cells=list(cells))), encoding="utf-8")
    return read_cells(path, folder)


TABLE = result("   R2\n0  0.5")
TABLE["data"]["text/html"] = '<table border="1" class="dataframe"></table>'
GOOD = [
    text("# Title"),
    cell("import numpy as np\n\n# a comment; with a semicolon;\nprint('x;')", printed("x;\n")),
    cell(DRAW + "\nx = 1" * 20, FIGURE, count=2, alt=ALT, tags=["hide-input"]),
    text("*Figure: a line that rises.*\n\nIt rises."),
    cell("assert recording.column(30, 10, 10) == 1780", TABLE, count=3),
    cell("# column of (30, 10, 10)\nvoxel, pixel = 1780, (30, 10, 10)\nX[2000:, 7]", count=4),
    cell(
        'display({"text/html": page, "text/plain": words}, raw=True)',
        {**FIGURE, "data": {"text/plain": "Interactive viewer: scores over the brain"}},
        count=5,
    ),
    cell("warnings.simplefilter('ignore', FutureWarning)  # upstream's, harmless", count=6),
    text(EXERCISE),
    text(SOLUTION),
]


@pytest.mark.parametrize("check", CHECKS, ids=name)
def test_a_notebook_in_order_passes(check, tmp_path):
    assert check(store(tmp_path, *GOOD)) == []


SHARED_ALT = cell(DRAW, FIGURE, {**FIGURE}, alt=ALT)
IMAGE = {**FIGURE, "data": {**FIGURE["data"], "image/png": "iVBORw0KGgo="}}
FRAME = {**FIGURE, "data": {"text/html": '<img src="data:image/png;base64,iVBO">'}}
FAULTS = [
    (notebook_checks.title_missing, cell("x = 1"), "is no title"),
    (notebook_checks.not_python, cell("x = 1\n%timeit x"), "cell 1, line 2: is not plain"),
    (notebook_checks.long_cells, cell("x = 1\n" * 16), "has 16 lines"),
    (
        notebook_checks.long_cells,
        cell(DRAW + "\nx = 1" * 30, FIGURE, alt=ALT, tags=["hide-input"]),
        "(25 at most)",
    ),
    (notebook_checks.long_cells, cell("x = 1", tags=["hide-input"]), "draws nothing"),
    (notebook_checks.trailing_semicolons, cell("x = 1\nax.plot(x);"), "cell 1, line 2: ends in"),
    (notebook_checks.trailing_semicolons, cell("f(x); # hide"), "line 1: ends in"),
    (notebook_checks.escapes, cell(tags=["raises-exception"]), "'raises-exception'"),
    (notebook_checks.escapes, cell(tags=["nbval-skip"]), "'nbval-skip'"),
    (notebook_checks.escapes, cell("import os  # noqa: F401"), "'# noqa'"),
    (notebook_checks.escapes, cell("# NBVAL_IGNORE_OUTPUT\nx = 1"), "NBVAL_IGNORE_OUTPUT"),
    (notebook_checks.escapes, cell("run(allow_errors=True)"), "allow_errors"),
    (notebook_checks.escapes, cell("try:\n    f()\nexcept OSError:\n    pass"), "line 3: 'except"),
    (notebook_checks.escapes, cell("warnings.filterwarnings('ignore')"), "hides warnings"),
    (notebook_checks.escapes, cell("warnings.simplefilter('ignore')  # why"), "hides warnings"),
    (
        notebook_checks.escapes,
        cell("x = 1  # why\ny = 1\nwarnings.simplefilter('ignore', FutureWarning)"),
        "line 3: hides warnings",
    ),
    (notebook_checks.clock_readers, cell("t = time.perf_counter()"), "reads the clock"),
    (notebook_checks.clock_readers, cell("t = datetime.now()"), "reads the clock"),
    (notebook_checks.bare_columns, cell("x = 1\nscore = scores[1780]"), "cell 1, line 2: a voxel"),
    (notebook_checks.bare_columns, cell("best = bold[:, 2207]"), "line 1: a voxel"),
    (output_checks.not_run, cell(count=None), "the execution count None, not 1"),
    (output_checks.not_run, cell(count=7), "the execution count 7, not 1"),
    (output_checks.stderr, cell("f()", printed("UserWarning: x", "stderr")), "UserWarning: x"),
    (
        output_checks.stderr,
        cell("f()", {"output_type": "error", "ename": "E", "evalue": "", "traceback": []}),
        "raised",
    ),
    (output_checks.stored_images, cell(DRAW, IMAGE, alt=ALT), "stores an image"),
    (output_checks.stored_images, cell("display(x)", FRAME), "stores an image"),
    (output_checks.stored_images, text("![](data:image/png;base64,iVBO)"), "stores an image"),
    (output_checks.object_reprs, cell("x", result("array([1, 2])")), "shows 'array([1, 2])'"),
    (output_checks.object_reprs, cell("fig", result("<Figure size 9x9 with 1 Axes>")), "<Figure"),
    (output_checks.object_reprs, cell("f", printed("<function f at 0x7f>")), "<function f"),
    (output_checks.object_reprs, cell("f", printed("Figure size 640x480")), "Figure size"),
    (output_checks.object_reprs, cell("f", printed("Axes(0.1,0.2;3x4)")), "Axes("),
    (output_checks.object_reprs, cell("f", printed("<Axes: title={'center': 'x'}>")), "<Axes"),
    (output_checks.object_reprs, cell("f", printed("(np.float64(0.3), 1)")), "np.float64("),
    (
        output_checks.object_reprs,
        cell("f", {**FIGURE, "data": {"text/plain": "<IPython.core.display.HTML object>"}}),
        "HTML object>",
    ),
    (output_checks.wordless_displays, cell("f", FRAME), "displays something without words"),
    (output_checks.paths_and_times, cell("f", printed("at /home/me/data")), "'/home/me/data'"),
    (output_checks.paths_and_times, cell("f", printed("at C:\\Users\\me")), "'C:\\\\Users'"),
    (output_checks.paths_and_times, cell("f", printed("Wall time: 3 s")), "'Wall time:'"),
    (output_checks.paths_and_times, cell("f", printed("at 10:22:40")), "'10:22:40'"),
    (output_checks.figures_without_alt, cell(DRAW, FIGURE), "without alt text"),
    (output_checks.figures_without_alt, cell(DRAW, FIGURE, alt="A plot"), "without alt text"),
    (output_checks.figures_without_alt, SHARED_ALT, "shows 2 figures"),
    (prose_checks.banned_words, text("So\nit is Clearly so."), "cell 1, line 2: 'Clearly'"),
    (prose_checks.banned_words, cell("x = 1  # obviously"), "'obviously'"),
    (prose_checks.broken_exercises, text(EXERCISE), "'ex-one' has no solution"),
    (
        prose_checks.broken_exercises,
        text(EXERCISE.replace("```{exercise-end}\n```", "") + "\n" + SOLUTION),
        "cell 1, line 1: the exercise is not closed",
    ),
    (
        prose_checks.broken_exercises,
        text(f"{EXERCISE}\n{SOLUTION.replace(':class: dropdown', ':hidden:')}"),
        "line 7: the solution is not folded",
    ),
    (
        prose_checks.broken_exercises,
        text(f"{EXERCISE}\n{SOLUTION.replace('ex-one', 'ex-two')}"),
        "no exercise above has this label",
    ),
    (
        prose_checks.broken_exercises,
        text(f"{EXERCISE}\n{SOLUTION.replace('```{solution-end}', '')}"),
        "the solution is not closed",
    ),
    (prose_checks.broken_exercises, text("```{solution-end}\n```"), "closes nothing"),
    (prose_checks.captions_missing, cell(DRAW, FIGURE, alt=ALT), "no caption follows"),
]


@pytest.mark.parametrize(("check", "fault", "words"), FAULTS)
def test_a_planted_fault_is_found(check, fault, words, tmp_path):
    findings = check(store(tmp_path, fault))
    assert any(words in finding for finding in findings), report(findings)
    assert all(finding.startswith("toy.ipynb, cell 1") for finding in findings)


def test_every_check_has_a_planted_fault():
    assert {check for check, _, _ in FAULTS} == set(CHECKS)


def test_a_figure_without_source_is_found(tmp_path):
    cells = store(tmp_path, *GOOD, cell("fig, ax = plt.subplots()", FIGURE, count=7, alt=ALT))
    (finding,) = output_checks.figures_without_source(cells, {"label_source"})
    assert finding.startswith("toy.ipynb, cell 11: a figure that does not name its data")


def test_a_helper_that_names_the_source_is_known(tmp_path):
    code = "def show_map(fig):\n    label_source(fig, 'twin')\n\ndef bare(fig):\n    pass\n"
    (tmp_path / "plotting.py").write_text(code, encoding="utf-8")
    assert copy_checks.labelling_helpers(tmp_path) == {"label_source", "show_map"}


def test_a_repeated_alt_text_is_found(tmp_path):
    pages = [
        store(tmp_path, cell(DRAW, FIGURE, alt=ALT), file="one.ipynb"),
        store(tmp_path, text("# T"), cell(DRAW, FIGURE, alt=ALT.upper()), file="two.ipynb"),
    ]
    assert copy_checks.repeated_alts(pages[:1]) == []
    (finding,) = copy_checks.repeated_alts(pages)
    assert finding.startswith("two.ipynb, cell 2: has the alt text of one.ipynb, cell 1")


def test_copied_preparation_is_found(tmp_path):
    block = "import numpy\na = 1\nb = f(a,\n    2)\nc = b  # note\nd = 'x'\ne = d\n"
    other = 'a = 1\nb = f(a, 2)\nc = b\n\nd = "x"\n'
    first = store(tmp_path, cell(block), file="one.ipynb")
    assert copy_checks.copied_code([first, store(tmp_path, cell(other), file="two.ipynb")]) == []
    second = store(tmp_path, cell("z = 0"), cell(other), cell("e = d"), file="two.ipynb")
    (finding,) = copy_checks.copied_code([first, second])
    assert finding.startswith("two.ipynb, cell 2: repeats 5 lines or more of one.ipynb, cell 1")


def test_unused_helpers_are_found(tmp_path):
    folder = tmp_path / "helpers"
    folder.mkdir()
    (folder / "ridge.py").write_text(
        "from helpers.moments import deep\n\ndef called():\n    return deep()\n\n\n"
        "def fit(n):\n    return fit(n - 1)\n\n\n"
        "class Result:\n    pass\n\n\ndef scores():\n    return Result()\n",
        encoding="utf-8",
    )
    (folder / "moments.py").write_text("def deep():\n    return 1\n", encoding="utf-8")
    imports = cell("from helpers import ridge\nfrom helpers.ridge import fit, scores as s")
    # A method of the same name is no use of the helper, and neither is its import.
    cells = store(tmp_path, imports, cell("ridge.called()\ns()\nmodel.fit(1)"))
    (finding,) = copy_checks.unused_helpers(folder, [cells])
    assert finding.startswith("helpers/ridge.py, line 7: nothing uses fit")
    cells = store(tmp_path, imports, cell("ridge.called()\nridge.fit(1)"))
    (finding,) = copy_checks.unused_helpers(folder, [cells])
    assert finding.startswith("helpers/ridge.py, line 15: nothing uses scores")


def test_a_helper_that_another_module_passes_on_is_used(tmp_path):
    folder = tmp_path / "helpers"
    folder.mkdir()
    (folder / "regions.py").write_text("def labels():\n    return 1\n", encoding="utf-8")
    (folder / "datasets.py").write_text("from helpers.regions import labels\n", encoding="utf-8")
    imports = cell("from helpers import datasets")
    (finding,) = copy_checks.unused_helpers(folder, [store(tmp_path, imports)])
    assert finding.startswith("helpers/regions.py, line 1: nothing uses labels")
    cells = store(tmp_path, imports, cell("datasets.labels()"))
    assert copy_checks.unused_helpers(folder, [cells]) == []


def test_a_chapter_without_exercise_is_found(tmp_path):
    assert prose_checks.exercise_missing(store(tmp_path, *GOOD)) == []
    (finding,) = prose_checks.exercise_missing(store(tmp_path, *GOOD[:4]))
    assert finding.startswith("toy.ipynb, cell 4: ends the chapter without an exercise")


# Links, citations and terms

DEAD = [
    ("[a](missing.ipynb)", "'missing.ipynb' leads nowhere"),
    ("![a](missing.png)", "'missing.png' leads nowhere"),
    ("[a](#nowhere)", "'#nowhere' leads nowhere"),
    ("[a](other.ipynb#nowhere)", "'other.ipynb#nowhere' leads nowhere"),
    ("[a](other.ipynb#eq-r2)", "'other.ipynb#eq-r2' leads nowhere"),
    ("```{note}\n[a](missing.ipynb)\n```", "'missing.ipynb' leads nowhere"),
    ("{doc}`missing`", "`missing` is no page"),
    ("{ref}`words <nowhere>`", "the label 'nowhere' is nowhere"),
    ("{eq}`nowhere`", "the label 'nowhere' is nowhere"),
]
ALIVE = (
    "[a](other.ipynb) [b](other) [c](other.ipynb#a-heading) [d](#eq-r2) [e](#here) "
    "[f](https://example.org/x) {doc}`other` {doc}`/toy/other` {ref}`words <here>` {eq}`eq-r2` "
    "`[g](code)`\n```python\n[h](code)\n```\n"
)


def linked(folder, source):
    """Findings of the links in a notebook beside another, other.ipynb."""
    cells = [
        text("# A heading"),
        text("$$ (eq-r2)\nx\n$$\n$$y$$ (eq-y)"),
        text("$$\ny\n$$ (eq-r2)"),
    ]
    other = store(folder / "toy", *cells, file="other.ipynb")
    here = store(folder / "toy", text(f"(here)=\n\n{source}"), file="here.ipynb")
    pages = {folder / "toy" / "other.ipynb": other, folder / "toy" / "here.ipynb": here}
    return prose_checks.dead_links(pages, folder)


def test_living_links_pass(tmp_path):
    assert linked(tmp_path, ALIVE) == []


@pytest.mark.parametrize(("source", "words"), DEAD)
def test_a_dead_link_is_found(source, words, tmp_path):
    (finding,) = linked(tmp_path, f"{ALIVE}\n{source}")
    line = 9 if source.startswith("```") else 8
    assert finding.startswith(f"here.ipynb, cell 1, line {line}: ")
    assert words in finding


def cited(folder, source):
    bib = folder / "references.bib"
    bib.write_text("@book{one,\n title={x}}\n@article{ two,\n year={1}}\n", encoding="utf-8")
    return prose_checks.dead_citations(store(folder, text("# T"), text(source)), bib)


def test_citations(tmp_path):
    assert cited(tmp_path, "{cite}`one` {cite:t}`two,one` `{cite}` ") == []
    (finding,) = cited(tmp_path, "{cite:p}`one, two` and\n{cite:t}`three`")
    assert finding.startswith("toy.ipynb, cell 2, line 2: cites 'three', which has no entry")
    (finding,) = cited(tmp_path, "{cite}`one`")
    assert finding == "references.bib: nothing cites 'two'; cite it or take it out"


def test_a_term_that_is_not_in_the_glossary_is_found(tmp_path):
    glossary = tmp_path / "glossary.md"
    entries = (
        "# Glossary\n\n```{glossary}\nvoxel\n  A cell of the grid.\n\nridge regression\n  x\n```"
    )
    glossary.write_text(entries, encoding="utf-8")
    cells = store(tmp_path, text("A {term}`Voxel`, {term}`ridge <ridge regression>`\n{term}`grid`"))
    (finding,) = prose_checks.dead_terms(cells, glossary)
    assert finding == (
        "toy.ipynb, cell 1, line 2: the term 'grid' is not in glossary.md; explain it there"
    )


# The tool that stores notebooks


def test_the_tool_stores_the_one_form(tmp_path):
    path = tmp_path / "toy.ipynb"
    source = "import matplotlib.pyplot as plt\n\nprint('one')\n_ = plt.plot([1, 2])"
    made = nbformat.v4.new_notebook(cells=[text("# T"), cell(source, alt=ALT), text("*Figure: a*")])
    made.cells[1].metadata["collapsed"] = True
    nbformat.write(made, path)
    assert load_tool().main([str(path)]) == 0
    first = path.read_bytes()
    cells = read_cells(path, tmp_path)
    assert [notebook_checks.plain(output) for output in cells[1].outputs] == [
        "one",
        FIGURE["data"]["text/plain"],
    ]
    assert [finding for check in CHECKS for finding in check(cells)] == []
    assert cells[1].metadata == {"mystnb": {"image": {"alt": ALT}}}
    assert load_tool().main([str(path)]) == 0
    assert path.read_bytes() == first


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ('"metadata": {}', '"metadata": {"execution": {"iopub.status.busy": "10:22:40"}}'),
        ('"name": "python3"', '"name": "my-kernel"'),
        ('"id": "', '"id": "f'),
        ("\n}\n", "\n}"),
    ],
)
def test_another_stored_form_is_found(right, wrong, tmp_path):
    stored = load_tool().tidy(nbformat.v4.new_notebook(cells=[text("# T"), cell(count=1)]))
    (tmp_path / "toy.ipynb").write_text(stored, encoding="utf-8")
    assert stored_otherwise(tmp_path / "toy.ipynb", tmp_path) == []
    (tmp_path / "toy.ipynb").write_text(stored.replace(right, wrong), encoding="utf-8")
    (finding,) = stored_otherwise(tmp_path / "toy.ipynb", tmp_path)
    assert finding.startswith("toy.ipynb: is not stored as tools/execute.py does")


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("import warnings\nwarnings.warn('look here', stacklevel=1)", "cell 2: wrote to stderr"),
        ("raise ValueError('look here')", "a cell raised"),
    ],
)
def test_the_tool_refuses_warnings_and_errors(source, words, tmp_path, capsys):
    path = tmp_path / "toy.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=[text("# T"), cell(source)]), path)
    before = path.read_bytes()
    assert load_tool().main([str(path)]) == 1
    shown = capsys.readouterr().out
    assert words in shown
    assert "look here" in shown
    assert path.read_bytes() == before
