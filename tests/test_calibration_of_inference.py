"""Are false positives as rare as p and q promise? Twenty small twins, in which they are known.

A small twin has voxels and noise as the large one, and a tenth of its size. The test of
`inference.permute_runs` asks *which image* a voxel responds to. So silent voxels are true nulls,
and on_off voxels as well: they respond to all images alike. Both count as false discoveries.
"""

import numpy as np
import pytest
from scipy.signal import detrend
from scipy.stats import false_discovery_control

from helpers import inference, ridge
from helpers._twin import brain, responses, stimuli
from helpers.features import haemodynamic_response

N_TWINS, N_VOXELS, N_RUNS, N_PERMUTATIONS = 20, 300, 10, 200
SHIFT, N_FOLDS, ALPHA = 2, 5, 1000.0
N_PLACES = 2500  # the marked voxels, which are special, have columns up to 2131


def draw_voxels(rng):
    """Draw voxels that look anywhere in the image, in areas drawn by lot."""
    names = sum(brain.AREAS.values(), ())
    centre = rng.uniform(0, 9, (N_PLACES, 2))
    eccentricity = brain.DEGREES_PER_PIXEL * np.linalg.norm(centre - brain.FIXATION, axis=1)
    place = brain.Retinotopy(
        np.full(N_PLACES, "LH"), rng.choice(names, N_PLACES), centre, eccentricity
    )
    voxels = responses.draw_voxels(place, rng)
    others = np.delete(np.arange(N_PLACES), list(brain.MARKED))
    chosen = rng.choice(others, N_VOXELS, replace=False)
    return responses.Voxels(*(values[chosen] for values in voxels))


def small_twin(seed, shared=0.3):
    """Simulate X, Y and runs, cleaned as the chapters do, and say what the voxels are."""
    rng = np.random.default_rng([7, seed])
    voxels = draw_voxels(rng)
    nowhere = np.zeros((N_VOXELS, 3))  # small twins have no places
    alone = responses.Physiology(noise_fwhm=0.0, regional=0.0, shared=shared)
    sharing = responses.draw_sharing(nowhere, alone, rng)
    voxels = voxels._replace(noise_sd=np.ones(N_VOXELS))
    response = haemodynamic_response(voxels.peak)
    X, Y = [], []
    for images in rng.integers(0, 2, (N_RUNS, stimuli.RANDOM_BLOCKS, 10, 10)):
        rows = stimuli.label_rows(images, stimuli.RANDOM_VOLUMES)
        signal = responses.noise_free_run(rows, voxels, response)
        bold = detrend(signal + responses.noise_run(len(rows), voxels, sharing, rng), axis=0)
        X.append(rows[:-SHIFT].astype(float))
        Y.append((bold / bold.std(axis=0, ddof=1))[SHIFT:])
    runs = np.repeat(np.arange(N_RUNS), len(X[0]))
    return np.vstack(X), np.vstack(Y), runs, voxels.population


def score(X, Y, runs, n_folds=N_FOLDS):
    return ridge.RidgeCV((ALPHA,), cv=n_folds).fit(X, Y, groups=runs).best_score_


def twins_with(shared, n_twins=N_TWINS):
    """For each small twin: populations, observed scores and the null distribution."""
    collected = []
    for seed in range(n_twins):
        X, Y, runs, population = small_twin(seed, shared)
        null = np.full((N_PERMUTATIONS, N_VOXELS), np.nan)
        inference.permute_runs(null, X, Y, groups=runs, alpha=ALPHA, cv=N_FOLDS, random_state=seed)
        collected.append((population, score(X, Y, runs), null))
    return collected


@pytest.fixture(scope="module")
def results():
    return twins_with(shared=0.3)


def realised_fdr(p, population):
    """Share of voxels with q up to .05 that are true nulls; 0 if there are none."""
    found = false_discovery_control(p) <= 0.05
    return np.sum(found & (population != "tuned")) / max(found.sum(), 1)


