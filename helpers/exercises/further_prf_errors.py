"""The check of the exercise of "Going further: how sure is a receptive field?"."""

import warnings

import numpy as np

from helpers.exercises.answers import exercise, expect_choice, expect_number
from helpers.receptive_fields import PRF, BoundWarning

N_PIXELS = 100


@exercise(1)
def check_1(as_rarely, kept, kept_without, X, Y, runs):
    """Check how often the sizes from two halves of the runs agree, and what that cannot show.

    Parameters
    ----------
    as_rarely : bool
        Whether the halves agree as rarely as the size agrees with the truth, if the model lacks
        the stimulus regressor.
    kept, kept_without : float
        Share of voxels whose sizes differ by less than 1.96 standard errors of their difference,
        with the stimulus regressor and without it.
    X : numpy.ndarray, shape (n_volumes, 101)
        Pixels and the stimulus regressor.
    Y : numpy.ndarray, shape (n_volumes, n_voxels)
        Responses of the voxels.
    runs : numpy.ndarray of int, shape (n_volumes,)
        The run of each volume.
    """
    both = "both halves lack the same column. Do their sizes err in different directions?"
    expect_choice("as_rarely", as_rarely, False, {True: both})
    right, wrong = _halves(X, Y, runs), _halves(X[:, :N_PIXELS], Y, runs)
    # An answer may be rounded to two digits; the mistakes are farther off in the twin.
    expect_number("kept", kept, _share(right), 0.006, _mistakes(right, wrong, "without"))
    expect_number(
        "kept_without", kept_without, _share(wrong), 0.006, _mistakes(wrong, right, "with")
    )


def _halves(X, Y, runs):
    """Fit the even and the odd runs."""
    with warnings.catch_warnings():
        # Such fits have no standard errors and are left out.
        warnings.filterwarnings("ignore", category=BoundWarning)
        halves = [runs % 2 == 0, runs % 2 == 1]
        return [PRF().fit(X[half], Y[half], groups=runs[half]) for half in halves]


def _share(models, limit=1.96, joint=np.hypot, name="size_", over_all=False):
    """Share of voxels that agree within `limit` times a joint standard error."""
    one, other = (getattr(model, name) for model in models)
    stderr = joint(*(getattr(model, f"{name}stderr_") for model in models))
    known = np.isfinite(stderr)
    near = np.abs(one[known] - other[known]) < limit * stderr[known]
    return near.sum() / (known.size if over_all else near.size)


def _mistakes(models, swapped, other):
    """Shares that readers may give instead, and what to say."""
    yield (
        _share(models, over_all=True),
        "you count voxels that lack a standard error in one half as disagreements. Leave them out.",
    )
    yield (
        _share(models, joint=lambda even, odd: np.where(np.isnan(odd), np.nan, even)),
        "the sizes of both halves contain noise, and you allow for that of one half only.",
    )
    yield (
        _share(models, joint=np.add),
        "standard errors do not add up, but their squares do. Take the root of the sum.",
    )
    yield _share(models, limit=1), "this is the share within 1 standard error. Take 1.96."
    yield _share(models, name="centre_"), "this is the share for the centres. Compare the sizes."
    yield _share(swapped), f"this is the share {other} the stimulus regressor."
