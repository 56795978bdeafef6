"""The twin's files: images, label tables and masks in the layout of the real recording."""

import nibabel as nib
import numpy as np

from helpers._engine.haemodynamics import haemodynamic_response
from helpers._engine.threads import Threads
from helpers._files.layout import FIGURE_RUNS, MARK, MASKS, RANDOM_RUNS, RECORDING
from helpers._twin import brain, responses, stimuli
from helpers._twin.ceiling import Ceilings

BASELINE = 1000  # arbitrary units of a voxel at rest, as in int16 scanner files


def write_recording(folder, seed, physiology):
    """Simulate all runs and write every file of the recording.

    Parameters
    ----------
    folder : pathlib.Path
        New folder; it gets the folder ``miyawaki2008``.
    seed : int
        Of the random numbers.
    physiology : helpers._twin.responses.Physiology

    Returns
    -------
    dict of array
        The ground truth by name, see `helpers._twin.truth.Truth`.
    """
    rng = np.random.default_rng(seed)
    recording = folder / RECORDING
    for name in ("func", "label", "mask"):
        (recording / name).mkdir(parents=True)
    background, grey_matter = brain.anatomy()
    _save(background, recording / "bg.nii.gz")
    mask = brain.visual_mask(background.get_fdata(), grey_matter.get_fdata())
    indices = np.argwhere(mask)
    place = brain.retinotopy(indices)
    _write_masks(recording / "mask", mask, place)
    labels = stimuli.all_labels(rng)
    voxels = responses.draw_voxels(place, rng, physiology)
    sharing = responses.draw_sharing(brain.positions(indices), physiology, rng)
    ceilings = _write_runs(recording, mask, labels, voxels, sharing, rng)
    return voxels._asdict() | place._asdict() | ceilings


def _write_masks(folder, mask, place):
    """Write the mask and the 38 masks of areas and eccentricity bins, which tile it."""
    lag = np.minimum(place.eccentricity.astype(int), 10)
    bins = np.array([f"lag{edge}to{edge + 1}" for edge in lag])
    members = {"mask": np.ones(len(lag), dtype=bool)}
    for side in ("LH", "RH"):
        here = place.hemisphere == side
        for names in (place.area, bins):
            members |= {side + name: here & (names == name) for name in np.unique(names)}
    for file_name in MASKS:
        image = np.zeros(mask.shape, dtype=np.uint8)
        image[mask] = members[file_name.removesuffix(".nii.gz")]
        _save(nib.Nifti1Image(image, brain.AFFINE), folder / file_name)


def _write_runs(recording, mask, labels, voxels, sharing, rng):
    """Simulate run after run; two threads compress, one of which may lag behind."""
    ceilings = Ceilings()
    response = haemodynamic_response(voxels.peak)
    baseline = BASELINE * rng.uniform(0.8, 1.2, len(voxels.peak))
    with Threads(2) as pool:
        writing = []
        for name, rows in zip(FIGURE_RUNS + RANDOM_RUNS, labels, strict=True):
            signal = responses.noise_free_run(rows, voxels, response)
            noise = responses.noise_run(len(rows), voxels, sharing, rng)
            measured = signal + noise
            if name in FIGURE_RUNS:
                ceilings.add_figure(rows, signal, measured)
            else:
                ceilings.add_random(signal, measured)
            table = recording / "label" / f"{name}_label.csv"
            with table.open("w", encoding="ascii", newline="\n") as stream:
                np.savetxt(stream, rows, fmt="%d", delimiter=",")
            bold = baseline * (1 + measured / 100)
            writing.append(pool.submit(_write_bold, recording / "func" / name, mask, bold))
            if len(writing) > 2:
                writing.pop(0).result()
        for written in writing:
            written.result()
    return {"ceiling_random": ceilings.random(), "ceiling_figure": ceilings.figure()}


def _write_bold(path, mask, bold):
    """Write one run as int16, shape (64, 64, 30, n_volumes); outside the mask it is 0."""
    # Volume by volume, as the file has them: filling a four-dimensional array takes far longer.
    run = np.zeros((len(bold), mask.size), dtype=np.int16)
    run[:, np.ravel_multi_index(np.nonzero(mask), mask.shape, order="F")] = np.rint(bold)
    run = run.reshape(len(bold), *mask.shape[::-1]).T
    image = nib.Nifti1Image(run, brain.AFFINE)
    image.header.set_zooms((*image.header.get_zooms()[:3], responses.TR))
    image.header.set_xyzt_units("mm", "sec")
    _save(image, path.with_suffix(".nii.gz"))


def _save(image, path):
    image.header["descrip"] = MARK
    nib.save(image, path)
