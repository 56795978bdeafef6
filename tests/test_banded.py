"""Spaces of features with a penalty each, held against scikit-learn, himalaya and known truth."""

import numpy as np
import pandas as pd
import pytest
from himalaya.ridge import solve_group_ridge_random_search
from himalaya.scoring import r2_score as himalaya_r2
from himalaya.scoring import r2_score_split
from sklearn.linear_model import Ridge
from sklearn.metrics import r2_score

from helpers import ridge
from helpers._engine.folds import tabulate
from helpers._engine.penalties import draw_shares
from helpers._engine.ridge import make_plan
from helpers.ridge import BandedRidgeCV, ConstantVoxelWarning, PenaltyWarning, RidgeCV, space_scores

ALPHAS = np.logspace(-1, 4, 6)
FINE = np.logspace(0, 4, 9)
EXACT = {"rtol": 0, "atol": 1e-9}


def captioned(n_runs=6, length=60, n_pixels=100, n_words=20, unit=1e-3, noise=3.0, seed=0):
    """Pixels and an embedding in tiny units; voxels 0 to 3 see, 4 to 7 read, 8 to 11 do both."""
    rng = np.random.default_rng(seed)
    runs = np.repeat(np.arange(n_runs), length)
    pixels = rng.choice([0.0, 1.0], size=(len(runs), n_pixels))
    words = rng.normal(size=(len(runs), n_words))
    seen = 2 * pixels @ rng.normal(size=(n_pixels, 12)) / np.sqrt(n_pixels)
    read = words @ rng.normal(size=(n_words, 12)) / np.sqrt(n_words)
    kind = np.repeat(["sees", "reads", "both"], 4)
    Y = np.where(kind != "reads", seen, 0) + np.where(kind != "sees", read, 0)
    Y = 3 * Y + noise * rng.normal(size=Y.shape) + 7
    spaces = np.repeat(["pixels", "words"], [n_pixels, n_words])
    return np.hstack([pixels, unit * words]), Y, runs, spaces, kind


def small(n_features=(3, 4), length=20, seed=1):
    """Four runs, spaces of unlike scale in columns that are mixed up, three voxels."""
    rng = np.random.default_rng(seed)
    runs = np.repeat(np.arange(4), length)
    spaces = rng.permutation(np.repeat(list("abc")[: len(n_features)], n_features))
    X = rng.normal(size=(len(runs), len(spaces))) * np.where(spaces == "a", 10, 1) + 2
    weights = rng.normal(size=(len(spaces), 3)) / np.where(spaces == "a", 10, 1)[:, np.newaxis]
    weights[spaces == "b", 0] = 0
    return X, X @ weights + 2 * rng.normal(size=(len(runs), 3)) + 5, runs, spaces


def scaled(X, spaces, shares):
    """Each set of shares with the features scaled to it, from the definition of a share."""
    names = list(dict.fromkeys(spaces))
    variance = np.array([X[:, spaces == name].var(axis=0).sum() for name in names])
    for share in shares:
        scale = np.sqrt(share * variance.sum() / variance)
        yield scale, X * scale[[names.index(space) for space in spaces]]


def shares_of(X, spaces, n_iter, seed=0):
    names = list(dict.fromkeys(spaces))
    variance = np.array([X[:, spaces == name].var(axis=0).sum() for name in names])
    return draw_shares(variance / variance.sum(), n_iter, seed)


def sklearn_scores(X, Y, folds, alphas):
    """Of each penalty on each fold, (n_alphas, n_folds, n_voxels)."""
    found = []
    for alpha in alphas:
        models = [(Ridge(alpha=alpha).fit(X[train], Y[train]), test) for train, test in folds]
        found.append([r2_score(Y[t], m.predict(X[t]), multioutput="raw_values") for m, t in models])
    return np.array(found)


