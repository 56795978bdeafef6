"""Masking and cleaning runs: the quick road and nilearn's masker must give the same numbers."""

import itertools
import os
import threading
import tracemalloc
import warnings
from concurrent.futures import ThreadPoolExecutor

import nibabel
import numpy as np
import pytest
from nilearn.image import get_data
from nilearn.maskers import MultiNiftiMasker
from nilearn.masking import apply_mask
from real_layout import AFFINE, GRID, mask_values, write_image

from helpers._engine.validation import ConstantVoxelWarning
from helpers._files import DataError, masking
from helpers._files.images import VOLUMES_AT_ONCE, read_series
from helpers.ridge import RidgeCV

CLEAN = {"detrend": True, "standardize": "zscore_sample"}
BAND = {"high_pass": 0.02, "low_pass": 0.1, "t_r": 2.0}
LENGTHS = (37, 48, 40)
HANG = 600  # seconds: ends what would never end, and says nothing about speed


@pytest.fixture
def files(tmp_path):
    """Write a mask and three runs of different lengths, with drifts and a constant voxel."""
    rng = np.random.default_rng(3)
    runs = []
    for run, n_volumes in enumerate(LENGTHS):
        values = 500 + 20 * rng.standard_normal((*GRID, n_volumes))
        values += np.linspace(0, 30 * (run + 1), n_volumes)
        values[2, 3, 1] = 500
        runs.append(tmp_path / f"run{run}.nii.gz")
        write_image(runs[-1], values.astype("float32"))
    write_image(tmp_path / "mask.nii.gz", mask_values())
    return {"runs": runs, "mask": tmp_path / "mask.nii.gz", "cache": tmp_path / "cache"}


@pytest.fixture
def transformed(monkeypatch):
    """Count the runs that the masker itself masks."""
    calls = []
    inner = MultiNiftiMasker.transform
    monkeypatch.setattr(
        MultiNiftiMasker, "transform", lambda *args: calls.append(1) or inner(*args)
    )
    return calls


def mask_with_helper(files, **options):
    return masking.masked_runs(files["runs"], files["mask"], options, files["cache"]).bold


def mask_with_nilearn(files, **options):
    """Return what nilearn makes of the runs, and 0 in voxels whose raw values never change."""
    masker = MultiNiftiMasker(mask_img=files["mask"], **options).fit()
    expected = np.vstack(masker.transform(files["runs"]))
    if "target_affine" not in options:
        ranges = [np.ptp(apply_mask(run, files["mask"]), axis=0) for run in files["runs"]]
        expected[:, np.min(ranges, axis=0) == 0] = 0
    return expected


def store(path, values, dtype):
    """Write values as a NIfTI file of this type and byte order; nibabel finds scale factors."""
    header = nibabel.Nifti1Header(endianness=">" if np.dtype(dtype).byteorder == ">" else "<")
    header.set_data_dtype(dtype)
    nibabel.Nifti1Image(values, AFFINE, header, dtype=dtype).to_filename(path)


# The same numbers on both roads

TEMPORAL_OPTIONS = {
    "the book's": CLEAN,
    "nothing": {"detrend": False, "standardize": None},
    "only detrended": {"detrend": True, "standardize": None},
    "per cent": {"detrend": True, "standardize": "psc"},
    "per cent, filtered": {"detrend": True, "standardize": "psc", "high_pass": 0.02, "t_r": 2.0},
    "high pass": CLEAN | {"high_pass": 0.02, "t_r": 2.0},
    "band pass": CLEAN | BAND,
    "cosines": CLEAN | {"high_pass": 0.02, "t_r": 2.0, "clean_args": {"filter": "cosine"}},
    "order": CLEAN | BAND | {"clean_args": {"butterworth__order": 2}},
    "raw cosines": {
        "detrend": True,
        "standardize": None,
        "standardize_confounds": False,
        "high_pass": 0.02,
        "t_r": 2.0,
        "clean_args": {"filter": "cosine"},
    },
}


