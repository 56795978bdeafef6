"""Draw the pictures that explain what no data show: pages/images/drawing_*.png.

    python tools/drawings.py

Each picture stands in the chapter that its idea belongs to.
"""

from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patches import ConnectionPatch, FancyArrowPatch, Rectangle
from nilearn.glm.first_level import spm_hrf
from sklearn.model_selection import GroupKFold

FOLDER = Path(__file__).resolve().parents[1] / "pages" / "images"
# Six inches wide with letters of 12 points: they can be read on a telephone, too.
WIDTH, LETTERS, DPI = 6.0, 12, 150
TR, N_VOLUMES, N_BLOCKS, FIRST = 2.0, 145, 22, 10  # of a random run: 3 volumes on, 3 off
BLUE, ORANGE, GREEN, PALE, INK = "#0072B2", "#D55E00", "#009E73", "0.87", "0.15"


def random_image():
    """Draw an image of ten by ten squares, half of them on."""
    return np.random.default_rng(4).integers(0, 2, (10, 10))


def weights():
    """Return weights with a receptive field around row 4, column 2."""
    row, column = np.indices((10, 10))
    field = np.exp(-((row - 4) ** 2 + (column - 2) ** 2) / 2)
    return field + np.random.default_rng(0).normal(0, 0.06, (10, 10))


def without_axes(ax):
    """Leave only what is drawn."""
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set_visible(False)


def draw_run():
    """Draw one run, and under it one block with the rows of its two tables."""
    fig, (run, block) = plt.subplots(2, 1, figsize=(WIDTH, 4.3), height_ratios=(1, 4))
    run.add_patch(Rectangle((0, 0), N_VOLUMES, 1, color=PALE, lw=0))
    for number in range(N_BLOCKS):
        run.add_patch(Rectangle((FIRST + 6 * number, 0), 3, 1, color=BLUE, lw=0))
    run.set(xlim=(-1, N_VOLUMES + 1), ylim=(-0.15, 1.1))
    run.set_title("One run: 145 volumes in 290 s, with 22 images", fontsize=LETTERS)
    without_axes(run)
    for volume in range(6):
        shown = volume < 3
        box = Rectangle((volume, 2.0), 0.94, 0.8, color=BLUE if shown else PALE, lw=0)
        block.add_patch(box)
        name = f"volume\n{FIRST + 1 + volume}"
        colour = "white" if shown else INK
        block.text(volume + 0.47, 2.4, name, ha="center", va="center", color=colour)
        block.add_patch(FancyArrowPatch((volume + 0.47, 1.95), (volume + 0.47, 1.4), **ARROW))
        if shown:
            extent = (volume + 0.12, volume + 0.82, 0.55, 1.35)
            block.imshow(random_image(), cmap="gray", extent=extent, zorder=2)
            block.add_patch(Rectangle((volume + 0.12, 0.55), 0.7, 0.8, fill=False, color=INK))
        else:
            block.text(volume + 0.47, 0.95, "grey\nscreen", ha="center", va="center")
        numbers = f"{', '.join(map(str, random_image()[:3, 0]))} …" if shown else "-1, -1 …"
        block.text(volume + 0.47, 0.25, numbers, ha="center")
    block.text(3, -0.2, "one row of 100 numbers for each volume", ha="center", va="center")
    block.set(xlim=(-0.05, 6.05), ylim=(-0.4, 3.6), aspect="auto")
    # On white, over the lines that join the block to its place in the run.
    ground = {"facecolor": "white", "edgecolor": "none", "pad": 2}
    title = "One block: an image for 6 s, then 6 s of rest"
    block.text(3, 3.25, title, ha="center", weight="bold", fontsize=LETTERS, bbox=ground, zorder=9)
    without_axes(block)
    for corner, left in ((0, FIRST), (5.94, FIRST + 6)):
        ends = {"axesA": run, "axesB": block, "color": "0.5", "zorder": -1}
        fig.add_artist(ConnectionPatch((left, 0), (corner, 2.8), "data", "data", **ends))
    block.set_facecolor("none")
    return fig


