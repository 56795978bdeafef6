"""Compute the headlines of the book on every variant of the twin.

    python tools/variants.py                       all of them, 20 minutes
    python tools/variants.py "peak 4.2 s"          only the named ones; the others keep their lines

What depends on the simulator? The results stand in `tools/variants.json`, which the page
`pages/what_depends_on_the_simulator` shows. Every headline is computed as in the chapter that is
named beside it.
"""

import json
import sys
import warnings
from pathlib import Path

import numpy as np
from scipy.stats import f as f_distribution
from scipy.stats import false_discovery_control
from sklearn.covariance import ledoit_wolf
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.metrics import f1_score
from sklearn.model_selection import cross_val_predict

from helpers import data, decoding, inference, receptive_fields, ridge
from helpers.data import block_means, clean_like
from helpers.features import Delayer
from helpers.twin import VARIANTS

RESULTS = Path(__file__).with_suffix(".json")
LAGS = (1, 2, 3, 4)
N_VOXELS = 1000  # decoded from, as in the chapter Identification
N_CANDIDATES = 5000
N_PERMUTATIONS = 200
ALPHAS = np.logspace(1.5, 4, 6)


def headlines(dataset):
    """Return the headlines of a twin, a number each.

    Parameters
    ----------
    dataset : Bunch
        From ``helpers.data.load("twin", variant=...)``.

    Returns
    -------
    dict of str to float
    """
    return (
        _receptive_fields(dataset)
        | _fields_at_once(dataset)
        | _models(dataset)
        | _inference(dataset)
        | _ceiling(dataset)
        | _decoding(dataset)
    )


def _receptive_fields(dataset):
    """Recovering the truth: errors of the fields of strong voxels, from ridge weights."""
    truth, recording = dataset.truth, data.recording(dataset)
    strong = (truth.population == "tuned") & (truth.ceiling_random > 0.3)
    coef = Ridge(alpha=100.0).fit(recording.stimuli, recording.bold[:, strong]).coef_
    fits = receptive_fields.fit_gaussians(coef)
    error = np.linalg.norm(fits.centre - truth.centre[strong], axis=1)
    return {
        "centre error": np.median(error),
        "size ratio": np.median(fits.size / truth.size[strong]),
    }


def _fields_at_once(dataset):
    """How sure is a receptive field?: errors of the fields of strong voxels, from time courses."""
    truth, recording = dataset.truth, data.recording(dataset, shift=0)
    strong = (truth.population == "tuned") & (truth.ceiling_random > 0.3)
    X = np.column_stack([np.maximum(recording.stimuli, 0), recording.is_on])
    with warnings.catch_warnings():
        # A fit at a bound has no standard error, and counts as any other in the medians.
        warnings.simplefilter("ignore", receptive_fields.BoundWarning)
        model = receptive_fields.PRF().fit(X, recording.bold[:, strong], groups=recording.runs)
    to_centre, ratio = model.centre_ - truth.centre[strong], model.size_ / truth.size[strong]
    too_large = model.size_ - truth.size[strong]
    return {
        "centre error, PRF": np.nanmedian(np.linalg.norm(to_centre, axis=1)),
        "size ratio, PRF": np.nanmedian(ratio),
        "size error, PRF": np.nanmedian(np.abs(np.log(ratio))),
        "no field, PRF": np.mean(~model.has_field_),
        "centre covered, PRF": _covered(to_centre, model.centre_stderr_),
        "size covered, PRF": _covered(too_large, model.size_stderr_),
    }


def _covered(error, stderr):
    """Share of errors within 1.96 standard errors, where there are any."""
    known = np.isfinite(stderr)
    return np.mean(np.abs(error[known]) < 1.96 * stderr[known])


