"""What counts of a file that a student hands in, and what does not."""

import json
import sys
from pathlib import Path

import nbformat
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tools" / "coursework"))
import cleaning
import sandbox

STUB = 'raise NotImplementedError("Not answered yet: write your code and delete this line.")'
TEST = "def _tests():\n    assert late(1) == 2\n\n\n_tests()"
BEST = "def _tests():\n    assert best_lag > 0\n\n\n_tests()"


def asked(solved):
    """The release, or the source, of an assignment with two questions and a written one."""

    def cell(make, source, name, role, points=None):
        course = {"id": name, "role": role, **({"points": points} if points else {})}
        return make(source, id=name, metadata={"course": course})

    late = "def late(lag):\n    " + ("return lag + 1" if solved else STUB)
    best = "some = 1\nbest_lag = some" if solved else STUB
    return new_notebook(
        cells=[
            new_markdown_cell("# Assignment", id="title"),
            cell(new_code_cell, "import numpy as np", "x-setup", "test"),
            new_markdown_cell("Write `late`.", id="one"),
            cell(new_code_cell, late, "x-1", "answer"),
            cell(new_code_cell, TEST, "x-1-test", "test", 4),
            cell(new_code_cell, best, "x-2", "answer"),
            cell(new_code_cell, BEST, "x-2-test", "test", 3),
            new_markdown_cell("## In words", id="two"),
            cell(new_markdown_cell, "Because." if solved else "YOUR ANSWER HERE", "x-3", "written"),
        ]
    )


def cleaned(notebook, version=4):
    written = nbformat.writes(notebook, version) if version == 4 else json.dumps(notebook)
    return cleaning.clean(written.encode(), asked(False), asked(True))


def answered():
    notebook = asked(False)
    for at, source in ((3, "def late(lag):\n    return 1 + lag"), (5, "best_lag = 3")):
        notebook.cells[at].source = source
    notebook.cells[8].source = "Since it is late."
    return notebook


def ids(cells):
    return [(cell.role, cell.id) for cell in cells if cell.id]


IN_ORDER = [
    ("test", "x-setup"),
    ("answer", "x-1"),
    ("test", "x-1-test"),
    ("answer", "x-2"),
    ("test", "x-2-test"),
    ("written", "x-3"),
]


def test_an_honest_notebook_has_its_cells_and_no_note():
    cells, notes = cleaned(answered())
    assert ids(cells) == IN_ORDER
    assert notes == []
    assert cells[-1].source == "Since it is late."


def test_nothing_but_sources_is_left_of_a_cell():
    notebook = answered()
    for cell in notebook.cells:
        cell.metadata.update(tags=["skip-execution"], collapsed=True, trusted=True)
    notebook.metadata["kernelspec"] = {"name": "evil", "display_name": "evil"}
    notebook.cells[3].outputs = [nbformat.v4.new_output("stream", text="<script>")]
    cells, notes = cleaned(notebook)
    assert ids(cells) == IN_ORDER
    assert notes == []
    assert set(vars(cells[0])) == {"source", "role", "id", "kind"}


def test_tests_are_the_courses_own():
    notebook = answered()
    notebook.cells[4].source = "def _tests():\n    pass"
    notebook.cells[4].metadata.course.points = 400
    del notebook.cells[6]
    cells, notes = cleaned(notebook)
    assert ids(cells) == IN_ORDER
    assert [cell.source for cell in cells if cell.role == "test"][1:] == [TEST, BEST]
    assert notes == [
        "x-1-test was changed: the course's own was used",
        "x-2-test was missing and was put back",
    ]


def test_what_a_student_adds_to_the_courses_cell_runs_before_the_courses_own():
    notebook = answered()
    notebook.cells[1].source += "\nimport pandas as pd"
    cells, _ = cleaned(notebook)
    assert [cell.source for cell in cells[1:3]] == [
        "import numpy as np\nimport pandas as pd",
        "import numpy as np",
    ]


@pytest.mark.parametrize("keep_ids", [True, False])
def test_parts_of_a_split_answer_run_in_their_order(keep_ids):
    notebook = answered()
    first = notebook.cells[3].copy()
    first.source, first.id = "step = 1", "another"
    if not keep_ids:
        first.metadata = {}
    notebook.cells[3].source = "def late(lag):\n    return step + lag"
    notebook.cells.insert(3, first)
    cells, notes = cleaned(notebook)
    code = [cell.source for cell in cells if cell.kind == "code"]
    assert code.index("step = 1") + 1 == code.index("def late(lag):\n    return step + lag")
    expected = ["x-1 was split or copied: all parts were run, in their order"]
    assert notes == (expected if keep_ids else [])


def test_answers_are_told_by_what_they_define():
    notebook = answered()
    one, two = notebook.cells[3], notebook.cells[5]
    one.metadata, two.metadata = two.metadata, one.metadata
    one.id, two.id = two.id, one.id
    assert ids(cleaned(notebook)[0]) == IN_ORDER
    for cell in notebook.cells:
        cell.metadata, cell.id = {}, f"no-{cell.id}"
    assert ids(cleaned(notebook)[0]) == IN_ORDER


