"""Files as they should not be: each is refused with a sentence, or taken for what it is."""

import gzip
import re
import warnings

import nibabel
import numpy as np
import pytest
from nilearn.image import get_data
from real_layout import AFFINE, GRID, mask_values, write_layout

from helpers import data
from helpers._files import DataError, masking
from helpers._files.fetching import fetch_local
from helpers._files.images import check_file, check_files, open_image, open_mask, read_series

CLEAN = {"detrend": True, "standardize": "zscore_sample"}
N_VOLUMES = 12
WILD = "sub [01] * what?"


def image_of(values, affine=AFFINE):
    return nibabel.Nifti1Image(values, affine)


def noise(seed=0, n_volumes=N_VOLUMES, grid=GRID):
    values = np.random.default_rng(seed).standard_normal((*grid, n_volumes))
    return (500 + 10 * values).astype("float32")


@pytest.fixture
def mask():
    return image_of(mask_values())


@pytest.fixture
def run(tmp_path):
    """Write a run, uncompressed so that a test can change its bytes."""
    image_of(noise()).to_filename(tmp_path / "run.nii")
    return tmp_path / "run.nii"


def change_header(path, **fields):
    """Write fields into the header of a NIfTI file, whatever they mean."""
    content = bytearray(path.read_bytes())
    header = nibabel.Nifti1Header(bytes(content[:348]), check=False)
    for name, value in fields.items():
        header[name] = value
    content[:348] = header.binaryblock
    path.write_bytes(content)


def check(runs, mask, t_r=None):
    return check_files(runs, [N_VOLUMES] * len(runs), mask, t_r)


def load(runs, mask):
    """Check and mask runs, as `helpers.data.recording` does."""
    check(runs, mask)
    return masking.masked_runs(runs, mask, CLEAN, None).bold


# Headers and kinds of values

BAD_HEADERS = {
    "intercept": ({"scl_slope": 2, "scl_inter": np.nan}, DataError),
    "infinite intercept": ({"scl_slope": 2, "scl_inter": np.inf}, DataError),
    "unknown type": ({"datatype": 1234}, DataError),
    "complex": ({"datatype": 32, "bitpix": 64}, ValueError),
    "colours": ({"datatype": 128, "bitpix": 24}, ValueError),
    "magic": ({"magic": b"abc"}, DataError),
    "axes": ({"dim": [4, 8, 8, -4, 12, 1, 1, 1]}, DataError),
    "no axes": ({"dim": [0, 1, 1, 1, 1, 1, 1, 1]}, DataError),
    "no volumes": ({"dim": [4, 8, 8, 4, 0, 1, 1, 1]}, DataError),
    "huge": ({"dim": [4, 32767, 32767, 4, 12, 1, 1, 1]}, ValueError),
    "offset": ({"vox_offset": 1e9}, DataError),
}


@pytest.mark.parametrize("case", BAD_HEADERS)
def test_bad_headers_are_refused(run, mask, case):
    fields, error = BAD_HEADERS[case]
    change_header(run, **fields)
    with pytest.raises(error, match=r"run\.nii") as caught:
        load([run], mask)
    assert type(caught.value) is error
    assert re.search(r"(expected .*: |check the path|get the file anew)", str(caught.value))


@pytest.mark.parametrize("dtype", ["complex64", "complex128"])
def test_complex_values_in_memory(mask, dtype):
    message = rf"The Nifti1Image in memory has values of type {dtype}; expected real numbers: give"
    with pytest.raises(ValueError, match=message):
        load([image_of(noise().astype(dtype))], mask)


# What is no file


def test_folders_links_and_empty_files(run, mask, tmp_path):
    (tmp_path / "folder.nii").mkdir()
    (tmp_path / "link.nii").symlink_to(tmp_path / "gone.nii")
    (tmp_path / "whole.nii").symlink_to(run)
    (tmp_path / "empty.nii").touch()
    (tmp_path / "empty.nii.gz").write_bytes(gzip.compress(b""))
    (tmp_path / "text.nii").write_text("what is this?", encoding="utf-8")
    for name, message in {
        "folder.nii": r"folder\.nii is a folder; expected a file",
        "link.nii": r"link\.nii is a link to .*gone\.nii, which is not there: mend the link",
        "empty.nii": r"empty\.nii is empty, 0 bytes",
        "empty.nii.gz": r"empty\.nii\.gz cannot be read as a NIfTI image",
        "text.nii": r"text\.nii cannot be read as a NIfTI image",
        "gone.nii": r"There is no file .*gone\.nii: check the path",
    }.items():
        for load_it in (open_image, open_mask, lambda p: load([p], mask)):
            with pytest.raises(DataError, match=message):
                load_it(tmp_path / name)
    assert load([tmp_path / "whole.nii"], mask).any()
    assert check_file(tmp_path / "whole.nii") is None


