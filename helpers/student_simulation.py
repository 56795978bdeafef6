"""What the twins of students are made of: fewer voxels and runs than the book's twin has."""

from functools import cache

import nibabel as nib
import numpy as np

from helpers import twin_brain, twin_response, twin_stimuli
from helpers.twin_files import BASELINE, MARK

N_RANDOM = 8  # runs
FIGURES = ("figure_run1", "figure_run2", "secret_run1")
# Voxels of each population; the tuned ones are all of V1, where there are enough for any student.
N_TUNED, N_ON_OFF, N_SILENT = 130, 15, 150
STRENGTH = 1.3  # responses are that much stronger than the book's, since there are fewer runs
# Volumes by which the responses of a student's twin lag behind: seconds to their peak.
PEAKS = {2: 3.4, 3: 5.4, 4: 7.4}
PEAK_SPREAD = 0.25  # of that of the book's twin, so that one lag is best for nearly all voxels


def draw_brain(rng):
    """Draw the voxels of a student's twin.

    Parameters
    ----------
    rng : numpy.random.Generator

    Returns
    -------
    place : helpers.twin_brain.Retinotopy
    voxels : helpers.twin_response.Voxels
    indices : ndarray of int, shape (n_voxels, 3)
        Indices (i, j, k) on the grid of the book's recording, in mask order.
    lag : int
        Volumes by which responses are late.
    """
    indices, place = _whole_brain()
    voxels = twin_response.draw_voxels(place, rng)
    in_v1 = np.isin(place.area, ("V1d", "V1v"))
    groups = {
        "tuned": (N_TUNED, in_v1 & (place.eccentricity < 4)),
        "on_off": (N_ON_OFF, ~in_v1),
        "silent": (N_SILENT + rng.integers(20), ~in_v1),
    }
    columns = np.sort(
        np.concatenate(
            [rng.choice(np.flatnonzero((voxels.population == name) & where), count, replace=False)
             for name, (count, where) in groups.items()]
        )
    )  # fmt: skip
    place = type(place)(*(values[columns] for values in place))
    voxels = type(voxels)(*(values[columns] for values in voxels))
    lag = int(rng.choice(list(PEAKS)))
    peak = PEAKS[lag] + PEAK_SPREAD * (voxels.peak - twin_response.PEAK)
    voxels = voxels._replace(
        peak=peak, weights=STRENGTH * voxels.weights, on_gain=STRENGTH * voxels.on_gain
    )
    return place, voxels, indices[columns], lag


@cache
def _whole_brain():
    """Return indices and retinotopy of the book's 5438 voxels, the same for all students."""
    images = twin_brain.anatomy()
    indices = np.argwhere(twin_brain.visual_mask(*(image.get_fdata() for image in images)))
    return indices, twin_brain.retinotopy(indices)


def draw_labels(rng):
    """Draw what is shown.

    Parameters
    ----------
    rng : numpy.random.Generator

    Returns
    -------
    labels : dict of array of int, shape (n_volumes, 100)
        Label rows of each run by file name.
    letters : list of str
        For each run of `FIGURES` the letters in the order of its blocks.
    """
    cut, n_blocks = rng.integers(5), twin_stimuli.RANDOM_BLOCKS - rng.integers(3)
    names, drawn = np.array(list(twin_stimuli.LETTERS)), letter_images()
    labels, letters = {}, []
    for name in FIGURES:
        order = np.concatenate([rng.permutation(5), rng.permutation(5)])
        rows = twin_stimuli.label_rows(drawn[order], twin_stimuli.FIGURE_VOLUMES)
        labels[name] = rows[cut:]
        letters.append("".join(names[order]))
    for run in range(1, N_RANDOM + 1):
        images = rng.integers(0, 2, (n_blocks, 10, 10))
        rows = twin_stimuli.label_rows(images, twin_stimuli.RANDOM_VOLUMES)
        labels[f"random_run{run}"] = rows[cut:]
    return labels, letters


def letter_images():
    """Draw the letters of the figure runs: n, e, u, r and o.

    Returns
    -------
    array of int, shape (5, 10, 10)
    """
    return twin_stimuli.letters(8, 6, 2)


def write_recording(folder, labels, voxel_indices, voxels, rng):
    """Simulate the runs and write all files, on a grid that is cut to the voxels.

    The secret run gets no label file: what was shown is for students to find out.

    Parameters
    ----------
    folder : pathlib.Path
        New folder.
    labels, voxel_indices, voxels
        From `draw_labels` and `draw_brain`.
    rng : numpy.random.Generator
    """
    for name in ("func", "label"):
        (folder / name).mkdir(parents=True)
    corner = voxel_indices.min(axis=0) - 1
    mask = np.zeros(voxel_indices.max(axis=0) - corner + 2, dtype=np.uint8)
    mask[tuple((voxel_indices - corner).T)] = 1
    affine = twin_brain.AFFINE.copy()
    affine[:3, 3] = twin_brain.positions(corner)
    _save(mask, affine, folder / "mask.nii.gz")
    response = twin_response.haemodynamic_response(voxels.peak)
    loading = twin_response.SHARED * rng.uniform(0.3, 1, len(voxels.peak))
    baseline = BASELINE * rng.uniform(0.8, 1.2, len(voxels.peak))
    for name, rows in labels.items():
        noise = twin_response.noise_run(len(rows), voxels, loading, rng)
        measured = twin_response.noise_free_run(rows, voxels, response) + noise
        run = np.zeros((*mask.shape, len(rows)), dtype=np.int16)
        run[mask > 0] = np.rint(baseline * (1 + measured / 100)).T
        _save(run, affine, folder / "func" / f"{name}.nii.gz")
        if not name.startswith("secret"):
            np.savetxt(folder / "label" / f"{name}.csv", rows, fmt="%d", delimiter=",")


def _save(values, affine, path):
    image = nib.Nifti1Image(values, affine)
    if values.ndim == 4:
        image.header.set_zooms((*image.header.get_zooms()[:3], twin_response.TR))
    image.header.set_xyzt_units("mm", "sec")
    image.header["descrip"] = MARK
    nib.save(image, path)
