"""Wrong answers that students give, and the points that each must lose: the table of the tests.

An answer is the reference solution with some lines replaced. All questions that it does not touch
must keep their points.
"""

from typing import NamedTuple


class Wrong(NamedTuple):
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
    edits: dict = {}
    copied: dict = {}


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
}  # fmt: skip
