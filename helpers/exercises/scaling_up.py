"""Checks of the exercises of chapter 13, Scaling up."""

import numpy as np

from helpers.exercises.answers import (
    exercise,
    expect_array,
    expect_choice,
    expect_number,
    expect_ratio,
)
from helpers.ridge import RidgeCV


@exercise(1)
def check_1(scores_smaller, n_blocks, n_numbers, old_folder, inputs, found):
    """Check the scores in smaller blocks, what a block holds, and what the old folder does.

    Parameters
    ----------
    scores_smaller : array_like, shape (n_penalties, n_voxels)
        Scores in blocks of 1,000 voxels.
    n_blocks, n_numbers : int
        How many blocks there are, and how many responses one of them holds.
    old_folder : {"refuses", "returns", "starts again"}
        What the call does in the folder of the larger blocks.
    inputs : tuple
        Folder, features, file of responses, runs, penalties and splitter, as for `score_blocks`.
    found : BlockScores
        The chapter's scores, in larger blocks.
    """
    _, X, file, runs, alphas, cv = inputs
    responses = np.load(file, mmap_mode="r")
    n_samples, n_voxels = responses.shape
    few = slice(None, None, max(n_voxels // 50, 1))
    wanted = np.array(found.scores)
    model = RidgeCV(alphas, cv=cv).fit(X, responses[:, few], groups=runs)
    wanted[:, few] = model.cv_scores_.mean(axis=1)
    # Single precision costs R2 less than 1e-5.
    best = (
        np.tile(wanted.max(axis=0), (len(wanted), 1)),
        "this is one score per voxel. How many penalties were scored?",
    )
    turned = (
        wanted[::-1],
        "the penalties are in another order. Which row belongs to the first one?",
    )
    expect_array("scores_smaller", scores_smaller, wanted, 1e-4, [best, turned])
    blocks = -(-n_voxels // 1000)
    old = (
        -(-n_voxels // 4096),
        "that is the number in the old folder. How many voxels did a block have there?",
    )
    expect_number(
        "n_blocks",
        n_blocks,
        blocks,
        0,
        [old, (1000, "that is the number of voxels in a block. How many such blocks are there?")],
    )
    mistakes = [
        (1000, "that counts the voxels of a block. How many responses does each voxel have?"),
        (n_samples * n_voxels, "that is the whole file. How much of it is in memory at a time?"),
        (
            n_samples * 4096,
            "that is a block of the old folder. How many voxels does the new one have?",
        ),
        (
            X.shape[1] * 1000,
            "you multiplied by the features. Does a block hold features or responses?",
        ),
        (len(alphas) * 1000, "those are the scores that come out of a block. What goes into it?"),
        (4 * n_samples * 1000, "those are bytes. How many bytes does one number take?"),
    ]
    expect_number("n_numbers", n_numbers, n_samples * 1000, 0, mistakes)
    says = {
        "returns": "it lists blocks of another size as done. Do these hold the same voxels?",
        "starts again": "then all finished blocks would be lost. Make the call and see.",
    }
    expect_choice("old_folder", old_folder, "refuses", says)


@exercise(2)
def check_2(needed, hours, gigabytes, Y, results):
    """Check what permutations for Bonferroni's p would take.

    Parameters
    ----------
    needed : int
        Number of permutations.
    hours, gigabytes : float
        Their time, and the size of their table in single precision (1 GB is 10^9 bytes).
    Y : numpy.ndarray, shape (n_samples, n_voxels)
        Responses.
    results : dict
        The benchmarks: seconds for 1,000 permutations of the mask.
    """
    n_voxels = Y.shape[1]
    wanted = n_voxels / 0.05
    mistakes = [
        (19, "that is enough for one voxel. What does Bonferroni do to 0.05?"),
        (n_voxels, "that reaches 1 / (voxels + 1). Where does the 0.05 come in?"),
        (
            0.05 * n_voxels,
            "so many voxels would pass by luck without a correction. "
            "Which P does Bonferroni ask for?",
        ),
        (0.05 / n_voxels, "that is the P that you need. How many permutations reach it?"),
    ]
    # "Below" or "up to", and whether the recording counts itself, decide the last one or two.
    expect_number("needed", needed, wanted, 2, mistakes)
    limits = {row["id"]: row["value"] for row in results["limits"]}
    seconds = limits["permutations-seconds"] / 1000 * wanted
    mistakes = [
        (seconds, "those are seconds. How many are in an hour?"),
        (seconds / 60, "those are minutes. How many are in an hour?"),
        (
            1000 * seconds / 3600,
            "the table gives the time of 1,000 permutations. How long does one take?",
        ),
        (
            n_voxels * seconds / 3600,
            "the table gives the time of all voxels together. Why multiply by them again?",
        ),
    ]
    # The page prints the time twice, once rounded to whole seconds.
    expect_ratio("hours", hours, seconds / 3600, 0.03, mistakes)
    size = 4 * wanted * n_voxels
    mistakes = [
        (size / 4e9, "that counts one byte per number. How many does single precision take?"),
        (2 * size / 1e9, "that is 8 bytes per number. How many does single precision take?"),
        (size / 2**30, "that is in units of 2^30 bytes. How many bytes is a gigabyte here?"),
        (size, "those are bytes. How many of them make a gigabyte?"),
        (size / 1e6, "those are megabytes. How many of them make a gigabyte?"),
    ]
    # Two digits will do; units of 2^30 bytes are 7 % off.
    expect_ratio("gigabytes", gigabytes, size / 1e9, 0.03, mistakes)
