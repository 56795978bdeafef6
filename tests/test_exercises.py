"""Every chapter has its exercises, each with one solution and one check, and its questions."""

import ast
import importlib
import re
from pathlib import Path

import nbformat
import numpy as np
import pytest

from helpers.exercises import answers

ROOT = Path(__file__).resolve().parent.parent
CHAPTERS = sorted(ROOT.glob("notebooks/*.ipynb"))
EXERCISE = re.compile(
    r"\A(?P<fence>`{3,})\{exercise-start\} (?P<title>\S.*)\n:label: (?P<label>\S+)\n(?P=fence)\n"
    r"\*(?P<kind>[A-Z][\w ]+)\.\* (?:.|\n)+\n(?P=fence)\{exercise-end\}\n(?P=fence)\Z"
)
SOLUTION = re.compile(r"\A`{3,}\{solution-start\} (\S+)\n:class: dropdown\n`{3,}")
QUESTION = re.compile(r"^(`{3,})\{dropdown\} (.+\?)\n((?:.*\n)*?)\1$", re.MULTILINE)


def name(path):
    return path.stem


@pytest.fixture(params=CHAPTERS, ids=name)
def cells(request):
    return nbformat.read(request.param, as_version=4).cells


def check_cells(cells):
    return [cell for cell in cells if cell.source.startswith("exercise.check_")]


def test_counts_of_exercises_solutions_and_checks_match(cells):
    starts = [cell for cell in cells if "{exercise-start}" in cell.source]
    exercises = [EXERCISE.match(cell.source) for cell in starts]
    odd = [cell.source for cell, found in zip(starts, exercises, strict=True) if not found]
    assert not odd, f"not a title, a label, and a kind such as *Predict.*: {odd}"
    labels = [found["label"] for found in exercises]
    assert 1 <= len(labels) <= 4
    stem = labels[0].removesuffix("-1")
    assert labels == [f"{stem}-{number}" for number in range(1, len(labels) + 1)]
    assert [found[1] for cell in cells if (found := SOLUTION.match(cell.source))] == labels
    checked = [re.match(r"exercise\.check_(\d+)\(", cell.source)[1] for cell in check_cells(cells)]
    assert checked == [str(number) for number in range(1, len(labels) + 1)]


def test_checks_of_the_module_are_those_of_the_chapter(cells):
    imports = "\n".join(cell.source for cell in cells if cell.cell_type == "code")
    (module,) = re.findall(r"^from helpers\.exercises import (\w+) as exercise$", imports, re.M)
    defined = vars(importlib.import_module(f"helpers.exercises.{module}"))
    checks = {key for key in defined if re.fullmatch(r"check_\d+", key)}
    called = {ast.parse(c.source).body[0].value.func.attr for c in check_cells(cells)}
    assert checks == called


def test_solutions_pass_their_checks(cells):
    for number, cell in enumerate(check_cells(cells), 1):
        (output,) = cell.outputs
        assert output.text == f"Exercise {number}: right.\n"


def test_questions_have_folded_answers(cells):
    text = "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    section = re.search(r"^## Check your understanding\n(.*?)^## ", text, re.M | re.S)[1]
    questions = QUESTION.findall(section)
    assert 2 <= len(questions) <= 5
    assert section.count("{dropdown}") == len(questions), "a title is no question, or a block open"
    for _, question, answer in questions:
        assert not re.search(r"\$|\{\w+\}`", question), f"plain text only: {question}"
        assert len(answer.split()) >= 5, f"no answer to {question}"


def said(check, *given, capsys):
    check(*given)
    return capsys.readouterr().out


def test_a_check_prints_where_it_would_raise(capsys):
    @answers.exercise(2)
    def check(number):
        answers.expect_number("number", number, 3.0, 0.1, [(6.0, "doubled.")], "Think of a tree.")

    for given, says in [
        (3.05, "Exercise 2: right.\n"),
        (6, "Exercise 2: not yet. `number` is 6: doubled.\n"),
        (4, "Exercise 2: not yet. `number` is 4, which is too large. Think of a tree.\n"),
        (2.0, "Exercise 2: not yet. `number` is 2, which is too small. Think of a tree.\n"),
        ("three", "Exercise 2: not yet. `number` is str; it should hold numbers.\n"),
        (..., "Exercise 2: not yet. `number` is still empty: put your answer there.\n"),
        ([3.0], "Exercise 2: not yet. `number` should be one number; it has the shape (1,).\n"),
        (float("inf"), "Exercise 2: not yet. `number` is inf, which is no finite number.\n"),
    ]:
        assert said(check, given, capsys=capsys) == says


def test_words_and_booleans_out_of_arrays_are_words_and_booleans(capsys):
    @answers.exercise(1)
    def check(given, wanted):
        answers.expect_choice("word", given, wanted, {"V2": "think again."})

    for given, wanted in [("V1", np.str_("V1")), (np.str_("V1"), "V1"), (np.True_, True)]:
        assert said(check, given, wanted, capsys=capsys) == "Exercise 1: right.\n"
    assert "think again" in said(check, np.str_("V2"), np.str_("V1"), capsys=capsys)


def test_faults_of_a_check_itself_are_raised():
    @answers.exercise(1)
    def check(given):
        raise ValueError("a fault of the check")

    with pytest.raises(ValueError, match="a fault of the check"):
        check(1)