@pytest.mark.parametrize("given", [None, 7, noise(), b"run.nii"])
def test_what_is_no_image(given, mask):
    if given is not None:  # a missing mask has a sentence of its own
        with pytest.raises(ValueError, match=r"An image was given as \w+; expected a path or a"):
            open_mask(given)
    with pytest.raises(ValueError, match=r"An image was given as \w+; expected a path or a"):
        load([given], mask)


def test_no_mask(run):
    with pytest.raises(ValueError, match=r"There is no mask; .*nilearn\.masking\.compute_epi_mask"):
        load([run], None)


def test_volumes_one_by_one(run, mask):
    volumes = [image_of(noise()[..., i]) for i in range(3)]
    with pytest.raises(ValueError, match=r"given as 3 images; .*nilearn\.image\.concat_imgs"):
        load([volumes], mask)
    with pytest.raises(ValueError, match=r"has the shape .*nilearn\.image\.concat_imgs joins"):
        check_files(volumes, [1] * 3, mask)


def test_surfaces_among_volumes(run, mask, tmp_path):
    surface = nibabel.gifti.GiftiImage()
    surface.add_gifti_data_array(nibabel.gifti.GiftiDataArray(np.zeros(12, dtype="float32")))
    nibabel.save(surface, tmp_path / "lh.func.gii")
    for given in (surface, tmp_path / "lh.func.gii"):
        with pytest.raises(ValueError, match=r'holds a surface.*given as {"left": file'):
            open_image(given)
        with pytest.raises(ValueError, match="surface"):
            load([run, given], mask)


# Names that nilearn would read as wildcards


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz", ".hdr"])
def test_names_with_wildcards(tmp_path, mask, suffix):
    folder = tmp_path / WILD
    folder.mkdir()
    kind = nibabel.Nifti1Pair if suffix == ".hdr" else nibabel.Nifti1Image
    kind(noise(), AFFINE).to_filename(folder / f"run [1]*{suffix}")
    mask.to_filename(folder / "mask[a-z]?.nii.gz")
    given = [folder / f"run [1]*{suffix}"], folder / "mask[a-z]?.nii.gz"
    expected = load([image_of(noise())], mask)
    np.testing.assert_array_equal(load(*given), expected)
    for options in (CLEAN, CLEAN | {"smoothing_fwhm": 4.0}):
        got = masking.masked_runs(*given, options, folder / "cache")
        assert got.bold.shape == expected.shape


def test_a_dataset_in_a_folder_with_wildcards(tmp_path):
    """As the twin is, wherever the book lies."""
    write_layout(tmp_path / WILD)
    write_layout(tmp_path / "plain")
    wild, plain = (fetch_local(tmp_path / name) for name in (WILD, "plain"))
    assert WILD in wild["mask"]
    check_files(wild["func"], [20] * 12 + [24] * 20, wild["mask"])
    got, expected = (
        masking.masked_runs(files["func"], files["mask"], CLEAN, tmp_path / WILD / "cache")
        for files in (wild, plain)
    )
    np.testing.assert_array_equal(got.bold, expected.bold)


# Masks


def test_masks_of_one_volume_have_three_axes(mask, tmp_path):
    expected = load([image_of(noise())], mask)
    image_of(mask_values()[..., np.newaxis]).to_filename(tmp_path / "mask.nii.gz")
    for given in (
        tmp_path / "mask.nii.gz",
        image_of(mask_values()[..., np.newaxis]),
        image_of(mask_values()[..., np.newaxis, np.newaxis]),
        image_of(mask_values().astype("float64")),
        image_of(3 * mask_values()),
    ):
        assert open_mask(given).shape == GRID
        np.testing.assert_array_equal(load([image_of(noise())], given), expected)


def test_masks_of_two_volumes(mask):
    two = image_of(np.stack([mask_values()] * 2, axis=-1))
    with pytest.raises(ValueError, match=r"in memory has the shape \(8, 8, 4, 2\); expected three"):
        load([image_of(noise())], two)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_masks_with_nan(value):
    values = mask_values().astype("float32")
    values[0, 0, 0:2] = value
    message = "has NaN or infinite values in 2 voxels; expected 0 outside and 1 inside: set them"
    with pytest.raises(ValueError, match=message):
        load([image_of(noise())], image_of(values))


# Axes of length 1


