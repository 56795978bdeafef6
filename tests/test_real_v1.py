"""The book's tools on real V1 of the recording's subject, without any special case.

The environment variable REAL_V1_DIR names the folder of ``V1_mean_figure.mat``: block means of 797
voxels while ten figures were shown eight times each (Fujiwara, Miyawaki and Kamitani, 2013), see
the page `pages/real_brain`.
"""

import os
from itertools import combinations
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.io import loadmat
from sklearn.covariance import ledoit_wolf
from sklearn.model_selection import LeaveOneGroupOut, cross_val_predict

from helpers import decoding, inference
from helpers.ridge import RidgeCV

N_IMAGES = 10


@pytest.fixture(scope="module")
def real_v1():
    """Return pixels in C order, responses and the number of the image of each trial."""
    if not os.environ.get("REAL_V1_DIR"):
        pytest.skip("REAL_V1_DIR is not set: it names the folder of block means of real V1.")
    stored = loadmat(Path(os.environ["REAL_V1_DIR"]) / "V1_mean_figure.mat")
    pixels = stored["I2"].T.reshape(-1, 10, 10).transpose(0, 2, 1).reshape(-1, 100).astype(float)
    image = np.unique(pixels, axis=0, return_inverse=True)[1].ravel()
    return SimpleNamespace(pixels=pixels, responses=stored["R2"].T.astype(float), image=image)


def of_other_images(real_v1, seed):
    order = np.random.default_rng(seed).permutation(N_IMAGES)
    return np.unique(real_v1.pixels, axis=0)[order][real_v1.image]


def best_tenth(scores):
    return np.sort(scores)[-round(len(scores) / 10) :].mean()


def held_out_r2(pixels, real_v1):
    """R2 over all trials, each predicted by a model that has not seen its image."""
    model = RidgeCV([1.0], cv=2)
    predicted = cross_val_predict(
        model, pixels, real_v1.responses, groups=real_v1.image, cv=LeaveOneGroupOut()
    )
    deviations = real_v1.responses - real_v1.responses.mean(axis=0)
    return 1 - ((real_v1.responses - predicted) ** 2).sum(axis=0) / (deviations**2).sum(axis=0)


def test_letters_stand_upright(real_v1):
    """Else every score below would be about scrambled images: one figure is the letter r."""
    r = np.zeros((10, 10))
    r[3, 3:7] = r[4:7, 3] = 1
    lit = real_v1.pixels.reshape(-1, 10, 10)
    top_and_left = [
        image[2, 3:7].all() and image[2:7, 3].all() and image.sum() < 12 for image in lit
    ]
    assert np.sum(top_and_left) >= 8


def test_ceilings_are_those_that_the_twin_is_held_against(real_v1):
    ceiling = inference.single_trial_ceiling(real_v1.responses, real_v1.image)
    assert ceiling.mean() == pytest.approx(0.34, abs=0.01)
    assert best_tenth(ceiling) == pytest.approx(0.79, abs=0.01)


def test_pixels_predict_images_that_the_model_has_not_seen(real_v1):
    assert best_tenth(held_out_r2(real_v1.pixels, real_v1)) >= 0.6
    wrong = [best_tenth(held_out_r2(of_other_images(real_v1, s), real_v1)) for s in range(5)]
    assert np.mean(wrong) < 0.3


def identified_among_two(pixels, real_v1):
    """Share of trials of two left-out images that resemble their own prediction more."""
    shares = np.full((N_IMAGES, N_IMAGES), np.nan)
    for pair in combinations(range(N_IMAGES), 2):
        test = np.isin(real_v1.image, pair)
        model = RidgeCV([1.0], cv=2).fit(pixels[~test], real_v1.responses[~test])
        guess = model.predict(np.stack([pixels[real_v1.image == k][0] for k in pair]))
        match = decoding.correlations(real_v1.responses[test], guess)
        own = (real_v1.image[test] == pair[1]).astype(int)
        hits = decoding.identified(match, own, 2)
        shares[pair], shares[pair[::-1]] = hits[own == 0].mean(), hits[own == 1].mean()
    return np.nanmean(shares, axis=1)


def interval(values):
    """The middle 95 % of means over images drawn anew."""
    drawn = np.random.default_rng(0).integers(0, len(values), (2000, len(values)))
    return np.quantile(values[drawn].mean(axis=1), [0.025, 0.975])


def test_images_are_identified_above_chance_and_wrong_ones_are_not(real_v1):
    assert interval(identified_among_two(real_v1.pixels, real_v1))[0] > 0.6
    wrong = [identified_among_two(of_other_images(real_v1, s), real_v1).mean() for s in range(5)]
    assert np.abs(np.mean(wrong) - 0.5) < 0.08
    assert np.max(wrong) < interval(identified_among_two(real_v1.pixels, real_v1))[0]


def resembles_own(pixels, real_v1):
    """By how much a drawing resembles its own image more than the others, for each image."""
    ceiling = inference.single_trial_ceiling(real_v1.responses, real_v1.image)
    responses, drawn = real_v1.responses[:, ceiling > 0.1], np.empty_like(pixels)
    prior = decoding.smooth_covariance(0.25, length=1.0)
    for left_out in range(N_IMAGES):
        test = real_v1.image == left_out
        x, y, groups = pixels[~test], responses[~test], real_v1.image[~test]
        model = RidgeCV([10.0], cv=2)
        guess = cross_val_predict(model, x, y, groups=groups, cv=LeaveOneGroupOut())
        noise = ledoit_wolf(y - guess, assume_centered=True)[0]
        model.fit(x, y)
        drawn[test] = decoding.reconstruct(
            responses[test], model.coef_.T, model.intercept_, noise, np.full(100, x.mean()), prior
        )[0]
    match = decoding.correlations(drawn, np.unique(pixels, axis=0))
    place = np.unique(pixels, axis=0, return_inverse=True)[1].ravel()
    own = match[np.arange(len(match)), place]
    ahead = own - (match.sum(axis=1) - own) / (N_IMAGES - 1)
    return np.array([ahead[real_v1.image == k].mean() for k in range(N_IMAGES)])


def test_drawings_resemble_their_own_images_and_those_of_wrong_ones_do_not(real_v1):
    low, _ = interval(resembles_own(real_v1.pixels, real_v1))
    wrong = [resembles_own(of_other_images(real_v1, s), real_v1).mean() for s in range(5)]
    assert low > 0.15
    assert np.abs(np.mean(wrong)) < 0.1
    assert np.max(wrong) < low


def test_noise_is_shared_most_by_voxels_that_prefer_the_same_images(real_v1):
    image, responses = real_v1.image, real_v1.responses
    means = np.stack([responses[image == k].mean(axis=0) for k in range(N_IMAGES)])
    pairs = np.triu_indices(responses.shape[1], 1)
    noise = np.corrcoef((responses - means[image]).T)
    assert noise[pairs].mean() == pytest.approx(0.19, abs=0.01)
    assert np.diag(noise, 1).mean() == pytest.approx(0.38, abs=0.01)
    signal = np.corrcoef(means.T)[pairs]
    assert noise[pairs][signal > 0.9].mean() > noise[pairs][signal < -0.5].mean() + 0.3