@pytest.mark.parametrize("case", TEMPORAL_OPTIONS)
def test_the_quick_road_equals_the_masker(files, transformed, case):
    options = TEMPORAL_OPTIONS[case]
    got = mask_with_helper(files, **options)
    assert not transformed
    expected = mask_with_nilearn(files, **options)
    assert got.dtype == expected.dtype
    np.testing.assert_allclose(got, expected, rtol=1e-6, atol=1e-6)


def test_every_quick_option_is_tried():
    assert set().union(*TEMPORAL_OPTIONS.values()) == masking.TEMPORAL


@pytest.mark.filterwarnings("ignore:imgs are being resampled")  # As target_affine asks for.
@pytest.mark.parametrize(
    "options",
    [
        {"smoothing_fwhm": 6.0},
        {"target_affine": np.diag([-6.6, 7.2, 6.4])},
        {"high_variance_confounds": True, "smoothing_fwhm": 4.0} | BAND,
    ],
)
def test_other_options_go_through_the_masker(files, transformed, options):
    got = mask_with_helper(files, **CLEAN, **options)
    assert len(transformed) == len(LENGTHS)
    expected = mask_with_nilearn(files, **CLEAN, **options)
    assert got.dtype == expected.dtype
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-5)
    plain = mask_with_helper(files, **CLEAN)
    assert got.shape != plain.shape or not np.allclose(got, plain)


def test_options_that_the_masker_refuses_are_refused(files):
    with pytest.raises(TypeError, match="high_pas"):
        mask_with_helper(files, **CLEAN, high_pas=0.02)
    with pytest.raises(ValueError, match="zscore"):
        mask_with_helper(files, detrend=True, standardize="zscores")


def test_runs_too_short_for_a_filter(files):
    message = r"short\.nii cannot be cleaned .*; expected options .* that fit its 20 volumes"
    files["runs"] = [files["mask"].with_name("short.nii")]
    write_image(files["runs"][0], np.random.default_rng(0).random((*GRID, 20), dtype="float32"))
    with pytest.raises(ValueError, match=message):
        mask_with_helper(files, **CLEAN, **BAND)


def test_a_warning_of_the_masker_is_given_on_the_quick_road(files):
    with pytest.warns(FutureWarning, match="boolean values for 'standardize'"):
        got = mask_with_helper(files, detrend=True, standardize=True)
    np.testing.assert_array_equal(got, mask_with_helper(files, **CLEAN))


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
@pytest.mark.parametrize(
    ("dtype", "scaled"),
    [(dtype, False) for dtype in ("<i2", ">i2", "u1", "<i4", "<i8", "<f4", ">f4", "<f8", ">f8")]
    + [("<i2", True), (">i2", True), ("u1", True)],
)
def test_how_a_file_stores_its_values(files, suffix, dtype, scaled):
    """Integers and floats, both byte orders, with scale factors and without."""
    files["runs"] = [files["mask"].with_name("stored" + suffix)]
    values = np.random.default_rng(5).integers(0, 200, (*GRID, 40)).astype(dtype)
    store(files["runs"][0], (values + 0.25) / 7 if scaled else values, dtype)
    image = nibabel.load(files["runs"][0])
    assert (image.dataobj.slope != 1) == scaled
    assert image.dataobj.dtype == np.dtype(dtype)
    series = read_series(files["runs"][0], mask_values() != 0)
    np.testing.assert_array_equal(series, get_data(image)[mask_values() != 0].T)
    masked = apply_mask(image, files["mask"])
    np.testing.assert_array_equal(series, masked)
    assert series.dtype == masked.dtype
    got, expected = mask_with_helper(files, **CLEAN), mask_with_nilearn(files, **CLEAN)
    assert got.dtype == expected.dtype
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-6)


# Reading


