"""What the answers of assignment B are judged by: ridge encoding, done honestly."""

# The words of a question say what its function judges.
# ruff: noqa: D103

import contextlib
import io
import threading

import numpy as np
from scipy.stats import false_discovery_control
from sklearn.linear_model import Ridge
from sklearn.metrics import r2_score

from helpers import inference
from helpers import ridge as book

from . import expect, question
from .reading import alike, parts, random_runs, ridge_model, table

PERMUTING = threading.Lock()
ALPHAS = (1.0, 10.0, 100.0, 1000.0, 10000.0)


@question("b-1-test", points=4, words="R2 compares with the mean of what was measured")
def score(given, truth, recording, rng):
    r2 = given.function("r2")
    measured = rng.normal([0, 5, -3, 100], 1, (30, 4))
    flat = np.tile(measured.mean(axis=0), (30, 1))
    name = "What r2 returns"
    expect(
        alike(table(r2(measured, flat), name, (4,)), np.zeros(4), atol=1e-3),
        "Predicting the mean of what was measured does not get the score of a guess.",
    )
    expect(
        alike(table(r2(measured, 2 * flat - measured), name, (4,)), np.full(4, -3), atol=1e-2),
        "A prediction turned upside down gets the wrong score. Is this a squared correlation?",
    )
    predicted = measured + rng.standard_normal((30, 4)) * [0.1, 1, 3, 10]
    right = r2_score(measured, predicted, multioutput="raw_values")
    expect(
        alike(table(r2(measured, predicted), name, (4,)), right, atol=1e-3, rtol=1e-3),
        "With noisy predictions, R2 is wrong: divide by the squared error of the mean.",
    )


@question("b-2-test", points=5, words="Whole runs are held out")
def folds_of_runs(given, truth, recording, rng):
    run_folds = given.function("run_folds")
    lengths = rng.integers(4, 8, 4)
    for case, labels in (
        ("With four runs of different length,", np.repeat([0, 1, 2, 3], lengths)),
        ("With runs called 5, 2 and 9,", np.repeat([5, 2, 9], 6)),
    ):
        folds = run_folds(labels)
        expect(
            isinstance(folds, list | tuple | np.ndarray) and len(folds) == len(np.unique(labels)),
            f"{case} there is not one fold for each run.",
        )
        rows, held_out = np.arange(len(labels)), []
        for fold in folds:
            train, test = (_rows(part, rows) for part in parts(fold, 2, "A fold"))
            expect(not set(train) & set(test), f"{case} a row is in train and in test.")
            expect(
                not set(labels[train]) & set(labels[test]),
                f"{case} rows of one run are in train and in test. Neighbouring volumes are "
                "alike, so hold out whole runs.",
            )
            expect(
                len(set(train)) + len(set(test)) == len(labels),
                f"{case} a fold leaves rows out that it could fit to.",
            )
            held_out.extend(test)
        expect(sorted(held_out) == rows.tolist(), f"{case} not each row is held out once.")


def _rows(part, rows):
    """Read row numbers; a mask of True and False says the same."""
    if np.asarray(part).dtype == bool and np.shape(part) == rows.shape:
        return rows[np.asarray(part)]
    numbers = table(part, "A fold").ravel()
    expect(
        np.isin(numbers, rows).all(),
        "A fold holds others than the numbers of rows, which start at 0.",
    )
    return numbers.astype(int)


