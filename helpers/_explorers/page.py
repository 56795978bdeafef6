"""The explorers' page: markup, style, scripts, data and a picture in one frame."""

import base64
import json
from html import escape
from importlib.resources import files
from io import BytesIO

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from helpers import plotting
from helpers._explorers.data import BELOW_0, find_window, top_of_scale

HEIGHT = 760  # pixels, where the frame cannot fit itself to what is in it


def make_frame(name, title, data, picture, caption):
    """Put an explorer's page into a frame that asks no other file and no other host.

    Parameters
    ----------
    name : {"fields", "penalties"}
        Of the explorer's script and markup, ``explorer_<name>.js`` and ``.html``.
    title : str
        What the frame shows.
    data : dict
        What the script reads; anything that `json` can write.
    picture : bytes
        A PNG for readers without scripts.
    caption : str
        What the picture shows.

    Returns
    -------
    str
        An HTML iframe.
    """
    # "<" could end the element that the data stand in.
    text = json.dumps(data, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
    address = f"data:image/png;base64,{base64.b64encode(picture).decode('ascii')}"
    markup = _read(f"explorer_{name}.html")
    scripts = _read("explorer.js") + _read(f"explorer_{name}.js")
    page = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_read('explorer.css')}</style></head><body>"
        f'<noscript><img src="{address}" alt="{escape(caption)}"><p>{escape(caption)} '
        "Switch on scripts to explore.</p></noscript>"
        f'<main class="{name}" hidden><h1 class="unseen">{escape(title)}</h1>{markup}</main>'
        f'<script type="application/json" id="data">{text}</script>'
        f"<script>{scripts}</script></body></html>"
    )
    return (
        f'<iframe title="{escape(title)}" srcdoc="{escape(page)}" '
        f'style="width: 100%; height: {HEIGHT}px; border: 0; border-radius: 8px; '
        'background: white"></iframe>'
    )


def draw_picture(mask, background, scores, pictures, shape, source, gaussian=None):
    """Draw the picture for readers without scripts: a slice of scores, and pictures of weights.

    Parameters
    ----------
    mask : ndarray of bool, shape (n_i, n_j, n_k)
    background : ndarray, shape (n_i, n_j, n_k)
    scores : ndarray, shape (n_voxels,)
    pictures : dict of str to ndarray, shape (n_pixels,)
        Weights by title.
    shape : (int, int)
        Rows and columns of the image that they belong to.
    source : str
        As for `helpers.plotting.label_source`.
    gaussian : (float, float, float), optional
        Row, column and size of a field to draw over the first picture, as a circle.

    Returns
    -------
    bytes
        A PNG.
    """
    volume = np.full(mask.shape, np.nan)
    volume[mask] = scores
    k = int(np.argwhere(mask)[np.nanargmax(scores)][2])
    along_i, along_j, _ = find_window(mask)
    cmap = plt.get_cmap("viridis").with_extremes(under=BELOW_0)
    with plt.style.context("helpers.book"):
        fig = Figure(figsize=(7.5, 2.7))
        axes = fig.subplots(1, 1 + len(pictures), width_ratios=[1.7] + [1] * len(pictures))
        axes[0].imshow(background[:, :, k].T, cmap="gray", origin="lower")
        drawn = axes[0].imshow(
            volume[:, :, k].T, cmap=cmap, vmin=0, vmax=top_of_scale(scores), origin="lower"
        )
        axes[0].set(title=f"slice k = {k}", xlabel="i", ylabel="j")
        axes[0].set(xlim=(along_i.stop - 1, along_i.start), ylim=(along_j.start, along_j.stop - 1))
        fig.colorbar(drawn, ax=axes[0], label="held-out R2", shrink=0.7)
        for ax, (title, weights) in zip(axes[1:], pictures.items(), strict=True):
            limit = np.abs(weights).max() or 1
            plotting.draw_pixels(ax, weights.reshape(shape), title, "RdBu_r", (-limit, limit))
        if gaussian is not None:
            row, column, size = gaussian
            axes[1].autoscale(False)  # it may lie outside the image
            circle = plt.Circle((column, row), size, fill=False, lw=1.6)
            circle.set_path_effects([withStroke(linewidth=3.6, foreground="white")])
            axes[1].add_patch(circle)
            axes[1].plot(column, row, "o", color="black", mec="white", ms=4)
        plotting.label_source(fig, source)
        stream = BytesIO()
        fig.savefig(stream, format="png", dpi=100, pil_kwargs={"optimize": True})
    return stream.getvalue()


def _read(name):
    return files("helpers._explorers").joinpath(name).read_text(encoding="utf-8")