@pytest.mark.parametrize("n_features", [12, 200], ids=["narrow", "wide"])
@pytest.mark.parametrize("spaces", [None, "one"])
@pytest.mark.filterwarnings("ignore::helpers.ridge.PenaltyWarning")
def test_one_space_is_ridge_regression(n_features, spaces):
    rng = np.random.default_rng(0)
    runs = np.repeat(np.arange(4), 25)
    X = rng.normal(size=(100, n_features))
    Y = X @ rng.normal(size=(n_features, 5)) + 9 * rng.normal(size=(100, 5))
    for y in (Y, Y[:, 2]):
        one = RidgeCV(ALPHAS, cv=4).fit(X, y, groups=runs)
        names = None if spaces is None else np.full(n_features, spaces)
        banded = BandedRidgeCV(names, ALPHAS, cv=4).fit(X, y, groups=runs)
        np.testing.assert_array_equal(banded.alpha_, one.alpha_[np.newaxis])
        for name in ("best_score_", "coef_", "intercept_", "at_end_"):
            np.testing.assert_allclose(getattr(banded, name), getattr(one, name), **EXACT)
        np.testing.assert_allclose(banded.predict(X), one.predict(X), **EXACT)


@pytest.mark.parametrize("n_features", [(3, 4), (2, 3, 2), (40, 50)], ids=str)
@pytest.mark.filterwarnings("ignore::helpers.ridge.PenaltyWarning")
def test_the_search_is_a_loop_of_scikit_learn_over_scaled_features(n_features):
    X, Y, runs, spaces = small(n_features)
    folds = ridge.run_folds(runs, 4)
    model = BandedRidgeCV(spaces, ALPHAS, cv=4, n_iter=3).fit(X, Y, groups=runs)
    best, alpha = np.full(3, -np.inf), np.empty((len(n_features), 3))
    coef = np.empty((3, X.shape[1]))
    for scale, x in scaled(X, spaces, shares_of(X, spaces, 3)):
        means = sklearn_scores(x, Y, folds, ALPHAS).mean(axis=1)
        for voxel in np.flatnonzero(means.max(axis=0) > best + 1e-12):
            best[voxel], chosen = means[:, voxel].max(), ALPHAS[means[:, voxel].argmax()]
            with np.errstate(divide="ignore"):
                alpha[:, voxel] = chosen / scale**2
            columns = scale[[list(model.spaces_).index(space) for space in spaces]]
            coef[voxel] = columns * Ridge(alpha=chosen).fit(x, Y[:, voxel]).coef_
    np.testing.assert_allclose(model.best_score_, best, **EXACT)
    np.testing.assert_allclose(model.alpha_, alpha, rtol=1e-9)
    np.testing.assert_allclose(model.coef_, coef, **EXACT)
    assert list(model.spaces_) == list(dict.fromkeys(spaces))


@pytest.mark.filterwarnings("ignore::helpers.ridge.PenaltyWarning")
def test_penalties_are_those_of_the_features_as_they_were_given():
    """The weights make the error plus each space's own penalty least."""
    X, Y, runs, spaces, _ = captioned()
    model = BandedRidgeCV(spaces, ALPHAS, cv=3).fit(X, Y, groups=runs)
    assert np.isfinite(model.alpha_).all(axis=0).any()
    x, y = X - X.mean(axis=0), Y - Y.mean(axis=0)
    for voxel in range(12):
        penalty = model.alpha_[(spaces == "words").astype(int), voxel]
        used = np.isfinite(penalty)
        expected = np.zeros(len(spaces))
        expected[used] = np.linalg.solve(
            x[:, used].T @ x[:, used] + np.diag(penalty[used]), x[:, used].T @ y[:, voxel]
        )
        np.testing.assert_allclose(model.coef_[voxel], expected, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(
        model.predict(X) - Y.mean(axis=0), x @ model.coef_.T, rtol=0, atol=1e-9
    )


@pytest.mark.parametrize("n_features", [(3, 4), (2, 3, 2), (40, 50)], ids=str)
def test_scores_are_those_of_himalaya_for_the_same_relative_scales(n_features):
    X, Y, runs, spaces = small(n_features)
    shares = shares_of(X, spaces, 4)
    shares = shares[(shares > 0).all(axis=1)]  # himalaya divides by the others
    folds = ridge.run_folds(runs, 4)
    names = list(dict.fromkeys(spaces))
    pairs = list(scaled(X, spaces, shares))
    _, _, theirs, _ = solve_group_ridge_random_search(
        [X[:, spaces == name] for name in names],
        Y,
        n_iter=np.array([scale**2 for scale, _ in pairs]),
        alphas=ALPHAS,
        fit_intercept=True,
        score_func=himalaya_r2,
        cv=folds,
        return_weights=True,
        progress_bar=False,
        warn=False,
    )
    table = tabulate(4, X, Y, runs)
    ours = [make_plan(x, table, ALPHAS).score(Y).mean(axis=1).max(axis=0) for _, x in pairs]
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-6)


