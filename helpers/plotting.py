"""Drawing that several chapters share: images, receptive fields, blocks, slices, surfaces.

All functions draw arrays and images; none of them knows a model or a recording.
"""

import re
import warnings
from html import escape
from pathlib import Path
from xml.parsers.expat import ExpatError

import matplotlib.pyplot as plt
import nibabel
import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.patches import Rectangle
from nibabel.affines import apply_affine, voxel_sizes
from nilearn.datasets import load_fsaverage, load_fsaverage_data
from nilearn.image import new_img_like
from nilearn.plotting import plot_surf, view_img
from nilearn.surface import InMemoryMesh, PolyMesh

from helpers._files.images import SAME_PLACE, open_image, read_values
from helpers._files.surfaces import open_surface

__all__ = [
    "KIND_COLOURS",
    "SOURCES",
    "VOXEL_COLOURS",
    "block_edges",
    "draw_pixels",
    "draw_slices",
    "draw_surface",
    "label_source",
    "shade_blocks",
    "source_line",
    "view_map",
]

SOURCES = {
    "twin": "Data: simulated twin",
    "real": "Data: Miyawaki et al. (2008)",
    "yours": "Data: your recording",
    "made": "Data: a made recording",
    "made up": "Data: random numbers",
    "real V1": "Data: V1 of the same subject (Fujiwara et al., 2013)",
    "real and twin": "Data: real recordings and simulated twin",
}

# The same voxel, and the same kind of voxel, has the same colour in the whole book. The four voxels
# are those of nilearn's example, in its colours; grey is for a voxel that pixels do not predict.
VOXEL_COLOURS = {
    (30, 10, 10): "#0072B2",
    (31, 10, 10): "#009E73",
    (32, 10, 10): "#D55E00",
    (31, 9, 10): "#CC79A7",
}
KIND_COLOURS = {"tuned": "#0072B2", "on_off": "#E69F00", "silent": "0.55"}

# Under a pixel without a value; no colour map of the book has it.
NOTHING = "#F0C6B0"

# From where a drawing of the surface is seen, by nilearn's names.
SEEN_FROM = {
    "posterior": "from behind",
    "medial": "inner side",
    "lateral": "outer side",
    "ventral": "from below",
    "dorsal": "from above",
    "anterior": "from the front",
}

# Around the voxels that a slice shows: enough of the brain to see where in it they lie.
MARGIN = 15  # mm


def source_line(source):
    """Return the line that names the data.

    Parameters
    ----------
    source : str
        Key of `SOURCES`.

    Returns
    -------
    str

    Raises
    ------
    ValueError
        If the source is unknown.
    """
    if source not in SOURCES:
        raise ValueError(f'source is "{source}"; expected one of {list(SOURCES)}.')
    return SOURCES[source]


def label_source(fig, source):
    """Write into a figure's lower right corner which data it shows.

    Parameters
    ----------
    fig : matplotlib.figure.Figure
    source : str
        ``dataset.source``, or another key of `SOURCES`: "made up" where no recording is shown.

    Raises
    ------
    ValueError
        If the source is unknown.
    """
    # supxlabel takes part in the layout, so that the line never covers an axis label.
    fig.supxlabel(
        source_line(source), x=0.995, ha="right", fontsize=8, color="0.35", style="italic"
    )


