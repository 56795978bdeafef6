"""Surface recordings, GIFTI pairs and CIFTI, opened as nilearn's SurfaceImage, checked and masked.

One number is measured at each vertex of a mesh instead of in each voxel of a grid. Files hold these
numbers and not the mesh itself, of which nilearn brings fsaverage5 alone; see `open_surface`.
"""

import re
from collections.abc import Mapping
from functools import cache
from os import PathLike
from pathlib import Path
from typing import NamedTuple

import nibabel
import numpy as np
from nibabel.cifti2 import BrainModelAxis, Cifti2Image, ScalarAxis, SeriesAxis
from nibabel.gifti import GiftiImage
from nilearn.datasets import load_fsaverage
from nilearn.maskers import SurfaceMasker
from nilearn.surface import InMemoryMesh, SurfaceImage

from helpers._files import DataError

SIDES = ("left", "right")
GIFTI_NAME = re.compile(r"\.gii(\.gz)?$", re.IGNORECASE)
CIFTI_NAME = re.compile(r"\.[dp](tseries|scalar|label|conn|pconn)\.nii$", re.IGNORECASE)

# Vertices of one hemisphere. Other meshes share some of these numbers: onavg has 10,242 too.
MESHES = {
    "fsaverage3": 642,
    "fsaverage4": 2562,
    "fsLR 4k": 4002,
    "fsLR 8k": 7842,
    "fsaverage5": 10242,
    "fsLR 32k": 32492,
    "fsaverage6": 40962,
    "fsLR 59k": 59292,
    "fsaverage and fsLR 164k": 163842,
}

POINTS, TRIANGLES, LABELS = 1008, 1009, 1002  # NIFTI_INTENT_POINTSET, _TRIANGLE, _LABEL

# FreeSurfer, and so fMRIPrep, writes TimeStep in milliseconds, Connectome Workbench in seconds. No
# scanner takes 50 s for a volume, nor 50 ms.
MILLISECONDS_FROM = 50

SAME_T_R = 1e-3  # seconds: files round

# How a file name says which hemisphere it holds: BIDS, FreeSurfer, the Human Connectome Project.
SIDE_IN_NAME = re.compile(r"hemi-(?P<bids>[LR])(?=[_.])|^(?P<fs>[lr])h\.|\.(?P<hcp>[LR])\.")


class Layout(NamedTuple):
    """What a surface recording is made of."""

    vertices: dict  # side: number of vertices
    n_volumes: int
    t_r: float | None  # seconds, None where the file does not say


def is_surface(item):
    """Whether an item is surface data, judged by its type and name alone.

    Parameters
    ----------
    item : object
        For example one of the `func` of `helpers.data.from_files`.

    Returns
    -------
    bool
        True for a SurfaceImage, a mapping, a GIFTI or CIFTI image or name, and a pair of GIFTIs.
    """
    if isinstance(item, list | tuple):
        return len(item) == 2 and any(_is_gifti(part) for part in item)
    return isinstance(item, SurfaceImage | Mapping) or _is_gifti(item) or _is_cifti(item)


def _is_gifti(item):
    """Whether an item is a GIFTI image, or a path with its ending."""
    return isinstance(item, GiftiImage) or (_is_path(item) and bool(GIFTI_NAME.search(str(item))))


def _is_cifti(item):
    """Whether an item is a CIFTI image, or a path with one of its endings."""
    return isinstance(item, Cifti2Image) or (_is_path(item) and bool(CIFTI_NAME.search(str(item))))


def _is_path(item):
    return isinstance(item, str | PathLike)


def open_surface(item):
    """Open surface data as nilearn's SurfaceImage; no value is changed.

    A file does not hold its mesh. With 10,242 vertices a hemisphere it gets the pial mesh of
    fsaverage5, unless its name gives another ``space-``; any other gets one that knows the
    number of vertices and nothing else: all coordinates are 0. Masking and scores need no more, a
    drawing needs the mesh's own file.

    Of CIFTI the cortex is kept. Vertices that the file leaves out, as those of the medial wall,
    are NaN; subcortical voxels are left out.

    Parameters
    ----------
    item : SurfaceImage, or dict, or pair, or str or Path, or nibabel image
        ``{"left": file, "right": file}`` or one of the two, with GIFTI files (``.func.gii``); a
        pair of them, the left one first; a CIFTI file (``.dtseries.nii``, or ``.dscalar.nii`` for
        a mask). Each file may be the opened nibabel image.

    Returns
    -------
    SurfaceImage
        Data of each hemisphere: (n_vertices, n_volumes), or (n_vertices,) for one map.

    Raises
    ------
    DataError
        If a file is missing, truncated or damaged.
    ValueError
        If a file is of another kind, hemispheres are exchanged or do not fit together, or no known
        mesh has so many vertices.
    """
    return _open(item, fill=np.nan)


