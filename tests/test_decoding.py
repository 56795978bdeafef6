"""Identification against theory, reconstruction against conditional means, blocks by hand.

The multi-scale decoder is held against scikit-learn's own pipelines, patch by patch.
"""

import itertools
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.linalg import block_diag
from scipy.stats import multivariate_normal, norm
from sklearn.feature_selection import SelectKBest, f_classif
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel
from sklearn.linear_model import BayesianRidge, OrthogonalMatchingPursuit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from helpers import decoding
from helpers.data import block_means
from helpers.decoding import (
    correlations,
    identified,
    log_likelihoods,
    reconstruct,
    smooth_covariance,
)
from helpers.ridge import ConstantVoxelWarning


def covariance(size, rng):
    factors = rng.normal(size=(size, 2 * size))
    return factors @ factors.T / size


@pytest.fixture(scope="module")
def model():
    """Nine pixels, seven voxels, noise that is correlated over voxels."""
    rng = np.random.default_rng(8)
    return SimpleNamespace(
        coef=rng.normal(size=(9, 7)),
        intercept=rng.normal(size=7),
        noise=covariance(7, rng),
        prior_mean=rng.random(9),
        prior=covariance(9, rng),
        responses=rng.normal(size=(5, 7)),
    )


# Reconstruction


def test_reconstruction_is_the_conditional_mean_of_the_joint_normal(model):
    """Images and responses are jointly normal; condition on the responses block by block."""
    images, posterior = reconstruct(**vars(model))
    m, C, B, S = model.prior_mean, model.prior, model.coef, model.noise
    from_parts = np.block([[np.eye(9), np.zeros((9, 7))], [B.T, np.eye(7)]])
    joint = from_parts @ block_diag(C, S) @ from_parts.T
    mean = np.concatenate([m, m @ B + model.intercept])
    gain = joint[:9, 9:] @ np.linalg.inv(joint[9:, 9:])
    expected = m + (model.responses - mean[9:]) @ gain.T
    np.testing.assert_allclose(images, expected, rtol=0, atol=1e-10)
    np.testing.assert_allclose(posterior, joint[:9, :9] - gain @ joint[9:, :9], atol=1e-10)


def test_reconstruction_is_where_the_density_is_largest(model):
    image = reconstruct(**vars(model))[0][0]

    def log_density(x):
        return multivariate_normal.logpdf(x, model.prior_mean, model.prior) + (
            multivariate_normal.logpdf(
                model.responses[0], x @ model.coef + model.intercept, model.noise
            )
        )

    for step in np.vstack([np.eye(9), -np.eye(9)]) * 1e-3:
        assert log_density(image) > log_density(image + step)


def test_smooth_prior_and_direct_views_make_a_gaussian_process():
    """When each voxel sees one pixel, reconstruction is smoothing as scikit-learn does it."""
    rng = np.random.default_rng(8)
    places = np.argwhere(np.ones((5, 5))).astype(float)
    seen = rng.choice(25, 12, replace=False)
    coef = np.eye(25)[:, seen]
    y = rng.normal(size=12)
    prior = smooth_covariance(0.25, 1.3, (5, 5))
    images, posterior = reconstruct(
        y[np.newaxis], coef, np.zeros(12), 0.1 * np.eye(12), np.zeros(25), prior
    )
    kernel = ConstantKernel(0.25, "fixed") * RBF(1.3, "fixed")
    process = GaussianProcessRegressor(kernel, alpha=0.1, optimizer=None).fit(places[seen], y)
    mean, spread = process.predict(places, return_std=True)
    np.testing.assert_allclose(images[0], mean, atol=1e-10)
    np.testing.assert_allclose(np.sqrt(np.diag(posterior)), spread, atol=1e-8)


def test_independent_pixels_and_white_noise_make_bayesian_ridge(model):
    """BayesianRidge finds its own two variances; with these the images are the same."""
    other = BayesianRidge(fit_intercept=False).fit(model.coef.T, model.responses[0])
    images, posterior = reconstruct(
        model.responses[:1],
        model.coef,
        np.zeros(7),
        np.eye(7) / other.alpha_,
        np.zeros(9),
        np.eye(9) / other.lambda_,
    )
    np.testing.assert_allclose(images[0], other.coef_, atol=1e-10)
    np.testing.assert_allclose(posterior, other.sigma_, atol=1e-10)