@pytest.mark.parametrize("n_volumes", [1, 15, 16, 17, 32, 33])
@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_every_volume_is_read_once(tmp_path, n_volumes, suffix):
    """Whatever is left over for the last, shorter block."""
    assert VOLUMES_AT_ONCE == 16
    values = np.random.default_rng(1).standard_normal((*GRID, n_volumes), dtype="float32")
    write_image(tmp_path / ("run" + suffix), values)
    series = read_series(tmp_path / ("run" + suffix), mask_values() != 0)
    np.testing.assert_array_equal(series, values[mask_values() != 0].T)


def test_a_compressed_file_is_unpacked_once(tmp_path, monkeypatch):
    """Opening it anew for each block would unpack all blocks before it again."""
    opened = []
    inner = nibabel.openers.Opener.__init__
    monkeypatch.setattr(
        nibabel.openers.Opener,
        "__init__",
        lambda *args, **options: opened.append(1) or inner(*args, **options),
    )
    counts = []
    for n_blocks in (1, 5):
        values = np.zeros((*GRID, n_blocks * VOLUMES_AT_ONCE), dtype="int16")
        write_image(tmp_path / "run.nii.gz", values)
        opened.clear()
        read_series(tmp_path / "run.nii.gz", mask_values() != 0)
        counts.append(len(opened))
    assert 0 < counts[0] == counts[1]


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_a_run_never_fills_memory(tmp_path, suffix):
    """Only a few volumes and the series inside the mask are held at a time."""
    values = np.zeros((20, 20, 20, 20 * VOLUMES_AT_ONCE), dtype="int16")
    inside = np.zeros((20, 20, 20), dtype=bool)
    inside[3, 4, 5] = inside[10:12, 3, 8:10] = True
    write_image(tmp_path / ("run" + suffix), values)
    tracemalloc.start()
    try:
        read_series(tmp_path / ("run" + suffix), inside)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < values.nbytes / 4


@pytest.mark.parametrize("n_volumes", [10, 40])
def test_damaged_runs_are_named(tmp_path, n_volumes):
    """Cut off in one block or in a later one, compressed or not; or missing."""
    inside = mask_values() != 0
    values = np.random.default_rng(1).standard_normal((*GRID, n_volumes), dtype="float32")
    for name in ("cut.nii", "cut.nii.gz"):
        write_image(tmp_path / name, values)
        (tmp_path / name).write_bytes((tmp_path / name).read_bytes()[:-1500])
        message = rf"{name} cannot be read as a NIfTI image \(.+\): check the path, or get"
        with pytest.raises(DataError, match=message):
            read_series(tmp_path / name, inside)
    with pytest.raises(DataError, match=r"There is no file .*gone\.nii: check"):
        read_series(tmp_path / "gone.nii", inside)


# Threads


@pytest.mark.parametrize("readers", [1, 2, 5])
def test_the_number_of_threads_changes_nothing(files, monkeypatch, readers):
    """Runs stay in their order even when the first is read last."""
    inner, last_is_read = masking.read_series, threading.Event()

    def first_is_last(run_file, inside):
        if run_file == files["runs"][0] and readers > 1:
            assert last_is_read.wait(HANG)
        series = inner(run_file, inside)
        if run_file == files["runs"][-1]:
            last_is_read.set()
        return series

    monkeypatch.setattr(masking, "READERS", readers)
    monkeypatch.setattr(masking, "read_series", first_is_last)
    got, expected = mask_with_helper(files, **CLEAN), mask_with_nilearn(files, **CLEAN)
    np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize("step", ["read_series", "clean"])
