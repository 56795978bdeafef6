"""Wrong answers that students give, and the points that each must lose: the table of the tests.

An answer is the reference solution with some lines replaced. All questions that it does not touch
must keep their points.
"""

import copy
import sys
from dataclasses import dataclass, field
from itertools import count

import numpy as np
import preparing


@dataclass(frozen=True)
class Wrong:
    """One wrong answer.

    Attributes
    ----------
    loses : dict of int
        Points lost by the id of the question.
    edits : dict of (str, str) pairs
        Lines of the reference solution and what stands there instead, by the id of the cell. A
        blank behind the id tells a second edit of a cell from the first.
    copied : dict of tuple of str
        Variables with the numbers of another student, by the id of the cell.
    luck : tuple of str
        Questions whose points may be kept by luck: two voxels may look at the same place, one on
        the diagonal hides that rows and columns are exchanged, and with a large penalty a map
        without an intercept may be as good as the right one.
    """

    loses: dict
    edits: dict = field(default_factory=dict)
    copied: dict = field(default_factory=dict)
    luck: tuple = ()

    def fits(self, lost):
        """Say whether a hand-in lost what it should.

        Parameters
        ----------
        lost : dict of float
            Points lost by the id of the question, without those that lost none.
        """
        lost = {name: points for name, points in lost.items() if points}
        return {**self.loses, **lost} == self.loses and set(self.loses) - set(lost) <= {*self.luck}


