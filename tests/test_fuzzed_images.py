"""Images that nobody thought of: damaged bytes, any type and value; no traceback but ours, no NaN.

Hypothesis draws the same inputs each time; HYPOTHESIS_EXAMPLES=10000 tries as many.
"""

import gzip
import os
import warnings

import nibabel
import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from nilearn.maskers import NiftiMasker

from helpers._files import DataError, masking
from helpers._files.images import check_files, open_image

GRID, N_VOLUMES = (3, 2, 2), 12
AFFINE = np.diag([-3.3, 3.6, 6.4, 1.0])
CLEAN = {"detrend": True, "standardize": "zscore_sample"}
MASK = nibabel.Nifti1Image(np.ones(GRID, dtype="uint8"), AFFINE)
TRIES = settings(
    max_examples=int(os.environ.get("HYPOTHESIS_EXAMPLES", 150)),
    derandomize=True,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
# What the file's own library warns of while it reads; numbers do not depend on it.
OURS = (DataError, ValueError)


def noise():
    values = np.random.default_rng(0).standard_normal((*GRID, N_VOLUMES))
    return (500 + 10 * values).astype("float32")


WHOLE = nibabel.Nifti1Image(noise(), AFFINE).to_bytes()


def load(run, mask=MASK, n_rows=N_VOLUMES):
    """Check and mask a run; None if it is refused, with its name and one sentence at least."""
    try:
        check_files([run], [n_rows], mask)
        got = masking.masked_runs([run], mask, CLEAN, None)
    except OURS as error:
        assert len(str(error)) > 30, error
        assert str(error).endswith("."), error
        return None
    assert np.isfinite(got.bold).all()
    assert (got.bold[:, got.constant.any(axis=0)] == 0).all()
    return got


@given(st.lists(st.tuples(st.integers(0, 351), st.integers(0, 255)), min_size=1, max_size=6))
@TRIES
def test_changed_bytes_in_a_header(tmp_path_factory, changes):
    path = tmp_path_factory.mktemp("bytes") / "run.nii"
    content = bytearray(WHOLE)
    for at, byte in changes:
        content[at] = byte
    path.write_bytes(content)
    load(path)


@given(st.integers(0, 10**6), st.integers(0, 255), st.booleans())
@TRIES
def test_a_changed_byte_or_a_cut_in_a_compressed_file(tmp_path_factory, at, byte, cut):
    path = tmp_path_factory.mktemp("bytes") / "run.nii.gz"
    content = bytearray(gzip.compress(WHOLE, mtime=0))
    at %= len(content)
    content[at] = byte
    path.write_bytes(content[:at] if cut else content)
    load(path)


DTYPES = st.sampled_from(["u1", "i2", "u2", "i4", "u4", "f4", "f8", "c8", ">f4", ">i2"])


@st.composite
def images(draw, min_dims=3, max_dims=5):
    """Draw an image of any shape, type and values, NaN, infinite and huge ones among them."""
    dtype = np.dtype(draw(DTYPES))
    shape = draw(
        st.one_of(
            st.just((*GRID, N_VOLUMES)),
            st.just((*GRID, 1, N_VOLUMES)),
            st.just(GRID),
            array_shapes(min_dims=min_dims, max_dims=max_dims, max_side=4),
        )
    )
    values = draw(arrays(dtype, shape))
    return nibabel.Nifti1Image(values, AFFINE, dtype=dtype)


@given(images(), st.booleans())
@TRIES
def test_any_values_of_any_type(tmp_path_factory, image, on_disk):
    run = image
    if on_disk:
        run = tmp_path_factory.mktemp("values") / "run.nii.gz"
        image.to_filename(run)
    got = load(run)
    if got is not None:
        assert got.bold.shape == (N_VOLUMES, np.prod(GRID))
        opened = open_image(run)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # nilearn's, about what it makes of odd values
            expected = NiftiMasker(MASK, **CLEAN).fit().transform(opened)
        expected[:, got.constant.any(axis=0)] = 0
        np.testing.assert_allclose(got.bold, expected, rtol=0, atol=1e-4)


@given(images())
@TRIES
def test_any_mask(image):
    run = nibabel.Nifti1Image(noise(), AFFINE)
    got = load(run, mask=image)
    if got is not None:
        inside = np.asarray(image.dataobj).reshape(GRID) != 0
        assert got.bold.shape == (N_VOLUMES, inside.sum())


CONFOUNDS = st.one_of(
    st.none(),
    arrays(np.float64, st.tuples(st.integers(10, 13), st.integers(0, 14))),
    st.lists(st.one_of(st.floats(), st.text(max_size=3), st.none()), max_size=13),
)
KEPT = st.one_of(
    st.none(),
    st.lists(st.integers(-2, 13), max_size=13),
    st.lists(st.booleans(), min_size=11, max_size=13),
    st.lists(st.floats(allow_nan=True), max_size=4),
    st.sets(st.integers(0, 11), min_size=3).map(sorted),
)


@given(CONFOUNDS, KEPT, st.booleans())
@TRIES
def test_any_confounds_and_volumes(confounds, kept, filtered):
    options = CLEAN | ({"high_pass": 0.05, "t_r": 2.0} if filtered else {})
    options |= {"clean_args": {"filter": "cosine"}} if filtered else {}
    run = nibabel.Nifti1Image(noise(), AFFINE)
    try:
        got = masking.masked_runs(
            [run], MASK, options, None, confounds=[confounds], sample_mask=[kept]
        )
    except OURS as error:
        assert str(error).endswith("."), error
        return
    assert np.isfinite(got.bold).all()
    assert got.lengths.tolist() == [len(got.bold)]
