"""Checks of the exercises of chapter 9, Scaling up."""

import numpy as np

from helpers.exercises.answers import exercise, expect, expect_array, expect_choice, expect_number
from helpers.ridge import RidgeCV


@exercise(1)
def check_1(loop_factors, sums_factors, sizes):
    """Check how both counts grow with twice the penalties, folds and samples.

    Parameters
    ----------
    loop_factors, sums_factors : array_like, shape (3,)
        Predicted factors, in this order.
    sizes : dict
        Samples `n`, pixels `p`, folds `K` and penalties `a`.
    """
    doubled = [sizes | {key: 2 * sizes[key]} for key in ("a", "K", "n")]
    wanted = [_loop(**more) / _loop(**sizes) for more in doubled]
    free = "in the loop, nothing is done once for all penalties or for all folds."
    longer = "the steps of the loop that go through the samples are most of its work."
    mistakes = [
        ([1, 2, 2], free),
        ([2, 1, 2], free),
        ([1, 1, 2], free),
        ([2, 2, 1], longer),
        ([2, 2, 4], "no step multiplies samples with samples."),
    ]
    # A tenth is less than the share of any step but the smallest: a guess may round.
    expect_array("loop_factors", loop_factors, wanted, 0.1, mistakes)
    wanted = [_sums(**more) / _sums(**sizes) for more in doubled]
    products = "no product meets a penalty: each costs two sums over directions, the smallest step."
    mistakes = [
        ([2, 2, 2], "that is the loop. Which of the steps know no penalty, no fold, no sample?"),
        ([2, *wanted[1:]], products),
        ([wanted[0], 2, wanted[2]], "the sums of the folds go through all samples once."),
        ([wanted[0], wanted[0], wanted[2]], "the products are done for each fold, too."),
        ([*wanted[:2], 2], "only the sums of the folds go through the samples."),
        ([*wanted[:2], 1], "the sums of the folds go through all samples, if only once."),
    ]
    expect_array("sums_factors", sums_factors, wanted, 0.1, mistakes)