@pytest.mark.filterwarnings("ignore::helpers.ridge.PenaltyWarning")
def test_space_scores_are_those_of_a_double_loop_of_scikit_learn():
    X, Y, runs, spaces = small((2, 3, 2))
    names = list(dict.fromkeys(spaces))
    shares = shares_of(X, spaces, 1)
    kinds = {"together": np.ones(len(shares), dtype=bool)}
    kinds |= {f"alone {name}": shares[:, i] == 1 for i, name in enumerate(names)}
    kinds |= {f"without {name}": shares[:, i] == 0 for i, name in enumerate(names)}
    folds, outer = ridge.run_folds(runs, 4), {kind: [] for kind in kinds}
    for train, test in folds:
        inner = [(np.setdiff1d(train, t), t) for _, t in folds if not np.array_equal(t, test)]
        means, scores = [], []
        for _, x in scaled(X, spaces, shares):
            means.append(sklearn_scores(x, Y, inner, ALPHAS).mean(axis=1))
            scores.append(sklearn_scores(x, Y, [(train, test)], ALPHAS)[:, 0])
        for kind, members in kinds.items():
            chosen = np.concatenate(np.array(means)[members]).argmax(axis=0)
            outer[kind].append(np.concatenate(np.array(scores)[members])[chosen, range(3)])
    expected = {kind: np.mean(scores, axis=0) for kind, scores in outer.items()}
    found = space_scores(X, Y, spaces=spaces, groups=runs, alphas=ALPHAS, cv=4, n_iter=1)
    np.testing.assert_allclose(found.together, expected["together"], **EXACT)
    for name in names:
        np.testing.assert_allclose(found.alone[name], expected[f"alone {name}"], **EXACT)
        np.testing.assert_allclose(found.without[name], expected[f"without {name}"], **EXACT)
        lost = expected["together"] - expected[f"without {name}"]
        np.testing.assert_allclose(found.unique[name], lost, **EXACT)


@pytest.fixture(scope="module")
def scores():
    X, Y, runs, spaces, kind = captioned()
    found = space_scores(X, Y, spaces=spaces, groups=runs, alphas=FINE, cv=6)
    return found, kind


def test_each_voxel_has_unique_variance_in_the_space_that_drives_it(scores):
    found, kind = scores
    unique = found.unique.groupby(kind).mean()
    assert unique.loc["sees", "pixels"] > 0.2
    assert unique.loc["reads", "words"] > 0.3
    assert abs(unique.loc["sees", "words"]) < 0.02
    assert abs(unique.loc["reads", "pixels"]) < 0.02
    assert (unique.loc["both"] > 0.1).all()
    np.testing.assert_allclose(found.unique["words"], found.together - found.without["words"])
    # Of two spaces, all without one is the other alone.
    np.testing.assert_array_equal(found.without["words"], found.alone["pixels"])


