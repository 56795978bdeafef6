"""The noise ceiling against analysis of variance, simulated trials, and the truth of the twin."""

from types import SimpleNamespace

import nibabel as nib
import numpy as np
import pytest
from scipy.signal import detrend
from scipy.stats import f_oneway
from sklearn.utils import Bunch

from helpers import data
from helpers._twin import responses as simulator
from helpers.data import block_means, clean_like, trials
from helpers.features import haemodynamic_response
from helpers.inference import single_trial_ceiling
from helpers.ridge import ConstantVoxelWarning

REPEATS = (8,) * 5 + (4,) * 10 + (8,) * 5  # of the recording's figures


def simulate(ceiling, repeats=REPEATS, n_voxels=2000, seed=0):
    """Simulate trials of images whose responses make up a given share of the variance."""
    rng = np.random.default_rng(seed)
    image = np.repeat(np.arange(len(repeats)), repeats)
    means = rng.normal(size=len(repeats))
    means = (means - means[image].mean()) / means[image].std()
    signal = np.sqrt(ceiling) * means[image, np.newaxis]
    return signal + np.sqrt(1 - ceiling) * rng.normal(size=(len(image), n_voxels)), image


@pytest.mark.parametrize("repeats", [REPEATS, (2, 2), (1, 1, 1, 5), (3,) * 7])
def test_it_is_the_f_of_an_analysis_of_variance_in_other_words(repeats):
    responses, image = simulate(0.4, repeats, n_voxels=20)
    groups = [responses[image == i] for i in range(len(repeats))]
    F = f_oneway(*groups).statistic
    m, n = len(repeats), sum(repeats)
    expected = (m - 1) * (F - 1) / ((m - 1) * F + n - m)
    np.testing.assert_allclose(single_trial_ceiling(responses, image), expected, rtol=1e-10)


@pytest.mark.parametrize("ceiling", [0, 0.1, 0.3, 0.76])
def test_estimates_are_right_on_average(ceiling):
    responses, image = simulate(ceiling)
    estimates = single_trial_ceiling(responses, image)
    assert abs(estimates.mean() - ceiling) < 0.008
    assert estimates.std() > 0.02  # a single estimate is not exact


def test_units_order_and_names_of_images_do_not_matter():
    responses, image = simulate(0.3, n_voxels=20)
    expected = single_trial_ceiling(responses, image)
    order = np.random.default_rng(1).permutation(len(image))
    names = np.array([f"image {i}" for i in image])
    got = single_trial_ceiling(1e6 - 30 * responses[order], names[order])
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-9)


def record(blocks, seed=0):
    """Make a recording of two voxels from runs of (image, volumes); image None is rest."""
    rng = np.random.default_rng(seed)
    shown = [[image for image, volumes in run for _ in range(volumes)] for run in blocks]
    rows = [[(-1,) * 4 if image is None else image for image in run] for run in shown]
    stimuli = np.vstack(rows).astype(float)
    return SimpleNamespace(
        stimuli=stimuli,
        runs=np.repeat(np.arange(len(blocks)), [len(run) for run in shown]),
        is_on=(stimuli > 0).any(axis=1),
        bold=rng.normal(size=(len(stimuli), 2)).astype(np.float32),
        volumes=np.concatenate([np.arange(len(run)) for run in shown]),
        blocks=None,
        images=None,
    )


def test_a_trial_is_the_mean_of_one_block():
    a, b = (1, 0, 0, 1), (0, 1, 1, 0)
    # Runs of different length; blocks that touch each other, and an end of a run within them.
    first, second = [(None, 2), (a, 3), (None, 1), (b, 2), (a, 2)], [(a, 1), (None, 4), (b, 4)]
    recording = record([first, second])
    got = trials(recording)
    rows = [slice(2, 5), slice(6, 8), slice(8, 10), slice(10, 11), slice(15, 19)]
    expected = [recording.bold[block].mean(axis=0) for block in rows]
    np.testing.assert_allclose(got.responses, expected, rtol=1e-6)
    np.testing.assert_array_equal(got.pixels, [a, b, a, a, b])
    np.testing.assert_array_equal(got.image, [1, 0, 1, 1, 0])
    np.testing.assert_array_equal(got.runs, [0, 0, 0, 1, 1])


