"""Confounds and dropped volumes, run by run, against nilearn's masker and against known truths."""

import warnings

import numpy as np
import pandas as pd
import pytest
from nilearn.image import get_data
from nilearn.maskers import NiftiMasker
from nilearn.signal import clean
from real_layout import GRID, mask_values, write_image

from helpers._files import DataError, masking
from helpers._files.confounds import confound_table, kept_volumes, per_run

CLEAN = {"detrend": True, "standardize": "zscore_sample"}
BAND = CLEAN | {"high_pass": 0.02, "low_pass": 0.15, "t_r": 2.0}
COSINE = CLEAN | {"high_pass": 0.02, "t_r": 2.0, "clean_args": {"filter": "cosine"}}
LENGTHS = (60, 70)


@pytest.fixture
def files(tmp_path):
    """Write two runs, each with a movement of its own in it, and the movements."""
    rng = np.random.default_rng(3)
    runs, moves = [], []
    for run, n_volumes in enumerate(LENGTHS):
        move = rng.standard_normal((n_volumes, 3))
        values = 500 + 10 * rng.standard_normal((*GRID, n_volumes))
        values += 30 * rng.standard_normal((*GRID, 3)) @ move.T
        runs.append(tmp_path / f"run{run}.nii.gz")
        write_image(runs[-1], values.astype("float32"))
        moves.append(pd.DataFrame(move, columns=["trans_x", "trans_y", "rot_z"]))
    write_image(tmp_path / "mask.nii.gz", mask_values())
    return {"runs": runs, "mask": tmp_path / "mask.nii.gz", "moves": moves}


def masked(files, options=CLEAN, cache=None, **given):
    return masking.masked_runs(files["runs"], files["mask"], options, cache, **given)


def by_nilearn(files, options, confounds, sample_masks):
    """Mask each run by itself with nilearn's own masker."""
    masker = NiftiMasker(mask_img=files["mask"], **options).fit()
    runs = zip(files["runs"], confounds, sample_masks, strict=True)
    return np.vstack([masker.transform(run, c, s) for run, c, s in runs])


DROPPED = {"none": ((), ()), "first": ((0, 1, 2), (0, 1)), "some": ((0, 10, 11, 30), (5, 69))}


@pytest.mark.parametrize("dropped", DROPPED)
@pytest.mark.parametrize("taken_out", [True, False])
@pytest.mark.parametrize("options", [CLEAN, BAND, COSINE, CLEAN | {"smoothing_fwhm": 6.0}])
def test_each_run_is_cleaned_as_nilearn_does_it(files, options, taken_out, dropped):
    confounds = files["moves"] if taken_out else [None, None]
    kept = [np.setdiff1d(range(n), d) for n, d in zip(LENGTHS, DROPPED[dropped], strict=True)]
    got = masked(files, options, confounds=confounds, sample_mask=kept)
    expected = by_nilearn(files, options, confounds, [k.copy() for k in kept])
    np.testing.assert_array_equal(got.lengths, [len(k) for k in kept])
    np.testing.assert_allclose(got.bold, expected, rtol=0, atol=2e-5)


def test_what_nilearn_makes_of_the_image_goes_with_confounds(files):
    options = CLEAN | {"high_variance_confounds": True}
    got = masked(files, options, confounds=files["moves"])
    expected = by_nilearn(files, options, files["moves"], [None, None])
    np.testing.assert_allclose(got.bold, expected, rtol=0, atol=2e-4)


def test_one_runs_confounds_stay_out_of_the_other(files):
    """Both alone and together; they are gone from their own run, and in the other nothing moves."""
    plain = masked(files).bold
    got = masked(files, confounds=[files["moves"][0], None]).bold
    own, other = np.split(got, LENGTHS[:1])
    np.testing.assert_array_equal(other, plain[LENGTHS[0] :])
    trend = np.vander(np.linspace(-1, 1, LENGTHS[0]), 2)
    move = np.hstack([trend, files["moves"][0]])
    left = np.linalg.lstsq(move, own, rcond=None)[0][2:]
    assert np.abs(left).max() < 1e-5
    assert np.abs(np.linalg.lstsq(move, plain[: LENGTHS[0]], rcond=None)[0][2:]).max() > 0.1