def test_a_penalty_each_beats_one_for_both(scores):
    X, Y, runs, _, kind = captioned()
    with pytest.warns(PenaltyWarning, match="smallest"):  # for what the words are measured in
        one = ridge.nested_scores(X, Y, groups=runs, alphas=np.logspace(-4, 4, 9), cv=6)
    standardised = X / X.std(axis=0)
    scaled_one = ridge.nested_scores(standardised, Y, groups=runs, alphas=FINE, cv=6)
    reads = kind == "reads"
    assert (scores[0].together[reads] > one[reads] + 0.02).all()
    assert scores[0].together[reads].mean() > scaled_one[reads].mean() + 0.02
    assert scores[0].together.mean() > scaled_one.mean()


def test_the_unit_of_one_space_changes_nothing_much(scores):
    X, Y, runs, spaces, _ = captioned()
    other = np.where(spaces == "words", 0.01, 1) * X
    for change in (other, np.where(spaces == "words", 1000, 1) * X):
        found = space_scores(change, Y, spaces=spaces, groups=runs, alphas=FINE, cv=6)
        np.testing.assert_allclose(found.together, scores[0].together, rtol=0, atol=0.05)
        np.testing.assert_allclose(found.unique, scores[0].unique, rtol=0, atol=0.05)
    models = [
        BandedRidgeCV(spaces, ALPHAS, cv=6).fit(table, Y, groups=runs) for table in (X, other)
    ]
    predicted = [model.predict(table) for model, table in zip(models, (X, other), strict=True)]
    assert np.abs(np.subtract(*predicted)).max() < 0.1 * Y.std()


def test_what_each_space_explains_adds_up_and_is_that_of_himalaya():
    X, Y, runs, spaces, kind = captioned()
    train = runs < 4
    model = BandedRidgeCV(spaces, ALPHAS, cv=4).fit(X[train], Y[train], groups=runs[train])
    x, y = X[~train], Y[~train]
    found = model.explained_by(x, y)
    parts = [(x[:, spaces == s] @ model.coef_[:, spaces == s].T) for s in model.spaces_]
    y = y - y.mean(axis=0)
    parts = np.array([part - part.mean(axis=0) for part in parts])
    np.testing.assert_allclose(found.T, r2_score_split(y, parts), rtol=0, atol=1e-9)
    total = r2_score(y, parts.sum(axis=0), multioutput="raw_values")
    np.testing.assert_allclose(found.sum(axis=1), total, **EXACT)
    means = found.groupby(kind).mean()
    assert means.loc["sees", "pixels"] > 10 * abs(means.loc["sees", "words"])
    assert means.loc["reads", "words"] > 10 * abs(means.loc["reads", "pixels"])
    one = BandedRidgeCV(spaces, ALPHAS, cv=4).fit(X[train], Y[train, 5], groups=runs[train])
    np.testing.assert_allclose(one.explained_by(x, y[:, 5]), found.iloc[[5]], **EXACT)
    with pytest.raises(ValueError, match="y has 11 voxels and the model 12"):
        model.explained_by(x, y[:, 1:])


def test_shares_add_up_and_leave_out_each_space_in_turn():
    given = np.array([0.7, 0.2, 0.1])
    shares = draw_shares(given, 4, 0)
    np.testing.assert_allclose(shares.sum(axis=1), 1)
    assert len(shares) == 6 * 4 + 3
    left_out = shares == 0
    assert (left_out.sum(axis=1) == 0).sum() == 6
    for space in range(3):
        assert (left_out[:, space] & (left_out.sum(axis=1) == 1)).sum() == 6
        assert (shares[:, space] == 1).sum() == 1
    assert (np.abs(shares - given).max(axis=1) < 1e-12).any()
    np.testing.assert_array_equal(shares, draw_shares(given, 4, 0))
    assert np.abs(shares - draw_shares(given, 4, 1)).max() > 0.1
    np.testing.assert_array_equal(draw_shares(np.array([0.5, 0.5]), 0, 0)[1:], [[0, 1], [1, 0]])