def _open(item, fill):
    """Return the SurfaceImage; `fill` is for the vertices that a CIFTI file leaves out."""
    if isinstance(item, SurfaceImage):
        return item
    if _is_cifti(item):
        image = _load(item, Cifti2Image)
        parts, files = _cifti_values(image, fill), {side: item for side in SIDES}
    else:
        files = _hemispheres(item)
        parts = {side: _gifti_values(_load_side(file, side), file) for side, file in files.items()}
    name = _name(item)
    shapes = {side: values.shape for side, values in parts.items()}
    if len({shape[1:] for shape in shapes.values()}) > 1:
        raise ValueError(
            f"{name} has {_counted(shapes['left'])} in its left hemisphere and "
            f"{_counted(shapes['right'])} in its right one; expected equally many: check that both "
            "belong to the same run."
        )
    dtype = np.result_type(*parts.values())
    mesh = _mesh(shapes, name, [_file_name(file) for file in files.values()])
    return SurfaceImage(
        mesh, {side: values.astype(dtype, copy=False) for side, values in parts.items()}
    )


def _hemispheres(item):
    """Return the GIFTI files of an item by side."""
    if isinstance(item, list | tuple) and len(item) == 2:
        item = dict(zip(SIDES, item, strict=True))
    if _is_gifti(item):
        raise ValueError(
            f"{_name(item)} is one hemisphere; expected a pair a run: give "
            '{"left": file, "right": file}, or {"left": file} for one hemisphere alone.'
        )
    if not isinstance(item, Mapping) or not item or set(item) - set(SIDES):
        found = f"the keys {list(item)}" if isinstance(item, Mapping) else f"{item!r}"
        raise ValueError(
            f'A surface recording was given as {found}; expected {{"left": file, "right": file}} '
            "with GIFTI files, a CIFTI file (.dtseries.nii) or nilearn's SurfaceImage."
        )
    for side, file in item.items():
        if not _is_gifti(file):
            raise ValueError(
                f"The {side} hemisphere was given as {file!r}; expected a GIFTI file: its name "
                "ends in .gii, or as fMRIPrep writes it, in .func.gii."
            )
    return dict(item)


def _load(item, kind):
    """Return the opened nibabel image of an item, which may be one already."""
    if isinstance(item, kind):
        return item
    try:
        image = nibabel.load(item)
    except Exception as error:  # nibabel's parsers raise anything, for example AttributeError
        raise _unreadable(item, error) from None
    if image is None:
        raise _unreadable(item, "no GIFTI in its XML")
    if not isinstance(image, kind):
        raise ValueError(
            f"{item} holds a {type(image).__name__}; expected a {kind.__name__}, as its name says: "
            "give the name that belongs to what it holds."
        )
    if kind is GiftiImage:  # which nibabel does not tell the name of its file
        image.file_map["image"].filename = str(item)
    return image


def _unreadable(item, error):
    """Return the DataError for a file that cannot be read."""
    reason = next(iter(str(error).splitlines()), "") or type(error).__name__
    return DataError(
        f"{_name(item)} cannot be read as surface data ({reason}): check the path, or get the file "
        "anew."
    )


def _load_side(file, side):
    """Return the GIFTI image of a hemisphere; ValueError if it says that it is the other one."""
    image = _load(file, GiftiImage)
    said = _side_of(image)
    if said not in (None, side):
        raise ValueError(
            f"{_name(file)} was given as the {side} hemisphere and says that it is the {said} one; "
            "expected the left one as left: exchange the two, or give each once."
        )
    return image


