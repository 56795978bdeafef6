"""The twin shows what is known of the real recording, computed without the book's helpers.

Each figure of `helpers.twin.calibration.TARGETS` is computed as nilearn's examples do, with
nilearn and scikit-learn alone; the receptive fields and the reconstruction from their description.
"""

import numpy as np
import pytest
from joblib import Parallel, delayed
from nilearn.image import get_data
from nilearn.maskers import MultiNiftiMasker
from sklearn.feature_selection import SelectKBest, f_classif
from sklearn.linear_model import LassoLarsCV, OrthogonalMatchingPursuit, Ridge
from sklearn.metrics import (
    accuracy_score,
    f1_score,
    precision_score,
    r2_score,
    recall_score,
)
from sklearn.model_selection import KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from helpers import data
from helpers._twin.calibration import MARKED, TARGETS, is_met

# A change of the twin shows first in the page about it, which prints the same table.
pytestmark = pytest.mark.slow

SHIFT = 2
FIGURE = slice(None, 12)
RANDOM = slice(12, None)
PATCHES = ((1, 1), (2, 1), (1, 2), (2, 2))  # rows x columns


@pytest.fixture(scope="module")
def twin():
    return data.load("twin")


@pytest.fixture(scope="module")
def mask(twin):
    return get_data(twin.mask) > 0


@pytest.fixture(scope="module")
def bold(twin):
    """All runs, detrended and in the scanner's units."""
    masker = MultiNiftiMasker(mask_img=twin.mask, detrend=True, standardize=None)
    return masker.fit().transform(twin.func)


@pytest.fixture(scope="module")
def images(twin):
    """The images of all runs, each (n_volumes, 10, 10)."""
    return [
        np.loadtxt(label, dtype=int, delimiter=",").reshape((-1, 10, 10), order="F")
        for label in twin.label
    ]


@pytest.fixture(scope="module")
def random_runs(bold, images):
    """X and Y of nilearn's encoding example: runs z-scored, shifted, stacked."""
    X = np.vstack([run[:-SHIFT].reshape(-1, 100) for run in images[RANDOM]]).astype(float)
    Y = [(run - run.mean(axis=0)) / run.std(axis=0, ddof=1) for run in bold[RANDOM]]
    return X, np.vstack([run[SHIFT:] for run in Y])


def columns_of(mask, voxels):
    return [int(np.flatnonzero((np.argwhere(mask) == voxel).all(axis=1))[0]) for voxel in voxels]


def encoding_figures(X, Y, mask):
    """What the encoding example prints and shows."""
    folds = [
        r2_score(
            Y[test],
            Ridge(alpha=100.0).fit(X[train], Y[train]).predict(X[test]),
            multioutput="raw_values",
        )
        for train, test in KFold(10).split(X)
    ]
    score = np.mean(folds, axis=0)
    on_slice = score[np.argwhere(mask)[:, 2] == 10]
    above = on_slice[on_slice > 0]
    figures = {
        "samples x voxels": Y.shape,
        "samples x pixels": X.shape,
        "voxels of slice k = 10 above 0": above.size,
        "mean of these scores": above.mean(),
        "median of these scores": np.median(above),
        "voxels of slice k = 10 above 0.3": (above > 0.3).sum(),
        "largest score of slice k = 10": above.max(),
    }
    for voxel, column in zip(MARKED, columns_of(mask, MARKED), strict=True):
        field = LassoLarsCV(max_iter=10).fit(X, Y[:, column]).coef_
        second, strongest = np.argsort(field)[-2:]
        figures[f"score of {voxel}"] = score[column]
        figures[f"strongest pixel of {voxel}"] = divmod(strongest, 10)
        figures[f"second pixel of {voxel}"] = divmod(second, 10)
    return figures


@pytest.fixture(scope="module")
def encoding(random_runs, mask):
    return encoding_figures(*random_runs, mask)


