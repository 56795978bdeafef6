"""The simulated twin, file by file, against the facts of the real recording."""

import gzip
import hashlib
import shutil
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from nilearn import datasets as nilearn_datasets
from nilearn.datasets.func import miyawaki2008_file_mask
from nilearn.image import get_data
from scipy.signal import detrend, lfilter
from scipy.stats import gamma, norm

from helpers import data
from helpers._twin import brain, files, responses, stimuli
from helpers._twin.ceiling import Ceilings
from helpers.features import haemodynamic_response
from helpers.twin import make_twin

MARKED = {1780: (30, 10, 10), 1935: (31, 9, 10), 1951: (31, 10, 10), 2131: (32, 10, 10)}


@pytest.fixture(scope="module")
def dataset():
    return data.load("twin")


@pytest.fixture(scope="module")
def folder(dataset):
    return data.data_folder() / "twin"


@pytest.fixture(scope="module")
def mask(dataset):
    return get_data(nib.load(dataset.mask)).astype(bool)


@pytest.fixture(scope="module")
def labels(dataset):
    return [np.loadtxt(path, dtype=int, delimiter=",") for path in dataset.label]


def test_nilearns_fetcher_finds_every_file_and_downloads_nothing(folder, dataset, monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("nilearn asked the network")

    monkeypatch.setattr("requests.Session.send", refuse)
    monkeypatch.setenv("NILEARN_DATA", str(folder))
    fetched = nilearn_datasets.fetch_miyawaki2008(verbose=0)
    assert fetched.func == dataset.func
    assert len(fetched.func) == len(fetched.label) == 32
    assert len(fetched.mask_roi) == 38


def test_the_fetcher_would_download_for_a_missing_file(folder, tmp_path, monkeypatch):
    """The check above can fail: one file less, and the fetcher asks the network."""
    shutil.copytree(
        folder / "miyawaki2008",
        tmp_path / "miyawaki2008",
        ignore=shutil.ignore_patterns("bg.nii.gz"),
    )
    asked = []

    def refuse(session, request, **kwargs):
        asked.append(request.url)
        raise OSError("no network")

    monkeypatch.setattr("requests.Session.send", refuse)
    with pytest.raises(OSError):
        nilearn_datasets.fetch_miyawaki2008(data_dir=str(tmp_path), verbose=0)
    assert "nitrc" in asked[0]


def test_runs_have_the_real_shapes(dataset, mask):
    for path, volumes in zip(dataset.func, 12 * [130] + 20 * [145], strict=True):
        image = nib.load(path)
        assert image.shape == (64, 64, 30, volumes)
        assert image.get_data_dtype() == np.int16
        assert image.header.get_zooms() == pytest.approx((3.3, 3.6, 6.4, 2.0))
    run = get_data(nib.load(dataset.func[0]))
    assert not run[~mask].any()
    assert run[mask].min() > 500


@pytest.mark.parametrize("slices", [slice(4, 20), slice(0, 30), slice(7, 8), slice(29, 30)])
def test_a_run_is_the_file_that_nibabel_would_write(tmp_path, slices):
    rng = np.random.default_rng(0)
    mask = np.zeros(brain.SHAPE, dtype=bool)
    mask[10:50, 5:30, slices] = rng.random(mask[10:50, 5:30, slices].shape) < 0.3
    bold = rng.normal(1000, 50, (5, mask.sum()))
    files._write_bold(tmp_path / "run", mask, bold)
    run = np.zeros((*mask.shape, 5), dtype=np.int16)
    run[mask] = np.rint(bold).T
    image = nib.Nifti1Image(run, brain.AFFINE)
    image.header.set_zooms((*image.header.get_zooms()[:3], 2.0))
    image.header.set_xyzt_units("mm", "sec")
    image.header["descrip"] = files.MARK
    written = gzip.decompress((tmp_path / "run.nii.gz").read_bytes())
    assert written == image.to_bytes()


def test_affine_puts_the_marked_slice_at_minus_8_mm_in_the_right_hemisphere(dataset):
    for path in (dataset.func[0], dataset.mask, dataset.background, *dataset.mask_roi[:2]):
        image = nib.load(path)
        assert np.abs(np.diag(image.affine)[:3]) == pytest.approx([3.3, 3.6, 6.4])
        for i in (30, 31, 32):
            x, _, z, _ = image.affine @ [i, 10, 10, 1]
            assert z == pytest.approx(-8)
            assert x > 0  # nilearn's x points to the right
    assert nib.load(dataset.background).shape == (64, 64, 30)
    assert nib.load(dataset.background).get_data_dtype() == np.float32


def test_mask_holds_5438_voxels_with_the_marked_ones_at_their_columns(dataset, mask):
    assert nib.load(dataset.mask).get_data_dtype() == np.uint8
    voxels = np.argwhere(mask)
    assert len(voxels) == 5438
    assert {column: tuple(voxels[column].tolist()) for column in MARKED} == MARKED


def test_areas_and_eccentricity_bins_each_tile_the_mask(dataset, mask):
    names = [path.split("mask")[-1][1:] for path in dataset.mask_roi]
    assert names == miyawaki2008_file_mask()[1:]
    areas, bins = np.zeros(mask.shape, dtype=int), np.zeros(mask.shape, dtype=int)
    for name, path in zip(names, dataset.mask_roi, strict=True):
        image = nib.load(path)
        assert image.get_data_dtype() == np.uint8
        region = get_data(image)
        assert region.sum() > 20, name
        (bins if "lag" in name else areas)[:] += region
    np.testing.assert_array_equal(areas, mask)
    np.testing.assert_array_equal(bins, mask)


def test_label_files_have_the_real_codes_and_rest_pattern(labels):
    for rows, blocks, volumes in [(r, 10, 6) for r in labels[:12]] + [
        (r, 22, 3) for r in labels[12:]
    ]:
        pattern = 10 * [False]
        for _ in range(blocks):
            pattern += volumes * [True] + volumes * [False]
        pattern = pattern[: len(pattern) - volumes] + 6 * [False]
        rest = (rows == -1).all(axis=1)
        assert (~rest).tolist() == pattern
        assert set(np.unique(rows[~rest])) == {0, 1}
        onsets = np.flatnonzero(np.diff(rest.astype(int)) == -1) + 1
        for onset in onsets:
            assert (rows[onset : onset + volumes] == rows[onset]).all()
    stacked = np.vstack([rows[:-2] for rows in labels[12:]])
    assert stacked.shape == (2860, 100)
    assert (stacked == -1).all(axis=1).mean() == pytest.approx(0.54, abs=0.005)


def test_label_files_are_whole_numbers_separated_by_commas(dataset):
    content = Path(dataset.label[0]).read_bytes()
    first, last = content.split(b"\n")[0], content[-4:]
    assert first == b",".join([b"-1"] * 100)
    assert last == b",-1\n"
    assert b"\r" not in content and b"." not in content


def test_random_images_are_all_different_and_half_lit(labels):
    images = np.vstack([np.unique(rows[rows[:, 0] != -1], axis=0) for rows in labels[12:]])
    assert len(np.unique(images, axis=0)) == 440
    assert images.mean() == pytest.approx(0.5, abs=0.01)
    assert np.abs(images.mean(axis=0) - 0.5).max() < 0.12


def test_twenty_figures_are_repeated_as_often_as_the_real_ones(labels):
    seen = []
    for runs, repeats in [(range(4), 8), (range(4, 6), 4), (range(6, 8), 4), (range(8, 12), 8)]:
        onsets = np.vstack([labels[run][10::12][:10] for run in runs])
        images, counts = np.unique(onsets, axis=0, return_counts=True)
        assert len(images) == 5
        assert set(counts.tolist()) == {repeats}
        seen.append(images)
    assert len(np.unique(np.vstack(seen), axis=0)) == 20


def test_pixels_stand_in_fortran_order(labels):
    """The letter u is open at the top and closed at the bottom only when read column-wise."""
    thin_u = stimuli.letters(5, 5, 1)[2]
    rows = labels[8][10::12][:10]
    read = rows.reshape(-1, 10, 10).transpose(0, 2, 1)
    assert any((image == thin_u).all() for image in read)
    assert not any((image == thin_u).all() for image in rows.reshape(-1, 10, 10))


def test_truth_fits_the_retinotopy(dataset, mask):
    truth = dataset.truth
    # The patch that is bent around the marked voxels may carry a few over a meridian.
    left_field = truth.centre[:, 1] < 4.5
    assert (left_field == (truth.hemisphere == "RH")).mean() > 0.99
    x = (np.argwhere(mask) @ brain.AFFINE[:3, :3].T + brain.AFFINE[:3, 3])[:, 0]
    np.testing.assert_array_equal(x > 0, truth.hemisphere == "RH")
    dorsal = np.isin(truth.area, ["V1d", "V2d", "V3", "V3A"])
    assert ((truth.centre[:, 0] > 4.5) == dorsal).mean() > 0.99
    distance = 1.15 * np.linalg.norm(truth.centre - 4.5, axis=1)
    np.testing.assert_allclose(truth.eccentricity, distance)


def test_fields_grow_with_eccentricity_and_from_v1_to_v4(dataset):
    truth = dataset.truth
    near, far = truth.eccentricity < 2, (truth.eccentricity > 4) & (truth.eccentricity < 6)
    medians = []
    for area in ("V1", "V2", "V3", "V4"):
        here = np.char.startswith(truth.area, area)
        assert np.median(truth.size[here & far]) > np.median(truth.size[here & near])
        medians.append(np.median(truth.size[here & near]))
    assert medians == sorted(medians)


def test_neighbours_in_cortex_are_neighbours_in_the_field(dataset, mask):
    truth = dataset.truth
    column = np.full(mask.shape, -1)
    column[mask] = np.arange(5438)
    one, other = column[:-1][mask[:-1] & mask[1:]], column[1:][mask[:-1] & mask[1:]]
    same_area = truth.area[one] == truth.area[other]
    near = truth.eccentricity[one] < 6
    pairs = same_area & near & (truth.hemisphere[one] == truth.hemisphere[other])
    step = np.linalg.norm(truth.centre[one] - truth.centre[other], axis=1)[pairs]
    anywhere = np.linalg.norm(truth.centre[one] - truth.centre[other[::-1]], axis=1)[pairs]
    assert np.median(step) < 0.5
    assert np.median(anywhere) > 2


def test_areas_do_not_hang_on_the_last_digit(mask, monkeypatch):
    """Mirror voxels tie; another machine's arctan2 must not deal them to other areas."""
    voxels = np.argwhere(mask)
    area, angle, _ = brain.cortical_sectors(voxels)
    exact = np.arctan2
    rng = np.random.default_rng(0)

    def one_digit_off(y, x):
        angles = exact(y, x)
        return np.nextafter(angles, angles + rng.choice([-1, 1], len(angles)))

    monkeypatch.setattr(brain.np, "arctan2", one_digit_off)
    area_there, angle_there, _ = brain.cortical_sectors(voxels)
    np.testing.assert_array_equal(area, area_there)
    np.testing.assert_allclose(angle, angle_there, atol=1e-5)


def test_weights_are_gaussians_of_the_stated_centre_and_size(dataset):
    truth = dataset.truth
    tuned = truth.population == "tuned"
    np.testing.assert_array_equal(truth.weights.any(axis=1), tuned)
    inside = tuned & (np.abs(truth.centre - 4.5).max(axis=1) < 2) & (truth.size < 1)
    rows, columns = np.divmod(np.arange(100), 10)
    for voxel in np.flatnonzero(tuned):
        bell = norm.pdf(rows, truth.centre[voxel, 0], truth.size[voxel])
        bell *= norm.pdf(columns, truth.centre[voxel, 1], truth.size[voxel])
        gain = truth.weights[voxel].max() / bell.max()
        np.testing.assert_allclose(truth.weights[voxel], gain * bell, rtol=1e-6, atol=1e-12)
    weights = truth.weights[inside] / truth.weights[inside].sum(axis=1, keepdims=True)
    centre = np.column_stack([weights @ rows, weights @ columns])
    assert np.abs(centre - truth.centre[inside]).max() < 0.1
    spread = np.sqrt((weights @ rows**2 - centre[:, 0] ** 2).clip(0))
    assert np.abs(spread - truth.size[inside]).max() < 0.12


def test_response_is_a_double_gamma_with_its_peak_where_stated():
    peaks = np.array([4.0, 5.0, 6.0])
    response = haemodynamic_response(peaks)
    np.testing.assert_allclose(response.sum(axis=0), 1)
    assert (2 * response.argmax(axis=0)).tolist() == [4, 6, 6]  # of volumes 2 s apart
    assert (response[7:10] < 0).all()  # the undershoot
    at_once = gamma.cdf(1, 6) - gamma.cdf(1, 16) / 6  # mid-volume is 1 s after the start
    later = gamma.cdf(5, 6) - gamma.cdf(3, 6) - (gamma.cdf(5, 16) - gamma.cdf(3, 16)) / 6
    assert response[2, 1] / response[0, 1] == pytest.approx(later / at_once, rel=0.05)


def test_response_is_made_of_the_densities_of_scipy():
    steps = np.arange(0.05, 27, 0.1)  # the centres of tenths of seconds, as for volumes of 2 s
    density = gamma.pdf(steps, 5.9) - gamma.pdf(steps, 15.9) / 6
    volume = np.floor((steps + 1) / 2).astype(int)
    expected = [density[volume == lag].sum() for lag in range(14)]
    response = haemodynamic_response(4.9)
    np.testing.assert_allclose(response, expected / np.sum(expected), rtol=1e-12)


def test_noise_free_run_is_the_convolution_of_its_drive(dataset):
    rng = np.random.default_rng(0)
    rows = stimuli.label_rows(rng.integers(0, 2, (4, 10, 10)), 3)
    weights = rng.random((2, 100))
    voxels = responses.Voxels(None, weights, np.array([0.5, 0.0]), None, None, None, np.ones(2))
    response = rng.random((14, 2))
    signal = responses.noise_free_run(rows, voxels, response)
    drive = np.zeros((len(rows), 2))
    for volume, row in enumerate(rows):
        if row[0] != -1:
            image = row.reshape(10, 10, order="F")
            drive[volume] = [(w.reshape(10, 10) * image).sum() for w in weights]
            drive[volume] += [0.5, 0.0]
    for voxel in range(2):
        expected = np.convolve(drive[:, voxel], response[:, voxel])[: len(rows)]
        np.testing.assert_allclose(signal[:, voxel], expected)


def test_noise_is_what_scipy_filters():
    noise = responses.autoregressive_noise(50, 7, 0.4, np.random.default_rng(3))
    shocks = np.random.default_rng(3).standard_normal((50, 7))
    shocks[1:] *= np.sqrt(1 - 0.4**2)
    np.testing.assert_array_equal(noise, lfilter([1], [1, -0.4], shocks, axis=0))


def test_noise_is_autocorrelated_and_drifts():
    noise = responses.autoregressive_noise(4000, 3, 0.4, np.random.default_rng(0))
    assert noise.std() == pytest.approx(1, abs=0.03)
    lagged = [np.corrcoef(series[1:], series[:-1])[0, 1] for series in noise.T]
    assert np.mean(lagged) == pytest.approx(0.4, abs=0.03)
    assert noise[0].std() < 3  # it starts in its stationary state


def test_an_exponent_compresses_what_a_field_sums():
    """Half of the light gives .5 ** .7 of the response to all of it, by a plain calculation."""
    half = np.repeat([0, 1], 50).reshape(1, 10, 10)
    rows = stimuli.label_rows(np.concatenate([half, np.ones((1, 10, 10), int)]), 3)
    voxels = responses.Voxels(
        None, np.full((1, 100), 0.02), np.zeros(1), None, None, None, np.array([0.7])
    )
    signal = responses.noise_free_run(rows, voxels, np.ones((1, 1)))[:, 0]
    levels = np.unique(signal.round(9))
    assert levels == pytest.approx([0, 2 * 0.5**0.7, 2])


def test_integrated_pixels_hold_what_the_field_holds():
    centre, size = np.array([[4.2, 4.7], [0.3, 5.1]]), np.array([0.3, 2.0])
    weights = responses.integrate_gaussians(centre, size)
    for field, (row, column), sd in zip(weights.reshape(-1, 10, 10), centre, size, strict=True):
        for r, c in ((4, 5), (0, 5), (9, 9)):
            inside = np.diff(norm.cdf([r - 0.5, r + 0.5], row, sd))[0]
            inside *= np.diff(norm.cdf([c - 0.5, c + 0.5], column, sd))[0]
            assert field[r, c] == pytest.approx(inside, abs=1e-12)
    assert weights[0].sum() == pytest.approx(1)


def test_neighbours_share_noise_as_far_as_they_are_told():
    """A Gaussian of standard deviation s correlates noise at distance d by exp(-d^2 / 4 s^2)."""
    grid = np.argwhere(np.ones((9, 9, 9))) * 1.0
    mixing = responses.mix_neighbours(grid, fwhm=3.0)
    shared = (mixing @ mixing.T).toarray()
    np.testing.assert_allclose(np.diag(shared), 1)
    middle = np.flatnonzero((grid == 4).all(axis=1))[0]
    d = np.linalg.norm(grid - grid[middle], axis=1)
    expected = np.exp(-(d**2) / (4 * (3.0 / 2.3548) ** 2))
    np.testing.assert_allclose(shared[middle][d < 2.5], expected[d < 2.5], atol=0.02)
    apart = responses.mix_neighbours(grid, fwhm=0)
    assert (apart.toarray() == np.eye(len(grid))).all()


def test_noise_is_alike_in_regions_and_in_all_voxels_as_told(mask):
    places = brain.positions(np.argwhere(mask))[::10]
    physiology = responses.Physiology(noise_sd=0.0, regional=1.0, shared=0.0)
    sharing = responses.draw_sharing(places, physiology, np.random.default_rng(2))
    voxels = responses.Voxels(*([None] * 5), np.zeros(len(places)), None)
    noise = responses.noise_run(4000, voxels, sharing, np.random.default_rng(3))
    slow = np.vander(np.linspace(-1, 1, 4000), 12)
    noise = noise - slow @ np.linalg.lstsq(slow, noise, rcond=None)[0]
    found = np.corrcoef(noise.T)
    d = np.linalg.norm(places[:, np.newaxis] - places, axis=2)
    expected = np.exp(-(d**2) / (4 * (30 / 2.3548) ** 2))
    assert np.abs(found - expected).max() < 0.25  # a lattice is a little coarse
    assert np.abs(found - expected).mean() < 0.05
    only_shared = responses.Physiology(noise_sd=0.0, regional=0.0, shared=1.0)
    sharing = responses.draw_sharing(places, only_shared, np.random.default_rng(2))
    assert sharing.shared.min() > 0.29
    assert sharing.shared.max() <= 1
    assert not sharing.regional.any()


def test_each_variant_changes_what_its_name_says(mask):
    place = brain.retinotopy(np.argwhere(mask))
    drawn = {
        name: responses.draw_voxels(place, np.random.default_rng(1), physiology)
        for name, physiology in responses.VARIANTS.items()
    }
    default = drawn["default"]
    peaks = [np.median(drawn[name].peak) for name in ("default", "peak 4.2 s")]
    assert peaks == pytest.approx([4.9, 4.2], abs=0.05)
    assert not drawn["no on/off response"].on_gain.any()
    np.testing.assert_allclose(drawn["double on/off response"].on_gain, 2 * default.on_gain)
    assert set(drawn["compressive summation"].exponent) == {0.7}
    seen = place.eccentricity < 3
    for area in np.unique(place.area):
        here = seen & (place.area == area)
        found = np.mean(drawn["60 % tuned everywhere"].population[here] == "tuned")
        assert found == pytest.approx(0.6, abs=0.12)
    several = {"independent noise", "noise alike over 6.6 mm", "noise alike over 9.4 mm"}
    for name, physiology in responses.VARIANTS.items():
        usual = vars(responses.VARIANTS["default"])
        changed = [field for field, value in vars(physiology).items() if value != usual[field]]
        assert len(changed) == (0 if name == "default" else 4 if name in several else 1), name


def test_ceilings_follow_their_definitions():
    """Against a slow, plain calculation, and against the truth for pure signal and pure noise."""
    rng = np.random.default_rng(1)
    rows = stimuli.label_rows(np.tile(rng.integers(0, 2, (5, 10, 10)), (2, 1, 1)), 6)
    signal = np.zeros((130, 3))
    values = rng.standard_normal(5)
    for block in range(10):
        signal[12 + 12 * block : 18 + 12 * block, :2] = values[block % 5]
    noise = rng.standard_normal((130, 3)) * [0, 1, 1]
    ceilings = Ceilings()
    for _ in range(2):
        ceilings.add_figure(rows, signal, signal + noise)
        ceilings.add_random(signal, signal + noise)
    pure, mixed, silent = ceilings.figure()
    assert pure > 0.95  # the straight line takes a little
    assert silent == 0
    measured = detrend(signal + noise, axis=0)[:, 1]
    clean = detrend(signal, axis=0)[:, 1]
    trials = np.array([measured[12 + 12 * b : 18 + 12 * b].mean() for b in range(10)])
    means = np.array([clean[12 + 12 * b : 18 + 12 * b].mean() for b in range(10)])
    images = (means[:5] + means[5:]) / 2
    assert mixed == pytest.approx(images.var() / trials.var())
    share = clean.var() / (clean.var() + (measured - clean).var())
    assert ceilings.random() == pytest.approx([1, share, 0])


@pytest.mark.slow
def test_the_same_seed_gives_the_same_files(dataset, folder, tmp_path):
    """Byte for byte on one machine; the fingerprint holds over machines."""
    again = make_twin(tmp_path / "again")
    for path in sorted((folder / "miyawaki2008").rglob("*.nii.gz")):
        copy = again / path.relative_to(folder)
        np.testing.assert_array_equal(get_data(nib.load(path)), get_data(nib.load(copy)))
    with np.load(folder / "truth.npz") as one, np.load(again / "truth.npz") as other:
        for name in one:
            if np.issubdtype(one[name].dtype, np.floating):  # the last digit hangs on the threads
                np.testing.assert_allclose(one[name], other[name], rtol=1e-12, atol=1e-15)
            else:
                np.testing.assert_array_equal(one[name], other[name])
    used = sum(path.stat().st_size for path in again.rglob("*") if path.is_file())
    assert used < 60e6


def fingerprint(dataset, mask):
    parts = [mask, *(np.loadtxt(path, dtype=int, delimiter=",") for path in dataset.label)]
    parts.append(get_data(nib.load(dataset.func[31]))[mask])
    truth = dataset.truth
    parts += [np.char.encode(truth.population), np.char.encode(truth.area)]
    parts += [np.round(values, 3) + 0.0 for values in (truth.centre, truth.size, truth.weights)]
    digest = hashlib.sha256()
    for part in parts:
        digest.update(np.ascontiguousarray(part).tobytes())
    return digest.hexdigest()[:16]


def test_fingerprint(dataset, mask):
    assert fingerprint(dataset, mask) == "f48560ecefaef336"


def test_another_seed_gives_other_images_and_other_voxels():
    one, other = (stimuli.all_labels(np.random.default_rng(seed)) for seed in (1, 2))
    assert any((a != b).any() for a, b in zip(one, other, strict=True))
    assert (one[20] != other[20]).any()