def _side_of(image):
    """Return the hemisphere that a GIFTI image names in its metadata, or else in its file name."""
    for meta in (image.meta, *(array.meta for array in image.darrays)):
        found = re.fullmatch(
            r"cortex(left|right)", meta.get("AnatomicalStructurePrimary", ""), re.IGNORECASE
        )
        if found:
            return found[1].lower()
    found = SIDE_IN_NAME.search(Path(image.get_filename() or "").name)
    return {"l": "left", "r": "right"}[found[found.lastgroup].lower()] if found else None


def _gifti_values(image, file):
    """Return the values of a GIFTI image, (n_vertices, n_volumes), or (n_vertices,) for one."""
    if {array.intent for array in image.darrays} & {POINTS, TRIANGLES}:
        raise ValueError(
            f"{_name(file)} is a mesh, the places of vertices; expected what was measured at them: "
            "give the file that ends in .func.gii."
        )
    arrays = [array.data for array in image.darrays]
    if not arrays or any(array is None for array in arrays):
        raise DataError(f"{_name(file)} has no values: check the path, or get the file anew.")
    if len(arrays) == 1 and arrays[0].ndim == 2:
        values = arrays[0]
    elif {array.shape[1:] for array in arrays} <= {(), (1,)} and len({a.size for a in arrays}) == 1:
        values = np.stack([array.ravel() for array in arrays], axis=1)
    else:
        raise ValueError(
            f"{_name(file)} has arrays of the shapes {sorted({a.shape for a in arrays})}; expected "
            "one array a volume with a number for each vertex, or one array with a row for each "
            "vertex."
        )
    return values[:, 0] if values.shape[1] == 1 else values


def _cifti_axes(image):
    """Return what the rows of a CIFTI image are, and the brain models of its cortex by side."""
    try:
        axes = [image.header.get_axis(axis) for axis in range(image.ndim)]
    except Exception as error:  # as in _load
        raise _unreadable(image, error) from None
    kinds = [SeriesAxis | ScalarAxis, BrainModelAxis]
    if len(axes) != 2 or not all(map(isinstance, axes, kinds)):
        raise ValueError(
            f"{_name(image)} is a CIFTI file of another kind; expected values for each vertex: "
            "give the file that ends in .dtseries.nii, or in .dscalar.nii for a mask."
        )
    rows, columns = axes
    names = {f"CIFTI_STRUCTURE_CORTEX_{side.upper()}": side for side in SIDES}
    cortex = {names[s[0]]: s[1:] for s in columns.iter_structures() if s[0] in names}
    if not cortex:
        raise ValueError(
            f"{_name(image)} has no cortex, only {sorted(set(columns.name.tolist()))}; expected "
            "vertices of the left or right hemisphere: give volumes as NIfTI files."
        )
    return rows, {side: cortex[side] for side in SIDES if side in cortex}


def _cifti_values(image, fill):
    """Return the values of a CIFTI image's cortex by side, (n_vertices, n_volumes) or less."""
    parts = {}
    for side, (where, models) in _cifti_axes(image)[1].items():
        try:
            measured = np.asarray(image.dataobj[:, where])
            (n_vertices,) = models.nvertices.values()
            shape, dtype = (n_vertices, len(measured)), np.result_type(measured, np.float32)
            parts[side] = np.full(shape, fill, dtype)
            parts[side][models.vertex] = measured.T
        except Exception as error:  # as in _load: damage shows only here
            raise _unreadable(image, error) from None
    return {side: v[:, 0] if v.shape[1] == 1 else v for side, v in parts.items()}


def _mesh(shapes, name, file_names):
    """Return a mesh by side for data of these shapes, with its geometry where nilearn has it."""
    for side, shape in shapes.items():
        if shape[0] not in MESHES.values():
            known = ", ".join(f"{mesh} {n}" for mesh, n in MESHES.items())
            raise ValueError(
                f"{name} has {shape[0]} vertices in its {side} hemisphere (values of the shape "
                f"{shape}); expected a row for each vertex of a known mesh ({known}): give "
                "nilearn.surface.SurfaceImage(mesh, data) with the mesh of your own."
            )
    if len({shape[0] for shape in shapes.values()}) > 1:
        raise ValueError(
            f"{name} has {shapes['left'][0]} vertices in its left hemisphere and "
            f"{shapes['right'][0]} in its right one; expected the same mesh: check that both are "
            "in the same space."
        )
    n_vertices = next(iter(shapes.values()))[0]
    spaces = [re.search(r"space-([A-Za-z0-9]+)", file_name) for file_name in file_names]
    elsewhere = any(space and not space[1].startswith("fsaverage") for space in spaces)
    if n_vertices != MESHES["fsaverage5"] or elsewhere:
        # nilearn wants one triangle at least; this one is a point.
        nowhere = InMemoryMesh(np.zeros((n_vertices, 3)), np.zeros((1, 3), dtype=int))
        return dict.fromkeys(shapes, nowhere)
    return {side: _fsaverage5()[side] for side in shapes}


