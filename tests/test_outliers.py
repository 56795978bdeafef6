"""Volumes that stand out: those that were planted are found, and no others."""

import os

import numpy as np
import pytest
from nilearn.image import get_data

from helpers import data
from helpers._engine.outliers import outlying_volumes
from helpers._files.images import open_image, read_series

N_VOLUMES, N_VOXELS = 145, 400


@pytest.fixture
def series():
    """Make a run with drift, slow noise and noise that all voxels share, mean 500 and sd 12."""
    rng = np.random.default_rng(4)
    noise = rng.standard_normal((N_VOLUMES + 1, N_VOXELS))
    noise = 10 * (noise[1:] + 0.5 * noise[:-1]) + 5 * rng.standard_normal((N_VOLUMES, 1))
    return (500 + np.linspace(0, 20, N_VOLUMES)[:, np.newaxis] + noise).astype("float32")


def test_nothing_stands_out_in_noise(series):
    assert outlying_volumes(series).tolist() == []


@pytest.mark.parametrize("at", [0, 1, 60, N_VOLUMES - 1])
def test_a_volume_of_zeros(series, at):
    """Also in a run whose mean was taken out, where 0 is no unusual level."""
    series[at] = 0
    assert outlying_volumes(series).tolist() == [at]
    centred = series - 500
    centred[at] = 0
    assert outlying_volumes(centred).tolist() == [at]


@pytest.mark.parametrize(
    "gains", [(2.0, 1.7, 1.5, 1.3), (1.3, 1.3, 1.3, 1.3), (2.0, 1.3, 1.15, 1.12), (1.3,)]
)
def test_volumes_before_the_steady_state(series, gains):
    series[: len(gains)] *= np.array(gains, dtype="float32")[:, np.newaxis]
    assert outlying_volumes(series).tolist() == list(range(len(gains)))


@pytest.mark.parametrize("gain", [0.8, 1.2])
def test_a_few_volumes_at_another_level(series, gain):
    """All of them, also those that are like the volume before, and not the return."""
    series[60:64] *= np.float32(gain)
    assert outlying_volumes(series).tolist() == [60, 61, 62, 63]


@pytest.mark.parametrize("at", [0, 60, 61, N_VOLUMES - 1])
def test_a_spike_that_leaves_the_mean_alone(series, at):
    """Half of the voxels go up and half go down."""
    series[at] += 60 * (-1) ** np.arange(N_VOXELS)
    assert outlying_volumes(series).tolist() == [at]


def test_two_spikes_side_by_side(series):
    series[60] += 60 * (-1) ** np.arange(N_VOXELS)
    series[61] += 60 * (-1) ** (np.arange(N_VOXELS) // 2)
    assert outlying_volumes(series).tolist() == [60, 61]


def test_a_step_that_lasts_is_its_first_volume(series):
    series[60:] += 60 * (-1) ** np.arange(N_VOXELS)
    assert outlying_volumes(series).tolist() == [60]


def test_spikes_in_a_few_runs_of_noise():
    """How often noise alone has a volume that stands out: seldom, whatever the size of the mask."""
    rng = np.random.default_rng(0)
    found = [
        len(outlying_volumes(rng.standard_normal((N_VOLUMES, n)))) > 0
        for n in (1, 2, 5, 20, 100, 1000)
        for _ in range(30)
    ]
    assert np.mean(found) < 0.1


def test_responses_do_not_stand_out():
    """Half of the voxels answer rare images strongly, by four standard deviations of the noise."""
    rng = np.random.default_rng(2)
    values = 500 + 10 * rng.standard_normal((N_VOLUMES, N_VOXELS))
    answer = np.convolve(np.arange(N_VOLUMES) % 24 == 5, [0, 0.5, 1, 1, 0.5, 0])[:N_VOLUMES]
    values[:, ::2] += 40 * answer[:, np.newaxis]
    assert outlying_volumes(values).tolist() == []


def test_runs_that_say_nothing():
    assert outlying_volumes(np.zeros((20, 5))).tolist() == []
    for n_volumes in range(1, 8):
        assert outlying_volumes(np.eye(n_volumes, 5) * 1e6).tolist() == []


def test_noise_that_all_voxels_share_does_not_stand_out():
    """Breathing and the like, as large as the noise of single voxels, in each alike or not."""
    rng = np.random.default_rng(6)
    gain = rng.uniform(0.5, 1.5, N_VOXELS)
    for shared in (np.ones(N_VOXELS), gain):
        for _ in range(20):
            noise = rng.standard_normal((N_VOLUMES, N_VOXELS))
            noise += rng.standard_normal((N_VOLUMES, 1)) * shared
            assert outlying_volumes(500 + 5 * noise).tolist() == []


def test_the_twin_has_no_bad_volume():
    dataset = data.load("twin")
    inside = get_data(open_image(dataset.mask)) != 0
    found = [outlying_volumes(read_series(run, inside)) for run in dataset.func]
    assert len(found) == 32
    assert not any(map(len, found))


def test_real_runs_have_no_bad_volume():
    folder = os.environ.get("REAL_BOLD_DIR")
    if not folder:
        pytest.skip("REAL_BOLD_DIR is not set: it names the folder of the small real recording.")
    inside = get_data(open_image(f"{folder}/mask.nii.gz")) != 0
    for run in (1, 2):
        series = read_series(f"{folder}/run-{run}_bold.nii.gz", inside)
        assert outlying_volumes(series).tolist() == []
        series[90] = 0
        assert outlying_volumes(series).tolist() == [90]
