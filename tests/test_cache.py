"""The cache never gives old data, nor another subject's, and the same run twice is no two runs."""

import os
import shutil
import warnings

import nibabel
import numpy as np
import pandas as pd
import pytest
from nilearn.image import get_data
from real_layout import AFFINE, GRID, mask_values

from helpers._files import masking
from helpers._files.images import fingerprint

CLEAN = {"detrend": True, "standardize": "zscore_sample"}
N_VOLUMES = 40


def noise(seed, n_volumes=N_VOLUMES):
    values = 500 + 20 * np.random.default_rng(seed).standard_normal((*GRID, n_volumes))
    return values.astype("float32")


def image_of(values, kind=nibabel.Nifti1Image):
    return kind(values, AFFINE)


@pytest.fixture
def subject(tmp_path):
    """Return a function that writes a subject's folder with two runs and a mask."""

    def write(name, seed, suffix=".nii"):
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        kind = nibabel.Nifti1Pair if suffix == ".hdr" else nibabel.Nifti1Image
        for run in (0, 1):
            image_of(noise(2 * seed + run), kind).to_filename(folder / f"run{run}{suffix}")
        image_of(mask_values()).to_filename(folder / "mask.nii")
        return [folder / f"run{run}{suffix}" for run in (0, 1)], folder / "mask.nii"

    return write


@pytest.fixture
def masked(tmp_path, monkeypatch):
    """Return a function that masks runs, and says whether the cache had them."""
    made = []
    inner = masking.read_series
    monkeypatch.setattr(masking, "read_series", lambda *a, **k: made.append(1) or inner(*a, **k))

    def mask(runs, mask_image, options=CLEAN, **given):
        made.clear()
        got = masking.masked_runs(runs, mask_image, options, tmp_path / "cache", **given)
        expected = masking.masked_runs(runs, mask_image, options, None, **given)
        n_read = len(made)
        for one, other in zip(got, expected, strict=True):
            np.testing.assert_equal(one, other)
        return got, n_read == len(runs)  # without a cache each run was read once

    return mask


def keep_date(path, write):
    """Change a file so that neither its size nor its date tells."""
    before = path.stat()
    write()
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert (path.stat().st_size, path.stat().st_mtime_ns) == (before.st_size, before.st_mtime_ns)


def test_a_second_time_comes_from_the_cache(subject, masked):
    runs, mask = subject("a", 1)
    first, found = masked(runs, mask)
    assert not found
    second, found = masked(runs, mask)
    assert found
    for one, other in zip(first, second, strict=True):
        np.testing.assert_equal(one, other)


def test_a_copy_elsewhere_is_the_same_data(subject, masked, tmp_path):
    """What counts is what files hold: neither their place, their name nor their date."""
    runs, mask = subject("a", 1)
    masked(runs, mask)
    moved = [shutil.copy(run, tmp_path / f"elsewhere{i}.nii") for i, run in enumerate(runs)]
    assert masked(moved, str(mask))[1]
    assert not masked(moved[::-1], str(mask))[1]


@pytest.mark.parametrize("suffix", [".nii", ".hdr", ".nii.gz"])
def test_other_values_in_the_same_place(subject, masked, suffix):
    runs, mask = subject("a", 1, suffix)
    before = masked(runs, mask)[0].bold
    kind = nibabel.Nifti1Pair if suffix == ".hdr" else nibabel.Nifti1Image
    changed = runs[0].with_suffix(".img") if suffix == ".hdr" else runs[0]

    def write():
        image_of(noise(9), kind).to_filename(runs[0])

    if suffix == ".nii.gz":  # its size changes by itself
        write()
    else:
        keep_date(changed, write)
    got, found = masked(runs, mask)
    assert not found
    assert not np.allclose(got.bold, before)


def test_relative_paths_from_two_folders(subject, masked, monkeypatch):
    """The same names in two subjects' folders, of the same sizes and dates."""
    found = []
    for name, seed in (("sub-01", 1), ("sub-02", 2)):
        runs, mask = subject(name, seed)
        for path in (*runs, mask):
            os.utime(path, ns=(10**18, 10**18))
        monkeypatch.chdir(mask.parent)
        got, from_cache = masked(["run0.nii", "run1.nii"], "mask.nii")
        assert not from_cache
        found.append(got.bold)
    assert not np.allclose(*found)


def test_another_mask_with_its_date_kept(subject, masked):
    runs, mask = subject("a", 1)
    first = masked(runs, mask)[0]
    keep_date(mask, lambda: image_of(mask_values()[::-1].copy()).to_filename(mask))
    got, found = masked(runs, mask)
    assert not found
    assert not np.allclose(got.bold, first.bold)


def test_images_in_memory(subject, masked):
    """Their values count, their affine and their header; those of a file that was changed too."""
    images = [image_of(noise(seed)) for seed in (1, 2)]
    mask = image_of(mask_values())
    assert not masked(images, mask)[1]
    assert masked(images, mask)[1]
    assert masked([image_of(noise(seed)) for seed in (1, 2)], image_of(mask_values()))[1]
    get_data(images[0])[2, 3, 1, 5] += 1
    assert not masked(images, mask)[1]
    runs, mask_file = subject("a", 1)
    opened = [nibabel.load(run) for run in runs]
    before = masked(opened, mask_file)[0].bold
    get_data(opened[1])[2, 3, 1, 5] += 100
    got, found = masked(opened, mask_file)
    assert not found
    assert not np.allclose(got.bold, before)