def test_populations_are_mixed_as_in_the_twin(results):
    population = np.concatenate([population for population, _, _ in results])
    shares = [np.mean(population == name) for name in ("tuned", "on_off", "silent")]
    assert 0.2 < shares[0] < 0.5
    assert 0.03 < shares[1] < 0.1
    assert 0.4 < shares[2] < 0.75


def p_by_population(results, name):
    return np.concatenate(
        [inference.p_values(null, scores)[kind == name] for kind, scores, null in results]
    )


def test_one_silent_voxel_in_twenty_has_p_below_05(results):
    p = p_by_population(results, "silent")
    assert 0.03 <= np.mean(p < 0.05) <= 0.07
    # Not only at .05: the whole distribution is flat.
    deciles = np.histogram(p, np.linspace(0, 1, 11))[0] / len(p)
    np.testing.assert_allclose(deciles, 0.1, atol=0.03)


def test_voxels_that_respond_to_all_images_alike_are_no_more_significant(results):
    p = p_by_population(results, "on_off")
    assert 0.03 <= np.mean(p < 0.05) <= 0.07


def test_false_discoveries_are_as_rare_as_q_promises(results):
    rates = [realised_fdr(inference.p_values(null, s), kind) for kind, s, null in results]
    assert np.mean(rates) <= 0.07
    tuned = [
        np.mean(false_discovery_control(inference.p_values(null, s))[kind == "tuned"] <= 0.05)
        for kind, s, null in results
    ]
    assert np.mean(tuned) > 0.3  # rare, but not because nothing is found


@pytest.mark.slow
def test_with_much_shared_noise_the_mean_holds_and_single_twins_do_not():
    """A false discovery rate is a mean over experiments; the chapter says so."""
    together = twins_with(shared=1.0, n_twins=40)
    rates = [realised_fdr(inference.p_values(null, s), kind) for kind, s, null in together]
    assert np.mean(rates) <= 0.07
    assert np.max(rates) > 0.1


def test_the_maximum_statistic_hardly_ever_lets_a_false_voxel_pass(results):
    """At .05 one twin in twenty may hold one; four would come up once in sixty such tests."""
    corrected = [(inference.max_p_values(null, s), kind) for kind, s, null in results]
    with_false = [((p <= 0.05) & (kind != "tuned")).any() for p, kind in corrected]
    assert np.sum(with_false) <= 3
    assert np.mean([np.mean(p[kind == "tuned"] <= 0.05) for p, kind in corrected]) > 0.1


def test_a_voxel_that_sees_only_the_amount_of_light_passes_unless_light_is_taken_out():
    X, _, runs, _ = small_twin(0)
    on = (X > 0).any(axis=1)
    light = np.where(on, X.sum(axis=1), 0)
    noise = np.random.default_rng(3).standard_normal((len(X), 500))
    Y = light[:, np.newaxis] / light.std() + noise
    shares = []
    controls = np.column_stack([np.ones(len(X)), on, light])
    for images, responses_ in (
        (X, Y),
        [t - controls @ np.linalg.lstsq(controls, t, rcond=None)[0] for t in (X, Y)],
    ):
        null = np.full((N_PERMUTATIONS, 500), np.nan)
        inference.permute_runs(null, images, responses_, groups=runs, alpha=ALPHA, cv=N_FOLDS)
        shares.append(np.mean(inference.p_values(null, score(images, responses_, runs)) < 0.05))
    assert shares[0] > 0.7
    assert 0.02 < shares[1] < 0.09


def test_few_permutations_find_less_and_nothing_false(results):
    """With 19 permutations p is 1/20 at best: nothing may come of it, least of all p = 0."""
    rates = [realised_fdr(inference.p_values(null[:19], s), kind) for kind, s, null in results]
    assert np.mean(rates) <= 0.07


def shuffled_null(X, Y, runs, n_permutations, rng):
    """Score again with single volumes in another order: what not to do."""
    return np.array([score(X, Y[rng.permutation(len(Y))], runs) for _ in range(n_permutations)])