def test_exact_without_noise():
    rng = np.random.default_rng(8)
    images = rng.integers(0, 2, size=(6, 9)).astype(float)
    coef, intercept = rng.normal(size=(9, 20)), rng.normal(size=20)
    found, spread = reconstruct(
        images @ coef + intercept,
        coef,
        intercept,
        1e-12 * np.eye(20),
        np.full(9, 0.5),
        0.25 * np.eye(9),
    )
    np.testing.assert_allclose(found, images, atol=1e-8)
    assert abs(spread).max() < 1e-8


def test_nothing_but_the_prior_with_endless_noise(model):
    given = vars(model) | {"noise": 1e14 * np.eye(7)}
    images, posterior = reconstruct(**given)
    np.testing.assert_allclose(images, np.tile(model.prior_mean, (5, 1)), atol=1e-10)
    np.testing.assert_allclose(posterior, model.prior, atol=1e-10)


def test_the_posterior_covers_the_truth():
    """Over many simulated trials the error has mean 0 and the covariance that is returned."""
    rng = np.random.default_rng(8)
    coef, intercept, noise = rng.normal(size=(4, 3)), rng.normal(size=3), covariance(3, rng)
    mean, prior = rng.random(4), covariance(4, rng)
    images = rng.multivariate_normal(mean, prior, size=40_000)
    responses = images @ coef + intercept + rng.multivariate_normal(np.zeros(3), noise, 40_000)
    found, posterior = reconstruct(responses, coef, intercept, noise, mean, prior)
    np.testing.assert_allclose((found - images).mean(axis=0), 0, atol=0.03)
    np.testing.assert_allclose(np.cov((found - images).T), posterior, atol=0.05)


def test_smooth_covariance_by_distance():
    table = smooth_covariance(0.25, 2.0, (3, 4))
    one, other = 1 * 4 + 0, 2 * 4 + 3  # pixels (1, 0) and (2, 3): 1 + 9 = 10
    assert table[one, other] == pytest.approx(0.25 * np.exp(-10 / 8))
    np.testing.assert_array_equal(smooth_covariance(0.25, 0, (3, 4)), 0.25 * np.eye(12))


# Identification


@pytest.mark.parametrize("n_candidates", [2, 5, 20])
def test_identification_meets_theory(n_candidates):
    """Orthogonal patterns of equal length in white noise: the chance to win is an integral.

    The shown one matches by N(d, 1), each other by N(0, 1), where d is length over noise; it wins
    when it lies above all of them. Correlated noise is turned into this case by whitening.
    """
    rng = np.random.default_rng(8)
    n_voxels, n_trials, d = 40, 6000, 1.7
    root = np.linalg.cholesky(covariance(n_voxels, rng))
    patterns = d * (root @ np.linalg.qr(rng.normal(size=(n_voxels, n_voxels)))[0]).T
    shown = rng.integers(0, n_voxels, n_trials)
    measured = patterns[shown] + rng.normal(size=(n_trials, n_voxels)) @ root.T
    match = log_likelihoods(measured, patterns, root @ root.T)
    share = identified(match, shown, n_candidates).mean()
    theory, _ = quad(lambda z: norm.pdf(z - d) * norm.cdf(z) ** (n_candidates - 1), -8, 10)
    assert abs(share - theory) < 3 * np.sqrt(theory * (1 - theory) / n_trials)


def test_log_likelihood_is_scipys_up_to_a_constant(model):
    predicted = np.random.default_rng(9).normal(size=(4, 7))
    ours = log_likelihoods(model.responses, predicted, model.noise)
    theirs = np.array(
        [[multivariate_normal.logpdf(y, f, model.noise) for f in predicted]
         for y in model.responses]
    )  # fmt: skip
    constant = multivariate_normal.logpdf(np.zeros(7), np.zeros(7), model.noise)
    np.testing.assert_allclose(ours, theirs - constant, atol=1e-9)


def test_correlations_are_numpys(model):
    predicted = np.random.default_rng(9).normal(size=(4, 7))
    theirs = np.corrcoef(model.responses, predicted)[:5, 5:]
    np.testing.assert_allclose(correlations(model.responses, predicted), theirs, atol=1e-12)


@pytest.mark.parametrize("how", [correlations, lambda y, f: log_likelihoods(y, f, np.eye(30))])
def test_all_right_without_noise_and_chance_with_wrong_labels(how):
    rng = np.random.default_rng(8)
    patterns = rng.normal(size=(500, 30))
    match, shown = how(patterns, patterns), np.arange(500)
    assert identified(match, shown, 500).all()
    wrong = identified(how(patterns, rng.normal(size=(500, 30))), rng.permutation(shown), 4)
    assert abs(wrong.mean() - 1 / 4) < 3 * np.sqrt(1 / 4 * 3 / 4 / 500)


