"""Checks of the exercises of chapter 3, Brain mapping."""

from itertools import product

import numpy as np

from helpers.exercises.answers import exercise, expect_array, expect_choice, expect_number
from helpers.ridge import RidgeCV

ROUNDED = 0.006  # lets an answer pass that is rounded to two digits
N_NOISE = 500  # noise voxels of each kind, as many as the exercise asks for


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
    says = dict.fromkeys(order, "another area keeps a smaller share of its voxels.")
    most = order[int(np.argmax(before - after))]
    says[most] = "it loses the most voxels. Which area loses the largest share of its own?"
    del says[wanted]
    expect_choice("loses_most", loses_most, wanted, says)
    percent = "a share lies between 0 and 1."
    whole = "you divide by all voxels. Only those above 0 were on the map."
    mistakes = [
        (1 - after / before, "these are the shares that go."),
        (after / size, whole),
        (after / before.sum(), "divide by the area's own voxels on the map."),
        (after, "these are counts. Divide by the voxels on the map."),
        (100 * after / before, percent),
    ]
    expect_array("stays", stays, after / before, ROUNDED, mistakes)
    share = after.sum() / before.sum()
    mistakes = [
        ((after / before).mean(), "small areas count as much as large ones in it."),
        (after.sum() / size.sum(), whole),
        (1 - share, "that is the share that goes."),
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
        "the number above 0 does not ask where a score lies.",
        "a histogram does not ask where a score lies.",
        "another voxel's score stands at (30, 10, 10) now.",
        "the fields of neighbours are alike, and these scores come from elsewhere.",
    )
    # Both volumes hold the same numbers, at other places: that decides all four.
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
        around = "the zeros around the mask are in it. Both voxels of a pair lie in the mask."
        other = "that is the volume filled in the %s order."
        mistakes = [
            (_likeness(np.nan_to_num(volume)), around),
            (_likeness(right), other % "right"),
            (_likeness(wrong), other % "wrong"),
            (_likeness(volume, axis=0), "these are neighbours along i."),
            (_likeness(volume, axis=1), "these are neighbours along j."),
            (np.corrcoef(scores[:-1], scores[1:])[0, 1], "that is the row, not the volume."),
        ]
        expect_number(name, given, _likeness(volume), 0.001, mistakes)


@exercise(3)
def check_3(medians, spreads, recording):
    """Check the scores of noise with a memory of 0, 0.5 and 0.9.

    Parameters
    ----------
    medians, spreads : numpy.ndarray, shape (3,)
        Median and standard deviation of the mean scores of noise voxels.
    recording : Recording
        The random runs.
    """
    fresh = np.random.default_rng(11).standard_normal((len(recording.stimuli), N_NOISE))
    noise = np.hstack([_remembering(fresh, memory) for memory in (0, 0.5, 0.9, -0.5, -0.9)])
    penalties = (100.0, 10000.0, 1.0)
    model = RidgeCV(penalties, cv=10).fit(recording.stimuli, noise, groups=recording.runs)
    by_fold = model.cv_scores_.reshape(3, -1, 5, N_NOISE)  # penalties, folds, memories, voxels
    scores = by_fold.mean(axis=1)
    for name, given, summary in (("medians", medians, np.median), ("spreads", spreads, np.std)):
        hundred, strong, weak = summary(scores, axis=-1)
        wanted = hundred[:3]
        sign = "the memory is negative: the filter's second number is minus the memory."
        axis = "memory changes nothing. Does it run along the samples (axis=0)?"
        mistakes = [
            (hundred[[0, 3, 4]], sign),
            (hundred[[0, 0, 0]], axis),
            (strong[:3], "these belong to a penalty of 10000, not 100."),
            (weak[:3], "these belong to a penalty of 1, not 100."),
        ]
        if summary is np.std:
            folds = by_fold[0, :, :3].std(axis=(0, 2))
            mistakes.append((folds, "the spread of single folds. Average the folds first."))
        # Other random numbers, or a memory that starts anew with each run, move them by less.
        expect_array(name, given, wanted, 0.2 * np.abs(wanted), mistakes)


def _filled(shape, places, scores):
    volume = np.full(shape, np.nan)
    volume[tuple(places.T)] = scores
    return volume


def _likeness(volume, axis=2):
    """Correlate each voxel with the next along an axis, where both have a value."""
    rows = np.moveaxis(volume, axis, 0)
    pairs = np.stack([rows[:-1].ravel(), rows[1:].ravel()])
    return np.corrcoef(pairs[:, np.isfinite(pairs).all(axis=0)])[0, 1]


def _remembering(fresh, memory):
    values = fresh.copy()
    for now in range(1, len(values)):
        values[now] += memory * values[now - 1]
    return values
