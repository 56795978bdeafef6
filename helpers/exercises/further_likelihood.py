"""Checks of the exercises of the page "Going further: likelihoods and new kinds of images"."""

import numpy as np

from helpers.exercises.answers import exercise, expect_array, expect_choice
from helpers.exercises.reconstruction import draw, gain, mean_r

LENGTHS = (0, 0.5, 1.0, 1.5)


@exercise(1)
def check_1(r_random, r_figure, honest, random, figure, level):
    """Check the correlation of drawn and true images over lengths, and where to choose a length.

    Parameters
    ----------
    r_random, r_figure : array_like, shape (4,)
        Mean correlation over trials, with lengths of 0, 0.5, 1 and 1.5 pixels.
    honest : {"random images", "these figures", "other figures"}
        On which pictures the length for the figures should be chosen.
    random, figure : tuple
        Images, responses, weights, intercepts and noise of the trials.
    level : numpy.ndarray, shape (n_voxels,)
        Intercepts of random trials, a part of those in `random`.
    """
    wanted, mistakes = {}, {}
    for name, (images, y, B, b, S) in {"r_random": random, "r_figure": figure}.items():
        to_pixels = np.linalg.solve(S, B.T)
        gains = [to_pixels @ gain(B @ to_pixels, length) for length in LENGTHS]
        half = [draw(y, B, b, to_image) for to_image in gains]
        dark = [draw(y, B, b, to_image, mean=0.0) for to_image in gains]
        bare = [draw(y, B, b - level, to_image) for to_image in gains]
        at_once = [np.corrcoef(images.ravel(), drawn.ravel())[0, 1] for drawn in half]
        wanted[name] = [mean_r(images, drawn) for drawn in half]
        mistakes[name] = [
            (wanted[name][::-1], "the lengths are in another order."),
            ([mean_r(images, d) for d in dark], "the prior's mean is .5 here, not 0."),
            (
                [mean_r(images, d > 0.5) for d in half],
                "take the drawings as they are, in greys, without a threshold.",
            ),
            (at_once, "correlate each drawing with its image, and average over trials."),
        ]
        if name == "r_random":
            says = "random trials are not measured from rest: add `level`."
            mistakes[name].append(([mean_r(images, d) for d in bare], says))
    says = "those are the numbers of the random trials. Draw the figure trials."
    mistakes["r_figure"].append((wanted["r_random"], says))
    # Half of what the smallest of these mistakes changes in the twin.
    expect_array("r_random", r_random, wanted["r_random"], 0.002, mistakes["r_random"])
    expect_array("r_figure", r_figure, wanted["r_figure"], 0.002, mistakes["r_figure"])
    says = {
        "random images": "their pixels are independent. What could smoothing make up for there?",
        "these figures": "then the test has a part in the choice, as in the cheat of chapter 11.",
    }
    expect_choice("honest", honest, "other figures", says)
