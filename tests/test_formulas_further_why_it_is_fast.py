"""The formulas of Going further: why it is so fast, are those that the helpers compute.

The page counts operations; here the programs themselves are counted. Responses of a class of
their own go through the helper and through the loop, and note every product that they take part
in. So a count does not come from reading the code.
"""

import json
from pathlib import Path

import numpy as np
import pytest
from displayed import displayed_formulas
from sklearn.linear_model import Ridge
from small_recordings import runs_with_rest

from helpers._engine import ridge, sums
from helpers._engine.folds import run_folds, tabulate
from helpers._engine.sums import decompose
from helpers.ridge import RidgeCV

ROOT = Path(__file__).resolve().parent.parent
CHAPTER = ROOT / "notebooks" / "further_why_it_is_fast.ipynb"
RESULTS = ROOT / "tools" / "benchmarks" / "results.json"

EXACT = {"rtol": 0, "atol": 1e-10}

FORMULAS = {
    "fast-closed-form": r"w = (X_c^\top X_c + \alpha I)^{-1} X_c^\top y_c, "
    r"\qquad b = \bar{y} - \bar{x} w",
    "fast-eigen": r"X_c^\top X_c = Q \, \mathrm{diag}(d) \, Q^\top, "
    r"\qquad w = Q \, \mathrm{diag}\!\left(\frac{1}{d + \alpha}\right) Q^\top X_c^\top y_c",
    "fast-held-out": r"\lVert y_h - X_h w \rVert^2 = "
    r"y_h^\top y_h - 2 \, u^\top Q^\top X_h^\top y_h + u^\top G \, u, "
    r"\qquad G = Q^\top X_h^\top X_h Q",
    "fast-difference": r"\frac{1}{(d_j + \alpha)(d_k + \alpha)} = \frac{1}{d_k - d_j} "
    r"\left( \frac{1}{d_j + \alpha} - \frac{1}{d_k + \alpha} \right)",
    "fast-penalties": r"u^\top G \, u = \sum_{j=1}^{p} \frac{c_j \, (C c)_j}{d_j + \alpha} "
    r"+ \sum_{j=1}^{p} \frac{G_{jj} \, c_j^2}{(d_j + \alpha)^2}",
    "fast-loop": r"F_\text{loop} = 2 a K p (n + p)",
    "fast-sums": r"F_\text{sums} = 2 n p + 2 K p (3 p + 2 a + 2 K)",
}
# Samples, features, folds, penalties.
SIZES = [(200, 10, 5, 3), (400, 40, 10, 7), (200, 50, 10, 3), (300, 120, 3, 2)]
N_VOXELS = 6


def loop_formula(n, p, K, a):
    return 2 * a * K * p * (n + p)


def sums_formula(n, p, K, a):
    return 2 * n * p + 2 * K * p * (3 * p + 2 * a + 2 * K)


class Counted(np.ndarray):
    """Responses that count the operations of their matrix products and solutions."""

    operations = 0

    def __array_ufunc__(self, ufunc, method, *inputs, out=None, **options):
        inputs = [np.asarray(array) for array in inputs]
        if out:
            options["out"] = tuple(np.asarray(array) for array in out)
        if ufunc is np.matmul:
            Counted.operations += 2 * len(inputs[0]) * inputs[1].size
        result = getattr(ufunc, method)(*inputs, **options)
        return result.view(Counted) if isinstance(result, np.ndarray) else result

    def __array_function__(self, function, types, args, kwargs):
        if function is np.linalg.solve:
            # Forward and back through a triangular factor, (p, p), which exists already.
            Counted.operations += 2 * len(args[0]) * args[1].size
        if function is np.tensordot:
            # The helper adds up the products of some pieces, given as zeros and ones.
            Counted.operations += 2 * np.count_nonzero(args[0]) * args[1][0].size
            return super().__array_function__(function, types, args, kwargs).view(Counted)
        return super().__array_function__(function, types, args, kwargs)


def page_functions():
    """The functions of the cell in which the page writes the formulas as code."""
    cells = json.loads(CHAPTER.read_text(encoding="utf-8"))["cells"]
    (source,) = [
        "".join(c["source"]) for c in cells if "def loop_operations" in "".join(c["source"])
    ]
    names = {}
    exec(source, names)  # the page's own code
    return names["loop_operations"], names["sums_operations"]


@pytest.fixture(params=SIZES, ids=lambda sizes: "n={} p={} K={} a={}".format(*sizes))
def data(request):
    n, p, n_folds, n_alphas = request.param
    rng = np.random.default_rng(9)
    X = rng.normal(size=(n, p)) + rng.normal(size=p)
    Y = X @ rng.normal(size=(p, N_VOXELS)) + rng.normal(size=(n, N_VOXELS)) + 5
    runs = np.arange(n) * n_folds // n
    return X, Y, runs, n_folds, np.logspace(0, 3, n_alphas)


