"""Which part of a score belongs to which features: variance partition."""

from typing import NamedTuple

import numpy as np

from helpers import ridge
from helpers.checks import check_table


class Partition(NamedTuple):
    """Held-out scores of two sets of features, together and alone; arrays of shape (n_voxels,)."""

    both: np.ndarray
    first: np.ndarray
    second: np.ndarray

    @property
    def only_first(self):
        """R2 that is lost without the first set."""
        return self.both - self.second

    @property
    def only_second(self):
        """R2 that is lost without the second set."""
        return self.both - self.first

    @property
    def shared(self):
        """R2 that either set can give."""
        return self.first + self.second - self.both


def partition(first, second, Y, runs, alphas, n_folds=10, dtype=np.float64):
    """Part the score of two sets of features: what only one can give, and what either can [1]_.

    The penalties of each of the three models are chosen voxel by voxel on other folds
    (`ridge.nested_scores`). One penalty acts on both sets: give them a similar scale, for example
    by multiplying a single column that stands against a hundred by ten.

    Parameters
    ----------
    first, second : array_like, shape (n_samples, n_features)
        The two sets, for example pixels and a column that says whether an image is on.
    Y, runs, alphas, n_folds, dtype
        As for `ridge.cross_validate`.

    Returns
    -------
    Partition
        Its parts ``only_first``, ``only_second`` and ``shared`` add up to ``both``. They may be
        negative: a set that adds more noise than signal lowers the score.

    Raises
    ------
    ValueError
        As `ridge.nested_scores`.

    Warns
    -----
    ConstantVoxelWarning
        If voxels are constant over a fold. Their scores are NaN.

    References
    ----------
    .. [1] de Heer, W. A., Huth, A. G., Griffiths, T. L., Gallant, J. L., & Theunissen, F. E.
       (2017). The hierarchical cortical organization of human speech processing. Journal of
       Neuroscience, 37(27), 6539-6557.
    """
    first, second = check_table("first", first), check_table("second", second)
    if len(first) != len(second):
        raise ValueError(
            f"first has {len(first)} samples and second has {len(second)}; expected one row a "
            "sample in both: make both from the same stimuli."
        )
    tables = (np.column_stack([first, second]), first, second)
    return Partition(
        *(ridge.nested_scores(X, Y, runs, alphas, n_folds=n_folds, dtype=dtype) for X in tables)
    )