@cache
def _fsaverage5():
    """Return the pial mesh that comes with nilearn, by side."""
    # Left on disk: nilearn's drawings move the coordinates of a mesh in memory.
    return load_fsaverage("fsaverage5")["pial"].parts


def surface_masker(mask, options, like):
    """Fit nilearn's SurfaceMasker to a mask, or to the vertices where something was measured.

    Without a mask, vertices whose values are all 0 or NaN are left out. This is how the medial
    wall, where there is no cortex, comes in CIFTI and from fMRIPrep's ``--medial-surface-nan``.
    Other programs write numbers there, which only a mask can leave out.

    Parameters
    ----------
    mask : surface data as for `open_surface`, or None
        One map, 0 outside and 1 inside.
    options : dict
        Arguments of nilearn's SurfaceMasker. By default it standardizes nothing and keeps no
        report.
    like : surface data as for `open_surface`
        A run on the mesh of the mask; the masker gets its mesh.

    Returns
    -------
    SurfaceMasker
        Fitted; its elements are the left vertices and then the right ones.

    Raises
    ------
    DataError
        If a file cannot be read.
    ValueError
        If mask and run do not fit together, the mask has other values than 0 and 1, nothing was
        measured in a hemisphere, or there is no such option for surfaces.
    """
    # nilearn has the argument smoothing_fwhm and does not smooth.
    known = SurfaceMasker().get_params().keys() - {"mask_img", "smoothing_fwhm"}
    refused = {name for name, value in options.items() if value is not None} - known
    if refused:
        raise ValueError(
            f"{sorted(refused)} cannot be done on a surface; expected some of {sorted(known)}: "
            "smooth or resample along the surface before, for example with Connectome Workbench."
        )
    image = open_surface(like)
    if mask is None:
        inside = _measured(image, _name(like))
    else:
        inside = _inside(mask, {side: len(values) for side, values in image.data.parts.items()})
    given = {name: value for name, value in options.items() if name in known}
    arguments = {"standardize": None, "reports": False} | given
    return SurfaceMasker(mask_img=SurfaceImage(image.mesh, inside), **arguments).fit()


def _measured(image, name):
    """Return by side where the values of an image are not all 0 or NaN."""
    inside = {}
    for side, values in image.data.parts.items():
        rows = values.reshape(len(values), -1)
        inside[side] = ~(np.isnan(rows) | (rows == 0)).all(axis=1)
        if not inside[side].any():
            raise ValueError(
                f"{name} has nothing but 0 and NaN in its {side} hemisphere; expected what was "
                "measured: get the file anew, or give the other hemisphere alone."
            )
    return inside


def _inside(mask, vertices):
    """Return by side where a mask is 1; ValueError unless it fits vertices by side."""
    if not is_surface(mask):
        raise ValueError(
            f"The mask {_name(mask)} is no surface data, but the runs are; expected a map on their "
            'mesh: give {"left": file, "right": file} with GIFTI files, or a SurfaceImage.'
        )
    parts, name = _open(mask, fill=0).data.parts, _name(mask)
    found = {side: len(values) for side, values in parts.items()}
    if found != vertices:
        raise ValueError(
            f"The mask {name} has {_sized(found)}, and the runs have {_sized(vertices)}; expected "
            "the same mesh: resample the mask to the mesh of the runs."
        )
    if any(values.size != len(values) for values in parts.values()):
        raise ValueError(
            f"The mask {name} has {parts[next(iter(parts))].shape[1]} maps; expected one: give a "
            "single map."
        )
    values = np.unique(np.concatenate([part.ravel() for part in parts.values()]))
    if not values.any():
        raise ValueError(
            f"The mask {name} is empty: all of its values are 0; expected 1 at each vertex to "
            "analyse: give the mask of your region."
        )
    if not np.isfinite(values).all():
        raise ValueError(
            f"The mask {name} has NaN or infinite values; expected 0 outside and 1 inside: decide "
            "for those vertices, for example with numpy.nan_to_num."
        )
    if len(values) > 2 or (len(values) == 2 and 0 not in values):
        raise ValueError(
            f"The mask {name} has {len(values)} different values; expected 0 outside and 1 "
            "inside: threshold it first."
        )
    return {side: part.ravel() != 0 for side, part in parts.items()}