def closed_form(X, y, alpha):
    x_bar, y_bar = X.mean(axis=0), y.mean()
    X_c, y_c = X - x_bar, y - y_bar
    w = np.linalg.inv(X_c.T @ X_c + alpha * np.eye(X.shape[1])) @ X_c.T @ y_c
    return w, y_bar - x_bar @ w


def held_out_error(X, y, X_test, y_test, alpha):
    """Evaluate the right side of fast-held-out; nothing is predicted."""
    X_c, y_c = X - X.mean(axis=0), y - y.mean()
    X_h, y_h = X_test - X.mean(axis=0), y_test - y.mean()
    d, Q = np.linalg.eigh(X_c.T @ X_c)
    v = Q.T @ X_c.T @ y_c / (d + alpha)
    G = Q.T @ X_h.T @ X_h @ Q
    return y_h @ y_h - 2 * v @ Q.T @ X_h.T @ y_h + v @ G @ v


@pytest.fixture(params=[0.5, 100.0, 3e4], ids="alpha={}".format)
def alpha(request):
    return request.param


@pytest.fixture
def recording():
    return runs_with_rest()


def sizes_of(data):
    X, _, _, n_folds, alphas = data
    return {"n": len(X), "p": X.shape[1], "K": n_folds, "a": len(alphas)}


def count(function, Y):
    Counted.operations = 0
    result = function(Y.view(Counted))
    return Counted.operations / Y.shape[1], np.asarray(result)


def loop(data, Y):
    """The loop of chapter 2 in plain NumPy, so that its products can be counted."""
    X, _, runs, n_folds, alphas = data
    predictions = []
    for alpha in alphas:
        for train, test in run_folds(runs, n_folds):
            x_mean, y_mean = X[train].mean(axis=0), Y[train].mean(axis=0)
            x = X[train] - x_mean
            w = np.linalg.solve(x.T @ x + alpha * np.eye(x.shape[1]), x.T @ (Y[train] - y_mean))
            predictions.append((X[test] - x_mean) @ w + y_mean)
    return predictions


def test_the_page_displays_the_formulas_that_are_tested_here():
    assert displayed_formulas(CHAPTER.stem) == FORMULAS


def test_loop_is_what_the_formula_counts(data):
    counted, predictions = count(lambda Y: loop(data, Y), data[1])
    assert counted == pytest.approx(loop_formula(**sizes_of(data)), rel=1e-12)
    X, Y, runs, n_folds, alphas = data
    train, test = run_folds(runs, n_folds)[-1]
    expected = Ridge(alpha=alphas[-1]).fit(X[train], Y[train]).predict(X[test])
    np.testing.assert_allclose(predictions[-1], expected, rtol=0, atol=1e-8)


def test_sums_are_what_the_formula_counts(data, monkeypatch):
    X, Y, runs, n_folds, alphas = data
    plan = ridge.SumsPlan(X, tabulate(n_folds, X, Y, runs), alphas)
    assert all(split.close.shape == (X.shape[1], 1) for split in plan.splits)  # as the page counts

    def counted_sums(*arguments):
        found = sums.sum_voxels(*arguments)
        return sums.VoxelSums(found.mean, found.xy.view(Counted), found.yy)

    monkeypatch.setattr(ridge, "sum_voxels", counted_sums)
    counted, scores = count(plan.score, Y)
    monkeypatch.undo()
    np.testing.assert_array_equal(scores, plan.score(Y))
    # Means are few numbers in arrays without a class: with each of the other folds' means, 2 p,
    # and for the fold held out a multiplication and an addition.
    sizes = sizes_of(data)
    counted += 2 * sizes["p"] * sizes["K"] ** 2 + 2 * sizes["p"] * sizes["K"]
    assert counted == pytest.approx(sums_formula(**sizes), rel=1e-12)


def test_the_pages_functions_are_the_formulas(data):
    sizes = sizes_of(data)
    loop_operations, sums_operations = page_functions()
    assert sum(loop_operations(**sizes).values()) == loop_formula(**sizes)
    assert sum(sums_operations(**sizes).values()) == pytest.approx(sums_formula(**sizes))