@pytest.mark.slow
def test_these_checks_refuse_a_null_of_shuffled_volumes():
    """Its p-values are wrong for silent voxels, and it finds the on_off voxels."""
    shares, rates = [], []
    for seed in range(3):
        X, Y, runs, population = small_twin(seed)
        null = shuffled_null(X, Y, runs, 79, np.random.default_rng(seed))
        p = inference.p_values(null, score(X, Y, runs))
        shares.append(np.mean(p[population == "silent"] < 0.05))
        rates.append(realised_fdr(p, population))
    assert not 0.03 <= np.mean(shares) <= 0.07
    assert np.mean(rates) > 0.07


def share_below_05(centred):
    """Share of silent voxels with p < .05 when blocks of two runs change places."""
    p = []
    for seed in range(4):
        X, Y, runs, population = small_twin(seed)
        rows, silent = runs < 2, population == "silent"
        X, Y, runs = X[rows], Y[rows][:, silent], runs[rows]
        blocks = np.repeat(np.arange(26), 11)  # runs have 143 volumes
        if centred:
            X, Y = (np.vstack([b - b.mean(axis=0) for b in np.split(v, 26)]) for v in (X, Y))
        null = np.full((200, Y.shape[1]), np.nan, dtype=np.float32)
        inference.permute_runs(null, X, Y, groups=blocks, alpha=ALPHA, cv=2, random_state=seed)
        p.append(inference.p_values(null, score(X, Y, runs, n_folds=2)))
    return np.mean(np.concatenate(p) < 0.05)


def test_few_runs_can_exchange_blocks_if_each_block_is_centred():
    """As recorded, each run has mean 0, and runs of blocks from elsewhere have not."""
    assert 0.03 <= share_below_05(centred=True) <= 0.07
    assert share_below_05(centred=False) > 0.07


def same_runs(seed, n_runs=8, length=60, n_silent=400, n_tuned=40, periodic=False):
    """Show the same in every run; noise follows itself (AR(1), .6), and some voxels respond."""
    rng = np.random.default_rng([11, seed])
    rows = np.repeat(rng.integers(0, 2, (length // 5, 6)), 5, axis=0).astype(float)
    if periodic:
        rows[:] = (np.arange(length) // 6 % 2)[:, np.newaxis]
    X = np.tile(rows, (n_runs, 1))
    noise = rng.standard_normal((len(X), n_silent + n_tuned))
    for sample in range(1, len(noise)):
        if sample % length:
            noise[sample] = 0.6 * noise[sample - 1] + 0.8 * noise[sample]
    noise[:, :n_tuned] += X @ rng.normal(size=(6, n_tuned))
    return X, noise, np.repeat(np.arange(n_runs), length), n_tuned


def p_of_shifts(periodic):
    """Collect p of silent and tuned voxels over several recordings."""
    silent, tuned = [], []
    for seed in range(10):
        X, Y, runs, n_tuned = same_runs(seed, periodic=periodic)
        null = np.full((N_PERMUTATIONS - 1, Y.shape[1]), np.nan)
        inference.shift_runs(null, X, Y, groups=runs, alpha=10.0, cv=4, random_state=seed)
        scores = ridge.RidgeCV((10.0,), cv=4).fit(X, Y, groups=runs).best_score_
        p = inference.p_values(null, scores)
        tuned.append(p[:n_tuned])
        silent.append(p[n_tuned:])
    return np.concatenate(silent), np.concatenate(tuned)


@pytest.mark.parametrize("periodic", [False, True])
def test_shifts_hold_what_p_promises_when_every_run_shows_the_same(periodic):
    """Of 4,000 silent voxels; .015 are four standard errors, as each 400 share their shifts."""
    silent, tuned = p_of_shifts(periodic)
    assert abs(np.mean(silent <= 0.05) - 0.05) < 0.015
    deciles = np.histogram(silent, np.linspace(0, 1, 11))[0] / len(silent)
    np.testing.assert_allclose(deciles, 0.1, atol=0.03)
    assert np.mean(tuned <= 0.05) > 0.8
