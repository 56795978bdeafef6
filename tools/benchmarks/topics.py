"""What is compared with what: each topic returns rows of ratios, and of numbers with a limit."""

import gzip
import os
import warnings
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from unittest.mock import patch

import himalaya.ridge
import numpy as np
import sklearn.linear_model
from joblib import Parallel, delayed
from nilearn.maskers import MultiNiftiMasker
from sklearn.covariance import ledoit_wolf
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_selection import SelectKBest, f_classif
from sklearn.linear_model import OrthogonalMatchingPursuit, Ridge
from sklearn.metrics import f1_score, r2_score
from sklearn.model_selection import KFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from benchmarks.growth import CHECKED, run_point
from benchmarks.measuring import (
    ALPHAS,
    N_FOLDS,
    WARM,
    compare,
    limit_row,
    ratio_row,
    threads,
)
from helpers import data, inference
from helpers.data import block_means
from helpers.decoding import (
    N_SELECTED,
    N_USED,
    SIZES,
    patches,
    reconstruct,
    reconstruct_multiscale,
    smooth_covariance,
)
from helpers.features import Delayer
from helpers.receptive_fields import LassoLarsCV
from helpers.ridge import RidgeCV, nested_scores, run_folds

N_JOBS = 2  # processes of the sides that use them

# ---- ridge regression against scikit-learn and himalaya

EXAMPLE_ALPHA = 100.0
# Of each fold held out: every penalty on each of the other folds, and one more fit a penalty.
NESTED_FITS = N_FOLDS * (N_FOLDS - 1) * len(ALPHAS) + N_FOLDS * len(ALPHAS)


@dataclass(frozen=True, eq=False)
class Sides:
    """What is compared; each method takes the voxels, so that a few of them can warm it up."""

    X: np.ndarray
    runs: np.ndarray
    folds: list

    def fit(self, Y):
        """Choose each voxel's penalty and fit all samples with it, in the precision of the data."""
        return RidgeCV(ALPHAS, cv=N_FOLDS, dtype=Y.dtype.type).fit(self.X, Y, groups=self.runs)

    def fit_in_double(self, Y):
        """Do the same in double precision, whatever the data have."""
        return RidgeCV(ALPHAS, cv=N_FOLDS).fit(self.X, Y, groups=self.runs)

    def sklearn_scores(self, Y):
        """Score all penalties with scikit-learn, (n_alphas, n_folds, n_voxels)."""
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
        """Do the same as `fit` with himalaya."""
        return himalaya.ridge.RidgeCV(ALPHAS, fit_intercept=True, cv=self.folds).fit(self.X, Y)


def ridge(setting):
    """Measure cross-validated ridge regression against scikit-learn and himalaya."""
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
    ours, theirs = _compare([sides.fit, sides.sklearn_scores], Y, n_runs)
    difference = abs(ours.result.cv_scores_ - theirs.result).max()
    return ratio_row(
        f"ridge-sklearn-{Y.dtype}",
        "ridge: scores of 20 penalties, 10 folds",
        "loop of scikit-learn's Ridge and r2_score",
        ours.seconds,
        theirs.seconds,
        goal=110,
        agreement=("largest difference in R2", float(difference)),
        n_runs=n_runs,
        dtype=str(Y.dtype),
        threads=threads(),
        note="Ours also fits all samples at the best penalties.",
    )


def _against_himalaya(setting, sides, Y):
    n_runs = setting.repeat(3)
    ours, theirs = _compare([sides.fit, sides.himalaya_fit], Y, n_runs)
    same = np.isclose(ours.result.alpha_, theirs.result.best_alphas_, rtol=1e-4)
    return ratio_row(
        f"ridge-himalaya-{Y.dtype}",
        "ridge: best of 20 penalties, 10 folds, and its fit",
        "himalaya's RidgeCV",
        ours.seconds,
        theirs.seconds,
        goal={"float64": 55, "float32": 60}[str(Y.dtype)],
        agreement=("voxels with the same penalty, %", float(100 * same.mean())),
        n_runs=n_runs,
        dtype=str(Y.dtype),
        threads=threads(),
        note="Both choose a penalty for each voxel and fit all samples with it; we by R2, himalaya "
        "by squared error, its default.",
    )


def _against_example(setting):
    """Compare the whole path with the example's one penalty, in the types it has."""
    sides = Sides(setting.X, setting.runs, setting.folds)
    n_runs = setting.repeat(7)
    ours, theirs = _compare([sides.fit_in_double, sides.example_scores], setting.Y, n_runs)
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
        return nested_scores(setting.X, Y, groups=setting.runs, alphas=ALPHAS, cv=N_FOLDS)

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