def draw_delay():
    """Draw an image and the blood's response, measured by a volume every two seconds."""
    step = 0.1
    seconds = np.arange(0, 24, step)
    shown = (seconds < 6).astype(float)
    response = np.convolve(shown, spm_hrf(step, oversampling=1))[: len(seconds)]
    response /= response.max()
    fig, ax = plt.subplots(figsize=(WIDTH, 3.2))
    ax.axvspan(0, 6, ymax=0.16, color=BLUE, lw=0)
    ax.text(3, -0.24, "image", color="white", ha="center", va="center", weight="bold")
    ax.plot(seconds, response, color="0.6")
    volumes = np.arange(0, 24, 2.0)
    ax.plot(volumes, np.interp(volumes, seconds, response), "o", color=INK, label="volumes")
    for start in (0, 2, 4):
        end = np.interp(start + 4, seconds, response)
        arrow = {"connectionstyle": "arc3,rad=-0.2", **ARROW, "color": ORANGE}
        ax.add_patch(FancyArrowPatch((start, -0.1), (start + 4, end - 0.06), **arrow))
    ax.text(15, 0.3, "each image row is\npaired with the volume\n4 s later", color=ORANGE)
    ax.text(11.2, 0.86, "response of the blood", color="0.4")
    ax.set(xlabel="time after the image appears (s)", ylim=(-0.4, 1.1), yticks=[])
    ax.set_xticks(np.arange(0, 25, 4))
    ax.spines["left"].set_visible(False)
    return fig


def draw_folds():
    """Draw ten folds of two runs each, and beside them volumes that were shuffled."""
    fig, (whole, shuffled) = plt.subplots(1, 2, figsize=(WIDTH, 3.2))
    runs = np.arange(20)
    test = np.array([np.isin(runs, held) for _, held in GroupKFold(10).split(runs, groups=runs)])
    dealt = np.random.default_rng(2).permutation(np.arange(20) % 10)
    in_test = dealt[np.newaxis] == np.arange(10)[:, np.newaxis]
    names = ("run", "volume within a run")
    titles = ("Folds of whole runs", "Shuffled volumes")
    panels = zip((whole, shuffled), (test, in_test), names, titles, strict=True)
    for ax, grid, name, title in panels:
        for row, column in np.ndindex(grid.shape):
            colour = ORANGE if grid[row, column] else PALE
            ax.add_patch(Rectangle((column + 0.06, row + 0.06), 0.88, 0.88, color=colour, lw=0))
        ax.set(xlim=(0, 20), ylim=(10, 0), xlabel=name, xticks=[0.5, 19.5], yticks=[0.5, 9.5])
        ax.set(xticklabels=[1, 20], yticklabels=[1, 10], title=title)
        ax.spines[:].set_visible(False)
        ax.tick_params(length=0)
    whole.set_ylabel("fold")
    fig.supxlabel("orange: held out for the score; grey: used for the fit", fontsize=LETTERS)
    return fig


def draw_weights():
    """Draw how an image and weights give one number."""
    image, field = random_image(), weights()
    fig, axes = plt.subplots(1, 3, figsize=(WIDTH, 2.9))
    limit = np.abs(field).max()
    looks = [("gray", 0, 1), ("RdBu_r", -limit, limit), ("RdBu_r", -limit, limit)]
    names = ["image", "weights", "their products"]
    for ax, values, look, name in zip(
        axes, (image, field, image * field), looks, names, strict=True
    ):
        ax.imshow(values, cmap=look[0], vmin=look[1], vmax=look[2])
        ax.set(xticks=[], yticks=[])
        ax.set_title(name, loc="center", fontsize=LETTERS)
    for ax, sign in zip(axes[1:], "×=", strict=True):
        ax.text(-0.14, 0.5, sign, transform=ax.transAxes, ha="center", va="center", fontsize=20)
    total = (image * field).sum()
    fig.supxlabel(
        f"The predicted response is the sum of all products: {total:.1f}", fontsize=LETTERS
    )
    return fig