def trials_of(bold, images):
    """Mean of each figure block's volumes, shifted, and which image it was."""
    trials, shown = [], []
    for run, rows in zip(bold, images, strict=True):
        run = run / run.std(axis=0)
        is_on = np.concatenate([[False], (rows != -1).any(axis=(1, 2)), [False]])
        edges = np.flatnonzero(np.diff(is_on.astype(int))).reshape(-1, 2)
        trials += [run[start + SHIFT : stop + SHIFT].mean(axis=0) for start, stop in edges]
        shown += [rows[start].tobytes() for start, _ in edges]
    return np.array(trials), np.unique(shown, return_inverse=True)[1]


def share_between(trials, image):
    """Share of the trials' variance between images, without the noise that means of trials keep.

    The unbiased estimate of a one-way analysis of variance: the mean square within images is all
    noise, and goes off the mean square between them.
    """
    groups = [trials[image == k] for k in range(image.max() + 1)]
    within = sum(((g - g.mean(axis=0)) ** 2).sum(axis=0) for g in groups)
    total = ((trials - trials.mean(axis=0)) ** 2).sum(axis=0)
    noise = within / (len(trials) - len(groups))
    return (total - within - (len(groups) - 1) * noise) / total


@pytest.fixture(scope="module")
def ceiling(twin, mask, bold, images):
    """Ceilings and noise correlations of V1, from the trials of images shown eight times."""
    in_v1 = np.any(
        [
            get_data(roi)[mask] > 0
            for roi in twin.mask_roi
            if roi.endswith(("V1d.nii.gz", "V1v.nii.gz"))
        ],
        axis=0,
    )
    trials, image = trials_of(bold[FIGURE], images[FIGURE])
    often = np.bincount(image)[image] == 8
    trials, image = trials[often][:, in_v1], np.unique(image[often], return_inverse=True)[1]
    share = np.sort(share_between(trials, image))
    noise = np.vstack([trials[image == k] - trials[image == k].mean(axis=0) for k in range(10)])
    correlation = np.corrcoef(noise.T)
    pairs = correlation[np.triu_indices(len(correlation), 1)]
    return {
        "single-trial ceiling, mean of V1": share.mean(),
        "single-trial ceiling, best tenth of V1": share[-round(len(share) / 10) :].mean(),
        "noise correlation, all pairs of V1": pairs.mean(),
        "noise correlation, V1 columns side by side": np.diag(correlation, 1).mean(),
    }


def patch_means(images, size):
    """Mean over every patch of a size, (n, patch rows, patch columns)."""
    rows, columns = (10 - side + 1 for side in size)
    return np.mean(
        [images[:, r : r + rows, c : c + columns] for r in range(size[0]) for c in range(size[1])],
        axis=0,
    )


def back_to_pixels(patches, size):
    """Mean over the patches that cover each pixel, (n, 10, 10)."""
    total, count = np.zeros((len(patches), 10, 10)), np.zeros((10, 10))
    rows, columns = patches.shape[1:]
    for r in range(size[0]):
        for c in range(size[1]):
            total[:, r : r + rows, c : c + columns] += patches
            count[r : r + rows, c : c + columns] += 1
    return total / count


def shown_rows(bold, images):
    """Volumes with an image on the screen, shifted, and these images."""
    responses = np.vstack([run[SHIFT:] for run in bold])
    shown = np.vstack([run[:-SHIFT] for run in images])
    on = shown[:, 0, 0] != -1
    return responses[on], shown[on].astype(float)


def predict(train, target, test):
    model = make_pipeline(
        SelectKBest(f_classif, k=500),
        StandardScaler(),
        OrthogonalMatchingPursuit(n_nonzero_coefs=10),
    )
    with threadpool_limits(1):
        return model.fit(train, target).predict(test)


def reconstruct(train, images, test):
    """Images reconstructed from volumes, (n_test, 10, 10): the mean over the four patch sizes."""
    pixels = []
    for size in PATCHES:
        means = patch_means(images, size)
        targets = means.reshape(len(images), -1).T
        predicted = Parallel(n_jobs=2)(delayed(predict)(train, target, test) for target in targets)
        patches = np.transpose(predicted).reshape(-1, *means.shape[1:])
        pixels.append(back_to_pixels(patches, size))
    return np.mean(pixels, axis=0)


