"""The judges of the assignments: right answers by any route, wrong ones, and none."""

import re
import sys
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tools" / "coursework"))
import cleaning
import judging
import preparing
import releasing
import sandbox
from judging import reading
from routes import ROUTES, SHAPES, names_of, route_notebook
from wrong_answers import WRONG_ANSWERS, Wrong, numbers_of_another, wrong_notebook

COURSE = Path(__file__).resolve().parents[1] / "tools" / "coursework"
STUDENT, SALT = "mia", "a salt"
# No machine is too slow.
LIMITS = sandbox.Limits(minutes=60, seconds=1200)
ASSIGNMENTS = list(WRONG_ANSWERS)


def source_of(assignment):
    return nbformat.read(COURSE / "source" / assignment / f"{assignment}.ipynb", as_version=4)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("course")
    (folder / preparing.SALT).write_text(SALT)
    return folder


@pytest.fixture(scope="module")
def box():
    with sandbox.find("trusted") as trusted:
        yield trusted


def twin_of(student, root):
    folder = preparing.make_twin(student, root)
    with np.load(folder / "truth.npz") as stored:
        return folder / "recording", {name: stored[name][()] for name in stored}


@pytest.fixture
def judged(root, box):
    """Judge a notebook: the points lost by question, and the words of the judge."""

    def judge(assignment, notebook, student=STUDENT):
        recording, truth = twin_of(student, root)
        source = source_of(assignment)
        hand_in = nbformat.writes(notebook).encode()
        cells, _ = cleaning.clean(hand_in, releasing.for_students(source), source)
        with box.open(recording, cells, LIMITS) as session:
            session.run()
            results = judging.judge(
                questions_of(assignment), session, truth, recording, student, SALT
            )
        assert all(result.status == "judged" for result in results), results
        lost = {result.id: result.max_points - result.points for result in results}
        words = {result.id: result.words for result in results}
        return {name: points for name, points in lost.items() if points}, words

    return judge


def questions_of(assignment):
    return judging.questions_of(releasing.judge_file(releasing.HERE, assignment))


def points_of(assignment):
    return {asked.id: asked.points for asked in questions_of(assignment)}


def test_the_reference_solution_gets_all_points_and_the_release_none(judged):
    source = source_of("assignment_a")
    assert judged("assignment_a", source)[0] == {}
    lost, words = judged("assignment_a", releasing.for_students(source))
    assert lost == points_of("assignment_a")
    assert "NotImplementedError" in words["a-6-test"]


@pytest.mark.slow
@pytest.mark.parametrize("assignment", ASSIGNMENTS[1:])
def test_in_each_assignment_the_reference_gets_all_points_and_the_release_none(assignment, judged):
    source = source_of(assignment)
    assert judged(assignment, source)[0] == {}
    assert judged(assignment, releasing.for_students(source))[0] == points_of(assignment)


FAST = {("assignment_a", "pixel-order"), ("assignment_d", "nan-kept")}
FAST |= {("assignment_a", "pandas"), ("assignment_a", "no-metadata")}


def each(names_of):
    return [
        pytest.param(assignment, name, marks=() if (assignment, name) in FAST else pytest.mark.slow)
        for assignment in ASSIGNMENTS
        for name in names_of(assignment)
    ]


@pytest.mark.parametrize(("assignment", "name"), each(WRONG_ANSWERS.get))
def test_a_wrong_answer_loses_what_the_table_says(assignment, name, judged, root, box):
    source, wrong, values = source_of(assignment), WRONG_ANSWERS[assignment][name], None
    if wrong.copied:
        values = numbers_of_another(source, assignment, name, STUDENT, root, box)
    lost, words = judged(assignment, wrong_notebook(source, assignment, name, values))
    assert wrong.fits(lost), (lost, words)


@pytest.mark.parametrize(("assignment", "name"), each(names_of))
def test_a_right_answer_by_another_route_gets_all_points(assignment, name, judged):
    notebook = route_notebook(source_of(assignment), assignment, name, STUDENT)
    lost, words = judged(assignment, notebook)
    assert lost == {}, words


@pytest.mark.parametrize("assignment", ASSIGNMENTS)
def test_there_are_enough_routes_and_wrong_answers(assignment):
    assert len(ROUTES[assignment]) + len(SHAPES) >= 10
    assert len(WRONG_ANSWERS[assignment]) >= 6
    # No question is without a wrong answer.
    lost = {name for wrong in WRONG_ANSWERS[assignment].values() for name in wrong.loses}
    assert lost == set(points_of(assignment))


def test_only_what_luck_decides_may_be_kept():
    wrong = Wrong({"c-2-test": 4, "c-3-truth": 4}, luck=("c-3-truth",))
    assert wrong.fits({"c-2-test": 4, "c-3-truth": 4, "c-1-test": 0})
    assert wrong.fits({"c-2-test": 4})
    for lost in ({}, {"c-3-truth": 4}, {"c-2-test": 2}, {"c-2-test": 4, "c-1-test": 3}):
        assert not wrong.fits(lost)