def draw_ceiling():
    """Draw the variance of a voxel's responses to single trials as one bar in three parts."""
    parts = {
        "explained by\nthe model": (0.3, BLUE),
        "due to the image,\nnot explained": (0.3, GREEN),
    }
    parts["noise: different in\nevery repeat"] = (0.4, "0.8")
    fig, ax = plt.subplots(figsize=(WIDTH, 2.6))
    left = 0.0
    for name, (share, colour) in parts.items():
        ax.barh(0, share, left=left, color=colour, height=0.5)
        dark = colour != "0.8"
        ax.text(left + share / 2, 0, name, ha="center", va="center", color="white" if dark else INK)
        left += share
    for y, end, name in ((0.42, 0.3, "explained by the model"), (0.78, 0.6, "noise ceiling")):
        ax.add_patch(FancyArrowPatch((0, y), (end, y), **{**ARROW, "arrowstyle": "<->"}))
        ax.text(end + 0.015, y, name, va="center", fontsize=LETTERS)
    ax.set(xlim=(0, 1), ylim=(-0.3, 0.95), xticks=[0, 0.5, 1], yticks=[])
    ax.set_xlabel("share of the variance over single trials")
    ax.spines["left"].set_visible(False)
    return fig


def draw_bayes():
    """Draw prior, likelihood and posterior of a pixel with voxels that look at it, and without."""
    rows = {
        "a pixel that many\nvoxels look at": (0.15, 0.85),
        "a pixel that no\nvoxel looks at": (0.5, 0.5),
    }
    prior = np.array([0.35, 0.65])
    fig, axes = plt.subplots(2, 3, figsize=(WIDTH, 4.2), sharey=True)
    for number, (name, likelihood) in enumerate(rows.items()):
        posterior = prior * likelihood / np.sum(prior * likelihood)
        for ax, values, colour in zip(
            axes[number], (prior, likelihood, posterior), ("0.6", ORANGE, BLUE), strict=True
        ):
            ax.bar(["off", "on"], values, color=colour, width=0.6)
            ax.set(ylim=(0, 1), yticks=[])
            ax.spines["left"].set_visible(False)
        for ax, sign in zip(axes[number, 1:], "×→", strict=True):
            ax.text(-0.1, 0.45, sign, transform=ax.transAxes, ha="center", fontsize=20)
        axes[number, 0].set_ylabel(name, fontsize=LETTERS)
    for ax, name in zip(axes[0], ("prior", "likelihood", "posterior"), strict=True):
        ax.set_title(name, loc="center", fontsize=LETTERS)
    return fig


ARROW = {
    "arrowstyle": "-|>",
    "mutation_scale": 13,
    "color": INK,
    "lw": 1.3,
    "shrinkA": 0,
    "shrinkB": 0,
}
DRAWINGS = {
    "run": draw_run,
    "delay": draw_delay,
    "folds": draw_folds,
    "weights": draw_weights,
    "ceiling": draw_ceiling,
    "bayes": draw_bayes,
}


def draw(name):
    """Draw one picture in the look of the book.

    Parameters
    ----------
    name : str
        Key of `DRAWINGS`.

    Returns
    -------
    matplotlib.figure.Figure
    """
    size = {"font.size": LETTERS - 0.5, "axes.labelsize": LETTERS, "axes.titlesize": LETTERS}
    with plt.style.context(["helpers.book", size]):
        return DRAWINGS[name]()


def path(name):
    """Return where a picture is stored."""
    return FOLDER / f"drawing_{name}.png"


def save(name, file):
    """Draw one picture and write it, as a PNG that depends on nothing but the picture.

    Parameters
    ----------
    name : str
        Key of `DRAWINGS`.
    file : path-like or binary file
    """
    fig = draw(name)
    with plt.style.context("helpers.book"):
        fig.savefig(file, format="png", dpi=DPI, metadata={"Software": None})
    plt.close(fig)


def main():
    """Draw all pictures and write them where the pages look for them."""
    for name in DRAWINGS:
        save(name, path(name))
        print(f"{path(name).name}: {path(name).stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