def draw_pixels(ax, values, title="", cmap="gray", limits=None, marked=None, *, shape=None):
    """Draw one value for each pixel of the image, for example an image or a receptive field.

    A list of values does not say how its image is folded: 144 may be 12 x 12 or 9 x 16. Two
    dimensions are drawn as they are, 100 values as the 10 x 10 pixels of this book, and any
    other list needs `shape`.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
    values : array_like, shape (n_rows, n_columns) or (n_pixels,)
        A list is in C order: pixel = n_columns * row + column. A pixel that is NaN, or masked,
        gets no colour of the map.
    title : str
    cmap : str
        Colour map.
    limits : (float, float), optional
        Values at the ends of the colour map; by default 0 and 1.
    marked : (int, int), optional
        Row and column of a pixel to frame.
    shape : (int, int), optional
        Rows and columns of the image.

    Returns
    -------
    matplotlib.image.AxesImage
        To hang a colour bar on.

    Raises
    ------
    ValueError
        If the values do not fill the image, or nothing says which shape it has; if `limits` are
        left out and values lie outside 0 to 1; if the lower limit is not below the upper one; if
        the marked pixel is none of the image's.
    """
    values = _numbers(values, "values")
    if shape is None:
        shape = (10, 10) if values.shape == (100,) else values.shape
    shape = tuple(np.ravel(shape).tolist())
    fits = values.shape in (shape, (np.prod(shape),))
    if len(shape) != 2 or min(shape) < 1 or not fits:
        raise ValueError(
            f"values has shape {values.shape}; expected the pixels of one image, as rows and "
            "columns, or 100 of them: pass one row of a table, without the intercept, and say "
            "shape=(n_rows, n_columns) unless the image is 10 x 10."
        )
    if limits is None:
        limits = (0, 1)
        # Rounding is no reason to ask.
        if ((values < -1e-6) | (values > 1 + 1e-6)).any():
            raise ValueError(
                f"values go from {np.nanmin(values):.4g} to {np.nanmax(values):.4g}; without "
                "limits, expected 0 to 1: say limits=(low, high), beyond which colours are cut."
            )
    low, high = _checked_limits(limits)
    drawn = ax.imshow(values.reshape(shape), cmap=cmap, vmin=low, vmax=high)
    ax.set_facecolor(NOTHING)  # seen through pixels that are NaN; in grey they would be white
    if marked is not None:
        row, column = marked
        if not (0 <= row < shape[0] and 0 <= column < shape[1]):
            raise ValueError(
                f"marked is {tuple(marked)}; expected row and column of a pixel of an image "
                f"of {shape[0]} rows and {shape[1]} columns, counted from 0."
            )
        frame = Rectangle((column - 0.5, row - 0.5), 1, 1, fill=False, edgecolor="#D55E00", lw=2.5)
        ax.add_patch(frame)
    rows, columns = (sorted({0, length // 2, length - 1}) for length in shape)
    ax.set(title=title, xticks=columns, yticks=rows)
    ax.spines[:].set_visible(True)
    return drawn


def shade_blocks(ax, is_on, tr, label="image on screen"):
    """Shade the times at which an image was on the screen.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Its x axis is time in seconds.
    is_on : array_like of bool, shape (n_volumes,)
        Of one run: where two meet, the last block of one and the first of the next are one.
    tr : float
        Seconds from one volume to the next.
    label : str
        For the legend.

    Raises
    ------
    ValueError
        If `is_on` is no list of true and false, or `tr` no number above 0.
    """
    if not (np.isscalar(tr) and np.isreal(tr) and 0 < tr < np.inf):
        raise ValueError(
            f"tr is {tr}; expected the seconds from one volume to the next, a number above 0: "
            "recording.t_r has it where the files say it."
        )
    for block, (start, stop) in enumerate(block_edges(is_on)):
        name = label if block == 0 else None
        ax.axvspan(start * tr, stop * tr, color="0.88", lw=0, zorder=0, label=name)


def draw_slices(image, background, slices, label, cmap="viridis", limits=None, *, mask=None):
    """Draw axial slices of a map in voxel indices, with the background brain in grey.

    The image's affine says where left, right and front are, whatever the order and direction of
    its axes: the left of the brain is on the left, marked L, the right is marked R, and the front
    is above. On an oblique grid these are the directions that are closest to its axes. All voxels
    that are drawn lie within the picture. The axes count voxels as the file does, so that
    ``ax.plot(i, j, "s")`` marks voxel (i, j) where i runs from side to side.

    Parameters
    ----------
    image : nibabel image, str or Path
        The map, of one volume; ``masker.inverse_transform`` makes one.
    background : nibabel image, str, Path or None
        Brain on the same grid.
    slices : int or sequence of int
        Indices of the slices along the axis from bottom to top: k, if that is the third.
    label : str
        Of the colour bar: what the values are, with their unit.
    cmap : str or matplotlib.colors.Colormap
    limits : (float, float), optional
        Values at the ends of the colour map; by default the smallest and the largest drawn.
    mask : nibabel image, str or Path, optional
        The voxels to draw, those that are not 0. By default those at which the map is not 0,
        because a masker puts 0 outside its mask: give the mask if 0 is a value of your map.
        NaN is never drawn.

    Returns
    -------
    fig : matplotlib.figure.Figure
    axes : ndarray of matplotlib.axes.Axes

    Raises
    ------
    DataError
        If a file cannot be read.
    ValueError
        If map, background or mask is no image of one volume, or they lie on different grids; if
        no voxel is to be drawn, or infinite values; if a slice lies outside the map; if the
        lower limit is not below the upper one.

    Warns
    -----
    UserWarning
        If the header does not say where left is.
    """
    image = _open_volume(image, "map")
    side, front, top = _body_axes(image)
    _warn_of_unknown_sides(image)
    values = _drawn_values(image, mask)
    slices = np.ravel(slices)
    n_slices = values.shape[top]
    if slices.dtype.kind not in "iu" or slices.min() < 0 or slices.max() >= n_slices:
        raise ValueError(
            f"slices is {slices.tolist()}; expected one whole number or more from 0 to "
            f"{n_slices - 1}, indices {'ijk'[top]} of the map."
        )
    if limits is None:
        low, high = np.nanmin(values), np.nanmax(values)
    else:
        low, high = _checked_limits(limits)
    layers = [(values, {"cmap": cmap, "vmin": low, "vmax": high})]
    if background is not None:
        ground = _open_volume(background, "background", like=image)
        layers.insert(0, (_values_of(ground, "background"), {"cmap": "gray"}))
    sizes = voxel_sizes(image.affine)
    style = {"origin": "lower", "interpolation": "nearest", "aspect": sizes[front] / sizes[side]}
    window = {"xlim": _window(values, image, side), "ylim": _window(values, image, front)}
    rising = window["ylim"][0] < window["ylim"][1]
    fig, axes = plt.subplots(1, len(slices), figsize=(2.3 * len(slices) + 0.9, 2.6), squeeze=False)
    for ax, k in zip(axes[0], slices, strict=True):
        for layer, colours in layers:
            drawn = ax.imshow(layer.transpose(top, front, side)[k], **colours, **style)
        ax.set(title=f"slice {'ijk'[top]} = {k}", xlabel="ijk"[side], **window)
        # Beside the name of the axis, where the letters hide no voxel.
        for letter, place in (("L", 0), ("R", 1)):
            below = {"xytext": (0, -20), "textcoords": "offset points", "va": "top"}
            ax.annotate(letter, (place, 0), xycoords="axes fraction", ha="center", **below)
    axes[0, 0].set_ylabel(f"{'ijk'[front]} (to the {'front' if rising else 'back'})")
    fig.colorbar(drawn, ax=axes, label=label, shrink=0.8)
    return fig, axes[0]


def _open_volume(image, name, like=None):
    """Return an image of one volume; ValueError if it is none or lies on another grid.

    Parameters
    ----------
    image : nibabel image, str or Path
    name : str
        What an error calls it.
    like : nibabel image, optional
        The image on whose grid it must be.

    Returns
    -------
    nibabel image
    """
    if isinstance(image, str | Path):
        image = open_image(image)
    if not isinstance(image, nibabel.spatialimages.SpatialImage):
        raise ValueError(
            f"The {name} is of type {type(image).__name__}; expected a volume, as a NIfTI image or "
            "its path: masker.inverse_transform(values) makes one, and draw_surface draws surfaces."
        )
    if image.ndim < 3 or any(length != 1 for length in image.shape[3:]):
        raise ValueError(
            f"The {name} has shape {image.shape}; expected three dimensions: give one volume, "
            "such as nilearn.image.index_img(image, 0)."
        )
    if image.affine is None or not abs(np.linalg.det(image.affine)) > 0:
        raise ValueError(
            f"The {name} has no affine that turns indices into places; expected one, to tell left "
            "from right: take it from the mask or from the runs."
        )
    if like is not None and not _same_grid(image, like):
        raise ValueError(
            f"The {name} is on another grid than the map: shapes {image.shape[:3]} and "
            f"{like.shape[:3]}, affines {image.affine.round(3).tolist()} and "
            f"{like.affine.round(3).tolist()}; resample it with nilearn.image.resample_to_img."
        )
    return image


def _same_grid(image, other):
    """Whether the voxels of two images lie in the same places, to a tenth of a voxel."""
    if image.shape[:3] != other.shape[:3]:
        return False
    corners = np.indices((2, 2, 2)).reshape(3, 8).T * np.subtract(image.shape[:3], 1)
    there = np.linalg.solve(other.affine, image.affine)
    return bool(np.abs(apply_affine(there, corners) - corners).max() < SAME_PLACE)


def _values_of(image, name):
    """Return the values of an image as numbers, (i, j, k)."""
    values = read_values(image, image.get_filename() or f"The {name}")
    return _numbers(values, f"The {name}").reshape(image.shape[:3])


def _numbers(values, name):
    """Return values as floats, NaN where they are masked; ValueError if they are no real numbers.

    Parameters
    ----------
    values : array_like
    name : str
        What an error calls them.

    Returns
    -------
    ndarray of float
    """
    values = np.ma.asarray(values)
    if values.dtype.kind not in "biuf":
        raise ValueError(
            f"{name} holds values of type {values.dtype}; expected real numbers: draw np.abs of "
            "complex ones, and turn text into numbers first."
        )
    return values.astype(float).filled(np.nan)


def _checked_limits(limits):
    """Return the two ends of a colour map; ValueError unless the first is below the second."""
    low, high = limits
    if not -np.inf < low < high < np.inf:
        raise ValueError(
            f"limits is ({low:.4g}, {high:.4g}); expected two numbers, the lower one first: where "
            "they come from the values, those may all be 0 or hold a NaN."
        )
    return low, high


def _drawn_values(image, mask):
    """Return the values of a map, NaN in voxels that are not to be drawn.

    Parameters
    ----------
    image : nibabel image
    mask : nibabel image, str, Path or None
        As for `draw_slices`.

    Returns
    -------
    ndarray of float, shape (n_i, n_j, n_k)

    Raises
    ------
    ValueError
        If no voxel is left, or one is infinite.
    """
    values = _values_of(image, "map")
    shown = values
    if mask is not None:
        shown = _values_of(_open_volume(mask, "mask", like=image), "mask")
    return _only_drawn(values, shown, "voxels")


def _only_drawn(values, shown, what):
    """Return values of a map, NaN where `shown` is 0 or NaN.

    Parameters
    ----------
    values, shown : ndarray of float
        Of one shape.
    what : str
        What an error calls the places of the values.

    Returns
    -------
    ndarray of float

    Raises
    ------
    ValueError
        If no value is left, or one is infinite.
    """
    values = np.where(np.nan_to_num(shown) != 0, values, np.nan)
    if np.isinf(values).any():
        raise ValueError(
            f"The map is infinite in {np.isinf(values).sum()} {what}; expected numbers, or NaN "
            "where nothing is to be drawn."
        )
    if np.isnan(values).all():
        raise ValueError(
            f"The map is 0 or NaN in all {what}, which are not drawn; expected a value in one or "
            f"more: if 0 is a value of your map, say which {what} it covers with mask=."
        )
    return values


def _body_axes(image):
    """Find which axis of an image runs from side to side, which to the front and which up.

    Parameters
    ----------
    image : nibabel image

    Returns
    -------
    list of int
        Numbers of the three axes; on an oblique grid, of those that come closest.
    """
    return np.argsort(nibabel.io_orientation(image.affine)[:, 0]).tolist()


def _warn_of_unknown_sides(image):
    """Warn if the header of a map holds no affine, so that nibabel has made one up."""
    header = image.header
    if isinstance(header, nibabel.analyze.AnalyzeHeader) and not any(
        code in header and header[code] for code in ("qform_code", "sform_code")
    ):
        warnings.warn(
            "The map's header does not say where left and right are (qform_code and sform_code "
            "are 0), so L and R in the figure are a guess.",
            stacklevel=3,
        )


def _window(values, image, axis):
    """Find the part of an axis to draw: all voxels that are not NaN, and a margin.

    Parameters
    ----------
    values : ndarray of float, shape (n_i, n_j, n_k)
    image : nibabel image
        On the same grid.
    axis : int

    Returns
    -------
    (float, float)
        In voxels; the first is at the left of the brain, at its back or below.
    """
    others = tuple(other for other in range(3) if other != axis)
    first, last = np.flatnonzero(np.isfinite(values).any(axis=others))[[0, -1]]
    margin = 0.5 + MARGIN / voxel_sizes(image.affine)[axis]
    window = max(first - margin, -0.5), min(last + margin, values.shape[axis] - 0.5)
    direction = nibabel.io_orientation(image.affine)[axis, 1]
    return window if direction > 0 else window[::-1]


def draw_surface(
    image,
    label,
    cmap="viridis",
    limits=None,
    *,
    mask=None,
    mesh="fsaverage5",
    views=("posterior", "medial"),
):
    """Draw a map of the cortex on a surface: inflated fsaverage5, with the sulci in grey.

    Parameters
    ----------
    image : SurfaceImage, or dict with a GIFTI file for each hemisphere
        The map, one value a vertex; ``masker.inverse_transform`` makes one. A triangle has the
        mean of its corners, without those that are not drawn, so that a single vertex is seen.
    label : str
        Of the colour bar: what the values are, with their unit.
    cmap : str or matplotlib.colors.Colormap
    limits : (float, float), optional
        Values at the ends of the colour map; by default the smallest and the largest drawn.
    mask : SurfaceImage, or dict with a GIFTI file for each hemisphere, optional
        The vertices to draw, those that are not 0. By default those at which the map is not 0,
        because a masker puts 0 outside its mask: give the mask if 0 is a value of your map.
        NaN is never drawn.
    mesh : "fsaverage5", or dict with a ``.surf.gii`` for each hemisphere, or PolyMesh
        Where the vertices lie. nilearn brings fsaverage5; give the files of any other mesh, on
        which no sulci are drawn.
    views : sequence of str
        From where each hemisphere is seen: "posterior", "medial", "lateral", "ventral", "dorsal",
        "anterior".

    Returns
    -------
    fig : matplotlib.figure.Figure
    axes : ndarray of matplotlib.axes.Axes
        View after view, the left hemisphere first.

    Raises
    ------
    DataError
        If a file of the map or mask cannot be read.
    ValueError
        If the map has more than one value a vertex, or map, mask and mesh have other vertices; if
        no vertex is to be drawn, or infinite values; if there is no such view, or the lower limit
        is not below the upper one.
    """
    image = open_surface(image)
    values = _drawn_vertices(image, mask)
    places, sulci = _places(image, mesh)
    views = np.ravel(views).tolist()
    if not views or not set(views) <= set(SEEN_FROM):
        raise ValueError(f"views is {views}; expected one or more of {list(SEEN_FROM)}.")
    if limits is None:
        every = np.concatenate(list(values.values()))
        limits = np.nanmin(every), np.nanmax(every)
        if limits[0] == limits[1]:  # a scale needs two ends
            limits = limits[0] - 0.5, limits[1] + 0.5
    else:
        limits = _checked_limits(limits)
    colours = ScalarMappable(Normalize(*limits), cmap)
    n_panels = len(views) * len(values)
    fig, axes = plt.subplots(
        1,
        n_panels,
        figsize=(1.9 * n_panels + 0.9, 2.4),
        squeeze=False,
        subplot_kw={"projection": "3d"},
    )
    panels = [(view, side) for view in views for side in values]
    for ax, (view, side) in zip(axes[0], panels, strict=True):
        plot_surf(
            places[side],
            values[side],
            bg_map=sulci[side],
            hemi=side,
            view=view,
            cmap=colours.cmap,
            vmin=colours.norm.vmin,
            vmax=colours.norm.vmax,
            alpha=1,
            avg_method=_mean_of_drawn,
            colorbar=False,
            axes=ax,
            figure=fig,
        )
        ax.set_title(f"{side}, {SEEN_FROM[view]}", loc="center")
        # nilearn lets the height of the brain fill the box, whatever its length.
        ax.set_zlim(ax.get_xlim())
        ax.set_box_aspect((1, 1, 1), zoom=1.5)
    fig.colorbar(colours, ax=axes, label=label, shrink=0.8)
    return fig, axes[0]


def _mean_of_drawn(corners):
    """Return the mean of the corners of a triangle that are not NaN, NaN if all are."""
    drawn = corners[~np.isnan(corners)]
    return drawn.mean() if len(drawn) else np.nan


def _drawn_vertices(image, mask):
    """Return the values of a map by hemisphere, NaN at vertices that are not to be drawn.

    Parameters
    ----------
    image : SurfaceImage
    mask : surface data or None
        As for `draw_surface`.

    Returns
    -------
    dict of ndarray of float, shape (n_vertices,)

    Raises
    ------
    ValueError
        If there is more than one value a vertex, the mask has other vertices, no vertex is left,
        or one is infinite.
    """
    values = _one_map(image, "map")
    shown = values if mask is None else _one_map(open_surface(mask), "mask")
    sizes, others = ({side: len(part) for side, part in m.items()} for m in (values, shown))
    if sizes != others:
        raise ValueError(
            f"The mask has the vertices {others} and the map {sizes}; expected the same mesh: "
            "give the mask of the masker that made the map."
        )
    every, chosen = (np.concatenate(list(parts.values())) for parts in (values, shown))
    drawn = np.split(_only_drawn(every, chosen, "vertices"), np.cumsum(list(sizes.values()))[:-1])
    return dict(zip(values, drawn, strict=True))


def _one_map(image, name):
    """Return the values of a SurfaceImage by hemisphere, each (n_vertices,)."""
    parts = image.data.parts
    if any(part.size != len(part) for part in parts.values()):
        raise ValueError(
            f"The {name} has the shape {image.shape}; expected one value a vertex: give one map, "
            "such as nilearn.image.index_img(image, 0)."
        )
    return {side: _numbers(part, f"The {name}").ravel() for side, part in parts.items()}


def _places(image, mesh):
    """Return the meshes to draw a map on, and the sulci or None, by hemisphere.

    Parameters
    ----------
    image : SurfaceImage
    mesh : "fsaverage5", dict or PolyMesh
        As for `draw_surface`.

    Returns
    -------
    places, sulci : dict

    Raises
    ------
    ValueError
        If the mesh cannot be read, or is not the one of the map.
    """
    if isinstance(mesh, str) and mesh == "fsaverage5":
        places = load_fsaverage(mesh)["inflated"].parts
        sulci = load_fsaverage_data(mesh, data_type="sulcal").data.parts
        # Their number does not tell: onavg has as many vertices, in other places.
        if not all(
            np.array_equal(part.faces, places[side].faces)
            for side, part in image.mesh.parts.items()
        ):
            raise ValueError(
                "The map is on another mesh than fsaverage5, the only one that nilearn brings; "
                'give mesh={"left": file, "right": file} with the .surf.gii files of its mesh.'
            )
        return places, sulci
    try:
        parts = (mesh if isinstance(mesh, PolyMesh) else PolyMesh(**mesh)).parts
    except (OSError, TypeError, ValueError, ExpatError) as error:
        raise ValueError(
            f'mesh is {mesh!r}; expected "fsaverage5", or a .surf.gii for each hemisphere as '
            f'{{"left": file, "right": file}} ({error}).'
        ) from None
    sizes = {side: len(part) for side, part in image.data.parts.items()}
    found = {side: part.n_vertices for side, part in parts.items() if side in sizes}
    if found != sizes:
        raise ValueError(
            f"mesh has the vertices {found} and the map {sizes}; expected the mesh on which the "
            "map was measured."
        )
    # nilearn moves the coordinates of the mesh that it draws.
    places = {s: InMemoryMesh(part.coordinates.copy(), part.faces) for s, part in parts.items()}
    return places, dict.fromkeys(places)


def view_map(image, background, title, source, position, limits):
    """Make an interactive viewer of a map: three cuts that move where the reader clicks.

    It is nilearn's ``view_img``, with its scripts and pictures inside the frame, so that a page
    needs neither a kernel nor a network to show it.

    Parameters
    ----------
    image : nibabel image, str or Path
        The map, of one volume; voxels that are 0 or NaN are not drawn.
    background : nibabel image, str, Path or None
        Brain to draw it on; on another grid, the map is resampled to it.
    title : str
        What the frame shows, for those who cannot see it.
    source : {"twin", "real", "yours"}
        ``dataset.source``.
    position : (float, float, float)
        Where the cuts are at first, in mm by the image's affine.
    limits : (float, float)
        Values at the ends of the colour map.

    Returns
    -------
    str
        An HTML iframe, for ``display({"text/html": ..., "text/plain": ...}, raw=True)``.

    Raises
    ------
    DataError
        If a file cannot be read.
    ValueError
        If the source is unknown; if map or background is no image of one volume; if no voxel is
        to be drawn, or infinite values; if the lower limit is not below the upper one.

    Warns
    -----
    UserWarning
        If the header does not say where left is; nilearn's.
    """
    image = _open_volume(image, "map")
    low, high = _checked_limits(limits)
    view = view_img(
        new_img_like(image, np.nan_to_num(_drawn_values(image, None))),
        bg_img=None if background is None else _open_volume(background, "background"),
        cut_coords=position,
        title=source_line(source),
        cmap="viridis",
        symmetric_cmap=False,
        vmin=low,
        vmax=high,
        black_bg=True,  # or nilearn guesses it, and warns while it does
        resampling_interpolation="nearest",  # no mixtures of neighbouring voxels
    )
    # The page names an icon on another host; the book asks none.
    page = re.sub(r'<link rel="icon".*?>', "", view.html, flags=re.DOTALL)
    # The slider has no name that a screen reader could say.
    page = escape(page.replace('type="range"', 'type="range" aria-label="Opacity of the map"'))
    return (
        f'<iframe title="{escape(title)}" srcdoc="{page}" width="{view.width}" '
        f'height="{view.height}" style="border: 0; max-width: 100%; background: white"></iframe>'
    )


def block_edges(is_on):
    """Find the blocks of volumes with an image.

    Parameters
    ----------
    is_on : array_like of bool, shape (n_volumes,)
        Of one run: where two meet, the last block of one and the first of the next are one.

    Returns
    -------
    numpy.ndarray, shape (n_blocks, 2)
        The first volume of each block, and the first after it.

    Raises
    ------
    ValueError
        If it is no list of true and false (or of 1 and 0).
    """
    is_on = np.asarray(is_on)
    if is_on.ndim != 1 or not np.isin(is_on, (0, 1)).all():
        raise ValueError(
            f"is_on has shape {is_on.shape} and values such as {is_on.ravel()[:4].tolist()}; "
            "expected one true or false a volume: compare labels with that of rest first, such "
            "as labels != 0."
        )
    edges = np.flatnonzero(np.diff(np.concatenate([[0], is_on.astype(int), [0]])))
    return edges.reshape(-1, 2)