@pytest.mark.parametrize("assignment", ASSIGNMENTS)
def test_points_are_stated_and_judged(assignment):
    cells = source_of(assignment).cells
    course = [cell.metadata.course for cell in cells if "course" in cell.metadata]
    assert all(set(cell.metadata) <= {"course"} for cell in cells)
    points = {known.id: known.points for known in course if "points" in known}
    rows = re.findall(r"^\| \d+ .*\| ([\d +]+) \|$", cells[0].source, re.M)
    stated = [int(number) for row in rows for number in row.split("+")]
    assert stated == list(points.values())
    assert sum(stated) == 50
    judged = points_of(assignment)
    assert judged == {known.id: known.points for known in course if known.role == "test"
                      and "points" in known}  # fmt: skip
    assert list(judged) == list(points)[:-1]
    assert sum(judged.values()) == 42
    (written,) = [
        cell for cell in cells if cell.metadata.get("course", {}).get("role") == "written"
    ]
    assert "Mark scheme (8 points)" in written.source
    ids = [known.id for known in course]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("assignment", ASSIGNMENTS)
def test_a_source_has_nothing_hidden_and_no_outputs(assignment):
    notebook = source_of(assignment)
    text = nbformat.writes(notebook)
    assert not re.search("HIDDEN|nbgrader|graded_truth|graded_recording", text)
    assert not any(cell.get("outputs") for cell in notebook.cells)
    for cell in notebook.cells:
        assert cell.source.count("### BEGIN SOLUTION") == cell.source.count("### END SOLUTION")


class Plain:
    """What a judge sees, without a notebook: some values and functions."""

    def __init__(self, **names):
        self.names = names

    def value(self, name):
        return self.names[name]

    function = value


def words_of(judge, given, truth=None, seed=1):
    try:
        judge(given, truth, None, np.random.default_rng(seed))
    except judging.Refused as refused:
        return str(refused)
    return None


def functions_of(assignment):
    """Define what the reference solution defines."""
    names = {"np": np}
    for cell in source_of(assignment).cells:
        if cell.metadata.get("course", {}).get("role") == "answer" and "def " in cell.source:
            exec(cell.source, names)
    return names


@pytest.mark.parametrize(
    ("assignment", "name"),
    [("assignment_a", "correlation_at_a_lag"), ("assignment_a", "stacked_runs"),
     ("assignment_a", "one_row_for_each_image"), ("assignment_b", "score"),
     ("assignment_b", "folds_of_runs"), ("assignment_b", "ridge_weights"),
     ("assignment_b", "p_of_permutations"), ("assignment_b", "false_discovery_rate"),
     ("assignment_c", "gaussian_hill"), ("assignment_c", "best_of_some_gaussians"),
     ("assignment_c", "identified_images"), ("assignment_c", "reconstructed_images"),
     ("assignment_d", "what_is_on_the_screen"), ("assignment_d", "weights_of_a_field"),
     ("assignment_d", "spread_over_time"), ("assignment_d", "strengths_of_a_field"),
     ("assignment_d", "best_of_some_fields"), ("assignment_d", "line_of_sizes")],
)  # fmt: skip
def test_a_right_function_passes_with_the_inputs_of_any_course(assignment, name):
    (judge,) = [
        asked.function for asked in questions_of(assignment) if asked.function.__name__ == name
    ]
    given = Plain(**functions_of(assignment))
    for seed in range(12):
        assert words_of(judge, given, seed=seed) is None, seed


def test_what_a_function_returns_may_have_any_type():
    single = np.array([[1.0, 2], [3, 4]])
    for table in (single.tolist(), single.astype(np.float32), pd.DataFrame(single),
                  single.astype(int), np.ma.array(single)):  # fmt: skip
        assert reading.alike(reading.table(table, "It"), single)
    for number in (3, 3.0, np.float32(3), np.array([3]), [3], True + 2):
        assert reading.number(number, "It") == 3
    assert reading.letters(["N", "e"], "It") == reading.letters(np.array(["n", "e"]), "It") == "ne"
    assert reading.letters(" Ne ", "It") == "ne"


@pytest.mark.parametrize(
    "value", ["a word", None, [1, [2, 3]], {"a": 1}, np.array([1, 2]), float("nan")]
)
def test_what_is_no_number_is_refused_in_words(value):
    with pytest.raises(judging.Refused, match=r"^best_lag (is|does)"):
        reading.number(value, "best_lag")
    with pytest.raises(judging.Refused, match=r"^stack returns"):
        reading.parts(value, 3, "stack")


@pytest.mark.parametrize("value", [3, "neuro", [], ["a", None], [[1, 2], [3]], {}, None, b"x"])
@pytest.mark.parametrize("assignment", ASSIGNMENTS)
def test_an_answer_of_any_form_is_judged(assignment, value, root):
    """Nothing that comes out of a notebook leaves a question without a judgement."""
    recording, truth = twin_of(STUDENT, root)

    class Any:
        def value(self, name):
            return value

        def function(self, name):
            return lambda *args: value

    for asked in questions_of(assignment):
        with pytest.raises(judging.Refused):
            asked.function(Any(), truth, recording, np.random.default_rng(0))


def test_functions_get_numbers_and_lists_as_the_notebook_would_give_them(box):
    kinds = "def kinds(*given):\n    return [type(one).__name__ for one in given]"
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(kinds)])
    with box.open(None, notebook) as session:
        session.run()
        assert session.call("kinds", 3, 1.5) == ["int", "float"]
        assert session.call("kinds", np.int64(3), np.float32(1)) == ["int", "float"]
        assert session.call("kinds", [1.0, 2.0], (3, 4), np.ones(2)) == ["list", "list", "ndarray"]
        assert session.call("kinds", [np.ones((2, 3)), np.ones((2, 3))]) == ["list"]
