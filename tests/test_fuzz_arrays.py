"""Tables that nobody thought of: a sentence, or the numbers of a plain computation.

The first half draws recordings that are sound, however odd their types, units, runs and constant
voxels are: none may be refused, and all numbers are compared. The second half spoils anything: no
traceback but a sentence, no NaN without a warning, nothing infinite, and no score above 1.

Hypothesis draws the same inputs each time; HYPOTHESIS_EXAMPLES=10000 tries as many.
"""

import linecache
import os
import tempfile
import traceback
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.linear_model import Lasso
from sklearn.linear_model import LassoLarsCV as LassoOfScikitLearn
from sklearn.model_selection import (
    GroupKFold,
    KFold,
    LeaveOneGroupOut,
    LeaveOneOut,
    ShuffleSplit,
    TimeSeriesSplit,
    check_cv,
)

from helpers import decoding, inference, receptive_fields, ridge, scaling
from helpers._files import DataError
from helpers.features import Delayer


def tries(share=1.0):
    """Settings of a test that takes its share of examples."""
    wanted = os.environ.get("HYPOTHESIS_EXAMPLES")
    return settings(
        max_examples=max(1, int(share * int(wanted or 60))),
        derandomize=not wanted,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )


HERE = Path(ridge.__file__).parent


def call(function, *args, **options):
    """Call a function: its result and its warnings; or None and the message that refused.

    Whatever refuses must be a ``raise`` of ours or scikit-learn's: NumPy's own errors are raised
    elsewhere, or by no such line.
    """
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            result, message = function(*args, **options), None
        except (ValueError, TypeError, DataError) as error:
            last = traceback.extract_tb(error.__traceback__)[-1]
            ours = Path(last.filename).is_relative_to(HERE)
            line = linecache.getline(last.filename, last.lineno).strip()
            if "must be a string or a real number" in str(error):
                return None, str(error)  # scikit-learn's convention for objects of any other kind
            if not (ours or "sklearn" in last.filename) or not line.startswith("raise"):
                raise
            if type(error) not in (ValueError, DataError) and ours:
                raise
            assert len(str(error)) > 20, error
            assert not ours or str(error).endswith("."), error
            result, message = None, str(error)
    for warning in caught:
        kind = warning.category
        if "matching pursuit ended prematurely" in str(warning.message):
            continue  # scikit-learn's own, of fewer samples than weights
        if not (issubclass(kind, UserWarning) and Path(warning.filename) != Path(np.__file__)):
            raise AssertionError(f"{warning.filename}:{warning.lineno} {kind} {warning.message}")
    return result, message or {w.category.__name__: str(w.message) for w in caught}


def counted(told):
    """How many voxels the warning of constant voxels counts."""
    return int(told.get("ConstantVoxelWarning", "0 of 0").split(" of ")[0])


# ---- sound recordings -------------------------------------------------------------------------

TYPES = st.sampled_from(["f8"] * 4 + ["f4", "f2", ">f8", "g", "i8", "i2", "u1", "?", "O"])


def cast(values, dtype):
    """Give noise a type, so that it still varies in it."""
    if np.dtype(dtype).kind in "iu":
        values = np.clip(np.round(20 * values + 100), 0, 250)
    return (values > 0) if dtype == "?" else values.astype(dtype)


class Drawn(dict):
    """What was drawn, shown in short where a test fails."""

    def __repr__(self):
        """Show tables by their kind, shape and first values."""
        return "\n".join(f"{name}: {_short(value)}" for name, value in self.items())


def _short(value):
    if isinstance(value, np.ndarray | pd.DataFrame) or len(repr(value)) > 300:
        table = np.asarray(value)
        shown = np.array2string(table.ravel()[:6]) if table.dtype.kind != "O" else ""
        return f"{type(value).__name__} {table.dtype} {table.shape} {shown}"
    return repr(value)


def pack(values, form):
    """Put a table into one of the forms in which people have them."""
    n = len(values)
    match form:
        case "F":
            return np.asfortranarray(values)
        case "strided":
            return np.repeat(np.repeat(values, 2, axis=0), 3, axis=1)[::2, ::3]
        case "reversed":
            return values[::-1, ::-1].copy()[::-1, ::-1]
        case "list":
            return values.tolist()
        case "rows":
            return list(values)
        case "frame":
            return pd.DataFrame(values, index=np.arange(n)[::-1] * 1.5)
        case "same index":
            return pd.DataFrame(values, index=["a"] * n)
        case "masked":
            return np.ma.masked_array(values, mask=np.zeros(values.shape, dtype=bool))
        case "read-only":
            values.flags.writeable = False
    return values


FORMS = st.sampled_from(
    ["C", "F", "strided", "reversed", "list", "rows", "frame", "masked", "read-only", "same index"]
)


def name_runs(runs, kind):
    """Give runs labels of any kind."""
    names = {
        "numbers": runs,
        "falling": -runs,
        "text": np.array([f"run {r}" for r in runs]),
        "objects": np.array([f"run {r}" for r in runs], dtype=object),
        "fractions": runs * 0.1,
        "list": runs.tolist(),
        "mixed": [r if r % 2 else f"r{r}" for r in runs.tolist()],
        "series": pd.Series(runs, index=np.arange(len(runs))[::-1]),
        "categories": pd.Categorical([f"run {9 - r}" for r in runs]),
        "series of categories": pd.Series([f"r{r}" for r in runs], dtype="category"),
        "days": pd.Timestamp("2020-01-01") + pd.to_timedelta(runs, unit="D"),
        "missing type": pd.array(runs, dtype="Int64"),
    }
    return names[kind]


NAMES = st.sampled_from(
    [
        "numbers",
        "falling",
        "text",
        "objects",
        "fractions",
        "list",
        "mixed",
        "series",
        "categories",
        "days",
        "series of categories",
        "missing type",
    ]
)


@st.composite
def run_lengths(draw, equal=False):
    n_runs = draw(st.integers(2, 5))
    if equal:
        return [draw(st.integers(2, 7))] * n_runs
    return draw(st.lists(st.integers(1, 8), min_size=n_runs, max_size=n_runs))


