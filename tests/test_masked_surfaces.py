"""Surface runs take the road of volumes: constants, copies, outliers, confounds and the cache."""

import nibabel
import numpy as np
import pytest
from nibabel.gifti import GiftiDataArray, GiftiImage
from nilearn.maskers import SurfaceMasker
from nilearn.surface import InMemoryMesh, SurfaceImage

from helpers import data
from helpers._files import masking
from helpers._files.images import check_files

CLEAN = {"detrend": True, "standardize": "zscore_sample"}
N_VERTICES, N_VOLUMES = 642, 30  # of fsaverage3


def noise(seed):
    rng = np.random.default_rng(seed)
    return {
        side: (500 + 10 * rng.standard_normal((N_VERTICES, N_VOLUMES))).astype("float32")
        for side in ("left", "right")
    }


def in_memory(parts):
    mesh = InMemoryMesh(np.zeros((N_VERTICES, 3)), np.array([[0, 1, 2]]))
    return SurfaceImage({side: mesh for side in parts}, parts)


@pytest.fixture
def runs(tmp_path):
    """Write GIFTI pairs of three runs."""

    def write(run, parts):
        files = {}
        for side, values in parts.items():
            image = GiftiImage(darrays=[GiftiDataArray(volume.copy()) for volume in values.T])
            files[side] = tmp_path / f"run{run}_hemi-{side[0].upper()}.func.gii"
            nibabel.save(image, files[side])
        return files

    return [write(run, noise(run)) for run in range(3)], write


def test_files_and_memory_give_what_nilearn_gives(runs):
    files, _ = runs
    assert check_files(files, [N_VOLUMES] * 3, None) is None
    assert check_files(files, [N_VOLUMES] * 3, None, 1.5) == 1.5
    rng = np.random.default_rng(0)
    confounds = [rng.standard_normal((N_VOLUMES, 2)) for _ in range(3)]
    kept = [np.arange(2, N_VOLUMES), np.setdiff1d(range(N_VOLUMES), [7]), np.arange(N_VOLUMES)]
    images = [in_memory(noise(run)) for run in range(3)]
    masker = SurfaceMasker(**CLEAN).fit(images[0])
    given = zip(images, confounds, kept, strict=True)
    expected = np.vstack([masker.transform(image, c, k.copy()) for image, c, k in given])
    for given in (files, images):
        got = masking.masked_runs(given, None, CLEAN, None, confounds=confounds, sample_mask=kept)
        np.testing.assert_allclose(got.bold, expected, rtol=0, atol=1e-4)
        assert got.lengths.tolist() == [28, 29, 30]
    options = CLEAN | {"high_variance_confounds": True}
    got = masking.masked_runs(images, None, options, None, confounds=confounds)
    masker = SurfaceMasker(**options).fit(images[0])
    given = zip(images, confounds, strict=True)
    expected = np.vstack([masker.transform(image, c) for image, c in given])
    np.testing.assert_allclose(got.bold, expected, rtol=0, atol=1e-2)


def test_constants_outliers_and_copies(runs):
    files, write = runs
    parts = noise(1)
    parts["right"][5] = 123.456
    for values in parts.values():
        values[:, 20] = 0
    parts["right"][5, 20] = 123.456
    files[1] = write(1, parts)
    got = masking.masked_runs(files, None, CLEAN, None)
    assert np.argwhere(got.constant).tolist() == [[1, N_VERTICES + 5]]
    assert (got.bold[:, N_VERTICES + 5] == 0).all()
    assert [list(volumes) for volumes in got.outliers] == [[], [20], []]
    copy = write(7, noise(2))
    with pytest.raises(ValueError, match=r"run2_hemi-L.*run7_hemi-L.* hold the same"):
        masking.masked_runs([*files, copy], None, CLEAN, None)


def test_the_cache_sees_every_hemisphere(runs, tmp_path):
    files, write = runs
    first = masking.masked_runs(files, None, CLEAN, tmp_path / "cache").bold
    again = masking.masked_runs(files, None, CLEAN, tmp_path / "cache").bold
    np.testing.assert_array_equal(again, first)
    write(1, {"right": noise(8)["right"]})
    got = masking.masked_runs(files, None, CLEAN, tmp_path / "cache").bold
    np.testing.assert_array_equal(got, masking.masked_runs(files, None, CLEAN, None).bold)
    changed = (got != first).any(axis=0)
    np.testing.assert_array_equal(changed, np.arange(2 * N_VERTICES) >= N_VERTICES)
    images = [in_memory(noise(run)) for run in range(3)]
    first = masking.masked_runs(images, None, CLEAN, tmp_path / "cache").bold
    images[2].data.parts["left"][3] += np.arange(N_VOLUMES, dtype="float32") ** 2
    assert (masking.masked_runs(images, None, CLEAN, tmp_path / "cache").bold != first).any()


def test_regions_of_a_surface_and_no_voxels(runs):
    files, _ = runs
    mask = {side: np.ones(N_VERTICES) for side in ("left", "right")}
    mask["left"][:40] = 0
    region = {side: np.zeros(N_VERTICES) for side in mask}
    region["left"][30:50] = region["right"][7] = 1
    tables = [np.random.default_rng(run).normal(size=(N_VOLUMES, 2)) for run in range(3)]
    dataset = data.from_files(
        files, tables, in_memory(mask), mask_roi={"fusiform": in_memory(region)}
    )
    got = data.recording(dataset, memory=None)
    area, hemisphere, _ = data.region_labels(dataset, got.masker)
    # The left hemisphere has lost 40 vertices to the mask.
    left = N_VERTICES - 40
    assert np.flatnonzero(area == "fusiform").tolist() == [*range(10), left + 7]
    assert set(hemisphere) == {""}
    with pytest.raises(ValueError, match="has vertices and no voxels"):
        got.column(1, 2, 3)
    small = {side: values[:100] for side, values in region.items()}
    mesh = InMemoryMesh(np.zeros((100, 3)), np.array([[0, 1, 2]]))
    dataset.mask_roi["fusiform"] = SurfaceImage({side: mesh for side in small}, small)
    with pytest.raises(ValueError, match="expected the same mesh"):
        data.region_labels(dataset, got.masker)
