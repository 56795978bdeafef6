"""Draw pages/images/overview.png, the picture of the README and of the landing page.

    python tools/overview.py

Everything in it is computed on the simulated twin with the book's own helpers.
"""

from pathlib import Path
from typing import NamedTuple

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.collections import EllipseCollection
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.patches import Circle, FancyArrowPatch, Rectangle
from nilearn.image import get_data, resample_to_img

from helpers import data, plotting, receptive_fields
from helpers.ridge import RidgeCV

PICTURE = Path(__file__).resolve().parents[1] / "pages" / "images" / "overview.png"
SLICE = 12
PREDICTED = 0.1  # R2 on unseen runs, above which a voxel is drawn
SHOWN = ((2, 101), (6, 11), (11, 41))  # run and volume of three images, the last on top
# Orange and blue, which nearly every reader tells apart; dark where little is predicted.
SIDES = {
    "LH": LinearSegmentedColormap.from_list("LH", ["#7A3500", "#E07B00", "#FFD28A"]),
    "RH": LinearSegmentedColormap.from_list("RH", ["#003F66", "#2E9BDC", "#B8E4FF"]),
}
INK = "#1B2430"
TRACED = "#00B386"  # the one voxel that is marked in all three pictures
N_RINGS = 40
DPI = 180


class Voxels(NamedTuple):
    """The voxels that the images predict, and what they look at."""

    places: np.ndarray  # (n_voxels, 3): indices i, j, k
    scores: np.ndarray  # (n_voxels,): mean R2 on unseen runs
    hemisphere: np.ndarray  # (n_voxels,): "LH" or "RH"
    fits: receptive_fields.GaussianFits


def compute(dataset):
    """Score every voxel, and fit a Gaussian to the weights of those that are predicted.

    Parameters
    ----------
    dataset : Bunch

    Returns
    -------
    images : ndarray, shape (3, 100)
        Images that were shown, in C order.
    voxels : Voxels
    """
    recording = data.recording(dataset)
    X, Y, runs = recording.stimuli, recording.bold, recording.runs
    model = RidgeCV([100.0], cv=10).fit(X, Y, groups=runs)
    scores = model.best_score_
    chosen = np.flatnonzero(scores > PREDICTED)
    _, hemisphere, _ = data.region_labels(dataset, recording.masker)
    images = np.stack([X[runs == run][row] for run, row in SHOWN])
    fits = receptive_fields.fit_gaussians(model.coef_[chosen])
    return images, Voxels(recording.voxels[chosen], scores[chosen], hemisphere[chosen], fits)


def best_of_the_slice(voxels):
    """Return the place, among the voxels, of the best one of the slice that is drawn."""
    here = np.flatnonzero(voxels.places[:, 2] == SLICE)
    return here[np.argmax(voxels.scores[here])]


def draw_images(ax, images, voxels):
    """Draw the images as a pile of cards, the last on top with the field of one voxel."""
    for step, image in enumerate(images):
        left, bottom = 2.4 * step, -2.4 * step
        extent = (left, left + 10, bottom, bottom + 10)
        ax.imshow(image.reshape(10, 10), cmap="gray", vmin=0, vmax=1, extent=extent, zorder=step)
        x, y = np.array([[0, 10, 10, 0, 0], [0, 0, 10, 10, 0]])
        ax.plot(x + left, y + bottom, color="#8A94A0", lw=1.5, zorder=step + 0.5)
    row, column = voxels.fits.centre[best_of_the_slice(voxels)]
    place = left + column + 0.5, bottom + 9.5 - row
    ax.add_patch(Circle(place, 1.3, fill=False, color=TRACED, lw=3.5, zorder=9))
    ax.set(xlim=(-0.3, 15.1), ylim=(-5.2, 10.4))