@exercise(2)
def check_2(scores_smaller, n_blocks, n_numbers, old_folder, inputs, found):
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
        Folder, features, file of responses, runs and penalties, as for `score_blocks`.
    found : BlockScores
        The chapter's scores, in larger blocks.
    """
    _, X, file, runs, alphas = inputs
    responses = np.load(file, mmap_mode="r")
    n_samples, n_voxels = responses.shape
    few = slice(None, None, max(n_voxels // 50, 1))
    wanted = np.array(found.scores)
    model = RidgeCV(alphas, cv=10).fit(X, responses[:, few], groups=runs)
    wanted[:, few] = model.cv_scores_.mean(axis=1)
    # Single precision costs R2 less than 1e-5.
    best = (np.tile(wanted.max(axis=0), (len(wanted), 1)), "each voxel has a score a penalty.")
    turned = (wanted[::-1], "the penalties are in another order.")
    expect_array("scores_smaller", scores_smaller, wanted, 1e-4, [best, turned])
    blocks = -(-n_voxels // 1000)
    old = (-(-n_voxels // 4096), "that is the number in the old folder.")
    expect_number("n_blocks", n_blocks, blocks, 0, [old, (1000, "so many voxels are in a block.")])
    mistakes = [
        (1000, "those are the voxels. Each has a response in every sample."),
        (n_samples * n_voxels, "that is the whole file. Memory holds a block of it at a time."),
        (n_samples * 4096, "that is a block of the old folder."),
        (X.shape[1] * 1000, "a block holds responses; the features are held apart from it."),
        (len(alphas) * 1000, "those are the scores that a block gives."),
        (4 * n_samples * 1000, "those are bytes."),
    ]
    expect_number("n_numbers", n_numbers, n_samples * 1000, 0, mistakes)
    says = {
        "returns": "its marks are of blocks of another size. Would they mean the same voxels?",
        "starts again": "then what is done would be lost, and nobody asked. Make the call.",
    }
    expect_choice("old_folder", old_folder, "refuses", says)


@exercise(3)
def check_3(needed, hours, gigabytes, Y, results):
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
        (19, "that is enough for a single voxel. Divide 0.05 by the number of voxels first."),
        (n_voxels, "that gives a p of 1 / (voxels + 1), which is 20 times too large."),
        (0.05 * n_voxels, "so many voxels would pass by luck without any correction."),
        (0.05 / n_voxels, "that is the p that you need. How many permutations reach it?"),
    ]
    # "Below" or "up to", and whether the recording counts itself, decide the last one or two.
    expect_number("needed", needed, wanted, 2, mistakes)
    limits = {row["id"]: row["value"] for row in results["limits"]}
    seconds = limits["permutations-seconds"] / 1000 * wanted
    mistakes = [
        (seconds, "those are seconds."),
        (seconds / 60, "those are minutes."),
        (1000 * seconds / 3600, "the time in the file is that of 1,000 permutations, not of one."),
        (n_voxels * seconds / 3600, "the time in the file is that of all voxels, not of one."),
    ]
    # The page prints the time twice, once rounded to whole seconds.
    _expect_ratio("hours", hours, seconds / 3600, 0.03, mistakes)
    size = 4 * wanted * n_voxels
    mistakes = [
        (size / 4e9, "a number in single precision takes 4 bytes, not one."),
        (2 * size / 1e9, "that is double precision, 8 bytes a number."),
        (size / 2**30, "that is in units of 2^30 bytes. A GB is 10^9."),
        (size, "those are bytes."),
        (size / 1e6, "those are MB."),
    ]
    # Two digits will do; units of 2^30 bytes are 7 % off.
    _expect_ratio("gigabytes", gigabytes, size / 1e9, 0.03, mistakes)


@exercise(4)
def check_4(foretell, ratio, results):
    """Check a function that foretells the seconds of a study, and how far it is off.

    Parameters
    ----------
    foretell : callable
        Takes voxels, samples, features, folds and penalties; returns seconds.
    ratio : float
        Measured over foretold time of the benchmarks' whole brain.
    results : dict
        The benchmarks.
    """
    expect(callable(foretell), "`foretell` should be a function of n_voxels, n, p, K and a.")
    peak, brain = results["peak"], results["whole_brain"]
    rate = 1e9 * peak["float32"]["gflops"]
    keys = ("samples", "features", "folds", "penalties")
    for sizes in ((brain["voxels"], *map(brain.get, keys)), (5000, 2860, 100, 10, 1)):
        wanted = sizes[0] * _sums(*sizes[1:]) / rate
        double = 1e9 * peak["float64"]["gflops"]
        limit = 1e9 * peak["float32"]["matmul_gflops"]
        mistakes = [
            (wanted * rate, "those are operations. Divide them by how many a second does."),
            (wanted * rate / 1e9, "those are 10^9 operations. Divide by the rate as well."),
            (wanted * 1e9, "the file gives the rate in 10^9 operations a second."),
            (wanted / sizes[0], "that is the time of a single voxel."),
            (wanted * rate / double, "that is the rate in double precision."),
            (wanted * rate / limit, "that is the limit's rate. Take the one that was reached."),
            (wanted / 60, "those are minutes."),
            (sizes[0] * _loop(*sizes[1:]) / rate, "the loop's operations are not those done here."),
        ]
        # The rate may also come from the time of the whole mask; it differs by a few percent.
        _expect_ratio(f"foretell{sizes}", _result(foretell, sizes), wanted, 0.1, mistakes)
    foretold = brain["voxels"] * _sums(*map(brain.get, keys)) / rate
    wanted = brain["seconds"] / foretold
    inverse = (1 / wanted, "that is foretold over measured.")
    _expect_ratio("ratio", ratio, wanted, 0.1, [inverse])


def _loop(n, p, K, a):
    return 2 * a * K * p * (n + p)


def _sums(n, p, K, a):
    return 2 * n * p + 2 * K * p * (3 * p + 2 * a + 2 * K)


def _result(function, values):
    try:
        return function(*values)
    except Exception as error:  # whatever a reader's function raises is a finding
        expect(False, f"`foretell{values}` stops with {type(error).__name__}: {error}")


def _expect_ratio(name, given, wanted, share, mistakes):
    """Compare numbers by their ratio: wrong units are far apart, and some far below `wanted`."""
    try:
        mistakes = [(given, says) for x, says in mistakes if abs(given - x) <= share * x]
    except (TypeError, ValueError):  # no single number, as expect_number will say
        mistakes = []
    expect_number(name, given, wanted, share * wanted, mistakes)