def _models(dataset):
    """Time and delays: the best delay, what four gain, and the share that is about the pattern."""
    recording = data.recording(dataset, shift=0)
    on = recording.is_on[:, np.newaxis] * 1.0
    images = recording.stimuli * on
    controls = np.column_stack([10 * on, images.sum(axis=1)])
    runs, Y = recording.runs, recording.bold[:, ::4]
    area = data.region_labels(dataset, recording.masker)[0][::4]
    in_v1 = np.isin(area, ["V1d", "V1v"])
    parts, by_delay = {}, {}
    options = {"cv": 5, "dtype": np.float32}
    for lags in ((1,), (2,), (3,), (4,), LAGS):
        tables = [Delayer(lags).fit_transform(table, groups=runs) for table in (images, controls)]
        parts[lags] = ridge.partition(*tables, Y, groups=runs, alphas=ALPHAS, **options)
        by_delay[lags] = parts[lags].both[in_v1].mean()
    single = [by_delay[(lag,)] for lag in LAGS]
    return {
        "best delay": LAGS[int(np.argmax(single))],
        "gain from delays": by_delay[LAGS] / by_delay[(2,)] - 1,
        "share about the pattern": parts[(2,)].only_first[in_v1].sum()
        / (by_delay[(2,)] * sum(in_v1)),
    }


def _inference(dataset):
    """Significance: which tuned voxels survive, and what is false among them."""
    recording = data.recording(dataset)
    on = recording.is_on
    images = np.where(on[:, np.newaxis], recording.stimuli, 0.0)
    controls = np.column_stack([on, images.sum(axis=1)])
    images, responses = (
        values - LinearRegression().fit(controls, values).predict(controls)
        for values in (images, recording.bold)
    )
    null = np.full((N_PERMUTATIONS, responses.shape[1]), np.nan, dtype=np.float32)
    options = {"groups": recording.runs}
    inference.permute_runs(null, images, responses, **options, alpha=1000.0, cv=5)
    score = ridge.RidgeCV([1000.0], cv=5).fit(images, responses, **options).best_score_
    tuned = dataset.truth.population == "tuned"
    found = false_discovery_control(inference.p_values(null, score)) <= 0.05
    sure = inference.max_p_values(null, score) <= 0.05
    return {
        "found, q": found[tuned].mean(),
        "false, q": np.mean(~tuned[found]) if found.any() else 0.0,
        "found, maximum": sure[tuned].mean(),
        "false, maximum": np.mean(~tuned[sure]) if sure.any() else 0.0,
    }


def _ceiling(dataset):
    """Noise ceiling: the share of it, with predictions cleaned as the responses were."""
    training, figures = data.recording(dataset), data.recording(dataset, "figure")
    trial = data.trials(figures)
    ceiling = inference.single_trial_ceiling(trial.responses, trial.image)
    m, n = len(np.unique(trial.image)), len(trial.image)
    rare = f_distribution.isf(0.001, m - 1, n - m)
    enough = ceiling > (m - 1) * (rare - 1) / ((m - 1) * rare + n - m)
    model = Ridge(alpha=1000.0).fit(training.stimuli, training.bold[:, enough])
    guess = clean_like(model.predict(figures.stimuli), figures)
    guess = block_means(guess, figures, shift=0)
    r = correlate_columns(guess, trial.responses[:, enough])
    return {"share of the ceiling": np.median(np.sign(r) * r**2 / ceiling[enough])}


def correlate_columns(one, other):
    """Correlate the columns of two tables, pair by pair."""
    one, other = (table - table.mean(axis=0) for table in (one, other))
    lengths = np.linalg.norm(one, axis=0) * np.linalg.norm(other, axis=0)
    return (one * other).sum(axis=0) / lengths