@question("b-3-test", points=6, words="Ridge weights, and an intercept without a penalty")
def ridge_weights(given, truth, recording, rng):
    ridge_fit = given.function("ridge_fit")
    features, responses = rng.standard_normal((40, 7)) + 3, rng.standard_normal((40, 5)) + 10
    for penalty in (0.5, 20.0, 3000.0):
        weights, intercepts = parts(ridge_fit(features, responses, penalty), 2, "ridge_fit")
        weights = table(weights, "The table of weights", (7, 5))
        intercepts = table(intercepts, "The row of intercepts", (5,))
        model = Ridge(penalty).fit(features, responses)
        unpenalised = Ridge(penalty, fit_intercept=False).fit(features, responses)
        case = f"with the penalty {penalty:g} and responses around 10."
        expect(
            not alike(weights, unpenalised.coef_.T, atol=2e-3, rtol=2e-3),
            f"There is no intercept, {case} Centre X and Y first.",
        )
        expect(
            alike(weights, model.coef_.T, atol=2e-3, rtol=2e-3), f"The weights are wrong, {case}"
        )
        expect(
            alike(intercepts, model.intercept_, atol=1e-2, rtol=2e-3),
            f"The intercepts are wrong, {case}",
        )


def _part(recording, truth, step, rng):
    """Choose five runs and some voxels, so that a course has its own."""
    loaded = random_runs(recording, truth["lag"])
    rows = loaded.runs >= 3
    columns = slice(int(rng.integers(step)), None, step)
    return loaded.stimuli[rows], loaded.bold[rows][:, columns], loaded.runs[rows]


@question("b-4-path", points=6, words="The scores are those of runs held out one at a time")
def penalty_path(given, truth, recording, rng):
    X, Y, runs = _part(recording, truth, 7, rng)
    penalties = (float(rng.choice([2.0, 3.0, 5.0])), 300.0)
    scores = given.function("path")(X, Y, runs, penalties)
    scores = table(scores, "What path returns", (2, Y.shape[1]))
    right = book.RidgeCV(penalties, cv=5).fit(X, Y, groups=runs).cv_scores_.mean(axis=1)
    case = "With five of your runs and two penalties,"
    expect(
        not np.all(scores > right + 0.02),
        f"{case} your scores are too good. Is a part of the runs that are scored in the training "
        "rows?",
    )
    expect(
        alike(scores, right, atol=2e-3, rtol=1e-3),
        f"{case} the scores are not those of runs held out one at a time.",
    )


@question("b-4-alphas", points=3, words="The best penalty for each voxel")
def best_penalties(given, truth, recording, rng):
    chosen = table(given.value("best_alpha"), "best_alpha").ravel()
    expect(len(chosen) == len(truth["size"]), "These are not the voxels of your subject.")
    loaded = random_runs(recording, truth["lag"])
    model = book.RidgeCV(ALPHAS, cv=8).fit(loaded.stimuli, loaded.bold, groups=loaded.runs)
    wrong = ~np.isclose(chosen, model.alpha_)
    expect(
        wrong.mean() < 0.03,
        f"{wrong.sum()} of your voxels have another penalty that is better on held-out runs.",
    )


@question("b-5-test", points=6, words="The runs that are scored did not choose the penalty")
def nested_scores(given, truth, recording, rng):
    X, Y, runs = _part(recording, truth, 4, rng)
    penalties = (10.0, 100.0, 1000.0, 10000.0)
    scores = given.function("nested")(X, Y, runs, penalties)
    scores = table(scores, "What nested returns", (Y.shape[1],))
    right = book.nested_scores(X, Y, groups=runs, alphas=penalties, cv=5)
    chosen_by_test = book.RidgeCV(penalties, cv=5).fit(X, Y, groups=runs).cv_scores_
    case = "With five of your runs and four penalties,"
    expect(
        not alike(scores, chosen_by_test.mean(axis=1).max(axis=0), atol=1e-3),
        f"{case} this is the best of the scores on the held-out runs: the runs that are scored "
        "chose the penalty.",
    )
    expect(
        not alike(scores, chosen_by_test.max(axis=0).mean(axis=0), atol=1e-3),
        f"{case} this is the best score in each fold: the run that is scored chose the penalty.",
    )
    # Two penalties may be as good as one another, so that rounding decides for a voxel or two.
    off = ~np.isclose(scores, right, atol=2e-3, rtol=1e-3)
    expect(
        off.mean() < 0.04 and np.abs(scores - right).max() < 0.05,
        f"{case} these are not the scores with penalties chosen on the other runs.",
    )