@pytest.mark.filterwarnings("ignore::helpers.ridge.PenaltyWarning")
def test_results_depend_on_the_random_state_and_on_nothing_else(monkeypatch):
    X, Y, runs, spaces = small()
    options = {"groups": runs, "alphas": ALPHAS, "cv": 4, "spaces": spaces}
    once = space_scores(X, Y, **options)
    monkeypatch.setattr(ridge, "NESTED_BLOCK", 2)
    again = space_scores(pd.DataFrame(X), Y.tolist(), **options)
    np.testing.assert_allclose(again.together, once.together, **EXACT)
    np.testing.assert_allclose(again.unique, once.unique, **EXACT)
    models = [
        BandedRidgeCV(spaces, ALPHAS, cv=4, random_state=seed).fit(X, Y, groups=runs)
        for seed in (0, 0, 1)
    ]
    np.testing.assert_array_equal(models[0].alpha_, models[1].alpha_)
    assert (models[0].alpha_ != models[2].alpha_).any()


def test_a_constant_voxel_is_reported_and_has_no_scores_or_weights():
    X, Y, runs, spaces, _ = captioned()
    Y[runs == 1, 5] = 3.0
    with pytest.warns(ConstantVoxelWarning, match=r"1 of 12 voxels .* columns 5"):
        model = BandedRidgeCV(spaces, ALPHAS, cv=6).fit(X, Y, groups=runs)
    with pytest.warns(ConstantVoxelWarning, match=r"1 of 12 voxels .* columns 5"):
        found = space_scores(X, Y, spaces=spaces, groups=runs, alphas=ALPHAS, cv=6, n_iter=1)
    unknown = np.arange(12) == 5
    for values in (model.coef_.T, model.alpha_, found.alone.T, found.unique.T):
        np.testing.assert_array_equal(np.isnan(values).all(axis=0), unknown)
        np.testing.assert_array_equal(np.isnan(values).any(axis=0), unknown)
    for values in (model.intercept_, model.best_score_, found.together):
        np.testing.assert_array_equal(np.isnan(values), unknown)
    assert not model.at_end_[5]


def test_features_in_other_units_are_reported():
    X, Y, runs, spaces, _ = captioned()
    with pytest.warns(PenaltyWarning, match="smallest penalty"):
        model = BandedRidgeCV(spaces, ALPHAS, cv=6, n_iter=1).fit(X / 100, Y, groups=runs)
    assert model.at_end_.mean() > 0.5
    with pytest.warns(PenaltyWarning, match="largest penalty"):
        space_scores(300 * X, Y, spaces=spaces, groups=runs, alphas=ALPHAS, cv=6, n_iter=1)


def test_spaces_that_do_not_fit_the_features_are_refused():
    X, Y, runs, spaces = small()
    constant = np.where(spaces == "b", 3.0, X)

    def fit(names, table=X, **options):
        BandedRidgeCV(names, ALPHAS, cv=4, **options).fit(table, Y, groups=runs)

    with pytest.raises(ValueError, match=r"spaces has shape \(6,\); expected .* of the 7 columns"):
        fit(spaces[1:])
    with pytest.raises(ValueError, match=r"spaces has shape \(2,\)"):
        fit([3, 4])
    with pytest.raises(ValueError, match=r"1 of 7 columns have no space .* first column 2"):
        fit([1, 1, np.nan, 1, 2, 2, 2])
    with pytest.raises(ValueError, match=r"1 of 7 columns have no space .* first column 2"):
        fit(["a", "a", None, "b", "b", "b", "b"])
    with pytest.raises(ValueError, match="Space 'b' does not vary"):
        fit(spaces, constant)
    with pytest.raises(ValueError, match="n_iter is -1; expected a whole number"):
        fit(spaces, n_iter=-1)
    with pytest.raises(ValueError, match="names one space; expected two or more"):
        space_scores(X, Y, spaces=np.full(7, "a"), groups=runs, alphas=ALPHAS, cv=4)
    with pytest.raises(ValueError, match="masked"):
        space_scores(np.ma.masked_less(X, 0), Y, spaces=spaces, groups=runs, alphas=ALPHAS, cv=4)