def test_a_recording_of_rest_has_no_trials():
    with pytest.raises(ValueError, match=r"None of 5 rows shows an image.*label files"):
        trials(record([[(None, 5)]]))


@pytest.fixture(scope="module")
def twin():
    return data.load("twin")


@pytest.fixture(scope="module")
def figure_trials(twin):
    return trials(data.recording(twin, kind="figure"))


def test_trials_of_the_twin_are_those_of_its_design(figure_trials):
    assert figure_trials.responses.shape == (120, 5438)
    np.testing.assert_array_equal(figure_trials.runs, np.repeat(np.arange(12), 10))
    assert sorted(np.bincount(figure_trials.image)) == sorted(REPEATS)
    same = figure_trials.image[:, np.newaxis] == figure_trials.image
    equal = (figure_trials.pixels[:, np.newaxis] == figure_trials.pixels).all(axis=2)
    np.testing.assert_array_equal(same, equal)


@pytest.fixture(scope="module")
def estimates(figure_trials):
    return single_trial_ceiling(figure_trials.responses, figure_trials.image)


@pytest.fixture(scope="module")
def tested(figure_trials, estimates):
    """Estimates, and 0 where an analysis of variance sees no difference between images."""
    groups = [figure_trials.responses[figure_trials.image == i] for i in range(20)]
    return np.where(f_oneway(*groups).pvalue < 0.05, estimates, 0)


@pytest.mark.parametrize("areas", [["V1d", "V1v"], ["V1v"]])
def test_estimates_meet_the_true_ceiling_of_v1(twin, estimates, tested, areas):
    chosen = np.isin(twin.truth.area, areas)
    true = twin.truth.ceiling_figure[chosen]
    # Voxels share noise, and so luck: a mean over many of them is off by more than one would think.
    assert np.abs(tested[chosen] - true).mean() < 0.06
    assert abs((estimates[chosen] - true).mean()) < 0.03
    for low, high in ((0.2, 0.4), (0.4, 0.6)):
        some = (true > low) & (true < high)
        assert abs((estimates[chosen] - true)[some].mean()) < 0.05


def test_voxels_that_see_no_image_scatter_around_zero(twin, estimates, figure_trials):
    untuned = twin.truth.population != "tuned"
    assert abs(estimates[untuned].mean()) < 0.015
    assert 0.4 < np.mean(estimates[untuned] < 0) < 0.65
    # Without the correction they would seem to have a ceiling.
    responses, image = figure_trials.responses[:, untuned], figure_trials.image
    averages = np.stack([responses[image == i].mean(axis=0) for i in range(20)])
    assert np.median(averages[image].var(axis=0) / responses.var(axis=0)) > 0.1


@pytest.fixture(scope="module")
def perfect(twin):
    """The noise-free responses of the figure runs, for the rows of the recording."""
    response = haemodynamic_response(twin.truth.peak)
    tables = [np.loadtxt(name, delimiter=",") for name in twin.label[:12]]
    return np.vstack([simulator.noise_free_run(t, twin.truth, response)[2:] for t in tables])


def shares(guess, figure_trials, ceiling, where):
    """Median share of the ceiling that a prediction of trials explains, for each place."""
    guess, measured = (v - v.mean(axis=0) for v in (guess, figure_trials.responses))
    seen = ceiling > 0.21  # above what luck reaches once in a thousand
    with np.errstate(invalid="ignore"):  # silent voxels have no response
        r = (guess * measured).sum(axis=0)
        r /= np.sqrt((guess**2).sum(axis=0) * (measured**2).sum(axis=0))
    share = np.sign(r) * r**2 / ceiling
    places = [seen & (where == place) & np.isfinite(share) for place in range(5)]
    assert min(place.sum() for place in places) > 50
    return np.array([np.median(share[place]) for place in places])