@question("b-6-p-test", points=3, words="The observed order is one of the permutations")
def p_of_permutations(given, truth, recording, rng):
    p_values = given.function("p_values")
    name = "What p_values returns"
    p = table(p_values(np.zeros((9, 2)), np.array([1.0, -1.0])), name, (2,))
    case = "With nine permutations, and a score above or below all of them,"
    expect(p.min() > 0, f"{case} p is 0: the observed order counts as one of the permutations.")
    expect(alike(p, [0.1, 1]), f"{case} p is wrong.")
    # No score is a near tie, which rounding would decide.
    shuffled = rng.standard_normal((99, 20)).round(1)
    observed = rng.normal(0.5, 0.5, 20).round(1) + 0.05
    right = (1 + (shuffled >= observed).sum(axis=0)) / 100
    expect(
        alike(table(p_values(shuffled, observed), name, (20,)), right),
        "With 99 permutations, p is not the share of permutations, the observed one included, "
        "that reach the score.",
    )


@question("b-6-fdr-test", points=5, words="The false discovery rate, by Benjamini and Hochberg")
def false_discovery_rate(given, truth, recording, rng):
    discoveries = given.function("discoveries")

    def found(p, q):
        return table(discoveries(np.array(p), q), "What discoveries returns", (len(p),)) > 0

    expect(
        not found([0.04, 0.9, 0.5, 0.7], 0.05).any(),
        "One p of .04 among four voxels counts as a discovery at q = .05: the number of voxels "
        "must count.",
    )
    expect(
        found([0.02, 0.03, 0.035, 0.04], 0.05).all(),
        "Of p = .02, .03, .035 and .04, some are missing at q = .05: the largest p that passes "
        "takes all smaller ones with it.",
    )
    for _ in range(5):
        p = rng.random(60) ** 3
        for q in (0.05, 0.2):
            expect(
                np.array_equal(found(p, q), false_discovery_control(p) <= q),
                f"With 60 voxels and q = {q}, the discoveries are not those of Benjamini and "
                "Hochberg.",
            )


@question("b-7-test", points=4, words="The map holds the scores that are more than luck")
def map_of_scores(given, truth, recording, rng):
    loaded = random_runs(recording, truth["lag"])
    X, Y, runs = loaded.stimuli, loaded.bold, loaded.runs
    mask = loaded.masker.mask_img_.get_fdata() > 0
    image = np.squeeze(table(given.value("map_values"), "score_map"))
    expect(image.shape == mask.shape, "This is not the brain of your subject.")
    right = ridge_model(recording, truth["lag"]).best_score_
    orders = np.full((200, len(right)), np.nan)
    # Nobody watches the bar; and two students judged side by side would exchange their stderr.
    with PERMUTING, contextlib.redirect_stderr(io.StringIO()):
        inference.permute_runs(orders, X, Y, groups=runs, alpha=100.0, cv=8)
    p = inference.p_values(orders, right)
    limit = p[false_discovery_control(p) <= 0.05].max()
    mapped = np.nan_to_num(image[mask])
    # A tie may count or not, so p and limit may be off by a permutation; and whoever lost
    # points for a p of zero in part 6 does not lose them here again.
    luck = (mapped != 0) & (p > limit + 3.5 / 201)
    silent = np.sum(luck & (truth["population"] == "silent"))
    expect(
        not luck.any(),
        f"{luck.sum()} voxels of your map may be luck ({silent} of them respond to nothing): "
        "correct for the number of voxels.",
    )
    missed = (mapped == 0) & (p < limit - 1.5 / 201)
    expect(not missed.any(), f"{missed.sum()} significant voxels are missing from your map.")
    expect(
        np.allclose(mapped[mapped != 0], right[mapped != 0], atol=5e-4),
        "The map does not hold the held-out scores with the penalty 100.",
    )