def test_larger_sets_hold_the_smaller_ones_and_ties_miss():
    rng = np.random.default_rng(8)
    match, shown = rng.normal(size=(300, 60)), rng.integers(0, 60, 300)
    match[np.arange(300), shown] += 2
    hits = [identified(match, shown, n, random_state=3) for n in (1, 2, 10, 60)]
    assert hits[0].all()
    for fewer, more in pairwise(hits):
        assert not (more & ~fewer).any()
    np.testing.assert_array_equal(hits[-1], match.argmax(axis=1) == shown)
    ties = np.zeros((3, 5))
    ties[0] = np.arange(5)  # no two columns are the same
    np.testing.assert_array_equal(identified(ties, [4, 1, 2], 5), [True, False, False])


@pytest.mark.parametrize("rounding", [0, 1e-15])
def test_an_image_that_is_in_the_pool_twice_is_noticed(rounding):
    """A pool of trials, not of images: without a word, none of their trials would be found."""
    rng = np.random.default_rng(8)
    patterns = rng.normal(size=(6, 30))
    pool = patterns[[0, 1, 2, 3, 4, 5, 5, 0]] * (1 + rounding * np.arange(8)[:, np.newaxis])
    match = correlations(patterns, pool)
    with pytest.warns(UserWarning, match=r"^2 of 8 columns of match are copies .*Leave copies out"):
        hits = identified(match, np.arange(6), 8)
    assert hits[1:5].all()


@pytest.mark.parametrize("name", ["measured", "predicted"])
def test_patterns_that_are_the_same_in_all_voxels_have_no_correlation(name):
    rng = np.random.default_rng(8)
    patterns = {"measured": rng.normal(size=(4, 30)), "predicted": rng.normal(size=(5, 30))}
    patterns[name][2] = 0.1
    message = f"^1 of {len(patterns[name])} {name} patterns .* all 30 voxels, first in row 2"
    with pytest.raises(ValueError, match=message):
        correlations(**patterns)
    with pytest.raises(ValueError, match=r"in all 1 voxels.*two voxels or more"):
        correlations(np.ones((3, 1)), np.ones((2, 1)))


# Blocks


def recording(shown, runs):
    shown = np.asarray(shown, dtype=float)[:, np.newaxis] * [1, 1]
    return SimpleNamespace(
        stimuli=shown,
        runs=np.array(runs),
        is_on=shown[:, 0] > 0,
        volumes=np.concatenate([np.arange(length) for length in np.bincount(runs)]),
        blocks=None,
    )


def test_blocks_are_means_of_their_volumes():
    """Blocks touch, a run ends in one, and the next begins with the same image."""
    rng = np.random.default_rng(8)
    bold = rng.normal(size=(11, 3)).astype(np.float32)
    shown = [-1, 0.2, 0.2, 0.7, -1, 0.7, 0.7, 0.7, 0.7, 0.7, -1]
    blocks = recording(shown, [0] * 7 + [1] * 4)
    for shift, members in {
        0: [[1, 2], [3], [5, 6], [7, 8, 9]],
        1: [[2, 3], [4], [6], [8, 9, 10]],  # cut where the run ends
    }.items():
        expected = [bold[rows].mean(axis=0) for rows in members]
        np.testing.assert_allclose(block_means(bold, blocks, shift), expected, atol=1e-6)
    images = block_means(blocks.stimuli, blocks, 0)
    np.testing.assert_allclose(images[:, 0], [0.2, 0.7, 0.7, 0.7])


# Nilearn's approach


def small_experiment():
    rng = np.random.default_rng(8)
    images = rng.integers(0, 2, size=(150, 12)).astype(float)
    voxels = rng.normal(size=(12, 40))
    responses, measured = (
        rows @ voxels + 2 * rng.normal(size=(len(rows), 40)) + 7 for rows in (images, images[:9])
    )
    return images, responses, measured