WRONG_ANSWERS = {
    "assignment_a": {
        "pixel-order": Wrong(
            {"a-2-images": 4, "a-2-letters": 3, "a-8-field": 3},
            {"a-2": ('reshape((-1, 10, 10), order="F")', "reshape((-1, 10, 10))")},
        ),
        "forgotten-lag": Wrong(
            {"a-6-test": 6, "a-8-field": 3},
            {"a-6": ("def stack(image_runs, response_runs, lag):\n",
                     "def stack(image_runs, response_runs, lag):\n    lag = 0\n")},
        ),
        "lag-the-wrong-way": Wrong(
            {"a-6-test": 6, "a-8-field": 3},
            {"a-6": ("run[: len(run) - lag].reshape(-1, 100) for run in image_runs]",
                     "run[lag:].reshape(-1, 100) for run in image_runs]"),
             "a-6 ": ("run[lag:] for run in response_runs]",
                      "run[: len(run) - lag] for run in response_runs]")},
        ),
        "rest-rows-kept": Wrong(
            {"a-7-test": 5, "a-8-field": 3},
            {"a-7": ("return images[shown], responses[shown]", "return images, responses")},
        ),
        "runs-run-together": Wrong(
            {"a-6-test": 6},
            {"a-6": ("    return X, Y, runs",
                     "    X = np.vstack([run.reshape(-1, 100) for run in image_runs])\n"
                     "    Y = np.vstack(response_runs)[lag:]\n"
                     "    runs = np.repeat(range(len(image_runs)), [len(r) for r in image_runs])\n"
                     "    return X[: len(X) - lag], Y, runs[: len(X) - lag]")},
        ),
        "drift-kept": Wrong(
            {"a-4-test": 5, "a-8-field": 3},
            {"a-4": ("straight = series - slope * time[:, None] - level",
                     "straight = series - series.mean(axis=0)")},
        ),
        "the-end-joins-the-beginning": Wrong(
            {"a-5-function": 4},
            {"a-5": ("dtype=float)[: len(is_on) - lag]", "dtype=float)"),
             "a-5 ": ("later = responses[lag:]", "later = np.roll(responses, -lag, axis=0)")},
        ),
        "another-students-numbers": Wrong(
            {"a-1-test": 4, "a-2-letters": 3, "a-3-test": 3, "a-5-best": 3, "a-8-voxel": 2,
             "a-8-field": 3},
            copied={"a-1": ("n_volumes", "tr", "n_voxels", "minutes"), "a-2-look": ("letters",),
                    "a-3": ("first_image_s", "n_images"), "a-5-lag": ("best_lag",),
                    "a-8": ("voxel", "field")},
        ),
        "hard-coded-lag": Wrong(
            {"a-6-test": 6},
            {"a-6": ("def stack(image_runs, response_runs, lag):\n",
                     "def stack(image_runs, response_runs, lag):\n    lag = best_lag\n")},
        ),
    },
    "assignment_b": {
        "shuffled-folds": Wrong(
            {"b-2-test": 5, "b-4-path": 6, "b-4-alphas": 3, "b-5-test": 6, "b-7-test": 4},
            {"b-2": ("return [(np.flatnonzero(runs != run), np.flatnonzero(runs == run)) "
                     "for run in np.unique(runs)]",
                     "from sklearn.model_selection import KFold\n"
                     "    folds = KFold(len(np.unique(runs)), shuffle=True, random_state=0)\n"
                     "    return list(folds.split(runs))")},
        ),
        "scored-on-training-runs": Wrong(
            {"b-4-path": 6, "b-4-alphas": 3, "b-5-test": 6, "b-7-test": 4},
            {"b-4": ("r2(Y[test], X[test] @", "r2(Y[train], X[train] @")},
        ),
        "penalty-chosen-on-test-scores": Wrong(
            {"b-5-test": 6},
            {"b-5": ("    return np.mean(scores, axis=0)",
                     "    return path(X, Y, runs, alphas).max(axis=0)")},
        ),
        "squared-correlation": Wrong(
            {"b-1-test": 4, "b-4-path": 6, "b-4-alphas": 3, "b-5-test": 6, "b-7-test": 4},
            {"b-1": ("    error =", "    pairs = zip(measured.T, predicted.T)\n"
                     "    return np.array([np.corrcoef(a, b)[0, 1] ** 2 for a, b in pairs])\n"
                     "    error =")},
        ),
        "no-intercept": Wrong(
            {"b-3-test": 6, "b-4-path": 6, "b-4-alphas": 3, "b-5-test": 6, "b-7-test": 4},
            {"b-3": ("= X.mean(axis=0), Y.mean(axis=0)",
                     "= 0 * X.mean(axis=0), 0 * Y.mean(axis=0)")},
            luck=("b-7-test",),
        ),
        "hard-coded-penalty": Wrong(
            {"b-3-test": 6, "b-4-path": 6, "b-4-alphas": 3, "b-5-test": 6},
            {"b-3": ("alpha * np.eye", "100.0 * np.eye")},
        ),
        "p-of-zero": Wrong(
            {"b-6-p-test": 3},
            {"b-6-p": ("(1 + (null >= scores).sum(axis=0)) / (1 + len(null))",
                       "(null >= scores).mean(axis=0)")},
        ),
        "uncorrected": Wrong(
            {"b-6-fdr-test": 5, "b-7-test": 4},
            {"b-6-fdr": ("    order = np.argsort(p)\n",
                         "    return np.asarray(p) <= q\n    order = np.argsort(p)\n")},
        ),
        "another-students-numbers": Wrong(
            {"b-4-alphas": 3}, copied={"b-4-best": ("best_alpha",)},
        ),
    },
    "assignment_c": {
        "pixel-order": Wrong(
            {"c-1-test": 3}, {"c-1": ("reshape(10, 10)", 'reshape((10, 10), order="F")')},
        ),
        "rows-and-columns-exchanged": Wrong(
            {"c-2-test": 4, "c-3-function": 6, "c-3-truth": 4, "c-4-test": 4, "c-5-test": 3},
            {"c-2": ("rows, columns = np.mgrid", "columns, rows = np.mgrid")},
            luck=("c-3-truth",),
        ),
        "no-factor-two": Wrong(
            {"c-2-test": 4, "c-3-function": 6}, {"c-2": ("/ (2 * size**2)", "/ size**2")},
        ),
        "product-instead-of-correlation": Wrong(
            {"c-3-function": 6},
            {"c-3": ("hill_tables[tried] = hills / np.linalg.norm(hills, axis=1, keepdims=True)",
                     "hill_tables[tried] = hills")},
        ),
        "wrong-hemisphere": Wrong(
            {"c-5-test": 3}, {"c-5": ('"RH" if column < 4.5 else "LH"',
                                      '"LH" if column < 4.5 else "RH"')},
        ),
        "nearest-pattern": Wrong(
            {"c-6-test": 5},
            {"c-6": ("table = np.corrcoef(measured, predicted)[:n_trials, n_trials:]",
                     "table = -((measured[:, None] - predicted) ** 2).sum(axis=2)")},
        ),
        "hard-coded-letters": Wrong(
            {"c-7-test": 6},
            {"c-7": ('"".join("neuro"[number] for number in chosen)', '"neuroneuro"')},
        ),
        "no-intercept": Wrong(
            {"c-8-test": 7}, {"c-8": ("responses - intercept - 0.5", "responses - 0.5")},
        ),
        "another-students-numbers": Wrong(
            {"c-1-test": 3, "c-3-truth": 4, "c-4-test": 4, "c-5-test": 3, "c-7-test": 6},
            copied={"c-1": ("best", "field"), "c-3-best": ("fit_row", "fit_column"),
                    "c-4": ("centres",), "c-5": ("hemisphere",), "c-7": ("secret_letters",)},
            luck=("c-3-truth",),
        ),
    },
    "assignment_d": {
        "rest-kept": Wrong(
            {"d-1-test": 4, "d-7-test": 4, "d-8-test": 3},
            {"d-1": ("np.maximum(images, 0)", "images")},
        ),
        "dark-images-are-rest": Wrong(
            {"d-1-test": 4},
            {"d-1": ("(images >= 0).all(axis=1)", "(images > 0).any(axis=1)")},
        ),
        "rows-and-columns-exchanged": Wrong(
            {"d-2-test": 4, "d-6-function": 6, "d-6-truth": 4},
            {"d-2": ("rows, columns = np.indices", "columns, rows = np.indices")},
        ),
        "not-divided-by-the-integral": Wrong(
            {"d-2-test": 4}, {"d-2": (" / (2 * np.pi * size**2)", "")},
        ),
        "divided-by-its-sum": Wrong(
            {"d-2-test": 4},
            {"d-2": ("    return np.exp(-squared_distance / (2 * size**2)) / (2 * np.pi * size**2)",
                     "    hill = np.exp(-squared_distance / (2 * size**2))\n"
                     "    return hill / hill.sum()")},
        ),
        "runs-run-together": Wrong(
            {"d-3-test": 5}, {"d-3": ("    for run in np.unique(runs):",
                                      "    runs = 0 * runs\n    for run in np.unique(runs):")},
        ),
        "response-rescaled": Wrong(
            {"d-3-test": 5},
            {"d-3": ("+= height * X", "+= height / max(response) * X")},
        ),
        "no-level": Wrong(
            {"d-5-test": 4},
            {"d-5": ("np.ones(len(y)), late[:, :100] @ weights",
                     "np.zeros(len(y)), late[:, :100] @ weights")},
        ),
        "one-after-the-other": Wrong(
            {"d-5-test": 4},
            {"d-5": ("    _, a, b = np.linalg.lstsq(columns, y)[0]",
                     "    a = np.polyfit(columns[:, 1], y, 1)[0]\n"
                     "    b = np.polyfit(columns[:, 2], y - a * columns[:, 1], 1)[0]")},
        ),
        "best-field-without-regressor": Wrong(
            {"d-6-function": 6},
            {"d-6": ("np.column_stack([np.ones(len(y)), late[:, 100]])", "np.ones((len(y), 1))")},
        ),
        "holes-are-fields": Wrong(
            {"d-6-function": 6},
            {"d-6": ("np.where(products > 0, products**2 / (courses**2).sum(axis=0), -1)",
                     "products**2 / (courses**2).sum(axis=0)")},
        ),
        "helper-without-regressor": Wrong(
            {"d-7-test": 4, "d-8-test": 3},
            {"d-7": (".fit(shown, Y, groups=runs)", ".fit(shown[:, :100], Y, groups=runs)")},
        ),
        "spread-twice": Wrong(
            {"d-7-test": 4, "d-8-test": 3},
            {"d-7": (".fit(shown, Y, groups=runs)", ".fit(late, Y, groups=runs)")},
        ),
        "limits-kept": Wrong(
            {"d-7-test": 4},
            {"d-7": ("np.where(prf.at_bound_, np.nan, prf.size_)", "prf.size_")},
        ),
        "sizes-in-degrees": Wrong(
            {"d-7-test": 4, "d-8-test": 3},
            {"d-7": ("PRF(hrf_peak=peak)", "PRF(hrf_peak=peak, pixel_size=1.15)")},
        ),
        "upside-down": Wrong(
            {"d-8-test": 3},
            {"d-8": ("ratios = np.where(without.at_bound_, np.nan, without.size_) / sizes",
                     "ratios = sizes / np.where(without.at_bound_, np.nan, without.size_)")},
        ),
        "from-the-corner": Wrong(
            {"d-9-test": 4}, {"d-9": ("np.asarray(centres) - 4.5", "np.asarray(centres)")},
        ),
        "nan-kept": Wrong(
            {"d-9-test": 4},
            {"d-9": ("np.isfinite(eccentricity) & np.isfinite(sizes)",
                     "np.full(len(sizes), True)")},
        ),
        "another-students-numbers": Wrong(
            {"d-4-test": 4, "d-6-truth": 4, "d-7-test": 4, "d-8-test": 3},
            copied={"d-4": ("peak",), "d-6-fit": ("fit_row", "fit_column"),
                    "d-7": ("centres", "sizes"), "d-8": ("ratios",)},
            luck=("d-6-truth",),
        ),
    },
}  # fmt: skip