@pytest.mark.parametrize("cache", [False, True])
def test_confounds_come_in_many_forms(files, tmp_path, cache):
    """As DataFrames, arrays, lists of columns, and tables with and without a line of names."""
    cache = tmp_path / "cache" if cache else None
    moves = files["moves"]
    expected = masked(files, cache=cache, confounds=moves).bold
    assert not np.allclose(expected, masked(files, cache=cache).bold)
    paths = []
    for name, options in {
        "a.tsv": {"sep": "\t"},
        "b.csv": {"header": False},
        "c.txt": {"sep": " ", "header": False},
    }.items():
        for run, move in enumerate(moves):
            move.to_csv(tmp_path / f"{run}{name}", index=False, **options)
        paths.append([tmp_path / f"{run}{name}" for run in (0, 1)])
    forms = [
        [move.to_numpy() for move in moves],
        [move.to_numpy().tolist() for move in moves],
        [[move.iloc[:, :1], move.to_numpy()[:, 1:]] for move in moves],
        tuple(moves),
        *paths,
    ]
    for form in forms:
        got = masked(files, cache=cache, confounds=form).bold
        np.testing.assert_allclose(got, expected, rtol=0, atol=1e-6)


def test_a_single_run_is_given_as_load_confounds_returns_it(files):
    files["runs"], move = files["runs"][:1], files["moves"][0]
    expected = masked(files, confounds=[move], sample_mask=[np.arange(4, 60)])
    for kept in (np.arange(4, 60), list(range(4, 60)), np.arange(60) > 3, [np.arange(4, 60)]):
        got = masked(files, confounds=move, sample_mask=kept)
        np.testing.assert_array_equal(got.bold, expected.bold)
    assert expected.lengths.tolist() == [56]


@pytest.mark.parametrize("dropped", [[10, 49], [0, 1, 2, 57, 58, 59], [0, 59], [5]])
def test_a_dropped_volume_changes_nothing(files, dropped):
    """Whatever it holds, with and without filter; nilearn 0.14 lets volumes at mirror places in."""
    files["runs"], move = files["runs"][:1], files["moves"][:1]
    kept = np.setdiff1d(range(60), dropped)
    before = {n: masked(files, o, confounds=move, sample_mask=kept) for n, o in FILTERS.items()}
    spoil(files["runs"][0], dropped)
    move[0].iloc[dropped] = np.nan
    for name, options in FILTERS.items():
        got = masked(files, options, confounds=move, sample_mask=kept)
        np.testing.assert_array_equal(got.bold, before[name].bold)
        assert got.lengths.tolist() == [len(kept)]
        assert not len(got.outliers[0])


FILTERS = {
    "none": CLEAN,
    "cosines": COSINE,
    "band": BAND,
    "high": {k: v for k, v in BAND.items() if k != "low_pass"},
}


def spoil(run, volumes):
    """Write zeros into volumes of a run."""
    image = masking.open_image(run)
    values = get_data(image).copy()
    values[..., volumes] = 0
    write_image(run, values)


def test_volumes_come_from_where_they_were_asked_for(files):
    """As many dropped at the start as at the end: nilearn 0.14 returns others, with a filter."""
    files["runs"] = files["runs"][:1]
    kept = np.arange(4, 56)
    raw = masked(files, {"detrend": False, "standardize": None})
    options = {"detrend": False, "standardize": None, "high_pass": 0.001, "t_r": 2.0}
    got = masked(files, options, sample_mask=kept)
    expected = clean(raw.bold[kept], **options)
    np.testing.assert_allclose(got.bold, expected, rtol=0, atol=1e-3)


