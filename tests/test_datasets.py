"""Loading: from files to stacked arrays, and what is said when files are wrong."""

import dataclasses
import os
import re
import shutil
from pathlib import Path

import nibabel
import numpy as np
import pytest
from nilearn.datasets import fetch_miyawaki2008
from nilearn.image import get_data
from nilearn.maskers import MultiNiftiMasker
from real_layout import (
    AFFINE,
    GRID,
    mask_values,
    write_image,
    write_labels,
    write_layout,
)

from helpers import data
from helpers._engine.validation import ConstantVoxelWarning
from helpers._files import DataError, masking
from helpers._files.stimuli import read_stimuli
from helpers.data import region_labels
from helpers.ridge import RidgeCV

SHARED_HOME = os.environ.get("BOOK_DATA_DIR", "")  # where the twin is, before tests move it


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """Let every test have a data folder of its own, and no settings of the machine's."""
    for name in ("BOOK_DATA", "NILEARN_DATA", "NILEARN_SHARED_DATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("BOOK_DATA_DIR", str(tmp_path / "data"))
    return tmp_path / "data"


@pytest.fixture(scope="module")
def layout(tmp_path_factory):
    """Write the small recording once; tests that change files copy it."""
    return write_layout(tmp_path_factory.mktemp("layout"))


@pytest.fixture
def miyawaki(layout, tmp_path):
    """Return the small recording as `load` would, in files that the test may change."""
    shutil.copytree(layout, tmp_path / "copy" / "miyawaki2008")
    dataset = fetch_miyawaki2008(data_dir=str(tmp_path / "copy"), verbose=0)
    dataset.update(source="real", truth=None)
    return dataset


@pytest.fixture
def own_files(tmp_path):
    """Write two runs as a reader may have them: other length each, images in steps of grey."""
    rng = np.random.default_rng(7)
    folder = tmp_path / "own"
    for run, n_volumes in enumerate((15, 11)):
        values = 50 + rng.standard_normal((*GRID, n_volumes), dtype="float32")
        write_image(folder / f"run{run}.nii", values)
        images = rng.random((n_volumes, 100)) * (rng.random((n_volumes, 1)) > 0.3)
        np.savetxt(folder / f"run{run}.csv", images, fmt="%.4f", delimiter=",")
    write_image(folder / "mask.nii.gz", mask_values())
    return {
        "func": [folder / "run0.nii", folder / "run1.nii"],
        "label": [folder / "run0.csv", folder / "run1.csv"],
        "mask": folder / "mask.nii.gz",
    }


def all_runs(files):
    """Load a reader's own files and stack them."""
    return data.recording(data.from_files(**files), kind="all")


# Stimulus tables


def write_table(path, rows):
    """Write rows of numbers as they are."""
    path.write_text("\n".join(",".join(map(str, row)) for row in rows), encoding="utf-8")
    return path


def test_pixels_come_in_c_order(tmp_path):
    """A lit pixel at row 2, column 7 stands in column 72 of the file and 27 of the array."""
    row = np.zeros(100, dtype=int)
    row[72] = 1
    stimuli = read_stimuli(write_table(tmp_path / "a.csv", [row, -np.ones(100, int)]))
    assert stimuli.shape == (2, 100)
    assert stimuli.dtype == np.float64
    assert np.flatnonzero(stimuli[0]).tolist() == [27]
    assert stimuli[0].reshape(10, 10)[2, 7] == 1
    assert (stimuli[1] == -1).all()


def test_pixels_of_an_oblong_image(tmp_path):
    """The shape is rows x columns: 2 x 3, with row 1, column 2 last in both orders."""
    table = write_table(tmp_path / "a.csv", [[0, 0.1, 0.2, 0.3, 0.4, 0.5]])
    expected = [0, 0.2, 0.4, 0.1, 0.3, 0.5]
    np.testing.assert_array_equal(read_stimuli(table, shape=(2, 3)), [expected])


def test_byte_order_mark_and_single_row_are_read(tmp_path):
    table = write_table(tmp_path / "a.csv", [[0.5] * 100])
    table.write_bytes(b"\xef\xbb\xbf" + table.read_bytes() + b"\r\n")
    np.testing.assert_array_equal(read_stimuli(table), np.full((1, 100), 0.5))


BAD_TABLES = {
    "99 columns": ([[0] * 99], r"has 99 columns; expected 100.*without an index column"),
    "unknown code": (
        [[0] * 100, [0] * 41 + [7] + [0] * 58],
        r"unknown code 7 in row 2, column 42; expected pixel values from 0 to 1.*recode",
    ),
    "NaN": ([[0] * 99 + ["nan"]], r"unknown code nan in row 1, column 100; expected"),
    "infinite": ([[0] * 99 + ["inf"]], r"unknown code inf in row 1, column 100; expected"),
    "-2": ([[0] * 99 + [-2]], r"unknown code -2 in row 1, column 100; expected"),
    "partly rest": (
        [[-1] * 100, [-1] * 3 + [0] * 97],
        r"-1 in 3 of 100 columns of row 2; expected -1 \(rest\) in all columns.*as 0",
    ),
    "words": ([["left"] + [0] * 99], r"not a table of numbers .*'left'.*remove headers"),
    "ragged": ([[0] * 100, [0] * 99], r"not a table of numbers .*expected comma-separated"),
    "semicolons": ([[";".join("0" * 100)]], r"not a table of numbers .*comma-separated"),
    "empty": ([], r"is empty; expected one row of pixel values for each volume"),
    "blank lines": ([[" "], [" "]], r"is empty; expected one row"),
}


@pytest.mark.parametrize("case", BAD_TABLES)
def test_bad_stimulus_tables_are_refused(tmp_path, case):
    rows, message = BAD_TABLES[case]
    table = write_table(tmp_path / "run7_label.csv", rows)
    with pytest.raises(ValueError, match=message) as caught:
        read_stimuli(table)
    assert str(table) in str(caught.value)
    assert len(str(caught.value)) < 350 + len(str(table))


def test_binary_and_missing_stimulus_tables(tmp_path):
    (tmp_path / "a.csv").write_bytes(b"\x89PNG\xff\xfe\x00")
    with pytest.raises(ValueError, match=r"a\.csv is not a table of numbers"):
        read_stimuli(tmp_path / "a.csv")
    with pytest.raises(DataError, match=r"b\.csv cannot be opened \(No such file.*check the path"):
        read_stimuli(tmp_path / "b.csv")


# Stacking


def example_arrays(dataset, runs):
    """Compute what nilearn's encoding example computes, line for line."""
    masker = MultiNiftiMasker(mask_img=dataset.mask, detrend=True, standardize="zscore_sample")
    masker.fit()
    fmri_data = masker.transform(dataset.func[runs])
    stimulus_shape = (10, 10)
    stimuli = [
        np.reshape(
            np.loadtxt(stimulus_run, dtype=int, delimiter=","), (-1, *stimulus_shape), order="F"
        )
        for stimulus_run in dataset.label[runs]
    ]
    fmri_data = np.vstack([fmri_run[2:] for fmri_run in fmri_data])
    stimuli = np.vstack([stimuli_run[:-2] for stimuli_run in stimuli]).astype(float)
    return fmri_data, np.reshape(stimuli, (-1, stimulus_shape[0] * stimulus_shape[1]))


@pytest.mark.parametrize(
    ("kind", "runs", "lengths"),
    [
        ("random", slice(12, None), [22] * 20),
        ("figure", slice(0, 12), [18] * 12),
        ("all", slice(None), [18] * 12 + [22] * 20),
    ],
)
def test_recording_equals_nilearns_example(miyawaki, kind, runs, lengths):
    bold, stimuli = example_arrays(miyawaki, runs)
    for _ in ("computed", "from the cache"):
        got = data.recording(miyawaki, kind=kind)
        assert got.bold.dtype == bold.dtype
        np.testing.assert_array_equal(got.bold, bold)
        np.testing.assert_array_equal(got.stimuli, stimuli)
        assert got.runs.tolist() == [r for r, n in enumerate(lengths) for _ in range(n)]
        np.testing.assert_array_equal(got.is_on, [1 in row for row in stimuli])


def test_the_default_is_the_random_runs(miyawaki):
    assert data.recording(miyawaki).bold.shape == (440, mask_values().sum())


@pytest.mark.parametrize("shift", [0, 1, 3, np.int64(19)])
def test_shift_stays_within_runs(miyawaki, shift):
    """Sample i of a run holds image i and the response `shift` volumes later."""
    unshifted = data.recording(miyawaki, kind="figure", shift=0)
    shifted = data.recording(miyawaki, kind="figure", shift=shift)
    for run in range(12):
        bold, stimuli = (a[unshifted.runs == run] for a in (unshifted.bold, unshifted.stimuli))
        there = shifted.runs == run
        assert there.sum() == 20 - shift
        np.testing.assert_array_equal(shifted.bold[there], bold[shift:])
        np.testing.assert_array_equal(shifted.stimuli[there], stimuli[: 20 - shift])


@pytest.mark.parametrize("shift", [-1, 20, 1.5, "2"])
def test_shift_out_of_range(miyawaki, shift):
    message = rf"shift is {shift}; expected a whole number of volumes from 0 to 19"
    with pytest.raises(ValueError, match=message):
        data.recording(miyawaki, kind="figure", shift=shift)


def test_unknown_kind(miyawaki):
    message = r'kind is "letters"; expected one of \[\'random\', \'figure\', \'all\'\]'
    with pytest.raises(ValueError, match=message):
        data.recording(miyawaki, kind="letters")


def test_own_files_are_of_one_kind(own_files):
    dataset = data.from_files(**own_files)
    with pytest.raises(ValueError, match=r'kind is "random"; expected one of \[\'all\'\]'):
        data.recording(dataset, kind="random")
    np.testing.assert_array_equal(data.recording(dataset).bold, all_runs(own_files).bold)


def test_options_reach_the_masker(miyawaki):
    plain = data.recording(miyawaki, kind="figure", shift=0)
    options = {"detrend": False, "standardize": None, "high_pass": 0.02, "t_r": 2.0}
    got = data.recording(miyawaki, kind="figure", shift=0, **options)
    expected = MultiNiftiMasker(mask_img=miyawaki.mask, **options).fit()
    np.testing.assert_array_equal(got.bold, np.vstack(expected.transform(miyawaki.func[:12])))
    assert not np.allclose(got.bold, plain.bold)
    assert got.masker.high_pass == 0.02


# The cache


@pytest.fixture
def masked(monkeypatch):
    """Count how often runs are really read and cleaned."""
    calls = []
    inner = masking.clean
    monkeypatch.setattr(
        masking, "clean", lambda *args, **options: calls.append(1) or inner(*args, **options)
    )
    return calls


def test_the_second_load_comes_from_the_cache(miyawaki, masked):
    first = data.recording(miyawaki, kind="figure")
    assert len(masked) == 12
    again = data.recording(miyawaki, kind="figure", shift=4)
    assert len(masked) == 12
    np.testing.assert_array_equal(again.bold[:16], first.bold[2:18])
    data.recording(miyawaki, kind="figure", high_pass=0.02, t_r=2.0)
    assert len(masked) == 24


def test_a_changed_run_is_noticed(own_files):
    """Same name and size, other values: the date tells."""
    before = all_runs(own_files)
    run = own_files["func"][0]
    stat = run.stat()
    write_image(run, get_data(nibabel.load(run))[..., ::-1].copy())
    os.utime(run, ns=(stat.st_atime_ns, stat.st_mtime_ns + 1_000_000))
    assert run.stat().st_size == stat.st_size
    after = all_runs(own_files)
    assert not np.array_equal(after.bold[:13], before.bold[:13])
    np.testing.assert_array_equal(after.bold[13:], before.bold[13:])


def test_a_changed_mask_is_noticed(miyawaki):
    data.recording(miyawaki, kind="figure")
    values = mask_values()
    values[1] = 0
    write_image(Path(miyawaki.mask), values)
    assert data.recording(miyawaki, kind="figure").bold.shape == (216, values.sum())


def damage_end(entry):
    entry.write_bytes(entry.read_bytes()[:-1000])


def damage_middle(entry):
    content = bytearray(entry.read_bytes())
    content[len(content) // 2] ^= 1
    entry.write_bytes(content)


def damage_all(entry):
    entry.write_bytes(b"")


@pytest.mark.parametrize("damage", [damage_end, damage_middle, damage_all])
def test_a_damaged_cache_entry_is_made_anew(miyawaki, home, masked, damage):
    first = data.recording(miyawaki, kind="figure")
    (entry,) = home.rglob("output.pkl")
    damage(entry)
    second = data.recording(miyawaki, kind="figure")
    np.testing.assert_array_equal(second.bold, first.bold)
    assert len(masked) == 24
    data.recording(miyawaki, kind="figure")
    assert len(masked) == 24


def test_an_interrupted_computation_leaves_no_entry(miyawaki, home, monkeypatch):
    def interrupt(*args, **options):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(masking, "clean", interrupt)
        with pytest.raises(KeyboardInterrupt):
            data.recording(miyawaki, kind="figure")
    assert not list(home.rglob("output.pkl"))
    bold, _ = example_arrays(miyawaki, slice(0, 12))
    np.testing.assert_array_equal(data.recording(miyawaki, kind="figure").bold, bold)


def test_a_cache_folder_that_cannot_be_made(miyawaki, home):
    home.mkdir()
    (home / "cache").write_text("in the way", encoding="utf-8")
    with pytest.raises(DataError, match=r"cache cannot be made \(.*set BOOK_DATA_DIR to a folder"):
        data.recording(miyawaki, kind="figure")


# Recording


def test_voxels_and_columns(miyawaki):
    got = data.recording(miyawaki, kind="figure")
    assert got.voxels.shape == (got.bold.shape[1], 3)
    for column, (i, j, k) in enumerate(got.voxels):
        assert got.column(i, j, k) == column
    values = np.arange(len(got.voxels), dtype=float)
    volume = get_data(got.masker.inverse_transform(values))
    assert volume[3, 4, 2] == got.column(3, 4, 2)
    with pytest.raises(ValueError, match=r"Voxel \(7, 7, 3\) lies outside the mask; expected one"):
        got.column(7, 7, 3)


def test_a_recording_is_frozen_and_checked(miyawaki):
    got = data.recording(miyawaki, kind="figure")
    with pytest.raises(dataclasses.FrozenInstanceError):
        got.bold = got.bold[1:]
    for name in ("bold", "stimuli", "runs", "is_on"):
        with pytest.raises(ValueError, match=r"have the shapes .*; expected .* equally many"):
            dataclasses.replace(got, **{name: getattr(got, name)[1:]})
    with pytest.raises(ValueError, match="the mask's voxels in bold"):
        dataclasses.replace(got, bold=got.bold[:, 1:])


# Your own files


def test_own_files_load_like_any_other(own_files):
    got = all_runs(own_files)
    assert got.bold.shape == (13 + 9, mask_values().sum())
    assert got.runs.tolist() == [0] * 13 + [1] * 9
    table = np.loadtxt(own_files["label"][1], delimiter=",")
    image = table[4].reshape(10, 10, order="F")
    np.testing.assert_array_equal(got.stimuli[13 + 4].reshape(10, 10), image)
    assert 0 < got.is_on.mean() < 1
    np.testing.assert_array_equal(got.is_on, got.stimuli.max(axis=1) > 0)
    np.testing.assert_allclose(
        data.recording(data.from_files(**own_files), "all", 0).bold[:15].std(0, ddof=1),
        1,
        rtol=1e-5,
    )


def test_own_files_make_a_dataset(own_files):
    dataset = data.from_files(**own_files, background=own_files["mask"])
    assert dataset.source == "yours"
    assert dataset.truth is None
    assert dataset.func == [str(path) for path in own_files["func"]]
    assert dataset.background == dataset.mask == str(own_files["mask"])
    assert data.from_files(**own_files).background is None


def test_missing_files_are_named(own_files, tmp_path):
    own_files["func"][1] = tmp_path / "gone.nii"
    own_files["mask"] = tmp_path / "away.nii"
    with pytest.raises(DataError, match=r"no file .*gone\.nii, .*away\.nii: check the path"):
        data.from_files(**own_files)


def test_one_label_file_for_each_run(own_files):
    for func, label in [(own_files["func"], own_files["label"][:1]), ([], [])]:
        message = rf"{len(func)} func files and {len(label)} label files; expected one label"
        with pytest.raises(ValueError, match=message):
            data.from_files(func, label, own_files["mask"])
    with pytest.raises(ValueError, match=r"lists, one item a run; got a single one for func"):
        data.from_files(own_files["func"][0], own_files["label"][0], own_files["mask"])


def test_volumes_and_rows_must_agree(own_files):
    write_labels(own_files["label"][1], np.random.default_rng(0), 12)
    message = r"run1\.nii has 11 volumes and its stimulus table has 12 rows; expected one row"
    with pytest.raises(ValueError, match=message):
        all_runs(own_files)


def test_a_volume_is_no_run(own_files):
    write_image(own_files["func"][0], np.ones(GRID, dtype="float32"))
    with pytest.raises(ValueError, match=r"has the shape \(8, 8, 4\); expected four dimensions"):
        all_runs(own_files)


def test_runs_of_different_grids(own_files):
    write_image(own_files["func"][1], np.ones((8, 8, 5, 11), dtype="float32"))
    with pytest.raises(ValueError, match=r"run1\.nii is on another grid than the mask") as caught:
        all_runs(own_files)
    assert "its shape is (8, 8, 5) and the mask's is (8, 8, 4)" in str(caught.value)
    assert "nilearn.image.resample_to_img" in str(caught.value)


def test_mask_of_another_shape(own_files):
    write_image(own_files["mask"], np.ones((8, 9, 4), dtype="uint8"))
    message = r"its shape is \(8, 8, 4\) and the mask's is \(8, 9, 4\); expected the same"
    with pytest.raises(ValueError, match=message):
        all_runs(own_files)


def test_mask_of_another_affine(own_files):
    moved = AFFINE.copy()
    moved[0, 3] = 3.3
    nibabel.save(nibabel.Nifti1Image(mask_values(), moved), own_files["mask"])
    message = (
        r"its affine is \[\[-3\.3, .* and the mask's is \[\[-3\.3, 0\.0, 0\.0, 3\.3\].*; expected"
    )
    with pytest.raises(ValueError, match=message):
        all_runs(own_files)


def test_headers_that_differ_by_rounding_are_one_grid(own_files):
    """A hundredth of a voxel is neither refused nor resampled: the values stay as they are."""
    expected = all_runs(own_files).bold
    rounded = AFFINE + 0.03 * (np.arange(16).reshape(4, 4) == 3)
    nibabel.save(nibabel.Nifti1Image(mask_values(), rounded), own_files["mask"])
    np.testing.assert_array_equal(all_runs(own_files).bold, expected)


def test_a_turned_mask_is_refused(own_files):
    """The first corner agrees, the far ones do not."""
    turned = AFFINE.copy()
    turned[0, 1] = 0.06
    nibabel.save(nibabel.Nifti1Image(mask_values(), turned), own_files["mask"])
    with pytest.raises(ValueError, match="another grid than the mask"):
        all_runs(own_files)


FOUR_VALUES = mask_values() * np.array([1, 2, 3, 1], dtype="uint8")
BAD_MASKS = {
    "is empty: all of its values are 0; expected 1 in each": np.zeros(GRID, "uint8"),
    "has 4 different values; expected 0 outside and 1 inside": FOUR_VALUES,
    "has the shape (8, 8, 4, 2); expected three dimensions": np.ones((*GRID, 2), "uint8"),
}


@pytest.mark.parametrize("message", BAD_MASKS)
def test_bad_masks_are_refused(own_files, message):
    write_image(own_files["mask"], BAD_MASKS[message])
    with pytest.raises(ValueError, match=re.escape(message)) as caught:
        all_runs(own_files)
    assert "mask.nii.gz" in str(caught.value)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_values_that_are_not_finite(own_files, home, value):
    """Inside the mask they are refused, in the file's name; outside they do no harm."""
    values = get_data(nibabel.load(own_files["func"][1])).copy()
    expected = all_runs(own_files).bold
    values[7, 7, 3, 2] = value
    write_image(own_files["func"][1], values)
    np.testing.assert_array_equal(all_runs(own_files).bold, expected)
    values[3, 3, 2, 2] = value
    write_image(own_files["func"][1], values)
    message = r"run1\.nii has NaN or infinite values inside the mask; expected a number.*repair"
    with pytest.raises(ValueError, match=message):
        all_runs(own_files)


def test_runs_stored_as_scaled_integers(own_files):
    """The values count, not how the file stores them."""
    image = nibabel.load(own_files["func"][0])
    stored = nibabel.Nifti1Image(get_data(image).astype("float64"), AFFINE)
    stored.set_data_dtype("int16")
    nibabel.save(stored, own_files["func"][0])
    assert nibabel.load(own_files["func"][0]).dataobj.slope != 1
    options = {"detrend": True, "standardize": "zscore_sample"}
    masker = MultiNiftiMasker(mask_img=own_files["mask"], **options).fit()
    expected = np.vstack([run[2:] for run in masker.transform(own_files["func"])])
    np.testing.assert_array_equal(all_runs(own_files).bold, expected)


def test_a_voxel_that_is_constant_in_one_run_gets_no_score(own_files):
    values = get_data(nibabel.load(own_files["func"][0])).copy()
    values[3, 3, 2] = 0.1  # which cleaning turns into rounding noise
    write_image(own_files["func"][0], values)
    message = r"1 of 56 voxels are constant in at least one run \(run 1\)"
    with pytest.warns(data.RecordingWarning, match=message):
        got = all_runs(own_files)
    column = got.column(3, 3, 2)
    assert (got.bold[:, column] == 0).all()
    assert got.constant.sum() == got.constant[0, column] == 1
    with pytest.warns(ConstantVoxelWarning):
        scores = RidgeCV([1.0], cv=2).fit(got.stimuli, got.bold, groups=got.runs).best_score_
    assert np.flatnonzero(np.isnan(scores)).tolist() == [column]


@pytest.mark.parametrize("content", ["truncated", "text", "empty"])
def test_damaged_images_are_named(own_files, content):
    run = own_files["mask"].with_name("run0.nii.gz")
    write_image(run, get_data(nibabel.load(own_files["func"][0])))
    whole = run.read_bytes()
    run.write_bytes({"truncated": whole[:-3000], "text": b"hello" * 99, "empty": b""}[content])
    own_files["func"][0] = run
    message = "is empty, 0 bytes" if content == "empty" else r"cannot be read as a NIfTI image \("
    with pytest.raises(DataError, match=rf"run0\.nii\.gz {message}.*anew"):
        all_runs(own_files)


def test_a_missing_run_is_named(miyawaki):
    Path(miyawaki.func[5]).unlink()
    with pytest.raises(DataError, match=r"no file .*data_figure_run06\.nii\.gz: check the path"):
        data.recording(miyawaki, kind="figure")


# Regions


def test_region_labels_follow_the_masks(miyawaki):
    got = data.recording(miyawaki, kind="figure")
    area, hemisphere, lag = region_labels(miyawaki, got.masker)
    names = ["V1d", "V1v", "V2d", "V2v", "V3A", "V3", "V4v", "VP"]
    bins = [0, 0, 2, 3, 4, 5, 6, 7]
    for column, (i, j, k) in enumerate(got.voxels):
        assert area[column] == names[i]
        assert hemisphere[column] == ("LH" if k < 2 else "RH")
        assert lag[column] == bins[j]


def test_voxels_outside_all_regions(miyawaki):
    for region in miyawaki.mask_roi:
        values = get_data(nibabel.load(region)).copy()
        values[3, 3, 2] = 0
        write_image(Path(region), values)
    got = data.recording(miyawaki, kind="figure")
    labels = region_labels(miyawaki, got.masker)
    assert [a[got.column(3, 3, 2)] for a in labels] == ["", "", -1]
    assert (labels[0] == "").sum() == 1


def test_regions_on_another_grid_or_none(miyawaki, own_files):
    masker = data.recording(miyawaki, kind="figure").masker
    write_image(Path(miyawaki.mask_roi[4]), np.ones((8, 8, 5), dtype="uint8"))
    with pytest.raises(
        ValueError, match=r"lag.*\.nii\.gz is on another grid .*shape is \(8, 8, 5\)"
    ):
        region_labels(miyawaki, masker)
    moved = nibabel.Nifti1Image(np.ones(GRID, dtype="uint8"), np.diag([-3.3, 3.6, 7.0, 1.0]))
    nibabel.save(moved, miyawaki.mask_roi[4])
    with pytest.raises(ValueError, match=r"is on another grid .*affine"):
        region_labels(miyawaki, masker)
    with pytest.raises(ValueError, match="no region masks"):
        region_labels(data.from_files(**own_files), masker)


# Which source


@pytest.fixture
def small_twin(layout, monkeypatch):
    """Let `load` make the small layout in the twin's place."""

    def make_twin(folder, variant):
        shutil.copytree(layout, folder / "miyawaki2008", dirs_exist_ok=True)
        return folder

    monkeypatch.setattr(data, "make_twin", make_twin)
    monkeypatch.setattr(data, "load_truth", lambda folder: ("truth of", folder))


def test_a_relative_data_folder_is_one_place_for_all_notebooks(tmp_path, monkeypatch):
    monkeypatch.setenv("BOOK_DATA_DIR", "mine")
    monkeypatch.chdir(tmp_path)
    assert data.data_folder() == Path(__file__).resolve().parents[1] / "mine"


def test_the_twin_itself(monkeypatch):
    """Shapes and named voxels of the real recording, and regions as they were simulated."""
    monkeypatch.setenv("BOOK_DATA_DIR", SHARED_HOME)
    dataset = data.load("twin")
    got = data.recording(dataset)
    assert got.bold.shape == (2860, 5438)
    assert got.stimuli.shape == (2860, 100)
    assert np.bincount(got.runs).tolist() == [143] * 20
    assert np.unique(got.stimuli).tolist() == [-1, 0, 1]
    columns = {1780: (30, 10, 10), 1951: (31, 10, 10), 2131: (32, 10, 10), 1935: (31, 9, 10)}
    assert {got.column(*voxel): voxel for voxel in columns.values()} == columns
    area, hemisphere, lag = region_labels(dataset, got.masker)
    np.testing.assert_array_equal(area, dataset.truth.area)
    np.testing.assert_array_equal(hemisphere, dataset.truth.hemisphere)
    np.testing.assert_array_equal(lag, np.minimum(dataset.truth.eccentricity.astype(int), 10))


@pytest.mark.parametrize("setting", [None, "", "twin"])
def test_the_twin_is_the_default(small_twin, home, monkeypatch, setting):
    if setting is not None:
        monkeypatch.setenv("BOOK_DATA", setting)
    dataset = data.load()
    assert dataset.source == "twin"
    assert dataset.truth == ("truth of", home / "twin")
    assert [len(dataset[key]) for key in ("func", "label", "mask_roi")] == [32, 32, 38]
    assert Path(dataset.func[12]) == home / "twin/miyawaki2008/func/data_random_run01.nii.gz"
    assert data.recording(dataset).bold.shape == (440, mask_values().sum())


def test_argument_goes_before_the_environment(small_twin, monkeypatch):
    monkeypatch.setenv("BOOK_DATA", "real")
    assert data.load("twin").source == "twin"


def test_unknown_source(monkeypatch):
    with pytest.raises(ValueError, match=r'^source is "fake"; expected "twin".*or "real"'):
        data.load("fake")
    monkeypatch.setenv("BOOK_DATA", "Real")
    with pytest.raises(ValueError, match=r'environment variable BOOK_DATA is "Real"; expected'):
        data.load()


def test_data_folder(monkeypatch, home):
    assert data.data_folder() == home
    monkeypatch.setenv("BOOK_DATA_DIR", "")
    assert data.data_folder() == Path(__file__).resolve().parents[1] / "data"


def test_an_incomplete_twin_is_not_filled_by_a_download(small_twin, home, monkeypatch):
    data.load("twin")
    (home / "twin/miyawaki2008/mask/RHV4v.nii.gz").unlink()
    monkeypatch.setattr(data, "make_twin", lambda folder, variant: folder)
    message = r"lacks 1 files, the first is mask/RHV4v\.nii\.gz: delete that folder and load again"
    with pytest.raises(DataError, match=message):
        data.load("twin")


@pytest.mark.skipif(os.pathsep == ";", reason="Windows separates folders by another character")
def test_a_folder_that_nilearn_would_split(small_twin, tmp_path, monkeypatch):
    monkeypatch.setenv("BOOK_DATA_DIR", str(tmp_path / "a:b"))
    with pytest.raises(ValueError, match=r'":" separates folders there; expected .*BOOK_DATA_DIR'):
        data.load("twin")
