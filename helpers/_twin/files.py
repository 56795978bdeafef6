"""The twin's files: images, label tables and masks in the layout of the real recording."""

import struct
import zlib
from io import BytesIO

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
    ceilings, driven = Ceilings(), responses.responds(voxels)
    response = haemodynamic_response(voxels.peak)
    baseline = BASELINE * rng.uniform(0.8, 1.2, len(voxels.peak))
    with Threads(2) as pool:
        writing = []
        for name, rows in zip(FIGURE_RUNS + RANDOM_RUNS, labels, strict=True):
            signal = responses.noise_free_run(rows, voxels, response)
            noise = responses.noise_run(len(rows), voxels, sharing, rng)
            measured = signal + noise
            if name in FIGURE_RUNS:
                ceilings.add_figure(rows, signal[:, driven], measured[:, driven])
            else:
                ceilings.add_random(signal[:, driven], measured[:, driven])
            table = recording / "label" / f"{name}_label.csv"
            with table.open("w", encoding="ascii", newline="\n") as stream:
                np.savetxt(stream, rows, fmt="%d", delimiter=",")
            bold = baseline * (1 + measured / 100)
            writing.append(pool.submit(_write_bold, recording / "func" / name, mask, bold))
            if len(writing) > 2:
                writing.pop(0).result()
        for written in writing:
            written.result()
    ceiling_random, ceiling_figure = np.zeros((2, len(driven)))  # of a voxel without response: 0
    ceiling_random[driven], ceiling_figure[driven] = ceilings.random(), ceilings.figure()
    return {"ceiling_random": ceiling_random, "ceiling_figure": ceiling_figure}


def _write_bold(path, mask, bold):
    """Write one run as int16, shape (64, 64, 30, n_volumes); outside the mask it is 0."""
    slices = np.flatnonzero(mask.any(axis=(0, 1)))
    first, last = slices[0], slices[-1] + 1
    inside = mask[..., first:last]
    # Volume by volume, as the file has them: filling a four-dimensional array takes far longer.
    run = np.zeros((len(bold), inside.size), dtype=np.int16)
    run[:, np.ravel_multi_index(np.nonzero(inside), inside.shape, order="F")] = np.rint(bold)
    image = nib.Nifti1Image(np.broadcast_to(np.int16(0), (*mask.shape, len(bold))), brain.AFFINE)
    image.header.set_zooms((*image.header.get_zooms()[:3], responses.TR))
    image.header.set_xyzt_units("mm", "sec")
    image.header.set_slope_inter(1, 0)
    image.header["descrip"] = MARK
    header = BytesIO()
    image.header.write_to(header)
    slice_size = mask[..., 0].size * run.itemsize
    before, after = bytes(first * slice_size), bytes((mask.shape[2] - last) * slice_size)
    between = after + before
    parts = [header.getvalue() + before]
    for volume in run:
        parts += [volume.tobytes(), between]
    parts[-1] = after
    path.with_suffix(".nii.gz").write_bytes(_compress(parts, between))


def _compress(parts, often):
    """Compress parts of a file by gzip, one of which comes again and again.

    Most slices of a run lie outside the mask, and compressing their zeros would take most of the
    time. So what lies between two volumes is compressed once, and its compressed bytes are put
    where it comes again: after a full flush nothing refers to what came before (RFC 1951).
    """
    packer = zlib.compressobj(1, zlib.DEFLATED, -zlib.MAX_WBITS)  # without a header: it is below

    def pack(part):
        return packer.compress(part) + packer.flush(zlib.Z_FULL_FLUSH)

    packed, check = [b"\x1f\x8b\x08\0\0\0\0\0\0\xff"], 0
    packed_often = pack(often)
    for part in parts:
        packed.append(packed_often if part is often else pack(part))
        check = zlib.crc32(part, check)
    size = sum(len(part) for part in parts) % 2**32
    return b"".join([*packed, packer.flush(), struct.pack("<II", check, size)])


def _save(image, path):
    image.header["descrip"] = MARK
    nib.save(image, path)
