"""Cross-validated ridge regression against scikit-learn and himalaya."""

from dataclasses import dataclass

import numpy as np
from himalaya.ridge import RidgeCV
from sklearn.linear_model import Ridge
from sklearn.metrics import r2_score
from sklearn.model_selection import KFold

from benchmarks.machine import threads
from benchmarks.rows import limit_row, ratio_row
from benchmarks.setting import ALPHAS, N_FOLDS, WARM
from benchmarks.timing import compare
from helpers import ridge

EXAMPLE_ALPHA = 100.0
# Of each fold held out: every penalty on each of the other folds, and one more fit a penalty.
NESTED_FITS = N_FOLDS * (N_FOLDS - 1) * len(ALPHAS) + N_FOLDS * len(ALPHAS)


@dataclass(frozen=True, eq=False)
class Sides:
    """What is compared; each method takes the voxels, so that a few of them can warm it up."""

    X: np.ndarray
    runs: np.ndarray
    folds: list

    def scores(self, Y):
        """Score all penalties in the precision of the data, (n_alphas, n_folds, n_voxels)."""
        return ridge.cross_validate(self.X, Y, self.runs, ALPHAS, N_FOLDS, Y.dtype.type).scores

    def scores_in_double(self, Y):
        """Score all penalties in double precision, whatever the data have."""
        return ridge.cross_validate(self.X, Y, self.runs, ALPHAS, N_FOLDS).scores

    def best_fit(self, Y):
        """Choose each voxel's penalty, and fit all samples with it."""
        best = ridge.cross_validate(self.X, Y, self.runs, ALPHAS, N_FOLDS, Y.dtype.type).best_alpha
        ridge.fit(self.X, Y, best)
        return best

    def sklearn_scores(self, Y):
        """Do the same as `scores` with scikit-learn."""
        return np.array([self._sklearn_folds(Y, alpha, self.folds) for alpha in ALPHAS])

    def example_scores(self, Y):
        """Score one penalty, as the example does."""
        return self._sklearn_folds(Y, EXAMPLE_ALPHA, KFold(N_FOLDS).split(self.X))

    def _sklearn_folds(self, Y, alpha, folds):
        scores = []
        for train, test in folds:
            model = Ridge(alpha=alpha).fit(self.X[train], Y[train])
            predicted = model.predict(self.X[test])
            scores.append(r2_score(Y[test], predicted, multioutput="raw_values"))
        return scores

    def himalaya_fit(self, Y):
        """Do the same as `best_fit` with himalaya."""
        return RidgeCV(ALPHAS, fit_intercept=True, cv=self.folds).fit(self.X, Y).best_alphas_


def measure(setting):
    """Measure all goals of ridge regression.

    Parameters
    ----------
    setting : Setting

    Returns
    -------
    ratios, limits : list of dict
    """
    ratios = []
    for dtype in ("float64", "float32"):
        sides = Sides(setting.X.astype(dtype), setting.runs, setting.folds)
        Y = setting.Y.astype(dtype)
        ratios.append(_against_sklearn(setting, sides, Y))
        ratios.append(_against_himalaya(setting, sides, Y))
    ratios.append(_against_example(setting))
    return ratios, [_nested(setting)]


def _compare(sides, Y, n_runs):
    for side in sides:
        side(Y[:, :WARM])
    return compare(*((lambda side=side: side(Y)) for side in sides), n_runs=n_runs)


def _against_sklearn(setting, sides, Y):
    n_runs = setting.repeat(3)
    ours, theirs = _compare([sides.scores, sides.sklearn_scores], Y, n_runs)
    return ratio_row(
        f"ridge-sklearn-{Y.dtype}",
        "ridge: scores of 20 penalties, 10 folds",
        "loop of scikit-learn's Ridge and r2_score",
        ours.seconds,
        theirs.seconds,
        goal=100,
        agreement=("largest difference in R2", float(abs(ours.result - theirs.result).max())),
        n_runs=n_runs,
        dtype=str(Y.dtype),
        threads=threads(),
    )


def _against_himalaya(setting, sides, Y):
    n_runs = setting.repeat(3)
    ours, theirs = _compare([sides.best_fit, sides.himalaya_fit], Y, n_runs)
    return ratio_row(
        f"ridge-himalaya-{Y.dtype}",
        "ridge: best of 20 penalties, 10 folds, and its fit",
        "himalaya's RidgeCV",
        ours.seconds,
        theirs.seconds,
        goal=40,
        agreement=("voxels with the same penalty, %", _same(ours.result, theirs.result)),
        n_runs=n_runs,
        dtype=str(Y.dtype),
        threads=threads(),
        note="Both choose a penalty for each voxel and fit all samples with it; we by R2, himalaya "
        "by squared error, its default.",
    )


def _same(ours, theirs):
    return float(100 * np.isclose(ours, theirs, rtol=1e-4).mean())


def _against_example(setting):
    """Compare the whole path with the example's one penalty, in the types it has."""
    sides = Sides(setting.X, setting.runs, setting.folds)
    n_runs = setting.repeat(7)
    compared = [sides.scores_in_double, sides.example_scores]
    ours, theirs = _compare(compared, setting.Y, n_runs)
    return ratio_row(
        "ridge-example",
        "ridge: scores of 20 penalties, 10 folds",
        "the example's loop of 10 folds for one penalty",
        ours.seconds,
        theirs.seconds,
        goal=4,
        n_runs=n_runs,
        dtype="float64",
        threads=threads(),
        note="Features are float64 and voxels float32 on both sides, as the masker gives them; "
        "both compute in float64.",
    )


def _nested(setting):
    def nested(Y):
        return ridge.nested_scores(setting.X, Y, setting.runs, ALPHAS, N_FOLDS)

    n_runs = setting.repeat(3)
    (ours,) = _compare([nested], setting.Y, n_runs)
    return limit_row(
        "nested",
        "ridge: nested scores, each fold's penalty chosen without it",
        ours.seconds,
        "s",
        n_runs=n_runs,
        dtype="float64",
        threads=threads(),
        note=f"It stands for {NESTED_FITS:,} fits of the whole mask.",
    )