def test_multiscale_is_a_loop_of_pipelines():
    images, responses, measured = small_experiment()
    total = np.zeros((9, 3, 4))
    for rows, columns in [(1, 1), (2, 1), (1, 2), (2, 2)]:
        spread, count = np.zeros((9, 3, 4)), np.zeros((3, 4))
        for r in range(3 - rows + 1):
            for c in range(4 - columns + 1):
                window = (slice(None), slice(r, r + rows), slice(c, c + columns))
                target = images.reshape(-1, 3, 4)[window].mean(axis=(1, 2))
                decoder = make_pipeline(
                    SelectKBest(f_classif, k=15),
                    StandardScaler(),
                    OrthogonalMatchingPursuit(n_nonzero_coefs=10),
                )
                found = decoder.fit(responses, target).predict(measured)
                spread[window] += found[:, np.newaxis, np.newaxis]
                count[window[1:]] += 1
        total += spread / count
    ours = decoding.reconstruct_multiscale(images, responses, measured, (3, 4), n_selected=15)
    np.testing.assert_allclose(ours, total.reshape(9, 12) / 4, atol=1e-10)


def test_f_values_are_scikit_learns():
    images, responses, _ = small_experiment()
    targets = images @ decoding.patches((2, 2), (3, 4)) / 4
    z = (responses - responses.mean(axis=0)) / responses.std(axis=0)
    theirs = [f_classif(z, target)[0] for target in targets.T]
    np.testing.assert_allclose(decoding._f_values(targets, z), theirs, rtol=1e-9)


def test_multiscale_never_chooses_a_constant_voxel():
    """Nor in data to decode in which it varies; 0.1 has a standard deviation after rounding."""
    images, responses, measured = small_experiment()
    added = np.full(len(responses), 0.1), np.arange(len(measured))
    assert added[0].std() > 0
    with_constant = map(np.column_stack, zip((responses, measured), added, strict=True))
    with pytest.warns(
        ConstantVoxelWarning, match=r"1 of 41 voxels .* columns 40\. They have no part"
    ):
        found = decoding.reconstruct_multiscale(images, *with_constant, (3, 4), n_selected=41)
    expected = decoding.reconstruct_multiscale(images, responses, measured, (3, 4), n_selected=40)
    np.testing.assert_allclose(found, expected, atol=1e-12)


# Bad input


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"responses": np.ones((5, 6))}, "the same voxels in all"),
        ({"intercept": np.ones(6)}, "the same voxels in all"),
        ({"intercept": np.r_[np.ones(6), np.nan]}, r"intercept has 1 values .* first at \(6,\)"),
        ({"prior_mean": np.r_[np.ones(8), np.nan]}, r"prior_mean has 1 values .* column 8"),
        ({"responses": np.ma.masked_less(np.eye(5, 7), 1)}, "responses has 30 masked values"),
        ({"coef": np.ones((9, 7)) * 1j}, "coef holds complex numbers"),
        ({"prior_mean": np.ones(8)}, r"prior_mean has shape \(8,\); expected \(9,\)"),
        ({"noise": np.eye(6)}, r"noise has shape \(6, 6\); expected"),
        ({"noise": -np.eye(7)}, "noise is no covariance matrix"),
        ({"prior": np.triu(np.ones((9, 9)))}, "expected a symmetric covariance"),
        ({"prior": np.ones((9, 9))}, "prior is no covariance matrix"),
        ({"responses": np.full((5, 7), np.nan)}, "NaN or infinite"),
    ],
)
def test_bad_input_for_reconstruction(model, change, message):
    with pytest.raises(ValueError, match=message):
        reconstruct(**vars(model) | change)


@pytest.mark.parametrize(
    ("shown", "n_candidates", "message"),
    [
        (np.zeros(3, dtype=int), 2, "expected the column of the image shown"),
        (np.zeros(4), 2, "a whole number"),
        (np.array([0, 1, 2, 5]), 2, "match has columns 0 to 4"),
        (np.zeros(4, dtype=int), 6, "at most 5 candidates"),
        (np.zeros(4, dtype=int), 0, "at most 5 candidates"),
        (np.zeros(4, dtype=int), 2.0, "a whole number"),
        (np.ma.array([0, 1, 2, 3], mask=[0, 1, 0, 0]), 2, "shown has 1 masked values"),
    ],
)
def test_bad_input_for_identification(shown, n_candidates, message):
    with pytest.raises(ValueError, match=message):
        identified(np.zeros((4, 5)), shown, n_candidates)