@pytest.mark.parametrize("before", [True, False])
def test_an_answer_beside_its_place_is_not_undone_by_what_stands_there(before):
    notebook = asked(False)
    notebook.cells.insert(3 if before else 4, new_code_cell("late = lambda lag: lag + 1"))
    cells, notes = cleaned(notebook)
    assert [cell.source for cell in cells if cell.id == "x-1"] == ["late = lambda lag: lag + 1"]
    assert "x-1 was answered in another cell" in notes


def test_an_answer_written_into_a_test_counts():
    notebook = asked(False)
    notebook.cells[4].source = "def late(lag):\n    return lag + 1"
    cells, _ = cleaned(notebook)
    assert ids(cells)[1:3] == IN_ORDER[1:3]
    assert cells[3].source == notebook.cells[4].source


def test_a_scratch_cell_with_the_same_name_is_no_second_answer():
    notebook = answered()
    notebook.cells.append(new_code_cell("for best_lag in range(3):\n    print(late(best_lag))"))
    notebook.cells.append(new_code_cell("best_lag = 17"))
    cells, notes = cleaned(notebook)
    assert ids(cells) == IN_ORDER
    assert notes == []


def test_what_is_not_answered_is_said():
    cells, notes = cleaned(asked(False))
    assert notes == [f"x-{number} is not answered" for number in (1, 2, 3)]
    assert cells[-1].source == ""
    notebook = answered()
    notebook.cells[3].source = ""
    assert cleaned(notebook)[1] == ["x-1 is not answered"]


def test_written_answers_are_taken_from_cells_below_and_from_code():
    notebook = answered()
    notebook.cells[8] = asked(False).cells[8]
    notebook.cells.append(new_markdown_cell("First."))
    notebook.cells.append(new_markdown_cell("Second."))
    cells, notes = cleaned(notebook)
    assert cells[-1].source == "First.\n\nSecond."
    assert notes == []
    del notebook.cells[8]
    assert cleaned(notebook)[0][-1].source == "First.\n\nSecond."
    notebook = answered()
    notebook.cells[8] = new_code_cell("Since it is late", metadata=notebook.cells[8].metadata)
    assert cleaned(notebook)[0][-1].kind == "markdown"


def test_answers_told_by_ids_of_another_program():
    notebook = answered()
    for cell in notebook.cells:
        if "course" in cell.metadata:
            cell.metadata = {"nbgrader": {"grade_id": cell.metadata.course.id, "points": 90}}
    assert ids(cleaned(notebook)[0]) == IN_ORDER


def test_version_3_is_read():
    cells = [
        {"cell_type": "code", "input": cell.source, "metadata": {}, "outputs": []}
        if cell.cell_type == "code"
        else {"cell_type": "markdown", "source": [cell.source], "metadata": dict(cell.metadata)}
        for cell in answered().cells
    ]
    old = {"nbformat": 3, "nbformat_minor": 0, "worksheets": [{"cells": cells}], "metadata": {}}
    assert ids(cleaned(old, 3)[0]) == IN_ORDER


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "empty"),
        (b"%PDF-1.7 \xff\xfe", "no notebook"),
        (b"[1, 2]", "no cells"),
        (b'{"cells": 3}', "no cells"),
        (b"[" * 100_000, "no notebook"),
        (b'{"nbformat": ' + b"9" * 5000 + b"}", "no notebook"),
        (b" " * (20 * 2**20 + 1), "20 MB|at most 20"),
        (b'{"cells": [' + b",".join([b"{}"] * 2001) + b"]}", "2001 cells"),
    ],
)  # fmt: skip
def test_what_is_no_notebook_is_refused_in_one_sentence(content, said):
    with pytest.raises(sandbox.CourseError, match=said):
        cleaning.clean(content, asked(False), asked(True))


odd = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.fixed_dictionaries(
            {},
            optional={
                "cell_type": st.sampled_from(["code", "markdown", "raw", "heading"]) | odd,
                "source": st.text() | st.lists(st.text()) | odd,
                "metadata": st.fixed_dictionaries({"course": odd}) | odd,
                "id": st.sampled_from(["x-1", "x-1-test", "x-3"]) | odd,
            },
        )
        | odd
    )
)
def test_no_cell_is_too_odd(cells):
    content = json.dumps({"cells": cells, "nbformat": 4, "metadata": {}}).encode()
    made, _ = cleaning.clean(content, asked(False), asked(True))
    for cell in made:
        cell.source.encode()
        assert cell.role in ("answer", "test", "written", "other")
    assert [cell.id for cell in made if cell.role == "test"].count("x-1-test") == 1


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("a = 1; b == 2", {"a"}),
        ("a, (b, *c) = d", {"a", "b", "c"}),
        ("a = b = c", {"a", "b"}),
        ("a: list[int] = [1]", {"a"}),
        ("x[0] = 1\ny.z = 2\nf(q=1)", set()),
        ("def f(a, b=1):\n    c = 2\n    return c\n\nd = 3", {"f", "d"}),
        ("for i in x:\n    best = i", {"best"}),
        ("a += 1\nif a == 1: pass\nb >= 2", set()),
        ("# a = 1\n%matplotlib inline\n!pip install x==3", set()),
    ],
)
def test_names_are_read_off_the_lines(source, names):
    assert cleaning.defined(source) == names
