"""Reconstruction of the figures against the decoders of nilearn's example, as chapter 8 does it."""

import numpy as np
from sklearn.covariance import ledoit_wolf
from sklearn.feature_selection import SelectKBest, f_classif
from sklearn.linear_model import OrthogonalMatchingPursuit
from sklearn.metrics import f1_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks.machine import threads
from benchmarks.rows import limit_row, ratio_row
from benchmarks.timing import compare
from helpers import data, decoding, features, ridge
from helpers.data import block_means
from helpers.decoding import reconstruct, smooth_covariance

LAGS = (1, 2, 3, 4)
PENALTIES = (100.0, 300.0, 1000.0)


class Sides:
    """The twin's recordings, and both ways from them to images of all figure volumes."""

    def __init__(self, quick):
        options, step = {"shift": 0, "standardize": None}, 4 if quick else 1
        dataset = data.load("twin")
        self.training = data.recording(dataset, "random", **options)
        self.figures = data.recording(dataset, "figure", **options)
        unit = self.training.bold.std(axis=0)
        self.Y, self.Y_figure = (
            np.ascontiguousarray((recording.bold / unit)[:, ::step])
            for recording in (self.training, self.figures)
        )
        self.measured, self.images = late(self.figures, self.Y_figure)
        self.n_voxels = 1000 // step

    def ours(self):
        """Choose voxels and a penalty, estimate weights and noise, turn the model round."""
        training, figures, X = self.training, self.figures, make_features(self.training)
        options = {"n_folds": 5, "dtype": np.float32}
        both = ridge.cross_validate(X, self.Y, training.runs, (1000.0,), **options).scores
        alone = ridge.cross_validate(
            X[:, 100::101], self.Y, training.runs, (1.0,), **options
        ).scores
        added = (both.mean(axis=1) - alone.mean(axis=1))[0]
        chosen = np.sort(np.argsort(added)[-self.n_voxels :])
        Y = self.Y[:, chosen]
        slopes = {a: _slope(X, Y[:, ::4], training, a) for a in PENALTIES}
        alpha = min(slopes, key=lambda a: abs(slopes[a] - 1))
        held_out = ridge.predict_held_out(X, Y, training.runs, alpha, 5)
        noise, _ = ledoit_wolf(Y - held_out, assume_centered=True)
        on = features.delay(figures.is_on[:, np.newaxis] * 1.0, figures.runs, LAGS)
        coef, _ = ridge.fit(X, Y, alpha)
        share = block_means(on, figures).mean(axis=0)
        summed = np.tensordot(share, coef.reshape(len(LAGS), 101, -1), 1)
        still = (on.sum(axis=1) == 0) & ~figures.is_on
        values = self.Y_figure[:, chosen].copy()
        for run in np.unique(figures.runs):
            values[figures.runs == run] -= values[still & (figures.runs == run)].mean(axis=0)
        measured, _ = late(figures, values)
        prior = np.full(100, 0.5), smooth_covariance(0.25, 1.0)
        return reconstruct(measured, summed[:100], 10 * summed[100], noise, *prior)[0]

    def example(self):
        """Fit nilearn's pipeline to each patch, one after the other as its example does."""
        responses, images = late(self.training, self.Y)
        drawn = []
        for size in decoding.SIZES:
            inside = decoding.patches(size)
            decoded = []
            for target in (images @ (inside / inside.sum(axis=0))).T:
                model = make_pipeline(
                    SelectKBest(f_classif, k=decoding.N_SELECTED),
                    StandardScaler(),
                    OrthogonalMatchingPursuit(n_nonzero_coefs=decoding.N_USED),
                )
                decoded.append(model.fit(responses, target).predict(self.measured))
            drawn.append(np.transpose(decoded) @ inside.T / inside.sum(axis=1))
        return np.mean(drawn, axis=0)

    def shared_work(self):
        """Do the same with the helper, which shares work between patches."""
        responses, images = late(self.training, self.Y)
        return decoding.reconstruct_multiscale(images, responses, self.measured)


def make_features(recording):
    """Return pixels and ten times the on/off column at all delays, (n_samples, 404)."""
    on = recording.is_on[:, np.newaxis]
    table = np.column_stack([recording.stimuli * on, 10 * on])
    return features.delay(table, recording.runs, LAGS)


def late(recording, values):
    """Return the rows 2 volumes after those with an image, and these images."""
    on = recording.is_on[:, np.newaxis]
    was_on = features.delay(on * 1.0, recording.runs, (2,))[:, 0] > 0
    images = features.delay(recording.stimuli * on, recording.runs, (2,))
    return values[was_on], images[was_on]


def measure(setting):
    """Measure the goals of reconstruction.

    Parameters
    ----------
    setting : Setting
        Says whether to take few voxels; the recordings are loaded here.

    Returns
    -------
    ratios, limits : list of dict
    """
    few, sides, n_runs = Sides(quick=True), Sides(setting.quick), setting.repeat(3)
    for warm_up in (few.ours, few.shared_work):
        warm_up()
    ours, example, shared = compare(sides.ours, sides.example, sides.shared_work, n_runs=n_runs)
    details = {"n_runs": n_runs, "dtype": "float64", "threads": threads()}
    name = f"decoding: {len(sides.images)} volumes of figures drawn, learned from the random runs"
    agreement = ("largest difference of the two loops", abs(example.result - shared.result).max())
    ratios = [
        ratio_row(
            "decoding",
            name,
            "a loop over the patches of nilearn's example",
            ours.seconds,
            example.seconds,
            goal=1,
            **details,
            note="Ours from the choice of voxels on.",
        ),
        ratio_row(
            "multiscale",
            "the patches of nilearn's example, with shared work",
            "a loop over the patches of nilearn's example",
            shared.seconds,
            example.seconds,
            agreement=agreement,
            **details,
        ),
    ]
    (our_f1, our_r), (their_f1, their_r) = (
        _merits(sides.images, side.result) for side in (ours, example)
    )
    note = "F1 over volumes, mean of the pixels; correlation over pixels, mean of the volumes."
    better = {"unit": "difference", "limit": 0, "at_most": False, **details, "note": note}
    return ratios, [
        limit_row(
            "decoding-f1", "decoding: F1 minus that of the example", our_f1 - their_f1, **better
        ),
        limit_row(
            "decoding-r", "decoding: correlation minus that of it", our_r - their_r, **better
        ),
    ]


def _slope(X, Y, training, alpha):
    guessed = ridge.predict_held_out(X, Y, training.runs, alpha, 5)
    y, f = (block_means(rows, training) for rows in (Y, guessed))
    y, f = y - y.mean(axis=0), f - f.mean(axis=0)
    return np.median((y * f).sum(axis=0) / (f**2).sum(axis=0))


def _merits(true, drawn):
    f1 = f1_score(true > 0.5, drawn > 0.5, average="macro", zero_division=0)
    return f1, np.mean([np.corrcoef(*pair)[0, 1] for pair in zip(true, drawn, strict=True)])