def test_other_bad_input():
    with pytest.raises(ValueError, match="the same voxels in both"):
        correlations(np.ones((2, 3)), np.ones((2, 4)))
    with pytest.raises(ValueError, match="a variance above zero"):
        smooth_covariance(0, 1)
    with pytest.raises(ValueError, match="length -1"):
        smooth_covariance(1, -1)
    some = recording([1, 1, -1, 1], [0, 0, 0, 0])
    for values, blocks, shift in [
        (np.zeros((2, 3)), recording([-1, -1], [0, 0]), 0),
        (np.zeros((3, 3)), some, 0),
        (np.zeros((4, 3)), some, -1),
    ]:
        with pytest.raises(ValueError, match="expected equally many rows, at least one image"):
            block_means(values, blocks, shift)
    with pytest.raises(ValueError, match="A block lies at the end of its run"):
        block_means(np.zeros((4, 3)), some, 1)
    images, responses, measured = small_experiment()
    with pytest.raises(ValueError, match="expected 100 pixels"):
        decoding.reconstruct_multiscale(images, responses, measured)
    with pytest.raises(ValueError, match="the same voxels"):
        decoding.reconstruct_multiscale(images, responses, measured[:, :5], (3, 4))
    with pytest.raises(ValueError, match=r"responses have 9 voxels.*expected 10 or more"):
        decoding.reconstruct_multiscale(images, responses[:, :9], measured[:, :9], (3, 4))
    images[[7, 9]] = -1
    with pytest.raises(ValueError, match=r"0 and 1 in 2 rows, first -1 in row 7.*Leave rest"):
        decoding.reconstruct_multiscale(images, responses, measured, (3, 4))


def by_enumeration(responses, B, b, S, lit, coupling, shape):
    """Probability of each pixel from all images that there are."""
    n_pixels = np.prod(shape)
    images = np.array(list(itertools.product([0, 1], repeat=n_pixels)), dtype=float)
    errors = responses[:, np.newaxis] - (images @ B + b)
    log_p = -0.5 * np.einsum("tiv,vw,tiw->ti", errors, np.linalg.inv(S), errors)
    grid = images.reshape(-1, *shape)
    alike = (grid[:, 1:] == grid[:, :-1]).sum((1, 2)) + (grid[:, :, 1:] == grid[:, :, :-1]).sum(
        (1, 2)
    )
    log_p += images.sum(1) * np.log(lit) + (1 - images).sum(1) * np.log(1 - lit) + coupling * alike
    p = np.exp(log_p - log_p.max(axis=1, keepdims=True))
    return p @ images / p.sum(axis=1, keepdims=True)


@pytest.mark.parametrize(("lit", "coupling"), [(0.5, 0.0), (0.2, 0.0), (0.3, 0.6)])
def test_binary_reconstruction_is_the_posterior_over_all_images(lit, coupling):
    rng = np.random.default_rng(2)
    shape, n_voxels = (2, 4), 6
    B, b = rng.normal(size=(8, n_voxels)), rng.normal(size=n_voxels)
    S = 0.5 * np.eye(n_voxels) + 1.5 * np.cov(rng.normal(size=(n_voxels, 40)))
    shown = rng.integers(0, 2, (5, 8))
    y = shown @ B + b + rng.multivariate_normal(np.zeros(n_voxels), S, 5)
    got = decoding.reconstruct_binary(
        y, B, b, S, lit=lit, coupling=coupling, shape=shape, n_sweeps=6000
    )
    expected = by_enumeration(y, B, b, S, lit, coupling, shape)
    np.testing.assert_allclose(got, expected, atol=0.03)
    other = by_enumeration(y, B, b, S, 0.6, 0.0, shape)
    assert np.abs(got - other).max() > 0.06  # the prior matters here


def test_binary_reconstruction_repeats_itself_and_refuses_what_cannot_be():
    rng = np.random.default_rng(3)
    y, B, b, S = rng.normal(size=(2, 3)), rng.normal(size=(4, 3)), np.zeros(3), np.eye(3)
    options = {"shape": (2, 2), "n_sweeps": 20}
    one, two = (decoding.reconstruct_binary(y, B, b, S, **options) for _ in range(2))
    np.testing.assert_array_equal(one, two)
    other = decoding.reconstruct_binary(y, B, b, S, **options, random_state=1)
    assert (one != other).any()
    with pytest.raises(ValueError, match=r"shape is \(10, 10\), and coef has 4 pixels"):
        decoding.reconstruct_binary(y, B, b, S)
    for wrong in ({"lit": 1.0}, {"lit": 0.0}, {"coupling": np.inf}, {"n_sweeps": 2},
                  {"n_sweeps": 20.0}):  # fmt: skip
        with pytest.raises(ValueError, match="expected a share between 0 and 1"):
            decoding.reconstruct_binary(y, B, b, S, **(options | wrong))
    with pytest.raises(ValueError, match="expected the same voxels in all"):
        decoding.reconstruct_binary(y[:, :2], B, b, S, **options)