def test_both_forms_of_the_quadratic_term_give_the_error_on_the_held_out_fold(data):
    X, Y, runs, n_folds, alphas = data
    for train, test in run_folds(runs, n_folds):
        x_train, y_train = X[train] - X[train].mean(axis=0), Y[train] - Y[train].mean(axis=0)
        x, y = X[test] - X[train].mean(axis=0), Y[test] - Y[train].mean(axis=0)
        d, Q = np.linalg.eigh(x_train.T @ x_train)
        c, G = Q.T @ x_train.T @ y_train, Q.T @ x.T @ x @ Q
        distance = d - d[:, np.newaxis]
        C = np.divide(2 * G, distance, out=np.zeros_like(G), where=distance != 0)
        for alpha in alphas:
            shrinkage = 1 / (d + alpha)
            difference = (shrinkage[:, np.newaxis] - shrinkage) / np.where(distance, distance, 1)
            product = np.outer(shrinkage, shrinkage)
            off_diagonal = ~np.eye(len(d), dtype=bool)
            np.testing.assert_allclose(difference[off_diagonal], product[off_diagonal], rtol=1e-6)
            v = c * shrinkage[:, np.newaxis]
            length = (v * (G @ v)).sum(axis=0)
            two_sums = shrinkage @ (c * (C @ c)) + shrinkage**2 @ (G.diagonal()[:, None] * c**2)
            np.testing.assert_allclose(two_sums, length, rtol=1e-8)
            of_sums = (y**2).sum(axis=0) - 2 * (v * (Q.T @ x.T @ y)).sum(axis=0) + length
            model = Ridge(alpha=alpha).fit(X[train], Y[train])
            expected = ((Y[test] - model.predict(X[test])) ** 2).sum(axis=0)
            np.testing.assert_allclose(of_sums, expected, rtol=1e-9)


def test_the_benchmarks_count_the_same():
    results = json.loads(RESULTS.read_text(encoding="utf-8"))
    recording = results["recording"]
    sizes = dict(
        zip("npKa", map(recording.get, ("samples", "features", "folds", "penalties")), strict=True)
    )
    expected = sums_formula(**sizes) * recording["voxels"] / 1e9
    for peak in results["peak"].values():
        assert peak["gflop"] == pytest.approx(expected, rel=0.01)  # stored with three digits


def test_closed_form_is_what_fit_returns(recording, alpha):
    X, Y, _ = recording
    fitted = Ridge(alpha=alpha).fit(X, Y)
    coef, intercept = fitted.coef_.T, fitted.intercept_
    for voxel, y in enumerate(Y.T):
        w, b = closed_form(X, y, alpha)
        np.testing.assert_allclose(coef[:, voxel], w, **EXACT)
        np.testing.assert_allclose(intercept[voxel], b, **EXACT)


def test_eigen_form_gives_the_weights_of_scikit_learn(recording, alpha):
    X, Y, _ = recording
    X_c, Y_c = X - X.mean(axis=0), Y - Y.mean(axis=0)
    d, Q = decompose(X_c.T @ X_c)
    np.testing.assert_allclose(Q @ np.diag(d) @ Q.T, X_c.T @ X_c, **EXACT)
    coef = Ridge(alpha=alpha).fit(X, Y).coef_.T
    np.testing.assert_allclose(Q @ np.diag(1 / (d + alpha)) @ Q.T @ X_c.T @ Y_c, coef, **EXACT)


def test_the_fraction_kept_is_that_of_least_squares(recording, alpha):
    """In words beside the eigen form: ridge keeps d / (d + alpha) along each direction."""
    X, Y, _ = recording
    X_c = X - X.mean(axis=0)
    least_squares, *_ = np.linalg.lstsq(X_c, Y - Y.mean(axis=0))
    d, Q = decompose(X_c.T @ X_c)
    coef = Ridge(alpha=alpha).fit(X, Y).coef_.T
    kept = (d / (d + alpha))[:, np.newaxis]
    np.testing.assert_allclose(Q.T @ coef, kept * (Q.T @ least_squares), **EXACT)


@pytest.mark.parametrize("n_test", [25, 6], ids=["more rows than pixels", "fewer"])
def test_held_out_form_is_the_error_of_the_predictions(recording, alpha, n_test):
    X, Y, _ = recording
    train, test = slice(0, -n_test), slice(-n_test, None)
    for y in Y.T:
        w, b = closed_form(X[train], y[train], alpha)
        predicted = X[test] @ w + b
        error = held_out_error(X[train], y[train], X[test], y[test], alpha)
        np.testing.assert_allclose(error, np.sum((y[test] - predicted) ** 2), rtol=1e-10)


def test_held_out_form_gives_the_scores_of_the_estimator(recording, alpha):
    X, Y, runs = recording
    scores = RidgeCV((alpha,), cv=3).fit(X, Y, groups=runs).cv_scores_[0]
    for fold, (train, test) in enumerate(run_folds(runs, 3)):
        for voxel, y in enumerate(Y.T):
            error = held_out_error(X[train], y[train], X[test], y[test], alpha)
            expected = 1 - error / np.sum((y[test] - y[test].mean()) ** 2)
            np.testing.assert_allclose(scores[fold, voxel], expected, **EXACT)