@pytest.mark.parametrize("where", [3, 4])
def test_further_axes_of_length_one_are_left_out(run, mask, tmp_path, where):
    values = np.expand_dims(noise(), where)
    for name in ("five.nii", "five.nii.gz"):
        image_of(values).to_filename(tmp_path / name)
        np.testing.assert_array_equal(load([tmp_path / name], mask), load([run], mask))
    np.testing.assert_array_equal(load([image_of(values)], mask), load([run], mask))
    inside = mask_values() != 0
    np.testing.assert_array_equal(read_series(tmp_path / "five.nii.gz", inside), noise()[inside].T)


def test_five_axes_are_too_many(mask):
    five = image_of(np.stack([noise()] * 2, axis=-1))
    with pytest.raises(ValueError, match=r"has the shape \(8, 8, 4, 12, 2\); expected four dim"):
        load([five], mask)


# Times between volumes


def timed(t_r, unit="sec", seed=0):
    image = image_of(noise(seed))
    image.header.set_zooms((3.3, 3.6, 6.4, t_r))
    image.header.set_xyzt_units("mm", unit)
    return image


@pytest.mark.parametrize(
    ("t_r", "unit"),
    [(2.5, "sec"), (2500, "msec"), (2.5e6, "usec"), (2.5, "unknown")],
)
def test_the_header_says_the_time_in_its_unit(mask, tmp_path, t_r, unit):
    timed(t_r, unit).to_filename(tmp_path / "run.nii")
    assert check([tmp_path / "run.nii"], mask) == pytest.approx(2.5, rel=1e-6)
    assert check([tmp_path / "run.nii"], mask, 2.5) == 2.5


@pytest.mark.parametrize(
    ("t_r", "unit"), [(0, "sec"), (1, "unknown"), (1, "sec"), (2000, "sec"), (2, "usec"), (3, "hz")]
)
def test_what_no_scanner_does_is_not_believed(mask, t_r, unit):
    run = timed(t_r, unit)
    assert check([run], mask) is None
    if unit == "hz":
        assert check([run], mask, 2) == 2
    else:
        with pytest.warns(UserWarning, match=r"programs write that do not know it; t_r=2 is used"):
            assert check([run], mask, 2) == 2


def test_one_second_may_be_meant(mask):
    assert check([timed(1)], mask, 1.0) == 1.0


def test_times_differ_between_runs(mask):
    runs = [timed(t_r, seed=i) for i, t_r in enumerate([2, 1.5, 2, 3])]
    message = r"different times between volumes by their headers \(.*1\.5 s.*3 s\)"
    for t_r in (None, 2):
        with pytest.raises(ValueError, match=message):
            check(runs, mask, t_r)
    # Rounding is no difference, and a header that does not know says nothing.
    assert check([timed(2.079), timed(2.0791), timed(0)], mask) == 2.079


def test_times_differ_from_the_argument(mask):
    message = r"t_r is 20 s, and the header of The Nifti1Image in memory says 2 s"
    with pytest.raises(ValueError, match=message):
        check([timed(2)], mask, 20)
    assert check([timed(2.079)], mask, 2.08) == 2.08


@pytest.mark.parametrize("t_r", [0, -2, np.nan, np.inf, "2", [2], 2j])
def test_times_that_are_no_seconds(mask, t_r):
    with pytest.raises(ValueError, match=r"expected the seconds from one volume to the next"):
        check([timed(2)], mask, t_r)


def test_the_twin_says_its_time():
    twin = data.load("twin")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert check_files(twin.func[12:14], [145] * 2, twin.mask) == 2
        assert check_files(twin.func[12:14], [145] * 2, twin.mask, 2.0) == 2
    assert not caught


# Values


@pytest.mark.parametrize("value", [1e16, -1e30])
def test_values_that_no_sum_can_hold(mask, value):
    values = noise()
    values[2, 3, 1, 4] = value
    with pytest.raises(ValueError, match=r"in memory has values from .*; expected measurements"):
        load([image_of(values)], mask)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_values_too_small_to_be_standardized(mask, dtype):
    """nilearn takes standard deviations below 2e-16 for 1, and says nothing."""
    with pytest.raises(ValueError, match=r"the largest between 1e-08 and 1e\+15: .*unit"):
        load([image_of((1e-20 * noise()).astype(dtype))], mask)
    assert load([image_of((1e-10 * noise()).astype(dtype))], mask).std() == pytest.approx(
        1, abs=0.1
    )


def test_images_in_memory_are_left_as_they_are(mask):
    run = image_of(noise())
    load([run], mask)
    masking.masked_runs([run], mask, CLEAN | {"smoothing_fwhm": 4.0}, None)
    np.testing.assert_array_equal(get_data(run), noise())
    np.testing.assert_array_equal(get_data(mask), mask_values())