def draw_brain(ax, background, voxels):
    """Draw one slice: a colour for each hemisphere, brighter where more is predicted."""
    brain = np.ma.masked_less(background[:, :, SLICE], 1e-6)
    ax.imshow(brain.T, cmap="gray", origin="lower", aspect=3.6 / 3.3, vmax=1.25 * brain.max())
    for side, cmap in SIDES.items():
        here = (voxels.hemisphere == side) & (voxels.places[:, 2] == SLICE)
        volume = np.full(brain.shape, np.nan)
        volume[tuple(voxels.places[here, :2].T)] = voxels.scores[here]
        ax.imshow(volume.T, cmap=cmap, origin="lower", aspect=3.6 / 3.3, vmin=0.1, vmax=0.5)
    i, j, _ = voxels.places[best_of_the_slice(voxels)]
    ax.add_patch(Rectangle((i - 1, j - 1), 2, 2, fill=False, color=TRACED, lw=3, zorder=9))
    # i grows from right to left in the brain; turned round, left is on the left.
    ax.set(xlim=(57.5, 13.5), ylim=(2.5, 39.5))


def draw_fields(ax, voxels):
    """Draw the receptive fields of some voxels as rings, and that of the marked voxel."""
    ax.set(xlim=(-0.5, 9.5), ylim=(9.5, -0.5), aspect="equal", facecolor="#10151C")
    ax.set_xticks(np.arange(0.5, 9), minor=True)
    ax.set_yticks(np.arange(0.5, 9), minor=True)
    ax.set_axisbelow(True)
    ax.grid(which="minor", color="#2A323C", lw=0.6)
    traced = best_of_the_slice(voxels)
    order = np.random.default_rng(2).choice(len(voxels.scores), N_RINGS, replace=False)
    diameters = 2 * voxels.fits.size[order]
    sides = zip(voxels.hemisphere[order], voxels.scores[order], strict=True)
    rings = EllipseCollection(
        diameters,
        diameters,
        np.zeros(len(order)),
        units="xy",
        offsets=voxels.fits.centre[order][:, ::-1],
        transOffset=ax.transData,
        facecolor="none",
        edgecolor=[SIDES[side]((score - 0.05) / 0.4) for side, score in sides],
        linewidth=1.8,
        alpha=0.85,
    )
    ax.add_collection(rings)
    place = voxels.fits.centre[traced][::-1]
    ax.add_patch(Circle(place, 1.3, fill=False, color=TRACED, lw=3.5, zorder=9))
    ax.tick_params(which="both", length=0)


def draw(images, voxels, background):
    """Lay the three steps out from left to right.

    Parameters
    ----------
    images, voxels
        From `compute`.
    background : ndarray, shape (n_i, n_j, n_k)
        Brain on the grid of the voxels.

    Returns
    -------
    matplotlib.figure.Figure
    """
    fig = plt.figure(figsize=(8, 3.1), layout="none")
    titles = ("Images are seen", "Voxels respond", "Where each looks")
    lefts, widths = (0.01, 0.345, 0.705), (0.265, 0.3, 0.285)
    axes = [fig.add_axes((x, 0.095, w, 0.755)) for x, w in zip(lefts, widths, strict=True)]
    draw_images(axes[0], images, voxels)
    draw_brain(axes[1], background, voxels)
    draw_fields(axes[2], voxels)
    for ax, title in zip(axes, titles, strict=True):
        ax.set(xticks=[], yticks=[])
        ax.spines[:].set_visible(False)
        middle = ax.get_position().x0 + ax.get_position().width / 2
        fig.text(middle, 0.89, title, fontsize=16, weight="bold", color=INK, ha="center")
    for x in (0.287, 0.652):
        arrow = FancyArrowPatch((x, 0.47), (x + 0.045, 0.47), mutation_scale=22, lw=0, color=INK)
        fig.add_artist(arrow)
    line = plotting.source_line("twin")
    fig.text(0.99, 0.015, line, fontsize=10, style="italic", color="0.35", ha="right")
    return fig


def main():
    """Draw the picture on the twin and write it where the pages look for it."""
    plt.style.use("helpers.book")
    dataset = data.load(source="twin")
    resampled = resample_to_img(
        dataset.background, dataset.mask, force_resample=True, copy_header=True
    )
    fig = draw(*compute(dataset), get_data(resampled))
    PICTURE.parent.mkdir(exist_ok=True)
    # Without the name of the program, the file depends on nothing but the picture.
    fig.savefig(PICTURE, dpi=DPI, metadata={"Software": None})
    print(f"{PICTURE.name}: {PICTURE.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