def test_after_an_error_the_other_runs_are_not_read(files, monkeypatch, step):
    """Whether the reading fails or somebody interrupts the cleaning."""
    read, numbers, called_off = [], itertools.count(), threading.Event()
    inner = masking.read_series

    class Pool(ThreadPoolExecutor):
        def shutdown(self, wait=True, **options):
            super().shutdown(wait=False, **options)
            called_off.set()
            super().shutdown(wait)

    def read_first_only(run_file, inside):
        read.append(number := next(numbers))
        if number > 0:
            assert called_off.wait(HANG)
        return fail() if step == "read_series" else inner(run_file, inside)

    def fail(*args, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(masking, "Threads", Pool)
    monkeypatch.setattr(masking, "clean", fail)
    monkeypatch.setattr(masking, "read_series", read_first_only)
    files |= {"runs": files["runs"][:1] * 40, "cache": None}  # a cache has a pool of its own
    with pytest.raises(KeyboardInterrupt):
        mask_with_helper(files, **CLEAN)
    assert len(read) <= 1 + masking.READERS  # those that were begun before anybody knew


# What is inside the mask must be finite, and the mask's grid counts


@pytest.mark.parametrize("options", [CLEAN, CLEAN | {"smoothing_fwhm": 6.0}])
def test_values_that_are_not_finite(files, options):
    """On both roads: refused inside the mask in the file's name, harmless outside."""
    expected = mask_with_helper(files, **options)
    values = get_data(nibabel.load(files["runs"][1])).copy()
    values[7, 7, 0, 20] = np.nan
    write_image(files["runs"][1], values)
    got = mask_with_helper(files, **options)
    far = np.abs(np.argwhere(mask_values()) - (7, 7, 0)).max(axis=1) > 5
    np.testing.assert_allclose(got[:, far], expected[:, far], atol=1e-3)
    values[3, 3, 2, 40] = np.inf
    write_image(files["runs"][1], values)
    message = r"run1\.nii\.gz has NaN or infinite values inside the mask; expected a number"
    with pytest.raises(ValueError, match=message):
        mask_with_helper(files, **options)


@pytest.mark.parametrize("options", [CLEAN, CLEAN | {"smoothing_fwhm": 6.0}])
def test_headers_that_differ_by_rounding_are_one_grid(files, options):
    """Neither road resamples for it, which would blur."""
    expected = mask_with_helper(files, **options)
    rounded = AFFINE + 0.003 * (np.arange(16).reshape(4, 4) == 3)
    nibabel.save(nibabel.Nifti1Image(mask_values(), rounded), files["mask"])
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        np.testing.assert_array_equal(mask_with_helper(files, **options), expected)
    assert not caught


# Constant voxels, judged on raw values: cleaning leaves rounding noise of them


def with_constants(dtype, n_runs=6, n_volumes=40, seed=1):
    """Make runs in memory, a random constant in half of the voxels, one of them in one run alone.

    Returns the runs, their mask and which voxels are constant in which run.
    """
    rng = np.random.default_rng(seed)
    voxels = np.argwhere(mask_values())
    still = voxels[::2]
    runs, constant = [], np.zeros((n_runs, len(voxels)), dtype=bool)
    constant[:, ::2] = True
    for run in range(n_runs):
        values = (500 + 10 * rng.standard_normal((*GRID, n_volumes))).astype(dtype)
        scale = 10.0 ** rng.uniform(-3, 6, len(still))
        values[tuple(still.T)] = (scale * rng.standard_normal(len(still)))[:, np.newaxis]
        if run == 2:
            values[tuple(voxels[1])] = 123.456
            constant[run, 1] = True
        runs.append(nibabel.Nifti1Image(values, AFFINE))
    return runs, nibabel.Nifti1Image(mask_values(), AFFINE), constant


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "options",
    [
        CLEAN,
        CLEAN | BAND,
        CLEAN | {"high_pass": 0.02, "t_r": 2.0, "clean_args": {"filter": "cosine"}},
        {"detrend": True, "standardize": None},
        {"detrend": False, "standardize": None},
        CLEAN | {"smoothing_fwhm": 6.0},
    ],
)
def test_constant_voxels_are_zero_in_all_runs(options, dtype):
    runs, mask, constant = with_constants(dtype)
    got = masking.masked_runs(runs, mask, options, None)
    np.testing.assert_array_equal(got.constant, constant)
    np.testing.assert_array_equal((got.bold == 0).all(axis=0), constant.any(axis=0))
    assert (got.bold[:, ~constant.any(axis=0)] != 0).all()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_constant_voxels_never_get_a_score(dtype):
    runs, mask, constant = with_constants(dtype)
    got = masking.masked_runs(runs, mask, CLEAN, None)
    groups = np.repeat(np.arange(len(runs)), got.lengths)
    X = np.random.default_rng(0).standard_normal((len(got.bold), 5))
    with pytest.warns(ConstantVoxelWarning, match="29 of 56 voxels are constant"):
        scores = RidgeCV([1.0, 100.0], cv=3).fit(X, got.bold, groups=groups).best_score_
    np.testing.assert_array_equal(np.isnan(scores), constant.any(axis=0))