def vertices_in_region(region, masker):
    """Say which elements of a masker lie in a region.

    Parameters
    ----------
    region : surface data as for `open_surface`
        One map, 0 outside and 1 inside.
    masker : SurfaceMasker
        Fitted, on the same mesh.

    Returns
    -------
    ndarray of bool, (n_vertices,)

    Raises
    ------
    DataError
        If a file cannot be read.
    ValueError
        If the region is no such map, or on another mesh.
    """
    parts = masker.mask_img_.data.parts
    inside = _inside(region, {side: len(values) for side, values in parts.items()})
    return np.concatenate([inside[side][values.ravel() != 0] for side, values in parts.items()])


def read_surface_series(item, masker):
    """Read the time series of the vertices inside a mask; nothing is cleaned.

    Parameters
    ----------
    item : surface data as for `open_surface`
        One run.
    masker : SurfaceMasker
        Fitted, from `surface_masker`.

    Returns
    -------
    ndarray of float, (n_volumes, n_vertices)
        In the units of the file; integers of up to 16 bits come as float32, longer ones as float64.

    Raises
    ------
    DataError
        If a file cannot be read.
    ValueError
        If the run is on another mesh than the mask, or has one map alone.
    """
    parts, inside = open_surface(item).data.parts, masker.mask_img_.data.parts
    found = {side: len(values) for side, values in parts.items()}
    expected = {side: len(values) for side, values in inside.items()}
    _check_same(_name(item), found, expected)
    series = np.concatenate([parts[side][inside[side].ravel()] for side in inside])
    _check_series(_name(item), series)
    # A vertex's values stay side by side in memory: cleaning goes through time.
    return series.astype(np.result_type(series, np.float32), copy=False).T


def check_surfaces(run_images, n_rows, mask):
    """Check that surface runs, their stimuli and the mask fit together.

    Parameters
    ----------
    run_images : list of surface data as for `open_surface`
    n_rows : list of int
        Rows of each run's stimulus table.
    mask : surface data as for `open_surface`, or None

    Returns
    -------
    float or None
        Seconds from one volume to the next, by the step of a CIFTI series or the ``TimeStep`` of
        GIFTI; None where no file says it.

    Raises
    ------
    DataError
        If a file cannot be read.
    ValueError
        If a run is no time series, hemispheres or runs are on different meshes or have different
        TRs, a run has more or fewer volumes than its table has rows, or the mask does not fit.
    """
    layouts = []
    for number, (item, rows) in enumerate(zip(run_images, n_rows, strict=True), start=1):
        name = f"Run {number}, {_name(item)},"
        layouts.append(surface_layout(item))
        _check_same(name, layouts[-1].vertices, layouts[0].vertices)
        if layouts[-1].n_volumes != rows:
            raise ValueError(
                f"{name} has {layouts[-1].n_volumes} volumes and its stimulus table has {rows} "
                "rows; expected one row a volume: check that the files belong to the same run."
            )
    if mask is not None:
        _inside(mask, layouts[0].vertices)
    return _one_t_r([layout.t_r for layout in layouts], "The runs")


