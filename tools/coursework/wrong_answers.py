"""Wrong answers that students give, and the points that each must lose: the table of the tests.

An answer is the reference solution with some lines replaced. All questions that it does not touch
must keep their points.
"""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Wrong:
    """One wrong answer.

    Attributes
    ----------
    loses : dict of int
        Points lost by the id of the test.
    edits : dict of (str, str) pairs
        Lines of the reference solution and what stands there instead, by the id of the cell.
    copied : dict of tuple of str
        Variables with the numbers of another student, by the id of the cell.
    """

    loses: dict
    edits: dict = field(default_factory=dict)
    copied: dict = field(default_factory=dict)


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
        ),
    },
}  # fmt: skip