def cell_of(notebook, name):
    """Return the cell of the course that has an id."""
    return next(
        cell for cell in notebook.cells if cell.metadata.get("course", {}).get("id") == name
    )


def wrong_notebook(notebook, assignment, name, values=None):
    """Make a wrong answer from the reference solution.

    Parameters
    ----------
    notebook : NotebookNode
        The source of the assignment; it stays as it is.
    assignment, name : str
        As in `WRONG_ANSWERS`.
    values : dict of str, optional
        Code of the copied variables, from `numbers_of_another`.

    Returns
    -------
    NotebookNode
    """
    notebook, wrong = copy.deepcopy(notebook), WRONG_ANSWERS[assignment][name]
    for edited, (old, new) in wrong.edits.items():
        cell = cell_of(notebook, edited.strip())
        if cell.source.count(old) != 1:
            raise ValueError(f"{name}: {edited} does not hold {old!r} once.")
        cell.source = cell.source.replace(old, new)
    for edited, variables in wrong.copied.items():
        lines = [f"{variable} = {values[variable]}" for variable in variables]
        cell_of(notebook, edited).source = "\n".join(lines)
    return notebook


def numbers_of_another(notebook, assignment, name, student, root, sandbox):
    """Run the reference solution on another student's twin; return the values as code.

    Parameters
    ----------
    notebook : NotebookNode
        The source of the assignment.
    assignment, name : str
        As in `WRONG_ANSWERS`.
    student : str
        Who copies.
    root : pathlib.Path
        Folder of the course.
    sandbox : sandbox.Sandbox

    Returns
    -------
    dict of str
    """
    folder = preparing.make_twin(another(student, root), root)
    copied = WRONG_ANSWERS[assignment][name].copied
    with sandbox.open(folder / "recording", notebook) as session:
        session.run()
        return {
            variable: _as_code(session.value(variable))
            for variables in copied.values()
            for variable in variables
        }


def _as_code(value):
    if not isinstance(value, np.ndarray):
        return repr(value)
    with np.printoptions(threshold=sys.maxsize, precision=8):
        code = np.array2string(value, separator=", ").replace("nan", "np.nan")
    return f"np.array({code})"


def another(student, root):
    """Find a student whose recording differs in all that can be counted; make both twins."""
    own = _counts(student, root)
    for number in count(1):
        other = f"another-{number}"
        if all(a != b for a, b in zip(own, _counts(other, root), strict=True)):
            return other


def _counts(student, root):
    folder = preparing.make_twin(student, root)
    with np.load(folder / "truth.npz") as truth:
        lag, n_voxels = int(truth["lag"]), len(truth["size"])
    rows = np.loadtxt(folder / "recording" / "label" / "random_run1.csv", delimiter=",")
    return lag, n_voxels, len(rows), int((rows[:, 0] >= 0).argmax())
