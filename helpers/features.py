"""Features made from the images, to be given to a linear model."""

import warnings

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from helpers._engine.haemodynamics import convolve, haemodynamic_response
from helpers._engine.validation import check_readable, number_runs, read_array

__all__ = ["Delayer", "convolve", "haemodynamic_response"]


class Delayer(TransformerMixin, BaseEstimator):
    """Repeat the features at several delays, so that a model learns the shape of the response.

    Blood flow answers a stimulus over some ten seconds. With a copy of the features for each
    delay, a linear model gives each delay its own weight: a finite impulse response [1]_.

    Delays are counted in rows, so the rows of a run must be volumes that follow one another. Where
    volumes were dropped, `helpers.data.Recording.delayed` looks up the right ones.

    In a pipeline, scikit-learn hands the runs to each step that asks for them::

        sklearn.set_config(enable_metadata_routing=True)
        delayer = Delayer().set_fit_request(groups=True).set_transform_request(groups=True)
        model = make_pipeline(delayer, RidgeCV().set_fit_request(groups=True))
        model.fit(X, Y, groups=runs)

    Parameters
    ----------
    delays : sequence of int
        Delays in volumes; with 2, the response at a volume is explained by the image two
        volumes before.

    Attributes
    ----------
    n_features_in_ : int
    feature_names_in_ : ndarray of str, shape (n_features,)
        If the features were given as a DataFrame.

    References
    ----------
    .. [1] Nishimoto, S., et al. (2011). Reconstructing visual experiences from brain activity
       evoked by natural movies. Current Biology, 21(19), 1641-1646.
    """

    def __init__(self, delays=(1, 2, 3, 4)):
        self.delays = delays

    def fit(self, X, y=None, groups=None):
        """Check that the delays fit the runs; nothing is learned.

        Parameters
        ----------
        X : array_like, shape (n_samples, n_features)
            One row a volume.
        y : None
            Not used.
        groups : array_like, shape (n_samples,), optional
            The run that each sample belongs to; without it, all samples are one run.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If a delay is no whole number, is negative, appears twice, or is not shorter than the
            shortest run; if `groups` does not fit `X`; or for NaN, masked values and text.
        """
        check_readable("X", X)
        X = validate_data(self, X, dtype=np.float64)
        runs = number_runs(groups, len(X))
        _check_delays(self.delays, shortest=np.bincount(runs).min())
        self._with_groups = groups is not None
        return self

    def fit_transform(self, X, y=None, groups=None):
        """Check the delays, and delay the features.

        Parameters
        ----------
        X, y, groups
            As for `fit`.

        Returns
        -------
        ndarray of float64, shape (n_samples, n_features * n_delays)
        """
        return self.fit(X, y, groups=groups).transform(X, groups=groups)

    def transform(self, X, groups=None):
        """Delay the features within each run.

        Parameters
        ----------
        X : array_like, shape (n_samples, n_features)
            One row a volume.
        groups : array_like, shape (n_samples,), optional
            The run that each sample belongs to; nothing is carried from one run into the next.
            Without it, all samples are one run.

        Returns
        -------
        ndarray of float64, shape (n_samples, n_features * n_delays)
            All features at the first delay, then all features at the second, and so on. Rows that
            would need an image from before the start of the run are 0.

        Raises
        ------
        ValueError
            As `fit`.

        Warns
        -----
        UserWarning
            If `fit` was given runs and `transform` is not.
        """
        check_is_fitted(self)
        check_readable("X", X)
        X = validate_data(self, X, dtype=np.float64, reset=False)
        if groups is None and self._with_groups:
            warnings.warn(
                "Delayer was fitted with groups, but transforms without: all samples are taken for "
                "one run. If they are of several runs, pass groups; in a pipeline, ask for them "
                "with Delayer().set_transform_request(groups=True).",
                stacklevel=2,
            )
        runs = number_runs(groups, len(X))
        delays = _check_delays(self.delays, shortest=np.bincount(runs).min())
        n_features = X.shape[1]
        delayed = np.zeros((len(X), n_features * len(delays)))
        for run in range(runs[-1] + 1):
            rows = np.flatnonzero(runs == run)
            for i, lag in enumerate(delays):
                columns = slice(i * n_features, (i + 1) * n_features)
                delayed[rows[lag:], columns] = X[rows[: len(rows) - lag]]
        return delayed

    def __sklearn_is_fitted__(self):
        """Say whether `fit` was called."""
        return hasattr(self, "_with_groups")


def _check_delays(delays, shortest):
    given = read_array("delays", delays)
    if given.ndim != 1 or given.size == 0 or not np.issubdtype(given.dtype, np.integer):
        raise ValueError(
            f"delays is {delays!r}; expected a sequence of whole numbers of volumes, such as "
            "(1, 2, 3)."
        )
    if len(np.unique(given)) < len(given):
        raise ValueError(f"delays {delays!r} names a delay twice; give each delay once.")
    if given.min() < 0 or given.max() >= shortest:
        raise ValueError(
            f"delays {delays!r} are in volumes and must lie from 0 to {shortest - 1}: a negative "
            "delay looks into the future, and one as long as the shortest run "
            f"(n_samples = {shortest}) leaves nothing of it."
        )
    return given.tolist()