def surface_layout(item):
    """Say what a surface run is made of; of CIFTI only the header is read.

    Parameters
    ----------
    item : surface data as for `open_surface`

    Returns
    -------
    Layout

    Raises
    ------
    DataError
        If a file cannot be read.
    ValueError
        If it is no time series of real numbers, or as `open_surface` says.
    """
    name = _name(item)
    if not is_surface(item):
        raise ValueError(
            f"{name} is no surface data, but another run is; expected one kind in all runs."
        )
    if _is_cifti(item):
        image = _load(item, Cifti2Image)
        series, cortex = _cifti_axes(image)
        if not isinstance(series, SeriesAxis):
            raise ValueError(
                f"{name} holds maps; expected a time series: give the file that ends in "
                ".dtseries.nii."
            )
        vertices = {side: next(iter(c[1].nvertices.values())) for side, c in cortex.items()}
        t_r = float(series.step) if series.unit == "SECOND" and series.step > 0 else None
        return Layout(vertices, len(series), t_r)
    t_r = None
    if not isinstance(item, SurfaceImage):
        files = _hemispheres(item)
        item = {side: _load_side(file, side) for side, file in files.items()}
        if any(array.intent == LABELS for image in item.values() for array in image.darrays):
            raise ValueError(
                f"{name} holds labels of regions; expected what was measured: give the files that "
                "end in .func.gii."
            )
        t_r = _one_t_r([_gifti_t_r(image) for image in item.values()], f"The hemispheres of {name}")
    parts = open_surface(item).data.parts
    for values in parts.values():
        _check_series(name, values)
    if len(parts) == 2 and np.array_equal(*parts.values()):
        raise ValueError(
            f"{name} has the same values in both hemispheres; expected the left one as left and "
            "the right one as right: one was given twice."
        )
    vertices = {side: len(values) for side, values in parts.items()}
    return Layout(vertices, next(iter(parts.values())).shape[1], t_r)


def _gifti_t_r(image):
    """Return the TR in seconds by the metadata of a GIFTI image, None where there is none."""
    metas = (image.meta, *(array.meta for array in image.darrays))
    steps = [meta["TimeStep"] for meta in metas if "TimeStep" in meta]
    try:
        step = float(steps[0]) if steps else 0.0
    except ValueError:
        raise ValueError(
            f"{_name(image)} has the TimeStep {steps[0]!r} in its metadata; expected a number: "
            "mend or remove it."
        ) from None
    # FreeSurfer writes 0 where it does not know.
    if not 0 < step < np.inf:
        return None
    return step / 1000 if step >= MILLISECONDS_FROM else step


def _one_t_r(found, who):
    """Return the one TR among those found, None if all are None."""
    known = [t_r for t_r in found if t_r is not None]
    if known and max(known) - min(known) > SAME_T_R:
        raise ValueError(
            f"{who} have different times from one volume to the next, {sorted(set(known))} s; "
            "expected the same: analyse them apart."
        )
    return known[0] if known else None


def _check_series(name, values):
    """Raise ValueError unless an array holds real numbers for more than one volume."""
    if values.ndim != 2 or values.shape[1] < 2:
        raise ValueError(
            f"{name} has values of the shape {values.shape}; expected a time series, a row for "
            "each vertex and a column for each volume: give one file a run with all of its volumes."
        )
    if values.dtype.kind not in "fiu":
        raise ValueError(
            f"{name} has values of type {values.dtype}; expected real numbers: give what was "
            "measured."
        )


def _check_same(name, found, expected):
    """Raise ValueError if a run has other hemispheres or vertices than the mask and other runs."""
    if found != expected:
        raise ValueError(
            f"{name} has {_sized(found)}; expected {_sized(expected)} as in the mask and the other "
            "runs: give all of them in one space, with the same hemispheres."
        )


def _sized(vertices):
    """Say how many vertices there are, by side."""
    return " and ".join(f"{n} {side} vertices" for side, n in vertices.items())


def _counted(shape):
    """Say how many volumes there are in data of a shape."""
    return f"{shape[1]} volumes" if len(shape) == 2 else "1 volume"


def _file_name(item):
    """Return the name of the file that an item is or was read from, "" if there is none."""
    path = item if _is_path(item) else item.get_filename()
    return Path(path or "").name


def _name(item):
    """Say in an error which item is meant."""
    if _is_path(item):
        return str(item)
    if isinstance(item, Mapping):
        return " with ".join(_name(part) for part in item.values())
    if isinstance(item, list | tuple):
        return " with ".join(_name(part) for part in item)
    if isinstance(item, GiftiImage | Cifti2Image) and item.get_filename():
        return str(item.get_filename())
    return f"{type(item).__name__} (in memory)"