@st.composite
def splits(draw, runs):
    """Draw a `cv`, and whether groups go with it: they must, they may, or they may not."""
    n, n_runs = len(runs), runs[-1] + 1
    kind = draw(st.sampled_from(["runs", "samples", "leave", "groups", "shuffled", "pairs"]))
    if kind == "runs":
        return draw(st.sampled_from([int, np.int64]))(draw(st.integers(2, n_runs))), "must"
    if kind == "leave":
        return LeaveOneGroupOut(), "must"
    if kind == "groups":
        return GroupKFold(draw(st.integers(2, n_runs))), "must"
    if kind == "shuffled":
        return ShuffleSplit(3, test_size=0.4, random_state=draw(st.integers(0, 9))), "not"
    if kind == "samples":
        return draw(st.integers(2, min(n, 4))), "not"
    order = np.random.default_rng(draw(st.integers(0, 99))).permutation(n)
    some = max(1, n // 3)
    pairs = [(order[some:], order[:some]), (order[: n - some], order[n - some :])]
    return (pairs if draw(st.booleans()) else list(map(list, pairs))), "may"


@st.composite
def recordings(draw, equal=False, whole=False, wide=True, n_most=4):
    """Draw features, responses, runs and splits that are sound: a dict, with what NumPy sees."""
    lengths = draw(run_lengths(equal))
    if sum(lengths) < 5:
        lengths = [5 if not equal else 3] * len(lengths)
    runs = np.repeat(np.arange(len(lengths)), lengths)
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    n_features = draw(st.sampled_from([1, 2, 3, 40, 40] if wide else [1, 2, 3]))
    n_voxels = draw(st.integers(1, n_most))
    X = rng.standard_normal((len(runs), n_features))
    Y = X @ rng.standard_normal((n_features, n_voxels))
    Y += rng.standard_normal(Y.shape) * np.sqrt(n_features)
    # Half precision takes voxels that differ by a few of its steps for constant.
    x_type, y_type = draw(TYPES), draw(TYPES.filter(lambda kind: kind != "f2"))
    # Powers of two, so that the plain computation may do without them.
    far = {"f8": 30, ">f8": 30, "g": 30, "f4": 10}
    x_unit, y_unit = (
        2.0 ** draw(st.sampled_from([0, far.get(t, 0), -far.get(t, 0)])) for t in (x_type, y_type)
    )
    x_mean, y_mean = (
        draw(st.sampled_from([0, 0, 0.1, 100 if t != "f2" else 1])) for t in (x_type, y_type)
    )
    X, Y = cast(X + x_mean, x_type), cast(Y + y_mean, y_type)
    still = draw(st.sampled_from(["none", "none", "feature", "voxel", "run", "test"]))
    if still == "feature":
        X[:, 0] = X[0, 0]
    elif still == "voxel":
        Y[:, 0] = Y[0, 0]
    elif still == "run":
        Y[runs == runs[-1], -1] = Y[-1, -1]
    if x_unit != 1:
        X = X * np.dtype(x_type).type(x_unit)
    if y_unit != 1:
        Y = Y * np.dtype(y_type).type(y_unit)
    folds = st.sampled_from([(2, "must"), (len(lengths), "must"), (LeaveOneGroupOut(), "must")])
    cv, with_groups = draw(folds if whole else splits(runs))
    grouped = with_groups == "must" or (with_groups == "may" and draw(st.booleans()))
    groups = name_runs(runs, draw(NAMES)) if grouped else None
    seen = [np.asarray(values, dtype=np.float64) for values in (X, Y)]
    alphas = np.array(
        draw(st.lists(st.sampled_from([0.03, 1, 10, 300, 1e4]), min_size=1, max_size=4))
    )
    return Drawn(
        {
            "X": pack(X, draw(FORMS)),
            "Y": pack(Y, draw(FORMS)),
            "x": seen[0] / x_unit,
            "y": seen[1] / y_unit,
            "units": (x_unit, y_unit),
            "runs": runs,
            "groups": groups,
            "cv": cv,
            "alphas": alphas * x_unit**2,
            "plain_alphas": alphas,
            "single": y_type in ("f4", "f2"),
        }
    )


def plain_splits(cv, runs, groups):
    """Split as the documentation says: whole runs if there are groups, else as scikit-learn."""
    if isinstance(cv, int | np.integer) and groups is not None:
        tests = np.array_split(np.arange(runs[-1] + 1), cv)
        return [
            (np.flatnonzero(~np.isin(runs, t)), np.flatnonzero(np.isin(runs, t))) for t in tests
        ]
    if hasattr(cv, "split") or isinstance(cv, int | np.integer):
        return list(check_cv(cv).split(np.zeros((len(runs), 1)), None, groups))
    return cv


def plain_ridge(x, y, alpha):
    """Ridge regression as least squares with rows that pull the weights to 0."""
    x_mean, y_mean = x.mean(axis=0), y.mean(axis=0)
    rows = np.vstack([x - x_mean, np.sqrt(alpha) * np.eye(x.shape[1])])
    right = np.vstack([y - y_mean, np.zeros((x.shape[1], y.shape[1]))])
    coef = np.linalg.lstsq(rows, right, rcond=None)[0]
    return coef.T, y_mean - x_mean @ coef


def plain_r2(y, predicted):
    """R2 of each voxel; NaN where it is constant."""
    total = ((y - y.mean(axis=0)) ** 2).sum(axis=0)
    total[(y == y[0]).all(axis=0)] = np.nan
    return 1 - ((y - predicted) ** 2).sum(axis=0) / total


def plain_scores(x, y, pairs, alpha):
    """R2 on each test set, (n_splits, n_voxels)."""
    scores = []
    for train, test in pairs:
        coef, intercept = plain_ridge(x[train], y[train], alpha)
        scores.append(plain_r2(y[test], x[test] @ coef.T + intercept))
    return np.array(scores)


def assert_scores(got, expected, rtol=1e-6):
    """Compare scores, of which tiny test sets have very low ones."""
    np.testing.assert_array_equal(np.isnan(got), np.isnan(expected))
    np.testing.assert_allclose(1 - got, 1 - expected, rtol=rtol, atol=rtol)


@given(recordings())
@tries()
def test_ridge_of_sound_recordings(drawn):
    model = ridge.RidgeCV(drawn["alphas"], cv=drawn["cv"])
    fitted, told = call(model.fit, drawn["X"], drawn["Y"], groups=drawn["groups"])
    assert fitted is not None, told
    x, y = drawn["x"], drawn["y"]
    pairs = plain_splits(drawn["cv"], drawn["runs"], drawn["groups"])
    expected = np.array([plain_scores(x, y, pairs, alpha) for alpha in drawn["plain_alphas"]])
    assert_scores(fitted.cv_scores_, expected)
    means = expected.mean(axis=1)
    assert_scores(fitted.best_score_, means.max(axis=0))
    assert counted(told) == np.isnan(means[0]).sum()
    x_unit, y_unit = drawn["units"]
    for voxel in range(y.shape[1]):
        alpha = fitted.alpha_[voxel] / x_unit**2
        if np.isnan(means[0, voxel]):
            assert np.isnan(fitted.coef_[voxel]).all()
            assert np.isnan([alpha, fitted.intercept_[voxel]]).all()
            continue
        coef, intercept = plain_ridge(x, y[:, [voxel]], alpha)
        np.testing.assert_allclose(
            fitted.coef_[voxel] * x_unit / y_unit, coef[0], rtol=1e-5, atol=1e-7
        )
        np.testing.assert_allclose(
            fitted.intercept_[voxel] / y_unit, intercept[0], rtol=1e-5, atol=1e-6
        )


def plain_nested(x, y, runs, cv, alphas):
    """Choose the penalty on the other folds of whole runs, then score; (n_voxels,)."""
    folds = [test for _, test in plain_splits(cv, runs, runs)]
    scores = np.full((len(folds), y.shape[1]), np.nan)
    for row, test in zip(scores, folds, strict=True):
        train = np.setdiff1d(np.arange(len(runs)), test)
        inner = [other for other in folds if other is not test]
        if len(inner) == 1:
            n_runs = len(np.unique(runs[train]))
            halves = np.array_split(np.unique(runs[train]), 2)
            inner = [train[np.isin(runs[train], half)] for half in halves]
            inner = inner if n_runs > 1 else np.array_split(train, 2)
        pairs = [(np.setdiff1d(train, held_out), held_out) for held_out in inner]
        means = np.array([plain_scores(x, y, pairs, alpha).mean(axis=0) for alpha in alphas])
        for voxel in np.flatnonzero(~np.isnan(means[0])):
            alpha = alphas[means[:, voxel].argmax()]
            row[voxel] = plain_scores(x, y[:, [voxel]], [(train, test)], alpha)[0, 0]
    return scores.mean(axis=0)


def has_no_halves(drawn):
    """Whether a training set of a single sample would have to be cut in two."""
    pairs = plain_splits(drawn["cv"], drawn["runs"], drawn["runs"])
    return len(pairs) == 2 and min(len(train) for train, _ in pairs) == 1


@given(recordings(whole=True))
@tries(0.5)
def test_nested_scores_of_sound_recordings(drawn):
    options = {name: drawn[name] for name in ("groups", "alphas", "cv")}
    got, told = call(ridge.nested_scores, drawn["X"], drawn["Y"], **options)
    if isinstance(told, str):
        assert "trains on a single sample" in told
        assert has_no_halves(drawn)
        return
    expected = plain_nested(
        drawn["x"], drawn["y"], drawn["runs"], drawn["cv"], drawn["plain_alphas"]
    )
    assert_scores(got, expected)
    assert counted(told) == np.isnan(expected).sum()
    parts, told = call(ridge.partition, drawn["X"], drawn["X"], drawn["Y"], **options)
    assert_scores(parts.first, expected)
    doubled = plain_nested(
        np.hstack([drawn["x"]] * 2),
        drawn["y"],
        drawn["runs"],
        drawn["cv"],
        drawn["plain_alphas"],
    )
    assert_scores(parts.both, doubled)


@given(recordings(whole=True), st.integers(0, 99), st.sampled_from(["text", "numbers", "objects"]))
@tries(0.5)
def test_spaces_of_sound_recordings(drawn, seed, kind):
    x, y, runs = drawn["x"], drawn["y"], drawn["runs"]
    names = np.random.default_rng(seed).integers(0, 3, x.shape[1])
    spaces = {"text": names.astype(str), "numbers": names, "objects": list("abc"[n] for n in names)}
    still = [n for n in names if not np.ptp(x[:, names == n], axis=0).any()]
    model = ridge.BandedRidgeCV(spaces[kind], drawn["alphas"], cv=drawn["cv"], n_iter=2)
    fitted, told = call(model.fit, drawn["X"], drawn["Y"], groups=drawn["groups"])
    if still and len(set(names)) > 1:
        assert "does not vary" in told
        return
    assert fitted is not None, told
    x_unit, y_unit = drawn["units"]
    pairs = plain_splits(drawn["cv"], runs, drawn["groups"])
    order = list(dict.fromkeys(names.tolist()))
    single, _ = call(
        ridge.RidgeCV(drawn["alphas"], cv=drawn["cv"]).fit,
        drawn["X"],
        drawn["Y"],
        groups=drawn["groups"],
    )
    assert (np.isnan(fitted.best_score_) == np.isnan(single.best_score_)).all()
    assert not (
        fitted.best_score_ < single.best_score_ - 1e-6 * (1 + abs(single.best_score_))
    ).any()
    assert counted(told) == np.isnan(fitted.best_score_).sum()
    for voxel in range(y.shape[1]):
        if np.isnan(fitted.best_score_[voxel]):
            assert np.isnan(fitted.coef_[voxel]).all()
            assert np.isnan(fitted.alpha_[:, voxel]).all()
            continue
        gain = np.sqrt(1 / (fitted.alpha_[:, voxel] / x_unit**2))[[order.index(n) for n in names]]
        means = plain_scores(x * gain, y[:, [voxel]], pairs, 1.0).mean(axis=0)
        assert_scores(fitted.best_score_[[voxel]], means, 1e-5)
        coef, _ = plain_ridge(x * gain, y[:, [voxel]], 1.0)
        np.testing.assert_allclose(
            fitted.coef_[voxel] * x_unit / y_unit, coef[0] * gain, rtol=1e-4, atol=1e-6
        )
    if len(order) < 2 or has_no_halves(drawn):
        return
    found, told = call(
        ridge.space_scores,
        drawn["X"],
        drawn["Y"],
        spaces=spaces[kind],
        groups=drawn["groups"],
        alphas=drawn["alphas"],
        cv=drawn["cv"],
        n_iter=1,
    )
    variance = x.var(axis=0)
    for number, space in enumerate(order):
        mine = names == space
        scaled = x[:, mine] * np.sqrt(variance.sum() / variance[mine].sum())
        expected = plain_nested(scaled, y, runs, drawn["cv"], drawn["plain_alphas"])
        assert_scores(found.alone.iloc[:, number].to_numpy(), expected, 1e-5)
    assert (np.isnan(found.together) == np.isnan(expected)).all()
    assert not (found.together > 1).any()
    assert not (found.without.to_numpy() > 1).any()


@given(recordings(), st.sets(st.integers(0, 3), min_size=1), st.booleans())
@tries()
def test_delays_of_sound_recordings(drawn, delays, grouped):
    runs = drawn["runs"] if grouped else np.zeros_like(drawn["runs"])
    groups = name_runs(drawn["runs"], "text") if grouped else None
    delays = tuple(delays)
    got, told = call(Delayer(delays).fit_transform, drawn["X"], groups=groups)
    if max(delays) >= np.bincount(runs).min():
        assert "must lie from 0 to" in told
        return
    x = drawn["x"] * drawn["units"][0]
    for row, run in enumerate(runs):
        parts = [
            x[row - lag] if row >= lag and runs[row - lag] == run else 0 * x[row] for lag in delays
        ]
        np.testing.assert_array_equal(got[row], np.concatenate(parts))


def plain_null(drawn, moved):
    """Score responses whose rows were moved, (n_rows of moved, n_voxels)."""
    pairs = plain_splits(drawn["cv"], drawn["runs"], drawn["groups"])
    (alpha, *_), x, y = drawn["plain_alphas"], drawn["x"], drawn["y"]
    return np.array([plain_scores(x, y[rows], pairs, alpha).mean(axis=0) for rows in moved])


@given(recordings(equal=True, whole=True), st.integers(0, 9), st.booleans())
@tries()
def test_permuted_runs_of_sound_recordings(drawn, seed, double):
    runs, n_runs = drawn["runs"], drawn["runs"][-1] + 1
    null = np.full((3, drawn["y"].shape[1]), np.nan)
    _, told = call(
        inference.permute_runs,
        null,
        drawn["X"],
        drawn["Y"],
        groups=drawn["groups"],
        alpha=drawn["alphas"][0],
        cv=drawn["cv"],
        random_state=seed,
        dtype=np.float64 if double else np.float32,
    )
    if isinstance(told, str):
        x = drawn["x"].reshape(n_runs, -1)
        assert "show the same" in told
        assert (np.ptp(x, axis=0) <= 0.3 * drawn["x"].std()).all()
        return
    orders = [np.random.default_rng([seed, row]).permutation(n_runs) for row in range(3)]
    rows = [np.flatnonzero(runs == run) for run in range(n_runs)]
    small = 1e-3 * np.sum((drawn["x"] - drawn["x"].mean(0)) ** 2)
    if not double and drawn["x"].shape[1] < len(runs) and drawn["plain_alphas"][0] < small:
        return  # a penalty that hardly shrinks needs more digits than single precision has
    expected = plain_null(drawn, [np.concatenate([rows[r] for r in order]) for order in orders])
    assert_scores(null, expected, 1e-6 if double else 0.03)
    assert counted(told) == np.isnan(expected).any(axis=0).sum()


@given(recordings(whole=True), st.integers(0, 9), st.booleans())
@tries()
def test_shifted_runs_of_sound_recordings(drawn, seed, double):
    runs = drawn["runs"]
    rows = [np.flatnonzero(runs == run) for run in range(runs[-1] + 1)]
    null = np.full((3, drawn["y"].shape[1]), np.nan)
    _, told = call(
        inference.shift_runs,
        null,
        drawn["X"],
        drawn["Y"],
        groups=drawn["groups"],
        alpha=drawn["alphas"][0],
        cv=drawn["cv"],
        random_state=seed,
        dtype=np.float64 if double else np.float32,
    )
    if isinstance(told, str):
        assert "does not change within any run" in told
        assert not any(np.ptp(drawn["x"][r], axis=0).any() for r in rows)
        return
    lengths = [len(r) for r in rows]
    shifts = [np.random.default_rng([seed, row]).integers(lengths) for row in range(3)]
    # A shift by one: the first response comes second.
    moved = [
        np.concatenate(
            [np.r_[r[len(r) - by :], r[: len(r) - by]] for r, by in zip(rows, shift, strict=True)]
        )
        for shift in shifts
    ]
    expected = plain_null(drawn, moved)
    assert_scores(null, expected, 1e-6 if double else 0.03)
    assert counted(told) == np.isnan(expected).any(axis=0).sum()


MISSING = st.sampled_from(["none", "voxel", "row", "value"])


@given(st.integers(0, 10**6), st.integers(1, 6), st.integers(1, 4), MISSING, st.booleans(), FORMS)
@tries()
def test_p_values_of_sound_nulls(seed, n_rows, n_voxels, missing, single, form):
    rng = np.random.default_rng(seed)
    null = rng.integers(-3, 4, (n_rows, n_voxels)).astype("f4" if single else "f8") / 10
    scores = rng.integers(-3, 5, n_voxels) / 10
    if missing == "voxel":
        null[:, 0] = scores[0] = np.nan
    elif missing == "row":
        null[0] = np.nan
    elif missing == "value":
        scores[-1] = np.nan
    given_scores = pack(scores[:, np.newaxis], form)
    given_scores = (
        given_scores.iloc[:, 0] if form in ("frame", "same index") else np.ravel(given_scores)
    )
    done = null[~np.isnan(null).all(axis=1)].astype(float)
    got, told = call(inference.p_values, null, given_scores)
    corrected, also = call(inference.max_p_values, null, given_scores)
    if not len(done):
        assert "no finished permutation" in told
        assert told == also
        return
    assert told == also == {}
    everything = np.vstack([scores, done])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of voxels without scores
        spread = everything.std(axis=0)
        z = (everything - everything.mean(axis=0)) / np.where(spread > 1e-5, spread, np.nan)
        highest = np.nanmax(z[1:], axis=1, initial=-np.inf)
        close = 2e-4 / np.where(spread > 1e-5, spread, np.nan)
    for voxel, score in enumerate(scores):
        if np.isnan(score):
            assert np.isnan([got[voxel], corrected[voxel]]).all()
            continue
        reached = sum(value >= score - 1e-3 for value in done[:, voxel])
        if not np.isnan(done[:, voxel]).any():
            assert np.isclose(got[voxel], (1 + reached) / (1 + len(done)))
        assert 1 / (1 + len(done)) <= corrected[voxel] <= 1
        if spread[voxel] < 1e-6:
            assert corrected[voxel] == 1
        if spread[voxel] > 1e-5 and not np.isnan(done[:, voxel]).any():
            bounds = [
                (1 + (highest >= z[0, voxel] + by * close[voxel]).sum()) / (1 + len(done))
                for by in (1, -1)
            ]
            assert bounds[0] - 1e-12 <= corrected[voxel] <= bounds[1] + 1e-12


@given(st.integers(0, 10**6), st.integers(2, 4), NAMES, TYPES, FORMS, st.booleans())
@tries()
def test_ceilings_of_sound_trials(seed, n_images, names, kind, form, still):
    rng = np.random.default_rng(seed)
    image = np.append(np.arange(n_images), rng.integers(0, n_images, rng.integers(1, 9)))
    image = rng.permutation(image)
    responses = cast(rng.standard_normal((len(image), 3)) + image[:, np.newaxis] % 2, kind)
    if still:
        responses[:, 1] = responses[0, 1]
    seen = pd.DataFrame(np.asarray(responses, dtype=float))
    got, told = call(inference.single_trial_ceiling, pack(responses, form), name_runs(image, names))
    assert got is not None, told
    flat = (seen == seen.iloc[0]).all().to_numpy()
    assert counted(told) == flat.sum()
    within = ((seen - seen.groupby(image).transform("mean")) ** 2).sum()
    total = ((seen - seen.mean()) ** 2).sum()
    noise = within / (len(image) - n_images)
    expected = np.where(flat, np.nan, (total - within - (n_images - 1) * noise) / total)
    np.testing.assert_allclose(got, expected, atol=1e-9)


def plain_error(x, y, pairs, alpha):
    """Mean squared error of the lasso on test sets, by coordinate descent."""
    errors = []
    for train, test in pairs:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a penalty so small that steps do not end
            fitted = Lasso(max(alpha, 1e-9), tol=1e-10, max_iter=10**5).fit(x[train], y[train])
        errors.append(np.mean((fitted.predict(x[test]) - y[test]) ** 2))
    return np.mean(errors)


@given(recordings(wide=False, n_most=2))
@tries(0.5)
def test_lasso_of_sound_recordings(drawn):
    x, y = drawn["x"], drawn["y"]
    flat = (y == y[0]).all(axis=0)
    fitted, told = call(
        receptive_fields.LassoLarsCV(max_iter=20, cv=drawn["cv"]).fit,
        drawn["X"],
        drawn["Y"],
        groups=drawn["groups"],
    )
    assert fitted is not None, told
    assert counted(told) == flat.sum()
    pairs = plain_splits(drawn["cv"], drawn["runs"], drawn["groups"])
    x_unit, y_unit = drawn["units"]
    for voxel in range(y.shape[1]):
        if flat[voxel]:
            assert np.isnan(fitted.coef_[voxel]).all()
            continue
        assert np.isfinite(fitted.coef_[voxel]).all()
        if not any(np.ptp(x[train], axis=0).any() for train, _ in pairs):
            assert not fitted.coef_[voxel].any()  # scikit-learn's needs a feature that varies
            continue
        if any(np.ptp(y[train, voxel]) == 0 for train, _ in pairs):
            continue  # ... and a response that does
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            plain = LassoOfScikitLearn(max_iter=20, cv=pairs).fit(x, y[:, voxel])
        alpha = fitted.alpha_[voxel] / x_unit / y_unit
        best = plain.mse_path_.mean(axis=1).min()
        same = np.interp(alpha, plain.cv_alphas_, plain.mse_path_.mean(axis=1))
        if same > best * (1 + 1e-6) + 1e-9:  # one of the paths went astray
            ours, theirs = (plain_error(x, y[:, voxel], pairs, a) for a in (alpha, plain.alpha_))
            assert ours <= theirs * (1 + 1e-6) + 1e-9, (alpha, plain.alpha_)


@given(
    st.integers(0, 10**6),
    st.sampled_from([(4, 4), (3, 7), (1, 6), (5, 1)]),
    FORMS,
    st.integers(-60, 60),
)
@tries()
def test_gaussians_of_sound_weights(seed, shape, form, unit):
    rng = np.random.default_rng(seed)
    centre = rng.uniform(-0.5, np.array(shape) - 0.5, (3, 2))
    size = rng.uniform(0.5, 2, 3)
    weights = receptive_fields.sample_gaussians(centre, size, shape)
    weights += 0.1 * rng.standard_normal(weights.shape) * np.array([[0], [1], [5]])
    weights = 2.0**unit * np.vstack([weights, np.full((2, weights.shape[1]), [[np.nan], [0.1]])])
    fits, told = call(receptive_fields.fit_gaussians, pack(weights, form), shape)
    assert fits is not None, told
    assert counted(told) == 2
    assert np.isnan(fits.match[3:]).all()
    assert np.isnan(fits.centre[3:]).all()
    for row in range(3):
        own = receptive_fields.sample_gaussians(fits.centre[[row]], fits.size[[row]], shape)[0]
        match = np.corrcoef(own, weights[row])[0, 1]
        assert np.isclose(fits.match[row], match, atol=1e-6)
        truth = receptive_fields.sample_gaussians(centre[[row]], size[[row]], shape)[0]
        assert fits.match[row] > np.corrcoef(truth, weights[row])[0, 1] - 0.06


@given(st.integers(0, 10**6), st.integers(2, 5), FORMS, st.integers(-30, 30))
@tries()
def test_decoding_of_sound_patterns(seed, n_voxels, form, unit):
    rng = np.random.default_rng(seed)
    measured, predicted = (rng.standard_normal((n, n_voxels)) * 2.0**unit for n in (3, 4))
    root = rng.standard_normal((n_voxels, 9)) * 2.0**unit
    noise = root @ root.T
    got, told = call(decoding.correlations, pack(measured, form), pack(predicted, form))
    assert got is not None, told
    np.testing.assert_allclose(got, np.corrcoef(measured, predicted)[:3, 3:], atol=1e-9)
    likely, _ = call(decoding.log_likelihoods, pack(measured, form), pack(predicted, form), noise)
    inverse = np.linalg.inv(noise)
    for row, y in enumerate(measured):
        expected = [-(y - f) @ inverse @ (y - f) / 2 for f in predicted]
        np.testing.assert_allclose(likely[row], expected, rtol=1e-6)
    shown = rng.integers(0, 4, 3)
    hits, _ = call(decoding.identified, pack(likely, form), shown, 4)
    assert hits.tolist() == [
        all(row[shown[i]] > value for j, value in enumerate(row) if j != shown[i])
        for i, row in enumerate(likely)
    ]
    coef, prior = rng.standard_normal((2, n_voxels)), np.array([[2, 0.5], [0.5, 1]])
    mean, intercept = rng.standard_normal(2), rng.standard_normal(n_voxels)
    images, covariance = decoding.reconstruct(
        pack(measured, form), coef * 2.0**unit, intercept, noise, mean, prior
    )
    scaled = coef * 2.0**unit
    V = np.linalg.inv(np.linalg.inv(prior) + scaled @ inverse @ scaled.T)
    np.testing.assert_allclose(covariance, V, rtol=1e-6, atol=1e-9)
    left = measured - mean @ scaled - intercept
    np.testing.assert_allclose(
        images,
        mean + left @ inverse @ scaled.T @ V,
        rtol=1e-5,
        atol=1e-6 * max(1, np.abs(images).max()),
    )


@given(recordings())
@tries(0.5)
def test_blocks_of_sound_recordings(drawn):
    y = drawn["y"] * drawn["units"][1]
    with tempfile.TemporaryDirectory() as folder:
        np.save(f"{folder}/bold.npy", y.astype("f4") if drawn["single"] else y)
        found, told = call(
            scaling.score_blocks,
            f"{folder}/scores",
            drawn["X"],
            f"{folder}/bold.npy",
            drawn["groups"],
            drawn["alphas"],
            cv=drawn["cv"],
            block=2,
            dtype=np.float64,
        )
        assert found is not None, told
        scores = np.array(found.scores)
    pairs = plain_splits(drawn["cv"], drawn["runs"], drawn["groups"])
    x, y = drawn["x"], drawn["y"]
    expected = [plain_scores(x, y, pairs, alpha).mean(axis=0) for alpha in drawn["plain_alphas"]]
    assert_scores(scores, np.array(expected))
    assert counted(told) == np.isnan(expected[0]).sum()


# ---- anything ---------------------------------------------------------------------------------

ODD = st.sampled_from(
    [
        np.nan,
        np.inf,
        -np.inf,
        None,
        pd.NA,
        pd.NaT,
        "1",
        "a",
        b"x",
        1j,
        True,
        1e200,
        1e-200,
        1e39,
        np.float32(3),
        np.timedelta64(1, "s"),
        {},
        [1, 2],
        np.array([1.0]),
        object,
    ]
)


@st.composite
def anything(draw, n, n_columns):
    """Draw a table, sound or spoiled in any way."""
    rows = draw(st.sampled_from([n, n, n, n, n - 1, n + 1, 0, 1]))
    columns = draw(st.sampled_from([n_columns, n_columns, n_columns, 1, 0, n + 5]))
    values = np.random.default_rng(draw(st.integers(0, 99))).standard_normal((rows, columns))
    spoil = draw(st.sampled_from(SPOILS))
    at = draw(st.integers(0, 99)) % max(values.size, 1)
    row, column = divmod(at, max(columns, 1))
    match spoil:
        case "odd value" if values.size:
            values = values.astype(object)
            values[row, column] = draw(ODD)
        case "a column of odd values" if values.size:
            values = values.astype(object)
            values[:, column] = [draw(ODD)] * rows
        case "missing" if values.size:
            values[row, column] = draw(st.sampled_from([np.nan, np.inf]))
        case "constant":
            values[:, : max(columns // 2, 1)] = draw(st.sampled_from([0, 0.1, 1e6]))
        case "rounding" if values.size:
            values[:, column] = 0.1 + 1e-17 * values[:, column]
        case "tiny voxel" if values.size:
            values[:, column] *= draw(st.sampled_from([1e-9, 1e-17, 1e-30, 1e-200]))
        case "unit":
            values *= 2.0 ** draw(st.integers(-1000, 1000))
        case "large mean":
            values += 10.0 ** draw(st.integers(3, 16))
        case "copies" if values.size:
            values[:] = values[:, :1]
        case "masked":
            return np.ma.masked_array(values, mask=values > draw(st.floats(-1, 5)))
        case "another type":
            return values.astype(
                draw(st.sampled_from(["c16", "c8", "U3", "S3", "m8[s]", "M8[s]", "i1", "?", "O"]))
            )
        case "flat":
            return values[:, :1].ravel()
        case "stack":
            return values[np.newaxis]
        case "number":
            return draw(ODD)
        case "ragged":
            return [[1.0, 2.0], [3.0]] * (n // 2)
        case "sparse":
            return scipy.sparse.csr_matrix(values)
        case "series":
            return pd.Series(list(values))
        case "missing type" if values.size:
            return pd.DataFrame(values).astype("Float64").mask(lambda t: t > 2)
    return pack(values, draw(FORMS))


SPOILS = ["none"] * 12 + [
    "odd value",
    "a column of odd values",
    "missing",
    "constant",
    "rounding",
    "tiny voxel",
    "unit",
    "large mean",
    "copies",
    "masked",
    "another type",
    "flat",
    "stack",
    "number",
    "ragged",
    "sparse",
    "series",
    "missing type",
]


@st.composite
def any_groups(draw, n):
    lengths = draw(st.sampled_from([[n // 2, n - n // 2], [1, n - 1], [2] * (n // 2), [n]]))
    runs = np.repeat(np.arange(len(lengths)), lengths)
    kind = draw(st.integers(0, 30)) % 26
    if kind < 19:
        return name_runs(runs, draw(NAMES))
    odd = draw(ODD)
    return [
        None,
        runs[:-1],
        runs[:, np.newaxis],
        np.where(runs == 0, np.nan, runs),
        runs[::-1] % 2,
        [odd, *runs[1:].tolist()],
        np.ma.masked_equal(runs, 0),
    ][kind - 19]


def mostly(sound, odd):
    """Draw what is sound, and now and then something else."""
    return st.integers(0, 4).flatmap(lambda number: st.just(sound) if number else odd)


ANY_CV = mostly(
    2,
    st.sampled_from(
        [
            2,
            2,
            2,
            3,
            3,
            5,
            0,
            1,
            -1,
            100,
            True,
            2.5,
            2.0,
            "5",
            None,
            np.int8(2),
            np.array(3),
            {},
            (),
            [],
            KFold(2),
            KFold(3, shuffle=True, random_state=0),
            LeaveOneGroupOut(),
            GroupKFold(2),
            LeaveOneOut(),
            TimeSeriesSplit(3),
            ShuffleSplit(2, random_state=0),
            object(),
            KFold,
            [([0, 1, 2], [3, 4])],
            [([0, 1], [1, 2])],
            [([0, 1], [])],
            [([], [0])],
            [([0, 99], [1])],
            [([-1, -2], [0, 1])],
            [([0.0, 1.0], [2.0])],
            [(["a"], ["b"])],
            [([0, 1, 2],)],
            [1, 2],
            [(np.arange(8) < 4, np.arange(8) >= 4)],
            [(slice(0, 4), slice(4, 8))],
            [(None, None)],
            [([[0, 1]], [[2, 3]])],
            np.array([[[0, 1, 2], [3, 4, 5]]]),
            {"a": 1},
            "ab",
            [("a", "b")],
        ]
    ),
)
ANY_ALPHAS = mostly(
    (1.0, 100.0),
    st.sampled_from(
        [
            (1.0, 100.0),
            [1, 10, 100],
            5.0,
            1,
            np.array([[1.0, 2.0]]),
            (),
            [],
            [0.0],
            [-1],
            [np.nan],
            None,
            [np.inf],
            ["a"],
            "abc",
            [1e-300, 1e300],
            [1e-12, 1],
            [1000000000000.0, 1],
            [1j],
            [None],
            {},
            [[1], [2, 3]],
            pd.Series([1.0, 2.0], index=["a", "b"]),
            range(1, 4),
            {1.0, 2.0},
            [True],
            [10**400],
            (3, 1, 2),
            np.ma.masked_equal([1.0, 2.0], 2),
            iter([1.0, 2.0]),
            [1.0, 1.0],
            np.float32([1, 2]),
            [1e-45],
        ]
    ),
)
ANY_DTYPE = st.sampled_from(
    [np.float64] * 6 + [np.float32] * 3 + ["float32", "f8", np.float16, int, None, "x", 3, object]
)
ANY_NUMBER = st.sampled_from(
    [1, 0, 5, -1, 2.5, np.nan, np.inf, None, "a", True, [1], np.int8(1), 1e300]
)


def assert_possible(scores, told, name="ConstantVoxelWarning"):
    """NaN only where it was told, nothing infinite, and no R2 above 1."""
    scores = np.asarray(scores, dtype=float)
    assert not np.isinf(scores).any(), scores
    assert not (scores > 1 + 1e-3).any(), scores
    assert np.isnan(scores).sum() == counted(told), (scores, told)


N = 8


@given(anything(N, 2), anything(N, 3), any_groups(N), ANY_CV, ANY_ALPHAS, ANY_DTYPE)
@tries(2)
def test_ridge_of_anything(X, Y, groups, cv, alphas, dtype):
    model = ridge.RidgeCV(alphas, cv=cv, dtype=dtype)
    fitted, told = call(model.fit, X, Y, groups=groups)
    if fitted is None:
        return
    assert_possible(fitted.best_score_, told)
    known = ~np.isnan(np.atleast_1d(fitted.best_score_))
    assert np.isfinite(np.atleast_2d(fitted.coef_)[known]).all()
    assert np.isfinite(np.atleast_1d(fitted.intercept_)[known]).all()
    predicted, told = call(fitted.predict, X)
    assert predicted is not None, told
    assert np.isfinite(predicted.reshape(-1, len(known))[:, known]).all()


@given(anything(N, 2), anything(N, 3), any_groups(N), ANY_CV, ANY_ALPHAS, ANY_DTYPE)
@tries(2)
def test_nested_scores_of_anything(X, Y, groups, cv, alphas, dtype):
    options = {"groups": groups, "cv": cv, "alphas": alphas, "dtype": dtype}
    scores, told = call(ridge.nested_scores, X, Y, **options)
    if scores is not None:
        assert_possible(scores, told)
    parts, told = call(ridge.partition, X, X, Y, **options)
    if parts is not None:
        assert not (np.array(parts) > 1 + 1e-3).any()


ANY_SPACES = mostly(
    ["a", "b"],
    st.sampled_from(
        [
            None,
            ["a", "b"],
            [0, 1],
            ["a", "a"],
            [0.5, np.nan],
            ["a"],
            [None, "a"],
            "ab",
            3,
            [[0, 1]],
            {},
            pd.Series(["a", "b"], index=[5, 4]),
            pd.Categorical(["a", "b"]),
            [("a", 1), ("b", 2)],
            np.ma.masked_equal([0, 1], 1),
            [True, False],
            [1, "1"],
            ["b", "a"],
            [pd.NA, 1],
            [[0], [1, 2]],
        ]
    ),
)


@given(
    anything(N, 2),
    anything(N, 3),
    any_groups(N),
    ANY_CV,
    ANY_ALPHAS,
    ANY_DTYPE,
    ANY_SPACES,
    ANY_NUMBER,
)
@tries(2)
def test_spaces_of_anything(X, Y, groups, cv, alphas, dtype, spaces, number):
    n_iter, seed = (number, 0) if isinstance(number, str) or number == 1 else (1, number)
    model = ridge.BandedRidgeCV(
        spaces, alphas, cv=cv, dtype=dtype, n_iter=n_iter, random_state=seed
    )
    fitted, told = call(model.fit, X, Y, groups=groups)
    if fitted is not None:
        assert_possible(fitted.best_score_, told)
        known = ~np.isnan(np.atleast_1d(fitted.best_score_))
        assert np.isfinite(np.atleast_2d(fitted.coef_)[known]).all()
        parts, told = call(fitted.explained_by, X, Y)
        assert parts is not None, told
        assert not (parts.sum(axis=1) > 1 + 1e-3).any()
    found, told = call(
        ridge.space_scores,
        X,
        Y,
        spaces=spaces,
        groups=groups,
        cv=cv,
        alphas=alphas,
        n_iter=number,
        dtype=dtype,
    )
    if found is not None:
        assert_possible(found.together, told)
        assert not (found.alone.to_numpy() > 1 + 1e-3).any()


ANY_DELAYS = st.sampled_from(
    [
        (0,),
        (1, 2),
        [1],
        (),
        (-1,),
        (99,),
        (1, 1),
        (1.0,),
        "12",
        None,
        3,
        [[1]],
        np.array([2, 1]),
        {1},
        range(3),
        (True, False),
        [None],
        np.uint8([0, 1]),
        pd.Series([1, 2]),
        [[1], [1, 2]],
        (10**30,),
    ]
)


@given(anything(N, 2), any_groups(N), ANY_DELAYS)
@tries()
def test_delays_of_anything(X, groups, delays):
    got, _told = call(Delayer(delays).fit_transform, X, groups=groups)
    if got is not None:
        assert np.isfinite(got).all()
        assert got.dtype == np.float64


@given(
    anything(3, 3),
    anything(N, 2),
    anything(N, 3),
    any_groups(N),
    ANY_CV,
    st.one_of(st.just(10.0), ANY_NUMBER),
    st.one_of(st.just(0), ANY_NUMBER),
    ANY_DTYPE,
    st.booleans(),
)
@tries(2)
def test_null_distributions_of_anything(odd, X, Y, groups, cv, alpha, seed, dtype, is_odd):
    columns = np.shape(Y)[1] if isinstance(Y, np.ndarray | pd.DataFrame) and np.ndim(Y) == 2 else 3
    for fill in (inference.permute_runs, inference.shift_runs):
        null = odd if is_odd else np.full((2, columns), np.nan)
        _, told = call(
            fill, null, X, Y, groups=groups, alpha=alpha, cv=cv, random_state=seed, dtype=dtype
        )
        if isinstance(told, dict) and not is_odd:
            assert_possible(null.sum(axis=0) / 2, told)


@given(anything(4, 3), anything(3, 1))
@tries()
def test_p_values_of_anything(null, scores):
    if isinstance(scores, np.ndarray) and scores.shape[1:] == (1,):
        scores = scores.ravel()
    for function in (inference.p_values, inference.max_p_values):
        got, _ = call(function, null, scores)
        if got is not None:
            assert ((got > 0) & (got <= 1) | np.isnan(got)).all()
            assert (np.isnan(got) <= (pd.isna(scores) | np.isnan(null).any(axis=0))).all()


@given(anything(N, 3), any_groups(N))
@tries()
def test_ceilings_of_anything(responses, image):
    got, told = call(inference.single_trial_ceiling, responses, image)
    if got is not None:
        assert_possible(got, told)


@given(anything(N, 2), anything(N, 3), any_groups(N), ANY_CV, st.one_of(st.just(9), ANY_NUMBER))
@tries()
def test_lasso_of_anything(X, Y, groups, cv, max_iter):
    fitted, told = call(
        receptive_fields.LassoLarsCV(max_iter=max_iter, cv=cv).fit, X, Y, groups=groups
    )
    if fitted is not None:
        coef = np.atleast_2d(fitted.coef_)
        assert not np.isinf(coef).any()
        assert np.isnan(coef).any(axis=1).sum() == counted(told)


ANY_SHAPE = st.sampled_from(
    [(2, 3)] * 6 + [(3, 2), (6, 1), 6, (2, 2), None, "ab", (2.0, 3), (0, 6)]
)


@given(anything(3, 6), ANY_SHAPE)
@tries()
def test_gaussians_of_anything(weights, shape):
    fits, told = call(receptive_fields.fit_gaussians, weights, shape)
    if fits is not None:
        assert np.isnan(fits.match).sum() == counted(told)
        assert not (fits.match > 1 + 1e-9).any()
        assert (np.isfinite(fits.size) == np.isfinite(fits.match)).all()


@given(anything(16, 6), anything(16, 2), any_groups(16), ANY_SHAPE, st.booleans())
@tries(0.5)
def test_population_receptive_fields_of_anything(X, Y, groups, shape, ar1):
    model = receptive_fields.PRF(
        shape, hrf_peak=None, drift_order=0, noise_model="ar1" if ar1 else "ols"
    )
    fitted, told = call(model.fit, X, Y, groups=groups)
    if fitted is None:
        return
    assert np.isnan(np.atleast_1d(fitted.r2_)).sum() == counted(told)
    assert not (np.atleast_1d(fitted.r2_) > 1 + 1e-9).any()
    for name in (
        "size_",
        "centre_",
        "amplitude_",
        "baseline_",
        "size_stderr_",
        "amplitude_stderr_",
    ):
        assert not np.isinf(getattr(fitted, name)).any(), name
    predicted, told = call(fitted.predict, X, groups=groups)
    assert predicted is not None, told


@given(anything(3, 3), anything(4, 3), anything(3, 3), st.integers(0, 99), ANY_NUMBER, ANY_NUMBER)
@tries(2)
def test_decoding_of_anything(measured, predicted, noise, seed, number, other):
    if seed % 3 and isinstance(noise, np.ndarray) and noise.dtype.kind == "f" and noise.ndim == 2:
        with np.errstate(over="ignore"):
            noise = np.asarray(noise) @ np.asarray(noise).T + np.eye(len(noise))
    got, _ = call(decoding.correlations, measured, predicted)
    if got is not None:
        assert (np.abs(got) <= 1 + 1e-9).all()
    got, _ = call(decoding.log_likelihoods, measured, predicted, noise)
    if got is not None:
        assert np.isfinite(got).all()
        assert (got <= 0).all()
    got, _ = call(decoding.identified, measured, np.arange(3) % 3, number, random_state=0)
    got, _ = call(decoding.identified, measured, predicted, 2)
    coef = np.ones((2, 3)) if seed % 2 else predicted
    got, _ = call(decoding.reconstruct, measured, coef, np.zeros(3), noise, [0, 1], np.eye(2))
    if got is not None:
        assert np.isfinite(got[0]).all()
        assert np.isfinite(got[1]).all()
    got, _told = call(
        decoding.reconstruct_binary,
        measured,
        coef,
        np.zeros(3),
        noise,
        shape=(1, 2),
        n_sweeps=3 if seed % 5 else other,
        lit=0.5 if seed % 7 else number,
        coupling=0 if seed % 4 else other,
    )
    if got is not None:
        assert ((got >= 0) & (got <= 1)).all()


@given(
    anything(9, 4),
    anything(9, 12),
    anything(2, 12),
    st.booleans(),
    st.one_of(st.just(12), ANY_NUMBER),
)
@tries(0.5)
def test_multiscale_decoding_of_anything(images, responses, measured, binary, n_selected):
    if binary and isinstance(images, np.ndarray) and images.dtype.kind == "f":
        images = (images > 0).astype(float)
    got, _told = call(
        decoding.reconstruct_multiscale, images, responses, measured, (2, 2), n_selected
    )
    if got is not None:
        assert np.isfinite(got).all()


@given(anything(N, 2), anything(N, 3), any_groups(N), ANY_CV, ANY_ALPHAS, ANY_NUMBER, ANY_DTYPE)
@tries()
def test_blocks_of_anything(X, Y, groups, cv, alphas, block, dtype):
    with tempfile.TemporaryDirectory() as folder:
        if isinstance(Y, np.ndarray) and Y.dtype.kind in "fiuc":
            np.save(f"{folder}/bold.npy", np.asarray(Y))
        found, told = call(
            scaling.score_blocks,
            f"{folder}/scores",
            X,
            f"{folder}/bold.npy",
            groups,
            alphas,
            cv=cv,
            block=block,
            dtype=dtype,
        )
        if found is not None:
            assert_possible(found.scores[0], told)


# ---- what was found, held by itself -----------------------------------------------------------


@pytest.mark.parametrize("n_features", [3, 40])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("unit", [2.0**-200, 2.0**-30, 2.0**30, 2.0**200])
def test_no_digit_depends_on_the_unit_of_features(n_features, dtype, unit):
    rng = np.random.default_rng(0)
    X, Y = rng.standard_normal((20, n_features)), rng.standard_normal((20, 4))
    runs = np.repeat(np.arange(4), 5)
    if dtype is np.float32 and not 1e-18 < unit < 1e18:
        with pytest.raises(ValueError, match="for weights in float32"):
            ridge.RidgeCV([1.0], cv=4, dtype=dtype).fit(unit * X, Y, groups=runs)
        return
    plain, other = (
        ridge.RidgeCV([size**2, 10 * size**2], cv=4, dtype=dtype).fit(size * X, Y, groups=runs)
        for size in (1.0, unit)
    )
    np.testing.assert_array_equal(other.cv_scores_, plain.cv_scores_)
    np.testing.assert_allclose(other.predict(unit * X), plain.predict(X), rtol=1e-4, atol=1e-5)


def test_a_constant_space_is_none_although_its_mean_is_rounded():
    rng = np.random.default_rng(0)
    X = np.column_stack([rng.standard_normal(8), np.full(8, 0.1)])
    X[::2, 1] += 1e-17 * np.arange(4)
    X[5, 1] = np.nextafter(0.1, 1)
    assert X[:, 1].var() > 0  # a rounding error
    with pytest.raises(ValueError, match="Space 'b' does not vary"):
        ridge.BandedRidgeCV(["a", "b"], cv=2).fit(X, rng.standard_normal((8, 2)))


def test_a_text_list_with_nan_names_no_space_nan():
    X = np.random.default_rng(0).standard_normal((8, 2))
    with pytest.raises(ValueError, match="1 of 2 columns have no space"):
        ridge.BandedRidgeCV(["a", np.nan], cv=2).fit(X, X)


def test_a_voxel_without_a_penalty_has_no_weights_although_no_feature_varies():
    Y = np.random.default_rng(0).standard_normal((5, 1))
    with pytest.warns(ridge.ConstantVoxelWarning):
        fitted = ridge.RidgeCV([1.0], cv=[([1, 2, 3, 4], [0])]).fit(np.ones((5, 1)), Y)
    assert np.isnan([fitted.alpha_, fitted.coef_[:, 0], fitted.intercept_]).all()


def test_a_run_without_stimuli_does_not_stop_shifts():
    rng = np.random.default_rng(0)
    X, Y = rng.standard_normal((20, 2)), rng.standard_normal((20, 3))
    X[10:] = 0
    null = np.full((2, 3), np.nan)
    inference.shift_runs(null, X, Y, groups=np.repeat([0, 1], 10), cv=2)
    assert np.isfinite(null).all()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e101])
def test_no_number_is_made_of_values_that_are_none(bad):
    rng = np.random.default_rng(0)
    X, Y, runs = rng.standard_normal((8, 2)), rng.standard_normal((8, 3)), np.repeat([0, 1], 4)
    for name in ("X", "Y") if abs(bad) > 1e200 or np.isnan(bad) else ("X",):
        tables = {"X": X.copy(), "Y": Y.copy()}
        tables[name][5, 1] = bad
        for function in (ridge.nested_scores, ridge.space_scores):
            more = {"spaces": ["a", "b"]} if function is ridge.space_scores else {}
            _, told = call(function, *tables.values(), groups=runs, alphas=[1.0], cv=2, **more)
            assert f"{name} has 1 values" in told
        for function in (inference.permute_runs, inference.shift_runs):
            _, told = call(function, np.full((2, 3), np.nan), *tables.values(), groups=runs, cv=2)
            assert f"{name} has 1 values" in told


def test_responses_too_large_for_single_precision_are_refused_there_only():
    rng = np.random.default_rng(0)
    for n_features in (2, 20):
        X, Y = rng.standard_normal((8, n_features)), 1e20 * rng.standard_normal((8, 3))
        plain = ridge.RidgeCV([1.0], cv=2).fit(X, Y).best_score_
        np.testing.assert_allclose(plain, ridge.RidgeCV([1.0], cv=2).fit(X, Y / 1e20).best_score_)
        with pytest.raises(ValueError, match="too large for sums in float32"):
            ridge.RidgeCV([1.0], cv=2, dtype=np.float32).fit(X, Y)
        with pytest.raises(ValueError, match="too large for sums in float32"):
            ridge.RidgeCV([1.0], cv=2, dtype=np.float32).fit(X, 1e17 * Y)


@pytest.mark.parametrize(
    "cv", [[([0, 99], [1])], [([0.0, 1.0], [2.0])], [(slice(0, 4), slice(4, 8))], [1, 2], KFold]
)
def test_splits_that_name_no_rows_are_refused(cv):
    X = np.random.default_rng(0).standard_normal((8, 2))
    with pytest.raises(ValueError, match="row numbers"):
        ridge.RidgeCV([1.0], cv=cv).fit(X, X)


def test_a_voxel_whose_score_every_order_gives_is_not_significant():
    null, scores = np.full((19, 2), 0.25), np.array([0.25, 0.9])
    null[:, 1] = np.linspace(-0.1, 0.1, 19)
    assert inference.max_p_values(null, scores).tolist() == [1, 0.05]
    assert inference.p_values(null, scores).tolist() == [1, 0.05]


def test_a_constant_feature_has_no_lasso_weight_although_its_mean_is_rounded():
    rng = np.random.default_rng(0)
    cv = [([1, 2, 3, 4, 5, 6], [0]), ([0], [1, 2, 3, 4, 5, 6])]
    for value in rng.standard_normal(50):
        X, y = np.full((7, 1), value), rng.standard_normal(7)
        fitted = receptive_fields.LassoLarsCV(cv=cv).fit(X, y)
        assert fitted.coef_.tolist() == [0]
        np.testing.assert_allclose(fitted.predict(X), y.mean())
