"""Checks of the exercises of chapter 3, Brain mapping."""

from itertools import product

import numpy as np

from helpers.exercises.answers import exercise, expect_array, expect_choice, expect_number

ROUNDED = 0.006  # lets an answer pass that is rounded to two digits


@exercise(1)
def check_1(loses_most, stays, stays_of_all, scores, areas, order):
    """Check what a threshold of 0.1 leaves of the map.

    Parameters
    ----------
    loses_most : str
        The area that loses the largest share of its voxels on the map.
    stays : numpy.ndarray, shape (n_areas,)
        Share of each area's voxels on the map that stays.
    stays_of_all : float
        The same of all voxels on the map.
    scores : numpy.ndarray, shape (n_voxels,)
        Mean score of each voxel.
    areas : numpy.ndarray, shape (n_voxels,)
        Name of each voxel's area.
    order : list of str
        The areas, in the order of `stays`.
    """
    size, before, after = (
        np.array([np.sum(scores[areas == name] > threshold) for name in order])
        for threshold in (-np.inf, 0, 0.1)
    )
    wanted = order[int(np.argmin(after / before))]
    says = dict.fromkeys(order, "there is an area that keeps a smaller share of its voxels.")
    most = order[int(np.argmax(before - after))]
    says[most] = (
        "it loses the most voxels, but it also has the most. Which area loses the largest share?"
    )
    del says[wanted]
    expect_choice("loses_most", loses_most, wanted, says)
    percent = "a share lies between 0 and 1, but this is a percentage."
    whole = "you divide by all voxels, but only those above 0 were on the map."
    mistakes = [
        (1 - after / before, "these are the shares that leave the map. Which share stays?"),
        (after / size, whole),
        (
            after / before.sum(),
            "you divide by all voxels on the map. Divide by those of the area itself.",
        ),
        (after, "these are counts. Divide each by the area's voxels on the map."),
        (100 * after / before, percent),
    ]
    expect_array("stays", stays, after / before, ROUNDED, mistakes)
    share = after.sum() / before.sum()
    mistakes = [
        (
            (after / before).mean(),
            "in a mean over areas, small areas count as much as large ones. Count voxels instead.",
        ),
        (after.sum() / size.sum(), whole),
        (1 - share, "that is the share that leaves the map. Which share stays?"),
        (100 * share, percent),
    ]
    expect_number("stays_of_all", stays_of_all, share, ROUNDED, mistakes)


@exercise(2)
def check_2(notices, likeness_right, likeness_wrong, scores, mask):
    """Check what notices that a volume was filled in the wrong order.

    Parameters
    ----------
    notices : sequence of 4 bool
        Whether the count above 0, the histogram, a known voxel and the neighbours notice.
    likeness_right, likeness_wrong : float
        Correlation of neighbours along k in the two volumes.
    scores : numpy.ndarray, shape (n_voxels,)
        Mean score of each voxel.
    mask : numpy.ndarray of bool, shape (i, j, k)
        The voxels that were analysed.
    """
    says = (
        "would the number of voxels above 0 change if every score moved to another voxel?",
        "would a histogram change if every score moved to another voxel?",
        "which voxel's score is at (30, 10, 10) now?",
        "neighbours have similar scores. Are they still neighbours in the wrong order?",
    )
    # Both volumes hold the same numbers, at different places, and that decides all four.
    wanted = (False, False, True, True)
    mistakes = [
        (guess, next(say for say, a, b in zip(says, guess, wanted, strict=True) if a != b))
        for guess in product((False, True), repeat=4)
        if guess != wanted
    ]
    expect_array("notices", notices, wanted, mistakes=mistakes)
    right = _filled(mask.shape, np.argwhere(mask), scores)
    wrong = _filled(mask.shape, np.argwhere(mask.T)[:, ::-1], scores)
    for name, given, volume in (
        ("likeness_right", likeness_right, right),
        ("likeness_wrong", likeness_wrong, wrong),
    ):
        # Three digits will do; with two, the zeros around the mask could pass.
        around = (
            "your pairs include the zeros around the mask. Keep pairs with both voxels in the mask."
        )
        other = "that is the volume filled in the %s order."
        mistakes = [
            (_likeness(np.nan_to_num(volume)), around),
            (_likeness(right), other % "right"),
            (_likeness(wrong), other % "wrong"),
            (_likeness(volume, axis=0), "these are neighbours along i. The exercise asks for k."),
            (_likeness(volume, axis=1), "these are neighbours along j. The exercise asks for k."),
            (
                np.corrcoef(scores[:-1], scores[1:])[0, 1],
                "these are neighbours in the row of scores. Take neighbours in the volume.",
            ),
        ]
        expect_number(name, given, _likeness(volume), 0.001, mistakes)


def _filled(shape, places, scores):
    volume = np.full(shape, np.nan)
    volume[tuple(places.T)] = scores
    return volume


def _likeness(volume, axis=2):
    """Correlate each voxel with the next along an axis, where both have a value."""
    rows = np.moveaxis(volume, axis, 0)
    pairs = np.stack([rows[:-1].ravel(), rows[1:].ravel()])
    return np.corrcoef(pairs[:, np.isfinite(pairs).all(axis=0)])[0, 1]
