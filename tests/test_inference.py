"""The permutation null, held against scores of data whose runs were really moved."""

import signal
from math import factorial

import numpy as np
import pytest
from scipy.stats import kstest
from sklearn.linear_model import Ridge
from sklearn.metrics import r2_score

from helpers import inference, ridge
from helpers._engine import permutations
from helpers.inference import p_values, permute_runs, shift_runs
from helpers.ridge import ConstantVoxelWarning, RidgeCV


@pytest.fixture(autouse=True)
def interrupts():
    """Let SIGINT raise KeyboardInterrupt; a shell's background jobs are started without that."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def simulate(n_runs=7, length=25, n_features=6, n_voxels=9, noise=2.0, shift=1.0, seed=0):
    """Simulate voxels from images with offsets, and means that shift from run to run."""
    rng = np.random.default_rng(seed)
    runs = np.repeat(np.arange(n_runs), length)
    X = (rng.random((len(runs), n_features)) < 0.5) + 3 + shift * rng.normal(size=(n_runs, 1))[runs]
    Y = X @ rng.normal(size=(n_features, n_voxels)) + 50
    Y += noise * rng.normal(size=Y.shape) + shift * rng.normal(size=(n_runs, n_voxels))[runs]
    return X, Y, runs


def empty(n_permutations, Y):
    return np.full((n_permutations, Y.shape[1]), np.nan)


def moved(Y, runs, row, seed=0):
    """Move the rows of Y, as the documentation of `random_state` says."""
    order = np.random.default_rng([seed, row]).permutation(runs.max() + 1)
    return np.concatenate([Y[runs == run] for run in order])


def changed(X=np.array, Y=np.array, **options):
    """Simulate, then change the features, the voxels, or both."""
    features, voxels, runs = simulate(**options)
    return X(features), Y(voxels), runs


def far_first_volume(Y):
    """Return voxels whose first volume is far from all others, as before steady state."""
    Y[0] += 1000 * Y.std()
    return Y


def collinear_and_constant_features():
    X, Y, runs = simulate()
    X[:, 2], X[:, 3], X[:, 4] = X[:, 0], X[:, 0] + 2 * X[:, 1], 7.0
    return X, Y, runs


CASES = {
    "a mean in each run": simulate,
    "means far apart": lambda: simulate(shift=50.0),
    "more features than samples": lambda: simulate(length=5, n_features=50),
    "collinear and constant features": collinear_and_constant_features,
    "features with a large mean": lambda: changed(lambda X: X + 1e5),
    "input in single precision": lambda: changed(np.float32, lambda Y: (Y - 50).astype(np.float32)),
    "one voxel, one feature": lambda: simulate(n_features=1, n_voxels=1),
    "two runs": lambda: simulate(n_runs=2),
}


@pytest.mark.parametrize("n_folds", [2, 3, 7])  # 4 and 3 runs a fold; 3, 2 and 2; one
@pytest.mark.parametrize("case", CASES)
def test_each_row_is_the_score_of_runs_in_another_order(case, n_folds):
    X, Y, runs = CASES[case]()
    n_folds = min(n_folds, runs.max() + 1)
    null = empty(min(5, factorial(runs.max() + 1)), Y)
    permute_runs(null, X, Y, groups=runs, alpha=3.0, cv=n_folds, random_state=4, dtype=np.float64)
    for row, got in enumerate(null):
        Y_moved = moved(Y, runs, row, seed=4).astype(np.float64)
        expected = RidgeCV((3.0,), cv=n_folds).fit(X, Y_moved, groups=runs).best_score_
        np.testing.assert_allclose(1 - got, 1 - expected, rtol=1e-10)


def test_a_row_equals_scikit_learn():
    X, Y, runs = simulate()
    null = empty(3, Y)
    permute_runs(null, X, Y, groups=runs, alpha=20.0, cv=3, dtype=np.float64)
    Y = moved(Y, runs, 2)
    scores = [
        r2_score(
            Y[test],
            Ridge(alpha=20.0).fit(X[train], Y[train]).predict(X[test]),
            multioutput="raw_values",
        )
        for train, test in ridge.run_folds(runs, 3)
    ]
    np.testing.assert_allclose(null[2], np.mean(scores, axis=0), rtol=0, atol=1e-10)


SINGLE_CASES = {
    **CASES,
    "many samples and features": lambda: simulate(length=150, n_features=60),
    "hardly any noise": lambda: simulate(noise=1e-3),
    "scanner units": lambda: changed(
        lambda X: X + 1000, lambda Y: np.round(10 * Y + 5e4), length=60, n_features=30
    ),
    "features of different size": lambda: changed(lambda X: X * np.logspace(-2, 2, 6)),
    "features with a very large mean": lambda: changed(lambda X: X + 1e8),
    "a first volume far off": lambda: changed(Y=far_first_volume),
}


@pytest.mark.parametrize("case", SINGLE_CASES)
def test_single_precision_costs_less_than_1e_4(case):
    X, Y, runs = SINGLE_CASES[case]()
    Y = Y.astype(np.float32)
    single, double = (empty(min(5, factorial(runs.max() + 1)), Y) for _ in range(2))
    permute_runs(single, X, Y, groups=runs, alpha=1.0, cv=2)
    permute_runs(double, X, Y.astype(np.float64), groups=runs, alpha=1.0, cv=2, dtype=np.float64)
    # Far below 0 the score is an error in units of the variance: its digits count, not its size.
    assert (np.abs(single - double) / np.maximum(1, 1 - double)).max() < 1e-4


def test_blocks_of_voxels_change_nothing(monkeypatch):
    X, Y, runs = simulate()
    expected, got = empty(4, Y), empty(4, Y)
    permute_runs(expected, X, Y, groups=runs, cv=3, dtype=np.float64)
    for pair_bytes in (1, 4 * 7**2 * 7 * 8):  # blocks of one voxel, and of four
        monkeypatch.setattr(permutations, "PAIR_BYTES", pair_bytes)
        got[:] = np.nan
        permute_runs(got, X, Y, groups=runs, cv=3, dtype=np.float64)
        np.testing.assert_allclose(got, expected, rtol=0, atol=1e-12)


class InterruptedBar(inference.tqdm):
    """Press Ctrl-C after six permutations."""

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options, disable=False)

    def update(self, n=1):
        super().update(n)
        if self.n == 6:
            signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize("where", ["memory", "file"])
def test_an_interrupted_call_goes_on_where_it_stopped(where, monkeypatch, tmp_path):
    monkeypatch.setattr(inference, "BATCH", 3)
    X, Y, runs = simulate()
    expected = empty(11, Y).astype(np.float32)
    permute_runs(expected, X, Y, groups=runs, cv=3)
    null = np.full_like(expected, np.nan)
    if where == "file":
        file = tmp_path / "null.npy"
        null = np.lib.format.open_memmap(file, "w+", np.float32, expected.shape)
        null[:] = np.nan
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(inference, "tqdm", InterruptedBar)
        permute_runs(null, X, Y, groups=runs, cv=3)
    if where == "file":
        del null  # the kernel ends
        null = np.load(file, mmap_mode="r+")
    np.testing.assert_array_equal(null[:6], expected[:6])
    assert np.isnan(null[6:]).all()

    scored = count_orders(monkeypatch)
    permute_runs(null, X, Y, groups=runs, cv=3)
    assert sum(scored) == 5 + 1  # what was left, and one row to see that the arguments agree
    np.testing.assert_array_equal(null, expected)
    permute_runs(null, X, Y, groups=runs, cv=3)
    assert sum(scored) == 5 + 1 + 1


def count_orders(monkeypatch):
    """Note how many orders each call of `score_orders` scores."""
    scored, score_orders = [], inference.score_orders

    def counted(images, Y, orders):
        scored.append(len(orders))
        return score_orders(images, Y, orders)

    monkeypatch.setattr(inference, "score_orders", counted)
    return scored


def test_an_interrupt_within_a_batch_leaves_no_row_half_filled(monkeypatch):
    monkeypatch.setattr(inference, "BATCH", 3)
    monkeypatch.setattr(permutations, "PAIR_BYTES", 1)
    X, Y, runs = simulate()
    expected, null = empty(8, Y), empty(8, Y)
    permute_runs(expected, X, Y, groups=runs, cv=3)
    score, calls = permutations._score, []

    def interrupted(*arguments):
        calls.append(1)
        if len(calls) == 40:  # 27 scores of one voxel are a batch
            signal.raise_signal(signal.SIGINT)
        return score(*arguments)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(permutations, "_score", interrupted)
        permute_runs(null, X, Y, groups=runs, cv=3)
    np.testing.assert_array_equal(null[:3], expected[:3])
    assert np.isnan(null[3:]).all()
    permute_runs(null, X, Y, groups=runs, cv=3)
    np.testing.assert_array_equal(null, expected)


def test_the_bar_counts_permutations_and_starts_where_it_stopped(monkeypatch, capsys):
    bars = []

    class Bar(inference.tqdm):
        def __init__(self, *arguments, **options):
            super().__init__(*arguments, **options, disable=False)
            bars.append([self.n])

        def update(self, n=1):
            super().update(n)
            bars[-1].append(self.n)

    monkeypatch.setattr(inference, "tqdm", Bar)
    monkeypatch.setattr(inference, "BATCH", 4)
    X, Y, runs = simulate()
    null = empty(10, Y)
    permute_runs(null, X, Y, groups=runs, cv=3)
    null[7:] = np.nan
    permute_runs(null, X, Y, groups=runs, cv=3)
    assert bars == [[0, 4, 8, 10], [7, 10]]
    assert "10/10" in capsys.readouterr().err


def test_rows_depend_on_the_seed_and_their_number_only():
    X, Y, runs = simulate()
    first, longer, other = empty(4, Y), empty(6, Y), empty(4, Y)
    permute_runs(first, X, Y, groups=runs, cv=3)
    permute_runs(longer, X, Y, groups=runs, cv=3)
    permute_runs(other, X, Y, groups=runs, cv=3, random_state=1)
    np.testing.assert_array_equal(longer[:4], first)
    assert len(np.unique(np.round(np.r_[longer, other][:, 0], 4))) == 10


def test_constant_voxels_are_reported_and_rows_with_them_finish(monkeypatch):
    X, Y, runs = simulate()
    Y[:, 2] = 0.1
    Y[runs == 4, 5] = 1 / 3  # constant in one run, so in one fold of each order
    null, others = empty(4, Y), empty(4, Y[:, [0, 1, 3, 4, 6, 7, 8]])
    scored = count_orders(monkeypatch)
    for expected in (4, 5):  # the second call only looks at one row
        with pytest.warns(ConstantVoxelWarning, match="2 of 9 voxels .*some order.* 2, 5"):
            permute_runs(null, X, Y, groups=runs, cv=7)
        assert sum(scored) == expected
    unscored = np.isin(np.arange(9), [2, 5])
    np.testing.assert_array_equal(np.isnan(null), [unscored] * 4)
    permute_runs(others, X, Y[:, ~unscored], groups=runs, cv=7)
    np.testing.assert_allclose(null[:, ~unscored], others, rtol=1e-5, atol=1e-6)
    assert np.isnan(p_values(null, np.zeros(9))[unscored]).all()


@pytest.mark.parametrize("fill", [permute_runs, shift_runs])
@pytest.mark.parametrize(("dtype", "mean", "rounding"), [
    (np.float64, 0, 1e-15), (np.float64, 1e4, 0), (np.float32, 0, 1e-8), (np.float32, 1e4, 0),
])  # fmt: skip
def test_what_cleaning_leaves_of_a_constant_run_is_not_scored(fill, dtype, mean, rounding):
    """Rounding errors about 0 or about a mean; as the variance of a fold they give -1e12."""
    X, Y, runs = simulate()
    Y -= Y.mean(axis=0)
    rest = np.random.default_rng(0).normal(size=np.sum(runs == 4))
    spacing = np.finfo(dtype).eps * mean
    Y[runs == 4, 2] = rounding * rest + spacing * np.sign(rest)
    Y += mean
    null = empty(4, Y)
    with pytest.warns(ConstantVoxelWarning, match="1 of 9 voxels"):
        fill(null, X, Y.astype(dtype), groups=runs, cv=7, dtype=dtype)
    np.testing.assert_array_equal(np.isnan(null), [np.arange(9) == 2] * 4)
    assert np.nanmin(null) > -10


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_voxel_constant_over_a_fold_in_some_orders_has_no_p(dtype):
    """Constant in four runs of six: some orders put three of them in a fold, others do not."""
    X, Y, runs = simulate(n_runs=6)
    Y[(runs > 0) & (runs < 5), 1] = 1 / 3
    null = empty(30, Y)
    with pytest.warns(ConstantVoxelWarning, match="1 of 9"):
        permute_runs(null, X, Y, groups=runs, alpha=3.0, cv=2, dtype=dtype)
    for row in range(30):
        halves = moved(Y, runs, row)[:, 1].reshape(2, 75)
        assert np.isnan(null[row, 1]) == (halves.max(axis=1) == halves.min(axis=1)).any()
    assert 0 < np.isnan(null[:, 1]).sum() < 30
    np.testing.assert_array_equal(np.isnan(p_values(null, np.zeros(9))), np.arange(9) == 1)


def timed_recording(n_runs=10, n_tuned=20, n_silent=600, seed=1):
    """Simulate random images, shown at the same times in each run, and three kinds of voxels."""
    rng = np.random.default_rng(seed)
    runs = np.repeat(np.arange(n_runs), 40)
    is_on = np.tile(np.arange(40) // 8 % 2 == 1, n_runs)
    X = is_on[:, np.newaxis] * (rng.random((len(runs), 8)) < 0.5).astype(float)
    drift = np.cumsum(rng.normal(size=(n_runs, 40, n_silent)), axis=1).reshape(len(runs), -1)
    tuned = X @ rng.normal(size=(8, n_tuned)) + rng.normal(size=(len(runs), n_tuned))
    on_off = is_on[:, np.newaxis] * 3.0 + rng.normal(size=(len(runs), n_tuned))
    return X, np.hstack([tuned, on_off, drift]), runs


def test_tuned_voxels_are_found_and_those_of_the_timing_are_not():
    X, Y, runs = timed_recording()
    null = empty(199, Y)
    permute_runs(null, X, Y, groups=runs, alpha=1.0, cv=5)
    scores = RidgeCV((1.0,), cv=5).fit(X, Y, groups=runs).best_score_
    p = p_values(null, scores)
    tuned, on_off, drifting = np.split(p, [20, 40])
    np.testing.assert_allclose(tuned, 1 / 200)
    assert scores[20:40].min() > 0.2  # predicted well, from how much of the screen is lit
    assert kstest(on_off, "uniform").pvalue > 0.01
    # Noise like that of neighbouring volumes: p is right, as whole runs move.
    assert kstest(drifting, "uniform").pvalue > 0.01
    assert abs((drifting <= 0.05).mean() - 0.05) < 0.03


def test_with_few_runs_the_order_of_the_recording_comes_up_and_counts():
    """Three runs have six orders: nobody is more significant than that."""
    X, Y, runs = simulate(n_runs=3, length=40, noise=0.1, shift=0)
    null = empty(600, Y)
    message = "3 runs, of which 3 show something different, have 6 different orders.* below 0.17"
    with pytest.warns(inference.FewOrdersWarning, match=message):
        permute_runs(null, X, Y, groups=runs, alpha=1.0, cv=3)
    scores = RidgeCV((1.0,), cv=3).fit(X, Y, groups=runs).best_score_
    np.testing.assert_allclose(p_values(null, scores), 1 / 6, atol=0.05)


def test_p_values_count_finished_rows_only():
    null = np.full((10, 4), np.nan)
    null[:3] = [[0.1, 0.2, 0.3, np.nan], [0.2, 0.2, 0.1, 0.5], [0.3, 0.2, 0.2, 0.1]]
    p = p_values(null, [0.25, 0.25, np.nan, 0.0])
    np.testing.assert_allclose(p, [2 / 4, 1 / 4, np.nan, np.nan])


def test_runs_of_different_length_are_refused():
    X, Y, runs = simulate()
    keep = runs != 3
    keep[80] = True
    null = empty(2, Y)
    message = r"25, 25, 25, 1, 25.*equal numbers.*Leave the runs.*or use shift_runs"
    with pytest.raises(ValueError, match=message):
        permute_runs(null, X[keep], Y[keep], groups=runs[keep], cv=3)
    assert np.isnan(null).all()


@pytest.mark.parametrize(
    ("null", "message"),
    [
        (np.full((5, 8), np.nan), r"shape \(5, 8\), float64; .* by 9 voxels. Start with"),
        (np.full((9,), np.nan), r"shape \(9,\)"),
        (np.zeros((5, 9), dtype=int), "int64"),
        ([[np.nan] * 9], "no array"),
    ],
)
def test_a_null_of_the_wrong_kind_is_refused(null, message):
    X, Y, runs = simulate()
    with pytest.raises(ValueError, match=f"null .*{message}"):
        permute_runs(null, X, Y, groups=runs, cv=3)


@pytest.mark.parametrize("change", ["random_state", "alpha", "cv", "Y"])
def test_a_null_of_other_arguments_is_not_continued(change):
    X, Y, runs = simulate()
    null = empty(4, Y)
    permute_runs(null[:2], X, Y, groups=runs, cv=3)
    before = null.copy()
    options = {"random_state": {"random_state": 1}, "alpha": {"alpha": 5.0}, "cv": {"cv": 4}}
    with pytest.raises(ValueError, match=r"Row 0 of null .*not those of these arguments"):
        if change == "Y":
            permute_runs(null, X, Y[::-1], groups=runs, cv=3)
        else:
            permute_runs(null, X, Y, groups=runs, **{"cv": 3, **options[change]})
    np.testing.assert_array_equal(null, before)


def test_zeros_are_not_taken_for_scores():
    X, Y, runs = simulate()
    with pytest.raises(ValueError, match="expected NaN in rows that are to do"):
        permute_runs(np.zeros((4, 9)), X, Y, groups=runs, cv=3)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_values_that_are_no_numbers_are_refused(bad, monkeypatch):
    monkeypatch.setattr(permutations, "PAIR_BYTES", 4 * 7**2 * 7 * 4)  # blocks of four voxels
    for table, place in ((0, r"X has 1 values .* row 17, column 5"), (1, r"Y has .* column 5")):
        X, Y, runs = simulate()
        (X, Y)[table][17, 5] = bad
        with pytest.raises(ValueError, match=place):
            permute_runs(empty(2, Y), X, Y, groups=runs, cv=3)


def test_other_bad_input_is_refused():
    X, Y, runs = simulate()
    with pytest.raises(ValueError, match="X has 174 samples and Y has 175"):
        permute_runs(empty(2, Y), X[1:], Y, groups=runs)
    with pytest.raises(ValueError, match="alpha has shape \\(2,\\); expected one number"):
        permute_runs(empty(2, Y), X, Y, groups=runs, alpha=(1.0, 2.0))
    with pytest.raises(ValueError, match="above zero"):
        permute_runs(empty(2, Y), X, Y, groups=runs, alpha=0.0)
    with pytest.raises(ValueError, match="n_folds is 10 and there are 7 runs"):
        permute_runs(empty(2, Y), X, Y, groups=runs)
    with pytest.raises(ValueError, match="All samples belong to one run"):
        permute_runs(empty(2, Y), X, Y, groups=np.zeros(175))
    with pytest.raises(ValueError, match="no finished permutation"):
        p_values(empty(2, Y), np.zeros(9))
    with pytest.raises(ValueError, match=r"scores has shape \(1, 9\).*Take the mean"):
        p_values(np.zeros((2, 9)), np.zeros((1, 9)))
    with pytest.raises(ValueError, match="by 9 voxels"):
        p_values(np.zeros((2, 8)), np.zeros(9))


def test_input_arrays_are_left_alone():
    X, Y, runs = simulate()
    copies = X.copy(), Y.copy(), runs.copy()
    permute_runs(empty(2, Y), X, Y, groups=runs, cv=3, dtype=np.float64)
    for array, copy in zip((X, Y, runs), copies, strict=True):
        np.testing.assert_array_equal(array, copy)


def test_max_p_asks_how_far_luck_lifts_the_luckiest_voxel():
    """Against a plain loop; voxels differ in place and width, and one has no score."""
    rng = np.random.default_rng(5)
    width = np.array([1.0, 10.0, 0.1, 1.0, 1.0])
    null = rng.normal(size=(40, 5)) * width + 10 * np.arange(5)
    scores = 10 * np.arange(5) + np.array([0.0, 45.0, 0.25, 9.0, np.nan])
    null[:, 4] = np.nan
    null[7] = np.nan  # still to do
    done = np.delete(null, 7, axis=0)
    expected = []
    for v in range(4):
        reached = 1
        for row in done:
            lifts = []
            for u in range(4):
                values = np.append(done[:, u], scores[u])
                lifts.append((row[u] - values.mean()) / values.std())
            values = np.append(done[:, v], scores[v])
            reached += max(lifts) >= (scores[v] - 1e-4 - values.mean()) / values.std()
        expected.append(reached / 40)
    np.testing.assert_allclose(inference.max_p_values(null, scores), [*expected, np.nan])
    assert expected[3] == 1 / 40  # it stands out; a score that luck reaches often does not
    assert expected[0] > 0.9


def test_max_p_refuses_what_p_refuses():
    with pytest.raises(ValueError, match="no finished permutation"):
        inference.max_p_values(np.full((3, 2), np.nan), np.zeros(2))
    with pytest.raises(ValueError, match="one mean R2 a voxel"):
        inference.max_p_values(np.zeros((3, 2)), np.zeros((3, 2)))


# ---- runs that show the same


def alike(n_runs, kinds, jitter=0.0, length=40, seed=2):
    """Simulate runs that show what their kinds show, and tuned and silent voxels."""
    rng = np.random.default_rng(seed)
    shown = rng.integers(0, 2, (max(kinds) + 1, length, 6)).astype(float)
    X = np.concatenate([shown[kind] for kind in kinds]) + 3
    runs = np.repeat(np.arange(n_runs), length)
    tuned = X @ rng.normal(size=(6, 20)) + rng.normal(size=(len(X), 20))
    Y = np.hstack([tuned, rng.normal(size=(len(X), 200))])
    return X + jitter * rng.normal(size=X.shape), Y, runs


@pytest.mark.parametrize("jitter", [0.0, 0.01])
def test_runs_that_all_show_the_same_are_refused(jitter):
    """Else p would be 1, or no better than chance, for voxels that respond strongly."""
    X, Y, runs = alike(8, [0] * 8, jitter)
    null = empty(20, Y)
    with pytest.raises(ValueError, match=r"All 8 runs show the same.*Use shift_runs"):
        permute_runs(null, X, Y, groups=runs, alpha=1.0, cv=8)
    assert np.isnan(null).all()
    shift_runs(null, X, Y, groups=runs, alpha=1.0, cv=8)
    scores = RidgeCV((1.0,), cv=8).fit(X, Y, groups=runs).best_score_
    np.testing.assert_allclose(p_values(null, scores)[:20], 1 / 21)


def test_runs_of_two_kinds_have_few_orders_and_the_smallest_p_is_said():
    """Three runs of one kind and three of another: 6! / (3! 3!) = 20 orders that differ."""
    X, Y, runs = alike(6, [0, 0, 1, 1, 1, 0])
    null = empty(400, Y)
    message = "6 runs, of which 2 .* 20 different orders for 400 permutations: .* below 0.05"
    with pytest.warns(inference.FewOrdersWarning, match=message):
        permute_runs(null, X, Y, groups=runs, alpha=1.0, cv=6)
    scores = RidgeCV((1.0,), cv=6).fit(X, Y, groups=runs).best_score_
    tuned = p_values(null, scores)[:20]
    assert tuned.min() > 0.03
    np.testing.assert_allclose(np.median(tuned), 1 / 20, atol=0.02)


def test_runs_that_differ_in_one_rare_feature_are_not_the_same():
    """A word that is said twice, in one run: little beside all features, but all of itself."""
    X, Y, runs = alike(8, [0] * 8)
    rare = np.zeros(len(X))
    rare[[90, 95]] = 0.1
    null = empty(8, Y)  # one word has as many orders as there are runs
    permute_runs(null, np.column_stack([X, rare]), Y, groups=runs, cv=4)
    assert np.isfinite(null).all()


# ---- shifts within runs


def shifted(Y, runs, row, seed=0):
    """Shift the rows of Y, as the documentation of `random_state` says."""
    parts = [Y[runs == run] for run in range(runs.max() + 1)]
    shifts = np.random.default_rng([seed, row]).integers([len(part) for part in parts])
    cuts = [len(part) - shift for part, shift in zip(parts, shifts, strict=True)]
    later = [np.r_[part[cut:], part[:cut]] for part, cut in zip(parts, cuts, strict=True)]
    return np.concatenate(later)


def unequal(X, Y, runs):
    keep = ~np.isin(np.arange(len(X)), [*range(5), *range(60, 71)])
    return X[keep], Y[keep], runs[keep]


@pytest.mark.parametrize("n_folds", [2, 7])
@pytest.mark.parametrize("case", [*CASES, "unequal"])
def test_each_row_is_the_score_of_shifted_responses(case, n_folds):
    X, Y, runs = unequal(*simulate()) if case == "unequal" else CASES[case]()
    n_folds = min(n_folds, runs.max() + 1)
    null = empty(4, Y)
    shift_runs(null, X, Y, groups=runs, alpha=3.0, cv=n_folds, random_state=4, dtype=np.float64)
    x = X.astype(np.float64)
    for row, got in enumerate(null):
        scores = [
            r2_score(
                Y_shifted[test],
                Ridge(alpha=3.0).fit(x[train], Y_shifted[train]).predict(x[test]),
                multioutput="raw_values",
            )
            for Y_shifted in [shifted(Y, runs, row, seed=4).astype(np.float64)]
            for train, test in ridge.run_folds(runs, n_folds)
        ]
        np.testing.assert_allclose(1 - got, 1 - np.mean(scores, axis=0), rtol=1e-6)


def test_shifts_in_blocks_of_voxels_and_from_a_file_are_the_same(monkeypatch, tmp_path):
    X, Y, runs = simulate()
    expected, got = empty(4, Y), empty(4, Y)
    shift_runs(expected, X, Y, groups=runs, cv=3, dtype=np.float64)
    np.save(tmp_path / "Y.npy", Y)
    monkeypatch.setattr(permutations, "SHIFT_BYTES", 4 * len(Y) * 8)
    shift_runs(got, X, np.load(tmp_path / "Y.npy", mmap_mode="r"), groups=runs, cv=3,
               dtype=np.float64)  # fmt: skip
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-12)
    Y[17, 5] = np.nan
    with pytest.raises(ValueError, match=r"Y has 1 values .* row 17, column 5"):
        shift_runs(empty(4, Y), X, Y, groups=runs, cv=3)


def test_interrupted_shifts_go_on_where_they_stopped(monkeypatch):
    monkeypatch.setattr(inference, "BATCH_OF_SHIFTS", 3)
    X, Y, runs = simulate()
    expected, null = empty(11, Y), empty(11, Y)
    shift_runs(expected, X, Y, groups=runs, cv=3)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(inference, "tqdm", InterruptedBar)
        shift_runs(null, X, Y, groups=runs, cv=3)
    np.testing.assert_array_equal(null[:6], expected[:6])
    assert np.isnan(null[6:]).all()
    shift_runs(null, X, Y, groups=runs, cv=3)
    np.testing.assert_array_equal(null, expected)
    with pytest.raises(ValueError, match=r"Row 0 of null .*not those of these arguments"):
        shift_runs(null, X, Y, groups=runs, cv=3, random_state=1)


def blocks_on_and_off(n_runs, length, period):
    """Show the same block in each run, at equal distances, and respond to it strongly."""
    on = np.arange(length) % period < period // 2
    X = np.tile(on, n_runs).astype(float)[:, np.newaxis]
    noise = np.random.default_rng(0).normal(size=(len(X), 5))
    return X, 5 * X + noise, np.repeat(np.arange(n_runs), length)


def test_shifts_by_a_period_change_nothing_and_that_is_said():
    X, Y, runs = blocks_on_and_off(n_runs=2, length=60, period=4)
    null = empty(400, Y)
    # Of 4 x 4 shifts, one moves nothing, and one moves both runs by half a period: then the weight
    # has another sign, and the prediction is the same.
    with pytest.warns(inference.FewOrdersWarning, match=r"would get p = 0\.1\d: the stimuli"):
        shift_runs(null, X, Y, groups=runs, alpha=1.0, cv=2)
    scores = RidgeCV((1.0,), cv=2).fit(X, Y, groups=runs).best_score_
    assert p_values(null, scores).min() > 0.1
    X, Y, runs = blocks_on_and_off(n_runs=12, length=60, period=12)
    null = empty(200, Y)
    shift_runs(null, X, Y, groups=runs, alpha=1.0, cv=6)  # many runs are seldom all in step
    scores = RidgeCV((1.0,), cv=6).fit(X, Y, groups=runs).best_score_
    assert p_values(null, scores).max() < 0.01


def test_features_that_are_constant_in_each_run_have_no_shifts():
    X, Y, runs = simulate()
    X = np.random.default_rng(0).normal(size=(7, 2))[runs]
    with pytest.raises(ValueError, match=r"X does not change within any run.*permute_runs"):
        shift_runs(empty(3, Y), X, Y, groups=runs, cv=7)


def test_shifts_report_constant_voxels_and_refuse_what_orders_refuse():
    X, Y, runs = simulate()
    Y[:, 2], Y[runs == 4, 5] = 0.1, 1 / 3
    null = empty(4, Y)
    with pytest.warns(ConstantVoxelWarning, match="2 of 9 voxels .*over a fold: columns 2, 5"):
        shift_runs(null, X, Y, groups=runs, cv=7)
    np.testing.assert_array_equal(np.isnan(null), [np.isin(np.arange(9), [2, 5])] * 4)
    for given, message in (
        ({"groups": np.zeros(175)}, "All samples belong to one run"),
        ({"cv": [(np.arange(90), np.arange(90, 175))]}, "expected whole runs"),
        ({"random_state": None}, "expected a whole number from 0 up"),
        ({"alpha": (1.0, 2.0)}, "expected one number"),
    ):
        with pytest.raises(ValueError, match=message):
            shift_runs(empty(4, Y), X, Y, **{"groups": runs, "cv": 7, **given})


# ---- the ceiling, and scores, of what is no number


@pytest.mark.parametrize("missing", [np.nan, None])
def test_trials_without_an_image_are_refused(missing):
    """As one more image, they would be a group of trials that have nothing in common."""
    responses = np.random.default_rng(0).normal(size=(6, 3))
    for image in ([1.0, 1.0, 2.0, 2.0, missing, missing], ["a", "a", "b", "b", missing, missing]):
        with pytest.raises(ValueError, match="2 of 6 image labels are NaN or missing, first at"):
            inference.single_trial_ceiling(responses, image)
    named = inference.single_trial_ceiling(responses, ["b", "b", 1, 1, "a", "a"])
    np.testing.assert_allclose(named, inference.single_trial_ceiling(responses, [0, 0, 1, 1, 2, 2]))


def test_masked_responses_scores_and_nulls_are_refused():
    mask = np.zeros((6, 3), dtype=bool)
    mask[2, 1] = True
    with pytest.raises(ValueError, match="responses has 1 masked values"):
        inference.single_trial_ceiling(np.ma.array(np.ones((6, 3)), mask=mask), [0, 0, 1, 1, 2, 2])
    with pytest.raises(ValueError, match="scores has 1 masked values"):
        p_values(np.zeros((6, 3)), np.ma.array(np.zeros(3), mask=mask[2]))
    with pytest.raises(ValueError, match="null has 1 masked values"):
        p_values(np.ma.array(np.zeros((6, 3)), mask=mask), np.zeros(3))
    with pytest.raises(ValueError, match="scores holds text"):
        p_values(np.zeros((6, 3)), ["0.1", "0.2", "0.3"])


def test_single_precision_is_not_taken_where_it_has_too_few_digits():
    """Six samples of forty features, and a penalty that is small beside them."""
    rng = np.random.default_rng(4)
    X, Y, runs = rng.normal(size=(6, 40)), rng.normal(size=(6, 5)), np.repeat([0, 1, 2], 2)
    nulls = [np.full((4, 5), np.nan) for _ in range(2)]
    for null, dtype in zip(nulls, (np.float32, np.float64), strict=True):
        inference.permute_runs(null, X, Y, groups=runs, alpha=0.03, cv=3, dtype=dtype)
    np.testing.assert_allclose(*nulls, atol=1e-4)