def test_a_voxel_that_changes_once_is_not_constant(files):
    values = get_data(nibabel.load(files["runs"][0])).copy()
    values[2, 3, 1, 17] = np.nextafter(np.float32(500), np.float32(501))
    write_image(files["runs"][0], values)
    got = masking.masked_runs(files["runs"], files["mask"], CLEAN, None)
    column = np.flatnonzero((np.argwhere(mask_values()) == (2, 3, 1)).all(axis=1))[0]
    assert got.constant[:, column].tolist() == [False, True, True]
    assert got.constant.sum() == 2


@pytest.mark.filterwarnings("ignore:imgs are being resampled")  # As target_affine asks for.
def test_constant_voxels_on_another_grid(files):
    """What lies where nothing varies, or outside the image, is constant there as well."""
    values = get_data(nibabel.load(files["runs"][0])).copy()
    values[:4] = 321.0
    write_image(files["runs"][0], values)
    write_image(files["mask"], np.ones(GRID, dtype="uint8"))
    options = CLEAN | {"target_affine": np.diag([-1.65, 3.6, 6.4])}
    got = masking.masked_runs(files["runs"], files["mask"], options, None)
    masker = MultiNiftiMasker(mask_img=files["mask"], **options).fit()
    first = np.argwhere(get_data(masker.mask_img_))[:, 0]
    assert got.constant[0, first < 6].all()
    assert not got.constant[0, (first > 8) & (first < 14)].any()


def test_each_run_is_an_item_of_its_own(files):
    with pytest.raises(ValueError, match="runs is no option of the masker here"):
        masking.masked_runs(files["runs"], files["mask"], {"runs": [0, 1]}, None)


def test_a_mask_of_one_voxel(files):
    values = np.zeros(GRID, dtype="uint8")
    values[4, 3, 2] = 1
    write_image(files["mask"], values)
    got = mask_with_helper(files, **CLEAN)
    assert got.shape == (sum(LENGTHS), 1)
    np.testing.assert_allclose(got, mask_with_nilearn(files, **CLEAN), atol=1e-6)


def test_real_scanner_data(tmp_path):
    folder = os.environ.get("REAL_BOLD_DIR")
    if not folder:
        pytest.skip("REAL_BOLD_DIR is not set: it names the folder of the small real recording.")
    runs = [nibabel.load(f"{folder}/run-{run}_bold.nii.gz") for run in (1, 2)]
    mask = get_data(nibabel.load(f"{folder}/mask.nii.gz"))
    # The mask's own affine differs by rounding, and nilearn would resample for that.
    nibabel.save(nibabel.Nifti1Image(mask, runs[0].affine), tmp_path / "mask.nii.gz")
    files = {
        "runs": [run.get_filename() for run in runs],
        "mask": tmp_path / "mask.nii.gz",
        "cache": tmp_path / "cache",
    }
    got = mask_with_helper(files, **CLEAN)
    np.testing.assert_allclose(got, mask_with_nilearn(files, **CLEAN), rtol=0, atol=1e-6)