def test_constant_over_the_volumes_that_are_kept(files):
    image = masking.open_image(files["runs"][1])
    values = get_data(image).copy()
    values[2, 3, 1, 2:] = 123.4
    write_image(files["runs"][1], values)
    assert not masked(files).constant.any()
    got = masked(files, sample_mask=[None, np.arange(2, 70)])
    column = np.flatnonzero((np.argwhere(mask_values()) == (2, 3, 1)).all(axis=1))
    assert np.argwhere(got.constant).tolist() == [[1, column[0]]]
    assert (got.bold[:, column] == 0).all()


def test_outliers_are_numbered_as_in_the_file(files):
    spoil(files["runs"][1], [40])
    got = masked(files, sample_mask=[None, np.r_[3:20, 25:70]])
    assert [o.tolist() for o in got.outliers] == [[], [40]]


BAD_CONFOUNDS = {
    "one for two": (lambda m: m[:1], r"confounds was given as 1 items, and there are 2 runs"),
    "one table": (lambda m: m[0], r"confounds was given as DataFrame, and there are 2 runs"),
    "too short": (
        lambda m: [m[0], m[1][1:]],
        r"run1\.nii\.gz have 69 rows, and the run has 70 vol",
    ),
    "exchanged": (lambda m: m[::-1], r"run0\.nii\.gz have 70 rows, and the run has 60 volumes"),
    "n/a": (
        lambda m: [m[0], m[1].assign(fd=m[1].rot_z.where(m[1].index > 0))],
        r"run1\.nii\.gz have no number in volume 0 .* of fd; fMRIPrep leaves the first row",
    ),
    "inf": (lambda m: [m[0].replace(m[0].iloc[3, 1], np.inf), None], r"in volume 3 .*trans_y"),
    "too many": (
        lambda m: [np.random.default_rng(0).standard_normal((60, 58)), None],
        r"58 confounds, with mean and trend, explain all of the 60 volumes of .*run0",
    ),
    "words": (lambda m: [m[0].assign(a="left"), None], r"no table of numbers .*left"),
    "cube": (lambda m: [np.zeros((60, 2, 2)), None], r"no table of numbers"),
}


@pytest.mark.parametrize("case", BAD_CONFOUNDS)
def test_bad_confounds_are_refused(files, case):
    change, message = BAD_CONFOUNDS[case]
    with pytest.raises(ValueError, match=message):
        masked(files, confounds=change(files["moves"]))


def test_a_missing_table_of_confounds(files, tmp_path):
    with pytest.raises(DataError, match=r"There is no file .*gone\.tsv: check the path"):
        masked(files, confounds=[tmp_path / "gone.tsv", None])


BAD_KEPT = {
    "empty": [],
    "two": [4, 5],
    "too large": [0, 1, 2, 60],
    "negative": [-1, 0, 1, 2],
    "twice": [0, 1, 1, 2],
    "falling": [5, 4, 3, 2],
    "no numbers": [0.5, 1.0, 2.0],
    "half the truth values": [True] * 30,
    "all dropped": np.zeros(60, dtype=bool),
    "two axes": np.ones((60, 1), dtype=bool),
}


@pytest.mark.parametrize("case", BAD_KEPT)
def test_bad_sample_masks_are_refused(files, case):
    message = r"The sample_mask of .*run0\.nii\.gz is .*; expected the numbers of the volumes to"
    with pytest.raises(ValueError, match=message):
        masked(files, sample_mask=[np.array(BAD_KEPT[case]), None])


def test_what_the_functions_return():
    assert per_run("confounds", None, 3) == [None] * 3
    assert kept_volumes(None, 3, "run").tolist() == [0, 1, 2]
    assert kept_volumes([True, False, True, True], 4, "run").tolist() == [0, 2, 3]
    table = confound_table(np.arange(3), "run")
    assert table.to_numpy().tolist() == [[0.0], [1.0], [2.0]]


def test_sample_masks_are_left_as_they_are(files):
    """nilearn's `clean` takes the first number off the array that it is given."""
    kept = [np.arange(3, 60), np.arange(2, 70)]
    masked(files, BAND, sample_mask=kept)
    assert [k[0] for k in kept] == [3, 2]


def test_nothing_is_warned_of(files):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        masked(files, confounds=files["moves"], sample_mask=[np.arange(2, 60), None])
    assert not caught