# ---- more features than samples, against himalaya's kernel ridge

WIDE = {"samples": 3000, "voxels": 5000}
WIDE_FEATURES = (5000, 20_000)


def wide(setting):
    """Measure more features than samples, each fit in a process of its own."""
    ratios, limits = [], []
    for features in WIDE_FEATURES:
        sizes = {"features": features, **WIDE}
        if setting.quick:
            sizes = {name: size // 10 for name, size in sizes.items()}
        ours, theirs = (run_point("wide", side=side, **sizes) for side in ("ours", "himalaya"))
        details = {"n_runs": 1, "dtype": "float64", "threads": threads()}
        name = f"{sizes['features']:,} features, {sizes['samples']:,} samples"
        ratios.append(
            ratio_row(
                f"wide-{features}",
                f"ridge: {name}, {sizes['voxels']:,} voxels, 20 penalties, {N_FOLDS} folds",
                "himalaya's KernelRidgeCV",
                ours["seconds"],
                theirs["seconds"],
                goal=5,
                **details,
                note="Ours also computes the weights of all features.",
            )
        )
        limits += [
            limit_row(
                f"wide-{features}-memory",
                f"ridge: {name}: most memory of a process that does it",
                ours["peak_mb"] / 1e3,
                "GB",
                limit=3,
                **details,
            ),
            limit_row(
                f"wide-{features}-weights",
                f"ridge: {name}: largest difference of a weight from scikit-learn",
                ours["difference"],
                "response per feature",
                limit=1e-8,
                **details,
                note=f"Over {CHECKED} voxels, at the penalties that were chosen.",
            ),
        ]
    return ratios, limits


# ---- receptive fields against a loop over voxels

LASSO_FOLDS = 5
LOOPED = 256  # voxels of the loop, evenly spaced; the mask's time is scaled from theirs


def fit_voxel(X, y, folds):
    """Fit one voxel with scikit-learn.

    Parameters
    ----------
    X : ndarray, shape (n_samples, n_pixels)
    y : ndarray, shape (n_samples,)
    folds : list of (train, test)

    Returns
    -------
    coef : ndarray, shape (n_pixels,)
    alpha : float
    """
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # of paths that end early
        model = sklearn.linear_model.LassoLarsCV(max_iter=10, cv=folds).fit(X, y)
    return model.coef_, model.alpha_


def receptive_fields(setting):
    """Measure sparse receptive fields of the whole mask against a loop over voxels."""
    X, Y, runs = setting.X, setting.Y.astype(np.float64), setting.runs
    folds = run_folds(runs, LASSO_FOLDS)
    n_looped = 16 if setting.quick else LOOPED
    chosen = np.linspace(0, Y.shape[1] - 1, n_looped).astype(int)

    def loop(voxels):
        return Parallel(N_JOBS)(delayed(fit_voxel)(X, Y[:, voxel], folds) for voxel in voxels)

    def fit(voxels):
        return LassoLarsCV(max_iter=10, cv=LASSO_FOLDS).fit(X, voxels, groups=runs)

    fit(Y[:, :8])
    loop(chosen[:8])
    n_runs = setting.repeat(3)
    (ours,) = compare(lambda: fit(Y), n_runs=n_runs)
    (theirs,) = compare(lambda: loop(chosen), n_runs=1)
    details = {"dtype": "float64", "threads": f"{N_JOBS} threads; {N_JOBS} processes of 1 thread"}
    ratio = ratio_row(
        "lasso",
        f"lasso: receptive fields of {Y.shape[1]:,} voxels, {LASSO_FOLDS} folds",
        "loop of scikit-learn's LassoLarsCV over voxels",
        ours.seconds,
        theirs.seconds * Y.shape[1] / n_looped,
        goal=50,
        n_runs=n_runs,
        **details,
        note=f"The loop ran once, on {n_looped} evenly spaced voxels; its time is scaled to all.",
    )
    details["threads"] = f"{N_JOBS}"
    limits = _agreement(X, Y[:, chosen], runs, theirs.result, n_runs=1, **details)
    return [ratio], [_lasso_memory(setting, details), *limits]


def _lasso_memory(setting, details):
    peak = run_point("lasso", quick=setting.quick)["peak_mb"]
    return limit_row(
        "lasso-memory",
        "lasso: most memory of a process that does it",
        peak / 1e3,
        "GB",
        limit=1,
        n_runs=1,
        **details,
        note="With Python, the libraries and the recording in float32 and float64.",
    )


def _agreement(X, Y, runs, looped, **details):
    """Compare the looped voxels with scikit-learn's support, penalty and coefficients."""
    theirs, their_alphas = map(np.array, zip(*looped, strict=True))
    model = LassoLarsCV(max_iter=10, cv=LASSO_FOLDS).fit(X, Y, groups=runs)
    ours, our_alphas = model.coef_, model.alpha_
    support = ((ours != 0) == (theirs != 0)).all(axis=1)
    penalty = np.isclose(our_alphas, their_alphas, rtol=1e-6, atol=0)
    difference = abs(ours - theirs)[support].max(initial=0)
    share = {"unit": "%", "limit": 99, "at_most": False, **details}
    share["note"] = f"Of {len(ours)} evenly spaced voxels, against scikit-learn."
    return [
        limit_row(
            "lasso-support", "lasso: voxels with the same pixels", 100 * support.mean(), **share
        ),
        limit_row(
            "lasso-penalty", "lasso: voxels with the same penalty", 100 * penalty.mean(), **share
        ),
        limit_row(
            "lasso-coefficients",
            "lasso: largest difference of a coefficient",
            difference,
            "response per pixel",
            limit=1e-6,
            **details,
            note="Over voxels with the same pixels.",
        ),
    ]


# ---- permutations

N_PERMUTATIONS = 1000


def permutations(setting):
    """Measure a thousand permutations of whole runs; each run has a process of its own."""
    n_permutations = 20 if setting.quick else N_PERMUTATIONS
    sides = Sides(setting.X.astype(np.float32), setting.runs, setting.folds)
    sides.example_scores(setting.Y[:, :WARM])
    n_runs = setting.repeat(3)
    points, loops = [], []
    for _ in range(n_runs):
        points.append(run_point("permutations", n=n_permutations, quick=setting.quick))
        (loop,) = compare(lambda: sides.example_scores(setting.Y), n_runs=1)
        loops.append(loop.seconds)
    seconds = median(point["seconds"] for point in points)
    details = {"n_runs": n_runs, "dtype": points[0]["dtype"], "threads": threads()}
    name = f"{n_permutations:,} permutations of whole runs, {N_FOLDS} folds, one penalty"
    ratio = ratio_row(
        "permutations",
        name,
        "loop of scikit-learn's Ridge and r2_score",
        seconds,
        median(loops) * n_permutations,
        agreement=("largest difference in R2", _difference(setting, sides)),
        **details,
        note="The loop ran one permutation; its time is scaled to all.",
    )
    peak = float(np.max([point["peak_mb"] for point in points]))
    limits = [
        limit_row("permutations-seconds", name, seconds, "s", limit=30, **details),
        limit_row(
            "permutations-memory",
            f"{n_permutations:,} permutations: most memory of a process that does them",
            peak / 1e3,
            "GB",
            limit=1.5,
            **details,
            note="With Python, the libraries, the recording and the null distribution.",
        ),
    ]
    return [ratio], limits


def _difference(setting, sides):
    """Score one permutation on both sides, and compare."""
    null = np.full((1, setting.Y.shape[1]), np.nan)
    inference.permute_runs(null, setting.X, setting.Y, groups=setting.runs, cv=N_FOLDS)
    order = np.random.default_rng([0, 0]).permutation(setting.runs[-1] + 1)
    rows = np.concatenate([np.flatnonzero(setting.runs == run) for run in order])
    theirs = np.mean(sides.example_scores(setting.Y[rows]), axis=0)
    return float(abs(null[0] - theirs).max())


# ---- from files on disk to the stacked array

SHIFT = 2
LOADED = {"dtype": "float32", "threads": N_JOBS}


def loading(setting):
    """Measure loading against nilearn's masker; the files were read before."""
    dataset = data.load("twin")
    files = dataset.func[data.KINDS["random"]]

    def first_load():
        with TemporaryDirectory() as empty, patch.dict(os.environ, BOOK_DATA_DIR=empty):
            return data.recording(dataset, shift=SHIFT).bold

    def masker():
        return _stack_with_masker(dataset.mask, files)

    first_load(), masker()
    n_runs = setting.repeat(5)
    ours, theirs = compare(first_load, masker, n_runs=n_runs)
    ratio = ratio_row(
        "road",
        "loading: from files to the stacked array",
        f"MultiNiftiMasker(n_jobs={N_JOBS}), then stacking",
        ours.seconds,
        theirs.seconds,
        goal=2,
        agreement=("largest difference of a value", float(abs(ours.result - theirs.result).max())),
        n_runs=n_runs,
        **LOADED,
        note="Our side also checks the files, reads the stimuli and writes the cache.",
    )
    return [ratio], [_second_load(setting, dataset), _unpack(setting, files)]


def _stack_with_masker(mask, files):
    """Do what the example does, with two processes."""
    masker = MultiNiftiMasker(
        mask_img=mask, detrend=True, standardize="zscore_sample", n_jobs=N_JOBS
    )
    return np.vstack([run[SHIFT:] for run in masker.fit().transform(files)])


def _second_load(setting, dataset):
    n_runs = setting.repeat(7)
    with TemporaryDirectory() as folder, patch.dict(os.environ, BOOK_DATA_DIR=folder):
        data.recording(dataset)
        (second,) = compare(lambda: data.recording(dataset), n_runs=n_runs)
    return limit_row(
        "road-second-load",
        "loading: again, from the cache",
        second.seconds,
        "s",
        limit=0.3,
        n_runs=n_runs,
        **LOADED,
    )


def _unpack(setting, files):
    def unpack():
        return sum(len(gzip.decompress(Path(file).read_bytes())) for file in files)

    n_runs = setting.repeat(5)
    (unpacked,) = compare(unpack, n_runs=n_runs)
    return limit_row(
        "road-unpack",
        "loading: unpacking the files' bytes alone, one file after the other",
        unpacked.seconds,
        "s",
        n_runs=n_runs,
        dtype="bytes",
        threads=1,
        note=f"{unpacked.result / 1e6:.0f} MB",
    )


# ---- drawings of the figures, as the chapter Reconstruction makes them

LAGS = (1, 2, 3, 4)
PENALTIES = (100.0, 300.0, 1000.0)


class Drawing:
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
        folds, options = run_folds(training.runs, 5), {"cv": 5, "dtype": np.float32}
        both = RidgeCV([1000.0], **options).fit(X, self.Y, groups=training.runs)
        alone = RidgeCV([1.0], **options).fit(X[:, 100::101], self.Y, groups=training.runs)
        added = both.best_score_ - alone.best_score_
        chosen = np.sort(np.argsort(added)[-self.n_voxels :])
        Y = self.Y[:, chosen]
        slopes = {a: _slope(X, Y[:, ::4], training, a, folds) for a in PENALTIES}
        model = Ridge(alpha=min(slopes, key=lambda a: abs(slopes[a] - 1)))
        held_out = cross_val_predict(model, X, Y, cv=folds)
        noise, _ = ledoit_wolf(Y - held_out, assume_centered=True)
        on = Delayer(LAGS).fit_transform(figures.is_on[:, np.newaxis] * 1.0, groups=figures.runs)
        coef = model.fit(X, Y).coef_.T
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
        for size in SIZES:
            inside = patches(size)
            decoded = []
            for target in (images @ (inside / inside.sum(axis=0))).T:
                model = make_pipeline(
                    SelectKBest(f_classif, k=N_SELECTED),
                    StandardScaler(),
                    OrthogonalMatchingPursuit(n_nonzero_coefs=N_USED),
                )
                decoded.append(model.fit(responses, target).predict(self.measured))
            drawn.append(np.transpose(decoded) @ inside.T / inside.sum(axis=1))
        return np.mean(drawn, axis=0)

    def shared_work(self):
        """Do the same with the helper, which shares work between patches."""
        responses, images = late(self.training, self.Y)
        return reconstruct_multiscale(images, responses, self.measured)


def make_features(recording):
    """Return pixels and ten times the on/off column at all delays, (n_samples, 404)."""
    on = recording.is_on[:, np.newaxis]
    table = np.column_stack([recording.stimuli * on, 10 * on])
    return Delayer(LAGS).fit_transform(table, groups=recording.runs)


def late(recording, values):
    """Return the rows 2 volumes after those with an image, and these images."""
    on = recording.is_on[:, np.newaxis]
    delayer = Delayer((2,))
    was_on = delayer.fit_transform(on * 1.0, groups=recording.runs)[:, 0] > 0
    images = delayer.fit_transform(recording.stimuli * on, groups=recording.runs)
    return values[was_on], images[was_on]


def decoding(setting):
    """Measure drawings of the figures against the decoders of nilearn's example."""
    few, sides, n_runs = Drawing(quick=True), Drawing(setting.quick), setting.repeat(3)
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


def _slope(X, Y, training, alpha, folds):
    guessed = cross_val_predict(Ridge(alpha=alpha), X, Y, cv=folds)
    y, f = (block_means(rows, training) for rows in (Y, guessed))
    y, f = y - y.mean(axis=0), f - f.mean(axis=0)
    return np.median((y * f).sum(axis=0) / (f**2).sum(axis=0))


def _merits(true, drawn):
    f1 = f1_score(true > 0.5, drawn > 0.5, average="macro", zero_division=0)
    return f1, np.mean([np.corrcoef(*pair)[0, 1] for pair in zip(true, drawn, strict=True)])