def _decoding(dataset):
    """Identification among 5,000 random images, and reconstruction of the figures."""
    raw = {"shift": 0, "standardize": None}
    training, figures = (data.recording(dataset, kind, **raw) for kind in ("random", "figure"))
    unit = np.maximum(training.bold.std(axis=0), 1e-6)
    training, figures = ((r, r.bold / unit) for r in (training, figures))
    in_test = training[0].runs >= 15
    measure, level, predict, noise = _learn(*training, ~in_test)
    test_trials = block_means(in_test, training[0]) > 0
    images = block_means(training[0].stimuli, training[0], shift=0)[test_trials]
    new = np.random.default_rng(8).integers(0, 2, (N_CANDIDATES - len(images), 100))
    candidates = predict(np.vstack([images, new]), training[0]) + level
    measured = measure(training[1], training[0])[test_trials]
    shown = np.arange(len(images))
    matches = {
        "identified, correlation": decoding.correlations(measured, candidates),
        "identified, likelihood": decoding.log_likelihoods(measured, candidates, noise),
    }
    found = {
        name: decoding.identified(match, shown, N_CANDIDATES, random_state=8).mean()
        for name, match in matches.items()
    }
    measure, _, predict, noise = _learn(*training, np.ones(len(in_test), dtype=bool))
    trials = measure(figures[1] - _rest(*figures)[figures[0].runs], figures[0])
    true = block_means(figures[0].stimuli, figures[0], shift=0)
    b = predict(np.zeros((1, 100)), figures[0])[0]
    B = predict(np.eye(100), figures[0]) - b
    prior = decoding.smooth_covariance(0.25, length=1.0)
    drawn = decoding.reconstruct(trials, B, b, noise, np.full(100, 0.5), prior)[0]
    f1 = f1_score(true > 0.5, drawn > 0.5, average="macro", zero_division=0)
    return found | {
        "reconstruction, F1": f1,
        "reconstruction, r": correlate_columns(true.T, drawn.T).mean(),
    }


def _learn(recording, Y, rows):
    """Learn voxels, weights and noise from some rows of the random runs, as in Identification."""
    on = recording.is_on[:, np.newaxis]
    table = np.column_stack([recording.stimuli * on, 10 * on])
    X, runs = Delayer(LAGS).fit_transform(table, groups=recording.runs)[rows], recording.runs[rows]
    scores = [
        ridge.RidgeCV([alpha], cv=5, dtype=np.float32).fit(features, Y[rows], groups=runs)
        for alpha, features in ((1000.0, X), (1.0, X[:, 100::101]))
    ]
    chosen = np.sort(np.argsort(scores[0].best_score_ - scores[1].best_score_)[-N_VOXELS:])
    y = Y[rows][:, chosen]
    model = Ridge(alpha=300.0).fit(X, y)
    guess = cross_val_predict(model, X, y, cv=ridge.run_folds(runs, 5))
    noise = ledoit_wolf(y - guess, assume_centered=True)[0]

    def predict(images, like):
        """Predict trials of these images, shown as long as those of a recording."""
        shown = like.is_on[:, np.newaxis] * 1.0
        share = block_means(Delayer(LAGS).fit_transform(shown, groups=like.runs), like).mean(axis=0)
        summed = np.einsum("d,dpv->pv", share, model.coef_.T.reshape(len(LAGS), 101, -1))
        return images @ summed[:100] + 10 * summed[100]

    def measure(values, like):
        return block_means(values[:, chosen], like)

    return measure, model.intercept_, predict, noise


def _rest(recording, values):
    """Level of rest, from the volumes before the first image, over runs of the same images."""
    in_run = [recording.runs == run for run in range(recording.runs.max() + 1)]
    before = [np.flatnonzero(rows)[: np.argmax(recording.is_on[rows])] for rows in in_run]
    level = np.array([values[rows].mean(axis=0) for rows in before])
    shown = [np.unique(recording.stimuli[rows], axis=0).tobytes() for rows in in_run]
    return np.array([level[[other == own for other in shown]].mean(axis=0) for own in shown])


def main(names):
    """Compute the named variants, and store them beside those that are there."""
    results = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
    for name in names or VARIANTS:
        found = headlines(data.load("twin", variant=name))
        results[name] = {key: round(float(value), 3) for key, value in found.items()}
        print(name, results[name], flush=True)
        in_order = {key: results[key] for key in VARIANTS if key in results}
        RESULTS.write_text(json.dumps(in_order, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