def test_a_perfect_model_reaches_its_ceiling_everywhere(twin, estimates, figure_trials, perfect):
    """Over the eccentricities, if predictions are cleaned as responses were, and only then."""
    recording = data.recording(twin, kind="figure")
    where = data.region_labels(twin, recording.masker)[2]
    cleaned = block_means(clean_like(perfect, recording), recording, shift=0)
    reached = shares(cleaned, figure_trials, estimates, where)
    assert np.abs(reached - 1).max() < 0.05
    as_they_are = block_means(perfect, recording, shift=0)
    assert shares(as_they_are, figure_trials, estimates, where).min() < 0.8


def test_predictions_are_cleaned_run_by_run_with_the_options_of_the_recording(
    twin, perfect, tmp_path
):
    recording = data.recording(twin, kind="figure")
    by_run = [detrend(perfect[recording.runs == run][:, :40], axis=0) for run in range(12)]
    np.testing.assert_allclose(
        clean_like(perfect[:, :40], recording), np.vstack(by_run), atol=1e-10
    )
    # As the masker itself cleans, with a filter too: what it makes of the raw responses. The filter
    # takes the voxels one by one, so there are few.
    mask = nib.load(twin.mask)
    few = np.zeros(mask.shape, dtype=np.uint8)
    few[tuple(np.argwhere(mask.get_fdata() > 0)[::100].T)] = 1
    nib.save(nib.Nifti1Image(few, mask.affine), tmp_path / "few.nii.gz")
    dataset = Bunch(**{**twin, "mask": tmp_path / "few.nii.gz"})
    options = {"kind": "figure", "shift": 0, "standardize": None}
    raw = data.recording(dataset, **options, detrend=False).bold
    for more in ({}, {"high_pass": 0.01, "t_r": 2.0}):
        recording = data.recording(dataset, **options, **more)
        np.testing.assert_allclose(clean_like(raw, recording), recording.bold, atol=0.05)


def test_predictions_must_have_the_rows_of_the_recording(twin, perfect):
    recording = data.recording(twin, kind="figure")
    with pytest.raises(ValueError, match=r"120 rows, the recording 1536; .*rest rows among them"):
        clean_like(perfect[:120], recording)
    perfect = perfect[:, :2].copy()
    perfect[5, 1] = np.nan
    with pytest.raises(ValueError, match=r"NaN.*row 5, column 1"):
        clean_like(perfect, recording)


def test_random_runs_have_no_repeats(twin):
    random = trials(data.recording(twin))
    assert len(random.image) == 440
    with pytest.raises(ValueError, match=r"No image is shown twice: 440 trials.*kind=\"figure\""):
        single_trial_ceiling(random.responses, random.image)


def test_constant_voxels_have_no_ceiling():
    responses, image = simulate(0.3, n_voxels=3)
    responses[:, 1] = 0.1
    with pytest.warns(ConstantVoxelWarning, match="1 of 3 voxels .*all trials: columns 1"):
        got = single_trial_ceiling(responses, image)
    np.testing.assert_array_equal(np.isnan(got), [False, True, False])


def test_bad_input_is_refused():
    responses, image = simulate(0.3, n_voxels=2)
    with pytest.raises(ValueError, match=r"image has shape \(119,\).*each of the 120 trials"):
        single_trial_ceiling(responses, image[1:])
    with pytest.raises(ValueError, match=r"All 120 trials show the same image"):
        single_trial_ceiling(responses, np.zeros(120))
    with pytest.raises(ValueError, match="two dimensions"):
        single_trial_ceiling(responses[:, 0], image)
    responses[3, 1] = np.nan
    with pytest.raises(ValueError, match=r"NaN.*row 3, column 1"):
        single_trial_ceiling(responses, image)