def test_no_cache(subject, tmp_path):
    runs, mask = subject("a", 1)
    before = set(tmp_path.rglob("*"))
    masking.masked_runs(runs, mask, CLEAN, None)
    assert set(tmp_path.rglob("*")) == before


def test_confounds_and_kept_volumes_belong_to_the_key(subject, masked):
    runs, mask = subject("a", 1)
    rng = np.random.default_rng(0)
    one, other = (rng.standard_normal((N_VOLUMES, 2)) for _ in range(2))
    given = [
        {},
        {"confounds": [one, None]},
        {"confounds": [None, one]},
        {"confounds": [other, None]},
        {"sample_mask": [np.arange(3, N_VOLUMES), None]},
        {"sample_mask": [np.arange(4, N_VOLUMES), None]},
        {"sample_mask": [None, np.arange(4, N_VOLUMES)]},
        {"confounds": [one, None], "sample_mask": [None, np.arange(4, N_VOLUMES)]},
    ]
    assert [masked(runs, mask, **arguments)[1] for arguments in given] == [False] * len(given)
    assert [masked(runs, mask, **arguments)[1] for arguments in given] == [True] * len(given)
    frame = pd.DataFrame(one, columns=["x", "y"])
    assert masked(runs, mask, confounds=[frame, None])[1]


def test_a_table_of_confounds_that_was_changed(subject, masked, tmp_path):
    runs, mask = subject("a", 1)
    rng = np.random.default_rng(0)
    table = tmp_path / "confounds.tsv"
    for _ in range(2):
        frame = pd.DataFrame(rng.standard_normal((N_VOLUMES, 2)), columns=["x", "y"])
        frame.to_csv(table, sep="\t", index=False)
        os.utime(table, ns=(10**18, 10**18))
        assert masked(runs, mask, confounds=[table, None])[1] is False


def test_options_belong_to_the_key(subject, masked):
    runs, mask = subject("a", 1)
    assert not masked(runs, mask)[1]
    assert not masked(runs, mask, CLEAN | {"standardize": None})[1]
    assert not masked(runs, mask, CLEAN | {"smoothing_fwhm": 6.0})[1]
    assert masked(runs, mask)[1]


@pytest.mark.parametrize("how", ["cut", "other bytes"])
def test_a_damaged_entry_is_made_anew(subject, masked, tmp_path, how):
    runs, mask = subject("a", 1)
    masked(runs, mask)
    (entry,) = (tmp_path / "cache").rglob("output.pkl")
    content = bytearray(entry.read_bytes())
    content[len(content) // 2] ^= 255
    entry.write_bytes(bytes(content) if how == "other bytes" else content[:-500])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # joblib's own, about an entry it cannot read
        assert not masked(runs, mask)[1]
    assert masked(runs, mask)[1]


def test_fingerprints_of_what_is_no_file():
    values = noise(1)
    prints = [
        fingerprint(image_of(values)),
        fingerprint(image_of(values + 1)),
        fingerprint(nibabel.Nifti1Image(values, 2 * AFFINE)),
        fingerprint(image_of(values.astype("float64"))),
        fingerprint(None),
    ]
    assert len(set(prints)) == len(prints)
    assert fingerprint(image_of(values.copy())) == prints[0]


# The same run twice


def test_a_run_given_twice(subject):
    runs, mask = subject("a", 1)
    message = r"run1\.nii \(run 2\) and .*run1\.nii \(run 3\) hold the same .*give each run once"
    for options in (CLEAN, CLEAN | {"smoothing_fwhm": 6.0}):
        with pytest.raises(ValueError, match=message):
            masking.masked_runs([*runs, runs[1]], mask, options, None)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_copy_under_another_name(subject, tmp_path, dtype):
    """Also saved anew: compressed, as another type, with other values outside the mask."""
    runs, mask = subject("a", 1)
    values = get_data(nibabel.load(runs[0])).astype(dtype)
    values[mask_values() == 0] = 7
    image_of(values).to_filename(tmp_path / "copy.nii.gz")
    with pytest.raises(
        ValueError, match=r"run0\.nii \(run 1\) and .*copy\.nii\.gz \(run 3\) hold the same"
    ):
        masking.masked_runs([*runs, tmp_path / "copy.nii.gz"], mask, CLEAN, None)
    in_memory = [image_of(noise(5)), image_of(values.astype("float32")), runs[0]]
    with pytest.raises(
        ValueError, match=r"The Nifti1Image in memory \(run 2\) and .*run0\.nii \(run 3\) hold"
    ):
        masking.masked_runs(in_memory, mask, CLEAN, None)


def test_two_parts_of_one_run_are_two_runs(subject):
    """As long as no volume is in both."""
    runs, mask = subject("a", 1)
    halves = [np.arange(20), np.arange(20, 40)]
    got = masking.masked_runs([runs[0]] * 2, mask, CLEAN, None, sample_mask=halves)
    assert got.lengths.tolist() == [20, 20]
    halves[1] = np.arange(19, 40)
    with pytest.raises(ValueError, match="hold the same measurements"):
        masking.masked_runs([runs[0]] * 2, mask, CLEAN, None, sample_mask=halves)


def test_runs_that_answer_alike_are_two_runs(subject, tmp_path):
    """The same stimuli, and so nearly the same responses."""
    runs, mask = subject("a", 1)
    values = get_data(nibabel.load(runs[0])).copy()
    values[2, 3, 1, 5] += 0.01
    image_of(values).to_filename(tmp_path / "again.nii")
    assert masking.masked_runs([*runs, tmp_path / "again.nii"], mask, CLEAN, None).lengths.sum()
