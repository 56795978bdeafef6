"""Drawing that several chapters share: images, receptive fields, blocks, slices, a viewer.

All functions draw arrays and images; none of them knows a model or a file.
"""

import re
from html import escape

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patches import Rectangle
from nilearn.plotting import view_img

__all__ = [
    "KIND_COLOURS",
    "SOURCES",
    "VOXEL_COLOURS",
    "block_edges",
    "draw_pixels",
    "draw_slices",
    "label_source",
    "shade_blocks",
    "source_line",
    "view_map",
]

SOURCES = {
    "twin": "Data: simulated twin",
    "real": "Data: Miyawaki et al. (2008)",
    "yours": "Data: your recording",
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


def draw_pixels(ax, values, title="", cmap="gray", limits=(0, 1), marked=None):
    """Draw one value for each pixel of the image, for example an image or a receptive field.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
    values : array_like, shape (n_pixels,) or (n_rows, n_rows)
        Values in C order: pixel = 10 * row + column.
    title : str
    cmap : str
        Colour map.
    limits : (float, float)
        Values at the ends of the colour map.
    marked : (int, int), optional
        Row and column of a pixel to frame.

    Returns
    -------
    matplotlib.image.AxesImage
        To hang a colour bar on.

    Raises
    ------
    ValueError
        If the values do not fill a square.
    """
    values = np.asarray(values)
    side = int(np.sqrt(values.size))
    if values.size != side**2 or not values.size:
        raise ValueError(
            f"values has shape {values.shape}, {values.size} in all; expected the pixels of one "
            "square image, such as 100: pass one row of a table, without the intercept."
        )
    drawn = ax.imshow(values.reshape(side, side), cmap=cmap, vmin=limits[0], vmax=limits[1])
    if marked is not None:
        row, column = marked
        frame = Rectangle((column - 0.5, row - 0.5), 1, 1, fill=False, edgecolor="#D55E00", lw=2.5)
        ax.add_patch(frame)
    ax.set(title=title, xticks=[0, side // 2, side - 1], yticks=[0, side // 2, side - 1])
    ax.spines[:].set_visible(True)
    return drawn


def shade_blocks(ax, is_on, tr, label="image on screen"):
    """Shade the times at which an image was on the screen.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Its x axis is time in seconds.
    is_on : array_like of bool, shape (n_volumes,)
    tr : float
        Seconds from one volume to the next.
    label : str
        For the legend.
    """
    for block, (start, stop) in enumerate(block_edges(is_on)):
        name = label if block == 0 else None
        ax.axvspan(start * tr, stop * tr, color="0.88", lw=0, zorder=0, label=name)


def draw_slices(
    volume,
    background,
    slices,
    label,
    cmap="viridis",
    limits=None,
    window=(8, 62, 2, 34),
    zooms=(3.3, 3.6),
):
    """Draw axial slices of a map in voxel indices, with the background brain in grey.

    Each slice says where left (L) and right (R) are; the front of the head is above.

    Parameters
    ----------
    volume : array_like, shape (n_i, n_j, n_k)
        The map; NaN where nothing is to be drawn.
    background : array_like, shape (n_i, n_j, n_k)
        Brain on the same grid.
    slices : sequence of int
        Indices k of the slices.
    label : str
        Of the colour bar: what the values are, with their unit.
    cmap : str
    limits : (float, float), optional
        Values at the ends of the colour map; by default the map's smallest and largest.
    window : (int, int, int, int)
        First and last i, first and last j that are drawn.
    zooms : (float, float)
        Size of a voxel along i and j in mm.

    Returns
    -------
    fig : matplotlib.figure.Figure
    axes : ndarray of matplotlib.axes.Axes

    Raises
    ------
    ValueError
        If map and background have different shapes, or a slice lies outside them.
    """
    volume, background = np.asarray(volume, dtype=float), np.asarray(background, dtype=float)
    if volume.ndim != 3 or volume.shape != background.shape:
        raise ValueError(
            f"The map has shape {volume.shape}, the background {background.shape}; expected two "
            "volumes on one grid: resample the background to the map."
        )
    if not len(slices) or min(slices) < 0 or max(slices) >= volume.shape[2]:
        raise ValueError(
            f"slices is {list(slices)}; expected one or more from 0 to {volume.shape[2] - 1}."
        )
    low, high = limits or (np.nanmin(volume), np.nanmax(volume))
    fig, axes = plt.subplots(1, len(slices), figsize=(2.3 * len(slices) + 0.9, 2.6), squeeze=False)
    for ax, k in zip(axes[0], slices, strict=True):
        shape = {"origin": "lower", "aspect": zooms[1] / zooms[0]}
        ax.imshow(background[:, :, k].T, cmap="gray", **shape)
        drawn = ax.imshow(volume[:, :, k].T, cmap=cmap, vmin=low, vmax=high, **shape)
        # i grows from right to left in the brain; turned round, left is on the left.
        ax.set(title=f"slice k = {k}", xlabel="i", xlim=window[1::-1], ylim=window[2:])
        for side, place in (("L", 0.07), ("R", 0.93)):
            ground = {"facecolor": "white", "edgecolor": "none", "pad": 1.5}
            ax.text(place, 0.9, side, transform=ax.transAxes, ha="center", va="center", bbox=ground)
    axes[0, 0].set_ylabel("j (to the front)")
    fig.colorbar(drawn, ax=axes, label=label, shrink=0.8)
    return fig, axes[0]


def view_map(image, background, title, source, position, limits):
    """Make an interactive viewer of a map: three cuts that move where the reader clicks.

    It is nilearn's ``view_img``, with its scripts and pictures inside the frame, so that a page
    needs neither a kernel nor a network to show it.

    Parameters
    ----------
    image : nibabel.Nifti1Image
        The map; values of 0 are not drawn.
    background : str, Path or nibabel.Nifti1Image
        Brain to draw it on.
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
    ValueError
        If the source is unknown.
    """
    view = view_img(
        image,
        bg_img=background,
        cut_coords=position,
        title=source_line(source),
        cmap="viridis",
        symmetric_cmap=False,
        vmin=limits[0],
        vmax=limits[1],
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

    Returns
    -------
    numpy.ndarray, shape (n_blocks, 2)
        The first volume of each block, and the first after it.
    """
    edges = np.flatnonzero(np.diff(np.concatenate([[0], np.asarray(is_on, dtype=int), [0]])))
    return edges.reshape(-1, 2)
