"""A small recording in the layout of the real one, file by file, and an archive of it."""

import io
import tarfile
from pathlib import Path

import nibabel
import numpy as np
from nilearn.datasets.func import miyawaki2008_file_mask

GRID = (8, 8, 4)
AFFINE = np.diag([-3.3, 3.6, 6.4, 1.0])
AREAS = ("V1d", "V1v", "V2d", "V2v", "V3A", "V3", "V4v", "VP")


def write_image(path, values):
    """Write an array as a NIfTI file on the small grid's affine, with volumes 2 s apart."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = nibabel.Nifti1Image(values, AFFINE)
    if values.ndim == 4:
        image.header.set_zooms((*image.header.get_zooms()[:3], 2.0))
    nibabel.save(image, path)


def write_labels(path, rng, n_volumes):
    """Write random binary images with rest before and after, as integers."""
    rows = rng.integers(0, 2, (n_volumes, 100))
    rows[:3] = rows[-2:] = -1
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savetxt(path, rows, fmt="%d", delimiter=",")


def region_values(name):
    """Return the mask of a region: areas are slabs of rows, bins columns, sides planes."""
    values = np.zeros(GRID, dtype="uint8")
    side = slice(0, 2) if name.startswith("LH") else slice(2, 4)
    what = name[2:].removesuffix(".nii.gz")
    if what in AREAS:
        values[AREAS.index(what), :, side] = 1
    elif what == "lag0to1":  # bins 0 and 1 overlap in column 1; 8 to 11 stay empty
        values[:, 0:2, side] = 1
    elif int(what.split("lag")[1].split("to")[0]) < 8:
        values[:, int(what[3:].split("to")[0]), side] = 1
    return values


def mask_values():
    """Return the mask: not symmetric, so that swapped axes cannot pass for right."""
    values = np.zeros(GRID, dtype="uint8")
    values[1:7, 2:5, 1:4] = values[0, 0, 0] = values[7, 1, 2] = 1
    return values


def write_layout(folder, seed=0, n_figure=20, n_random=24):
    """Write `folder`/miyawaki2008 with all the files that nilearn's fetcher wants."""
    rng = np.random.default_rng(seed)
    root = Path(folder) / "miyawaki2008"
    runs = [(f"figure_run{i:02}", n_figure) for i in range(1, 13)]
    runs += [(f"random_run{i:02}", n_random) for i in range(1, 21)]
    for run, n_volumes in runs:
        values = 100 + rng.standard_normal((*GRID, n_volumes), dtype="float32")
        write_image(root / "func" / f"data_{run}.nii.gz", values)
        write_labels(root / "label" / f"data_{run}_label.csv", rng, n_volumes)
    for name in miyawaki2008_file_mask():
        values = mask_values() if name == "mask.nii.gz" else region_values(name)
        write_image(root / "mask" / name, values)
    write_image(root / "bg.nii.gz", np.ones(GRID, dtype="float32"))
    return root


def archive_of(root, leave_out=(), replace=None):
    """Return the bytes of a .tgz of a layout, without some files and with others replaced."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for path in sorted(p for p in root.rglob("*") if p.is_file()):
            name = path.relative_to(root).as_posix()
            if name not in leave_out:
                content = (replace or {}).get(name, path.read_bytes())
                entry = tarfile.TarInfo(name)
                entry.size = len(content)
                archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()
