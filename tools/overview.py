"""Draw pages/images/overview.png, the picture of the README and of the landing page.

    python tools/overview.py

Everything in it is computed on the simulated twin with the book's own helpers.
"""

from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patches import Rectangle
from nilearn.image import get_data

from helpers import datasets, plotting, receptive_fields, ridge
from helpers.calibration import MARKED

PICTURE = Path(__file__).resolve().parents[1] / "pages" / "images" / "overview.png"
SLICE = 10
ASPECT = 3.6 / 3.3  # mm along j over mm along i
COLOURS = ("#D55E00", "#CC79A7", "#E69F00", "#56B4E9")
SHOWN = (2, 101)  # run and volume of one of the two images that nilearn's example shows


def compute(dataset):
    """Score every voxel and estimate the receptive fields of the marked ones.

    Parameters
    ----------
    dataset : Bunch

    Returns
    -------
    image : ndarray, shape (100,)
        One of the images, in C order.
    score_map : ndarray, shape (n_i, n_j)
        R2 on unseen runs in one slice; NaN where it is not above 0.
    fields : ndarray, shape (4, 100)
        Weights of the marked voxels.
    """
    recording = datasets.recording(dataset)
    X, Y, runs = recording.stimuli, recording.bold, recording.runs
    scores = ridge.cross_validate(X, Y, runs).scores[0].mean(axis=0)
    volume = get_data(recording.masker.inverse_transform(scores))[:, :, SLICE]
    columns = [recording.column(*voxel) for voxel in MARKED]
    fields = receptive_fields.lasso(X, Y[:, columns], runs, n_jobs=1)
    run, row = SHOWN
    return X[runs == run][row], np.where(volume > 0, volume, np.nan), fields


def draw_brain(ax, background, score_map):
    """Draw the slice with its scores and frame the marked voxels; return the coloured image."""
    ax.imshow(background.T, cmap="gray", origin="lower", aspect=ASPECT)
    drawn = ax.imshow(score_map.T, origin="lower", vmin=0, vmax=0.6, aspect=ASPECT)
    for (i, j, _), colour in zip(MARKED, COLOURS, strict=True):
        frame = Rectangle((i - 0.4, j - 0.4), 0.8, 0.8, fill=False, edgecolor=colour, lw=1.8)
        ax.add_patch(frame)
    return drawn


def draw(image, score_map, background, fields):
    """Lay the three steps out from left to right.

    Parameters
    ----------
    image, score_map, fields : ndarray
        From `compute`.
    background : ndarray, shape (n_i, n_j)
        Brain in the same slice.

    Returns
    -------
    matplotlib.figure.Figure
    """
    fig, axes = plt.subplot_mosaic("ibrs;ibtu", figsize=(8, 2.8), width_ratios=[1.8, 2.6, 1, 1])
    plotting.draw_pixels(axes["i"], image, "1  An image is shown")
    drawn = draw_brain(axes["b"], background, score_map)
    fig.colorbar(drawn, ax=axes["b"], label="R2 on unseen runs", shrink=0.85)
    closer = axes["b"].inset_axes([0.74, 0.01, 0.25, 0.36])
    draw_brain(closer, background, score_map)
    # i grows from right to left in the brain; turned round, left is on the left.
    closer.set(xlim=(33.5, 28.5), ylim=(7.5, 12.5))
    axes["b"].set(title="2  Each voxel is predicted", xlim=(55.5, 14.5), ylim=(4.5, 30.5))
    for name, field, colour in zip("rstu", fields, COLOURS, strict=True):
        plotting.draw_pixels(axes[name], field, limits=(0, 0.6))
        axes[name].spines[:].set(color=colour, linewidth=3)
    axes["r"].set_title("3  What four voxels look at")
    for ax in [*axes.values(), closer]:
        ax.set(xticks=[], yticks=[], anchor="N")
    axes["b"].indicate_inset_zoom(closer, edgecolor="white", alpha=1)
    closer.spines[:].set(visible=True, color="white")
    return fig


def main():
    """Draw the picture on the twin and write it where the pages look for it."""
    plt.style.use("helpers.book")
    dataset = datasets.load(source="twin")
    image, score_map, fields = compute(dataset)
    background = get_data(dataset.background)[:, :, SLICE]
    fig = draw(image, score_map, background, fields)
    plotting.label_source(fig, dataset.source)
    PICTURE.parent.mkdir(exist_ok=True)
    # Without the name of the program, the file depends on nothing but the picture.
    fig.savefig(PICTURE, dpi=150, metadata={"Software": None})
    print(f"{PICTURE.name}: {PICTURE.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