def agreement(truth, lit):
    """What the reconstruction example prints: means over pixels, (n_volumes, 100) each."""
    measures = {"precision": precision_score, "recall": recall_score, "F1": f1_score}
    pairs = list(zip(truth.T, lit.T, strict=True))
    return {"reconstruction: accuracy": np.mean([accuracy_score(*pair) for pair in pairs])} | {
        f"reconstruction: {name}": np.mean([measure(*pair, zero_division=0) for pair in pairs])
        for name, measure in measures.items()
    }


@pytest.fixture(scope="module")
def reconstructed(bold, images):
    """Pixels of all volumes of the figure runs, true and reconstructed, (n_volumes, 100)."""
    train, seen = shown_rows(bold[RANDOM], images[RANDOM])
    test, figures = shown_rows(bold[FIGURE], images[FIGURE])
    lit = reconstruct(train, seen, test) > 0.5
    return figures.reshape(-1, 100) > 0.5, lit.reshape(-1, 100)


@pytest.fixture(scope="module")
def reconstruction(reconstructed):
    return agreement(*reconstructed)


def missed(figures):
    return {
        name: f"{value}, target {TARGETS[name].value}"
        for name, value in figures.items()
        if not is_met(name, value)
    }


def test_encoding_example(encoding):
    assert not missed(encoding)


def test_single_trial_ceiling(ceiling):
    assert not missed(ceiling)


def test_reconstruction_example(reconstruction):
    assert not missed(reconstruction)


def test_no_line_of_the_table_is_left_out(encoding, ceiling, reconstruction):
    assert encoding.keys() | ceiling.keys() | reconstruction.keys() == TARGETS.keys()


# Planted faults


def test_weaker_responses_are_found(random_runs, mask):
    """As much noise again as there is variance halves the share of the response."""
    X, Y = random_runs
    noisier = Y + np.random.default_rng(3).standard_normal(Y.shape)
    found = missed(encoding_figures(X, noisier, mask))
    assert {"voxels of slice k = 10 above 0.3", "score of (30, 10, 10)"} <= found.keys()


def test_the_wrong_pixel_order_is_found(random_runs, mask):
    X, Y = random_runs
    mirrored = X.reshape(-1, 10, 10).transpose(0, 2, 1).reshape(-1, 100)
    found = missed(encoding_figures(mirrored, Y, mask)).keys()
    assert {"strongest pixel of (30, 10, 10)", "second pixel of (30, 10, 10)"} <= found
    assert not any(name.startswith("score") for name in found)  # only the fields can tell


def test_trials_given_to_the_wrong_images_are_found(bold, images):
    trials, image = trials_of(bold[FIGURE], images[FIGURE])
    share = share_between(trials, np.random.default_rng(3).permutation(image))
    assert abs(share.mean()) < 0.02


def test_reconstructions_of_other_images_are_found(reconstructed):
    truth, lit = reconstructed
    assert missed(agreement(np.roll(truth, len(truth) // 2, axis=0), lit))


@pytest.mark.parametrize(
    ("name", "met", "not_met"),
    [
        ("samples x voxels", (2860, 5438), (2861, 5438)),
        ("voxels of slice k = 10 above 0", 139, 138),
        ("voxels of slice k = 10 above 0", 231, 232),
        ("score of (31, 9, 10)", 0.56, 0.58),
        ("score of (31, 9, 10)", 0.38, np.nan),
        ("second pixel of (32, 10, 10)", (3, 1), (4, 1)),
    ],
)
def test_tolerance(name, met, not_met):
    assert is_met(name, met)
    assert not is_met(name, not_met)


def test_what_is_no_target():
    with pytest.raises(ValueError, match="is no target; expected one of"):
        is_met("largest score", 0.6)
