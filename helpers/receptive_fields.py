"""Receptive fields: sparse weights, Gaussians that match weights, and Gaussians fitted at once."""

import warnings
from dataclasses import dataclass

import numpy as np
from sklearn.base import BaseEstimator, MultiOutputMixin, RegressorMixin, clone
from sklearn.utils.validation import check_is_fitted, validate_data

from helpers._engine.fields import CentreSurround, Compressive, Gaussian, Screen
from helpers._engine.folds import TEST, TRAIN, tabulate
from helpers._engine.gaussians import check_image, sample_gaussians
from helpers._engine.haemodynamics import haemodynamic_response
from helpers._engine.lasso import fit_with_best_penalty
from helpers._engine.matching import clear_match, match_gaussians
from helpers._engine.prf import (
    Cleaner,
    Task,
    check_confounds,
    check_copies,
    extend_fields,
    fit_fields,
    is_constant_in_a_run,
    make_courses,
)
from helpers._engine.validation import (
    ConstantVoxelWarning,
    check_finite,
    check_fit,
    check_lengths,
    check_several_runs,
    check_shape,
    check_table,
    is_constant,
    number_runs,
    read_array,
    refuse_masked,
    warn_constant,
)

__all__ = [
    "PRF",
    "BoundWarning",
    "CentreSurroundPRF",
    "CompressivePRF",
    "GaussianFits",
    "InvertedFieldWarning",
    "LassoLarsCV",
    "fit_gaussians",
    "held_out_scores",
    "sample_gaussians",
]

PREDICTED_BLOCK = 256  # voxels that are predicted at a time
LONGEST_T_R = 20  # seconds; a longer one is in milliseconds
MOST_NUISANCES = 20  # columns behind the pixels; more of them are pixels of another screen


@dataclass(frozen=True, eq=False)
class GaussianFits:
    """The best-matching Gaussian of each voxel.

    Attributes
    ----------
    centre : ndarray, shape (n_voxels, 2)
        Row and column in pixels, whole at pixel centres; it may lie outside the image.
    size : ndarray, shape (n_voxels,)
        Standard deviation in pixels.
    match : ndarray, shape (n_voxels,)
        Correlation of the weights with the Gaussian over pixels.
    at_bound : ndarray of bool, shape (n_voxels,)
        Whether the fit is a limit and no estimate, because the search ended there: at 0.4 pixels,
        which stand for any narrower field, at the largest size, at an outermost centre, or at one
        that lies as far outside the image as the field is wide.
    """

    centre: np.ndarray
    size: np.ndarray
    match: np.ndarray
    at_bound: np.ndarray


class LassoLarsCV(MultiOutputMixin, RegressorMixin, BaseEstimator):
    """Sparse receptive fields, as nilearn's example estimates them for four voxels [1]_.

    Each voxel gets the model of scikit-learn's ``LassoLarsCV``, whose penalty is chosen on held-out
    samples. All voxels take each step of the path together, so a whole mask takes seconds
    (`helpers._engine.lasso`).

    Parameters
    ----------
    max_iter : int
        Steps of the path at most. Each step adds a pixel or removes one, so no more than these
        have a weight other than 0.
    cv : int, splitter or iterable of (train, test)
        As scikit-learn's ``cv``. A whole number stands for that many folds: of whole, consecutive
        runs if `fit` is given `groups`, and of consecutive samples otherwise. With 20 runs of equal
        length, 5 folds of runs are those of scikit-learn's default.

    Attributes
    ----------
    coef_ : ndarray, shape (n_voxels, n_features)
        Weights; NaN for constant voxels.
    intercept_ : ndarray, shape (n_voxels,)
    alpha_ : ndarray, shape (n_voxels,)
        The penalties that were chosen.
    n_iter_ : ndarray of int, shape (n_voxels,)
        Steps of the path over all samples down to the chosen penalty.
    n_features_in_ : int
    feature_names_in_ : ndarray of str, shape (n_features,)
        If the features were given as a DataFrame.

    Notes
    -----
    Two departures matter in rare cases only. A pixel that others can replace exactly, such as the
    second of two equal ones, stays at 0; scikit-learn's path may go astray there. And what counts
    as 0 depends on the scale of the data, so that a recording in tiny units gets its fields, too.

    If the responses have one dimension, the axis of voxels is left out of all attributes.

    References
    ----------
    .. [1] Efron, B., et al. (2004). Least angle regression. Annals of Statistics, 32, 407-499.
    """

    def __init__(self, *, max_iter=500, cv=5):
        self.max_iter = max_iter
        self.cv = cv

    def fit(self, X, y, groups=None):
        """Choose a penalty for each voxel on held-out samples, and fit all samples with it.

        Parameters
        ----------
        X : array_like, shape (n_samples, n_features)
            Images, one row a volume.
        y : array_like, shape (n_samples, n_voxels) or (n_samples,)
            Measured responses.
        groups : array_like, shape (n_samples,), optional
            The run that each sample belongs to, for `cv`.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            For input that does not fit together, NaN or infinite values, splits that cannot be
            made, or no step.

        Warns
        -----
        ConstantVoxelWarning
            If voxels are constant. Their weights are NaN.
        """
        X, Y, each = check_fit(self, X, y)
        if not isinstance(self.max_iter, int | np.integer) or self.max_iter < 1:
            raise ValueError(f"max_iter is {self.max_iter!r}; expected a whole number from 1 up.")
        table = tabulate(self.cv, X, Y, groups)
        constant = is_constant(Y)
        warn_constant(constant, "over all samples", "Their weights are NaN")
        # The rounding errors of a constant feature could be given any weight.
        X = np.where(is_constant(X), 0, X)
        varies = Y[:, ~constant] if constant.any() else Y  # the whole recording need not be copied
        fits = fit_with_best_penalty(X, varies, table, self.max_iter)
        names = ("coef_", "intercept_", "alpha_", "n_iter_")
        for name, fit, empty in zip(names, fits, (np.nan, np.nan, np.nan, 0), strict=True):
            values = np.full((Y.shape[1], *fit.shape[1:]), empty)
            values[~constant] = fit
            setattr(self, name, values[each])
        return self

    def predict(self, X):
        """Predict responses.

        Parameters
        ----------
        X : array_like, shape (n_samples, n_features)

        Returns
        -------
        ndarray, shape (n_samples, n_voxels) or (n_samples,)
        """
        check_is_fitted(self)
        refuse_masked("X", X)
        X = validate_data(self, X, dtype=np.float64, reset=False)
        return X @ self.coef_.T + self.intercept_


class BoundWarning(UserWarning):
    """Some fits ended at a bound of what can be told: they are limits, no estimates."""


class InvertedFieldWarning(UserWarning):
    """Some fields lower the response, where fields that raise it were looked for."""


class PRF(MultiOutputMixin, RegressorMixin, BaseEstimator):
    r"""Population receptive fields: a Gaussian for each voxel, fitted to its time course [1]_.

    The response of a voxel is modelled as

    .. math:: y(t) = \beta + a \sum_k h(k) \sum_p g_p\, s_p(t - k) + \text{nuisance} + e(t)

    with the light :math:`s_p` at pixel `p`, a haemodynamic response `h`, and a Gaussian field `g`
    with a centre and a size. All voxels are fitted together, in milliseconds each
    (`helpers._engine.prf`).

    Parameters
    ----------
    shape : (int, int)
        Rows and columns of the screen.
    hrf_peak : float, sequence of float or None
        Seconds from a stimulus to the peak of the response, a double gamma
        (`helpers.features.haemodynamic_response`). Of several, each voxel gets the one that
        explains most. None if the rows of the stimulus are already as late as the response,
        or were convolved with another one.
    t_r : float
        Seconds from one volume to the next.
    pixel_size : float or (float, float)
        Height and width of a pixel, in degrees of visual angle for instance. Sizes of fields come
        in the same unit; by default, in pixels.
    positive : bool
        Whether only fields that raise the response are looked for.
    drift_order : int
        Order of the polynomial that is taken out of each run, of responses and of predictions
        alike; 0 takes out the mean. Responses that were detrended already do not change.
    noise_model : {"ar1", "ols"}
        As in nilearn's ``FirstLevelModel``: whether the fit takes the autocorrelation of the noise
        into account, or minimises the plain sum of squares.

    Attributes
    ----------
    centre_ : ndarray, shape (n_voxels, 2)
        Row and column of the centre in pixels, whole at pixel centres. It may lie half a screen
        outside the screen.
    x_, y_, eccentricity_ : ndarray, shape (n_voxels,)
        The same from the middle of the screen, to the right and up, and the distance from it, in
        units of `pixel_size`.
    angle_ : ndarray, shape (n_voxels,)
        Counter-clockwise from the right in degrees, from -180 to 180.
    size_ : ndarray, shape (n_voxels,)
        Standard deviation of the field in units of `pixel_size`.
    amplitude_ : ndarray, shape (n_voxels,)
        Response when everything in the field is lit all the time by 1.
    baseline_ : ndarray, shape (n_voxels,)
        Response to an empty screen.
    nuisance_coef_ : ndarray, shape (n_voxels, n_nuisance)
        Weights of the columns of the stimulus that follow its pixels.
    hrf_peak_ : ndarray, shape (n_voxels,)
        The peak of the response in seconds; NaN without one.
    r2_ : ndarray, shape (n_voxels,)
        Part of the variance, without drift, that field and nuisance columns explain in the
        samples of the fit. It rises with anything that is fitted: report `held_out_scores`.
    centre_stderr_, x_stderr_, y_stderr_, size_stderr_, amplitude_stderr_ : ndarray
        Standard errors, in the units of the estimates. See Notes.
    has_field_ : ndarray of bool, shape (n_voxels,)
        False where a field does not pay for its parameters, by the Bayesian information
        criterion [2]_: there, `centre_`, `size_`, `amplitude_` and all that follows from them are
        NaN, and predictions come from nuisance columns and baseline only. ``n_without_field_``
        counts these voxels.
    at_bound_ : ndarray of bool, shape (n_voxels,)
        Whether a fit is a limit and no estimate: at half a screen beyond an edge, at a size of a
        fifth of a pixel or of the longer side of the screen, or with a standard error of the size
        above the size itself, as of fields too narrow for the pixels. Standard errors are NaN
        there.
    outside_ : ndarray of bool, shape (n_voxels,)
        Whether the centre lies beyond the screen, or on pixels that were never lit: what was
        measured is the flank of such a field only.
    n_features_in_ : int
    feature_names_in_ : ndarray of str, shape (n_features,)
        If the stimulus was given as a DataFrame.

    Warns
    -----
    BoundWarning
        If there are fits at a bound.
    ConstantVoxelWarning
        If voxels are constant over a run. All they get is NaN.

    Notes
    -----
    Fields are sampled at pixel centres and divided by their integral over an endless screen. Where
    a field is hardly wider than a pixel, its size is that of a field which sees pixels as points; a
    field that sees their area comes out larger, by a twelfth of a pixel's square in the variance.

    Standard errors follow from the second derivatives of the sum of squares at the fit, and from
    the autocorrelation that is left in the residuals from one volume to the next, of which we
    assume that it fades by the same factor with each volume. The criterion counts as many samples
    as the course of the field is worth in such noise. Both are blind to what the model does not
    hold: a response of another shape, a field that is no Gaussian.

    References
    ----------
    .. [1] Dumoulin, S. O., & Wandell, B. A. (2008). Population receptive field estimates in
       human visual cortex. NeuroImage, 39(2), 647-660.
    .. [2] Schwarz, G. (1978). Estimating the dimension of a model. Annals of Statistics, 6(2),
       461-464.
    """

    _model = Gaussian()

    def __init__(
        self,
        shape=(10, 10),
        *,
        hrf_peak=5.0,
        t_r=2.0,
        pixel_size=1.0,
        positive=True,
        drift_order=1,
        noise_model="ar1",
    ):
        self.shape = shape
        self.hrf_peak = hrf_peak
        self.t_r = t_r
        self.pixel_size = pixel_size
        self.positive = positive
        self.drift_order = drift_order
        self.noise_model = noise_model

    def fit(self, X, y, groups=None, confounds=None):
        """Fit a field to each voxel.

        Parameters
        ----------
        X : array_like, shape (n_samples, n_pixels + n_nuisance)
            The screen at each volume, in C order and 0 where nothing is shown: pixel ``p`` lies in
            row ``p // shape[1]``, column ``p % shape[1]``. Columns that follow the pixels are
            nuisances of the stimulus, such as whether anything is on the screen. They are
            convolved like pixels, and their share is taken out of responses and predictions.
        y : array_like, shape (n_samples, n_voxels) or (n_samples,)
            Measured responses. They may have been detrended up to `drift_order` before, but not
            filtered otherwise: a filter that acts on one side only makes sizes wrong.
        groups : array_like, shape (n_samples,), optional
            The run that each sample belongs to. Without it, all samples are one run.
        confounds : array_like, shape (n_samples, n_confounds), optional
            Columns that are taken out of each run as they are, such as head motion. Give them here
            and not to the masker: taken out of the responses alone, they take a part of what the
            stimulus did with them, and fields come out too narrow.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            For input that does not fit together, NaN or infinite values, stimuli that do not vary,
            hold a code for rest or a background that is not 0, too few samples, or a response
            longer than a run.
        """
        if getattr(X, "ndim", 2) == 3:
            raise ValueError(
                f"X has shape {X.shape}; expected one row a volume. Images in a stack become "
                "rows with X.reshape(len(X), -1)."
            )
        X, Y, each = check_fit(self, X, y)
        check_finite("Y", Y)
        screen, runs = self._screen(X), number_runs(groups, len(X))
        clean = Cleaner(runs, self.drift_order, confounds)
        self._check_samples(X, clean, screen)
        self._check_dark(X[:, : screen.n_pixels])
        courses = self._courses(X, screen, runs, linear=True)
        constant = is_constant_in_a_run(Y, clean.rows)
        warn_constant(constant, "over a run", "Their fields are NaN")
        task = Task(Y, screen, self.positive, clean)
        fits = fit_fields(courses, task, self.noise_model == "ar1")
        if self._model.more:
            if not self._model.linear:
                courses = self._courses(X, screen, runs, linear=False)
            fits = extend_fields(courses, task, fits, self._model)
        lit = X[:, : screen.n_pixels].any(axis=0)
        self._keep(fits, constant, lit, screen, courses, each)
        return self

    def predict(self, X, groups=None):
        """Predict responses, drift and confounds left out.

        Parameters
        ----------
        X : array_like, shape (n_samples, n_pixels + n_nuisance)
            As for `fit`.
        groups : array_like, shape (n_samples,), optional
            The run that each sample belongs to. Without it, all samples are one run.

        Returns
        -------
        ndarray, shape (n_samples, n_voxels) or (n_samples,)
        """
        check_is_fitted(self)
        refuse_masked("X", X)
        X = validate_data(self, X, dtype=np.float64, reset=False)
        screen, runs = self._screen(X), number_runs(groups, len(X))
        peaks, baseline = np.atleast_1d(self.hrf_peak_), np.atleast_1d(self.baseline_)
        theta, weights = np.atleast_2d(self._theta), np.atleast_2d(self.nuisance_coef_)
        amplitude = np.nan_to_num(np.atleast_1d(self.amplitude_))
        predicted = np.empty((len(X), len(baseline)))
        for course in self._courses(X, screen, runs, self._model.linear):
            voxels = np.flatnonzero(np.isnan(peaks) | (peaks == course.peak))
            for start in range(0, len(voxels), PREDICTED_BLOCK):
                mine = voxels[start : start + PREDICTED_BLOCK]
                answers = self._model.respond(theta[mine], screen, course.frames)[:, 0]
                predicted[:, mine] = (
                    course.columns @ (answers * amplitude[mine, np.newaxis]).T
                    + course.nuisance @ weights[mine].T
                    + baseline[mine]
                )
        return predicted[:, 0] if np.ndim(self.baseline_) == 0 else predicted

    def score(self, X, y, groups=None):
        """Return the mean R2 of voxels on other samples; without drift on both sides.

        Parameters
        ----------
        X, y, groups
            As for `fit`.

        Returns
        -------
        float

        Raises
        ------
        ValueError
            For responses that do not fit the stimulus, NaN or infinite values.

        Warns
        -----
        ConstantVoxelWarning
            If voxels are constant over these samples, or were in the fit. They do not count.
        """
        Y = check_table("y", y if np.ndim(y) > 1 else np.reshape(y, (-1, 1)))
        predicted = self.predict(X, groups).reshape(-1, np.size(self.baseline_))
        check_lengths(predicted, Y)
        if predicted.shape != Y.shape:
            raise ValueError(
                f"y has {Y.shape[1]} voxels and the model was fitted to {predicted.shape[1]}; "
                "expected the same voxels, in the same order."
            )
        r2 = _r2(Y, predicted, Cleaner(number_runs(groups, len(Y)), self.drift_order))
        without = np.isnan(r2)
        warn_constant(without, "over these samples or in the fit", "They do not count in the mean")
        return float("nan") if without.all() else float(r2[~without].mean())

    def _screen(self, X):
        """Return the screen, if the stimulus fits it."""
        shape = check_image(self.shape)
        n_pixels = int(np.prod(shape))
        if X.shape[1] < n_pixels:
            raise ValueError(
                f"X has {X.shape[1]} columns; expected at least {n_pixels}, one for each pixel of "
                f"a screen of {shape[0]} x {shape[1]}: say shape=(rows, columns) of your screen."
            )
        if X.shape[1] > n_pixels + MOST_NUISANCES:
            raise ValueError(
                f"X has {X.shape[1]} columns for a screen of {shape[0]} x {shape[1]}, so that "
                f"{X.shape[1] - n_pixels} would be nuisances; expected {MOST_NUISANCES} of them at "
                "most. Say shape=(rows, columns) of your screen; head motion and the like are "
                "confounds."
            )
        if self.noise_model not in ("ar1", "ols"):
            raise ValueError(f'noise_model is {self.noise_model!r}; expected "ar1" or "ols".')
        pixel = np.asarray(self.pixel_size, dtype=np.float64)
        if pixel.shape not in ((), (2,)) or not (np.isfinite(pixel) & (pixel > 0)).all():
            raise ValueError(
                f"pixel_size is {self.pixel_size!r}; expected a length above 0, or two: height and "
                "width."
            )
        light = X[:, :n_pixels]
        if not self._model.linear and light.min() < 0:
            raise ValueError(
                f"{(light < 0).sum()} values of the screen are below 0; expected light or contrast "
                "from 0 up, because a power of a negative sum has no meaning."
            )
        if (light == -1).all(axis=1).any():
            raise ValueError(
                f"{(light == -1).all(axis=1).sum()} of {len(X)} rows hold -1 in all pixels, the "
                "code for rest; expected 0 where the screen is dark: say np.maximum(X, 0)."
            )
        return Screen(shape, tuple(np.broadcast_to(pixel, 2).tolist()))

    def _check_dark(self, light):
        """Raise ValueError if the screen has a background that is not 0."""
        value = _background(light)
        # Without a response, what is always there is in the baseline of a linear model.
        if value != 0 and (self.hrf_peak is not None or not self._model.linear):
            raise ValueError(
                f"The background of the screen is {value:g}; expected 0 where nothing is shown, "
                "because any other value lights up with each run. Subtract it from the pixels, "
                f"X - {value:g}, and take np.abs of that if it is the contrast that drives voxels."
            )

    def _courses(self, X, screen, runs, linear):
        """Convolve the stimulus with each response."""
        peaks = None if self.hrf_peak is None else np.ravel(self.hrf_peak)
        if peaks is not None and peaks.dtype.kind not in "fiu":
            raise ValueError(
                f"hrf_peak is {self.hrf_peak!r}; expected seconds from a stimulus to the peak of "
                "the response. To use another response, convolve the stimulus yourself and say "
                "hrf_peak=None."
            )
        t_r = np.asarray(self.t_r, dtype=np.float64)
        if t_r.ndim or not 0 < t_r < LONGEST_T_R:
            raise ValueError(
                f"t_r is {self.t_r!r}; expected seconds, above 0 and below {LONGEST_T_R}."
            )
        if peaks is not None:
            if not peaks.size or not ((peaks > 0) & (peaks < 20)).all():
                raise ValueError(
                    f"hrf_peak is {self.hrf_peak!r}; expected seconds above 0 and below 20, one or "
                    "several, or None."
                )
            n_lags, shortest = len(haemodynamic_response(peaks[0], t_r)), np.bincount(runs).min()
            if n_lags > shortest:
                raise ValueError(
                    f"The response lasts {n_lags} volumes of {t_r:g} s, and the shortest run has "
                    f"{shortest}; expected longer runs. If these rows are a run at all, check t_r; "
                    "or convolve the stimulus yourself and say hrf_peak=None."
                )
        return make_courses(X, screen.n_pixels, runs, peaks, float(t_r), linear)

    def _check_samples(self, X, clean, screen):
        n_parameters = 1 + len(self._model.bounds(screen)[0]) + X.shape[1] - screen.n_pixels
        if len(X) < clean.n_removed + n_parameters + 2:
            raise ValueError(
                f"There are n_samples = {len(X)} and {n_parameters} parameters a voxel, besides "
                f"{clean.n_removed} columns of drift and confounds; expected at least "
                f"{clean.n_removed + n_parameters + 2} samples. One sample is too few for any fit; "
                "load another run."
            )

    def _keep(self, fits, constant, lit, screen, courses, each):
        """Set the attributes from what was fitted, and warn where a fit is no estimate."""
        low, high = self._model.bounds(screen)
        margin = 1e-6 * (high - low)
        ends = (fits.theta <= low + margin) | (fits.theta >= high - margin)
        has_field = fits.has_field & ~constant
        covariance = fits.covariance
        # Between pixels, fields much narrower than these all predict the same.
        told = np.isfinite(covariance[:, :4, :4]).all(axis=(1, 2)) & (covariance[:, 3, 3] < 1)
        # A share or an exponent may end at its bound; a place or a size may not.
        at_bound = (ends[:, :3].any(axis=1) | ~told) & has_field
        theta = np.where(has_field[:, np.newaxis], fits.theta, np.nan)
        covariance[~has_field | at_bound] = np.nan
        for values in (fits.baseline, fits.nuisance, fits.r2):
            values[constant] = np.nan
        pixel, stderr = np.array(screen.pixel), np.sqrt(np.einsum("vii->vi", covariance))
        centre = theta[:, :2] / pixel
        results = self._name(theta, covariance) | {
            "centre_": centre,
            "centre_stderr_": stderr[:, 1:3] / pixel,
            "amplitude_": np.where(has_field, fits.amplitude, np.nan),
            "amplitude_stderr_": stderr[:, 0],
            "baseline_": fits.baseline,
            "nuisance_coef_": fits.nuisance,
            "hrf_peak_": np.array([course.peak for course in courses])[fits.chosen],
            "r2_": fits.r2,
            "has_field_": has_field,
            "at_bound_": at_bound,
            "outside_": has_field & ~_on_lit(centre, lit.reshape(screen.shape)),
            "_theta": fits.theta,
        }
        for name, values in results.items():
            setattr(self, name, values[each])
        self.n_without_field_ = int((~has_field).sum())
        if at_bound.any():
            smallest, largest = screen.sizes
            warnings.warn(
                f"{at_bound.sum()} of {has_field.sum()} fields end at a bound of the search, a "
                f"size of {smallest:g} or {largest:g} or half a screen beyond an edge, or have a "
                "size that these data do not tell, mostly narrower than pixels. Take them for "
                "limits, no estimates; at_bound_ says which they are.",
                BoundWarning,
                stacklevel=3,
            )

    def _name(self, theta, covariance):
        """Name the parameters beside the centre: attributes as a dict."""
        size = np.exp(theta[:, 2])
        return {"size_": size, "size_stderr_": size * np.sqrt(covariance[:, 3, 3])}

    def _from_middle(self, axis):
        return (self.centre_[..., axis] - (self.shape[axis] - 1) / 2) * self._side(axis)

    def _side(self, axis):
        """Height or width of a pixel."""
        return np.broadcast_to(self.pixel_size, 2)[axis]

    @property
    def x_(self):
        """Centre to the right of the middle of the screen, in units of `pixel_size`."""
        return self._from_middle(1)

    @property
    def y_(self):
        """Centre above the middle of the screen, in units of `pixel_size`."""
        return -self._from_middle(0)

    @property
    def x_stderr_(self):
        """Standard error of `x_`, in units of `pixel_size`."""
        return self.centre_stderr_[..., 1] * self._side(1)

    @property
    def y_stderr_(self):
        """Standard error of `y_`, in units of `pixel_size`."""
        return self.centre_stderr_[..., 0] * self._side(0)

    @property
    def eccentricity_(self):
        """Distance of the centre from the middle of the screen, in units of `pixel_size`."""
        return np.hypot(self.x_, self.y_)

    @property
    def angle_(self):
        """Direction of the centre, counter-clockwise from the right, in degrees."""
        return np.degrees(np.arctan2(self.y_, self.x_))


def _background(light):
    """Value of an empty screen: what is seldom left, or fills it often, or a darkness that is none.

    The brightest and the darkest value may be what an image shows.
    """
    low, high = light.min(axis=0), light.max()
    uniform = light[(light == light[:, :1]).all(axis=1), 0]
    often = [np.median(light)] if (light == np.median(light)).mean() > 0.5 else []
    often += [np.median(uniform)] if len(uniform) > 0.1 * len(light) else []
    grey = [value for value in often if low.min() < value < high and value != 0]
    if grey:
        return grey[0]
    return low.min() if low.min() < high and (low > 0.01 * high).all() else 0.0


def _on_lit(centre, lit):
    """Say which centres lie on lit pixels, (n_voxels,)."""
    place = np.nan_to_num(np.round(centre), nan=-1).astype(int)
    on_screen = ((place >= 0) & (place < lit.shape)).all(axis=1)
    result = np.zeros(len(centre), dtype=bool)
    result[on_screen] = lit[tuple(place[on_screen].T)]
    return result


class CompressivePRF(PRF):
    r"""Fields that sum less than all of their light: a Gaussian, then a power of the sum [1]_.

    As `PRF`, but with :math:`(\sum_p g_p s_p)^n` for the sum over pixels. Steps start from the
    Gaussian fit, of voxels that have one. They work on the different frames of the stimulus, so
    that it takes longer the more of them there are.

    A single voxel says little about its exponent. So the distribution of log exponents over voxels
    is learnt from all of them, and each is drawn towards its mean, the more the less it says
    itself (empirical Bayes). Fit voxels together that you expect to be alike.

    Parameters
    ----------
    shape, hrf_peak, t_r, pixel_size, positive, drift_order, noise_model
        As for `PRF`. Stimuli must not be negative.

    Attributes
    ----------
    exponent_, exponent_stderr_ : ndarray, shape (n_voxels,)
        The power `n`, between 0.05 and 2; 1 is `PRF`.
    sigma_ : ndarray, shape (n_voxels,)
        Standard deviation of the Gaussian.
    size_ : ndarray, shape (n_voxels,)
        ``sigma_ / sqrt(exponent_)``: the standard deviation of the response to a small light, which
        is what sizes of other models are compared with [1]_.

    Notes
    -----
    All other attributes are those of `PRF`.

    References
    ----------
    .. [1] Kay, K. N., Winawer, J., Mezer, A., & Wandell, B. A. (2013). Compressive spatial
       summation in human visual cortex. Journal of Neurophysiology, 110(2), 481-494.
    """

    _model = Compressive()

    def _name(self, theta, covariance):
        sigma, exponent = np.exp(theta[:, 2:4]).T
        slope = np.array([1, -0.5])  # log size = log sigma - log(exponent) / 2
        log_size = np.einsum("i,vij,j->v", slope, covariance[:, 3:5, 3:5], slope)
        size = sigma / np.sqrt(exponent)
        return {
            "size_": size,
            "size_stderr_": size * np.sqrt(log_size),
            "sigma_": sigma,
            "exponent_": exponent,
            "exponent_stderr_": exponent * np.sqrt(covariance[:, 4, 4]),
        }


class CentreSurroundPRF(PRF):
    """Fields with a surround that lowers the response: a Gaussian minus a wider one [1]_.

    As `PRF`, with ``g - share * wider g`` for the field, both with an integral of about 1.

    Parameters
    ----------
    shape, hrf_peak, t_r, pixel_size, positive, drift_order, noise_model
        As for `PRF`.

    Attributes
    ----------
    size_ : ndarray, shape (n_voxels,)
        Standard deviation of the centre.
    surround_size_ : ndarray, shape (n_voxels,)
        Standard deviation of the surround, 1.2 to 10 times that of the centre.
    surround_share_ : ndarray, shape (n_voxels,)
        What the surround takes away, as a share of what the centre gives, if both are lit: 0 is
        `PRF`, and with 1 a voxel does not answer to a screen that is lit everywhere.

    Notes
    -----
    All other attributes are those of `PRF`. Where all images light about as much of the screen, a
    wide surround can hardly be told from a nuisance column that says whether an image is on, so
    that any share may come out: compare `held_out_scores` before you believe it.

    References
    ----------
    .. [1] Zuiderbaan, W., Harvey, B. M., & Dumoulin, S. O. (2012). Modeling center-surround
       configurations in population receptive fields using fMRI. Journal of Vision, 12(3), 10.
    """

    _model = CentreSurround()

    def _name(self, theta, covariance):
        return super()._name(theta, covariance) | {
            "surround_size_": np.exp(theta[:, 2] + theta[:, 3]),
            "surround_share_": theta[:, 4],
        }


def held_out_scores(model, X, Y, *, groups, confounds=None, cv=5):
    """Score a receptive-field model on runs that had no part in its fit.

    Parameters
    ----------
    model : PRF
        Or one of its relatives; it is not changed.
    X : array_like, shape (n_samples, n_pixels + n_nuisance)
    Y : array_like, shape (n_samples, n_voxels)
    groups : array_like, shape (n_samples,)
        The run that each sample belongs to. No split may cut a run in two, because a response
        lasts from one volume to the next.
    confounds : array_like, shape (n_samples, n_confounds), optional
        As for `PRF.fit`: taken out of held-out responses and predictions, too.
    cv : int, splitter or iterable of (train, test)
        As for `helpers.ridge.RidgeCV`.

    Returns
    -------
    ndarray, shape (n_voxels,)
        Mean R2 over the splits, without drift; NaN where a voxel is constant over a test set. A
        voxel to which a split's training set gives no field is predicted from its nuisance columns.

    Raises
    ------
    ValueError
        As `PRF.fit`, for a model of another kind, for splits that cannot be made or cut runs, and
        for runs that are copies of others, which would be held out from themselves.

    Warns
    -----
    ConstantVoxelWarning
        If voxels are constant over a set.
    """
    if not isinstance(model, PRF):
        raise ValueError(
            f"model is {model!r}; expected a PRF() or one of its relatives, not fitted or fitted. "
            "Others are scored by helpers.ridge.nested_scores or scikit-learn's cross_val_score."
        )
    X, Y = check_table("X", X), check_shape("Y", Y)
    check_lengths(X, Y)
    runs = check_several_runs(groups, len(X))
    check_copies(Y, runs)
    confounds = check_confounds(confounds, len(X))
    scores = []
    for row in tabulate(cv, X, Y, groups):
        train, test = np.flatnonzero(row == TRAIN), np.flatnonzero(row == TEST)
        if any(np.ptp(row[runs == run]) for run in range(runs[-1] + 1)):
            raise ValueError(
                "cv has a split with a run in both its training and its test set, or with a part "
                "of one; expected whole runs: give a number, LeaveOneGroupOut() or GroupKFold()."
            )
        own = [None if confounds is None else confounds[rows] for rows in (train, test)]
        with warnings.catch_warnings():
            # Fits at a bound predict all the same, and constant voxels are counted below.
            warnings.simplefilter("ignore", BoundWarning)
            warnings.simplefilter("ignore", ConstantVoxelWarning)
            fitted = clone(model).fit(X[train], Y[train], groups=runs[train], confounds=own[0])
        predicted = fitted.predict(X[test], groups=runs[test])
        clean = Cleaner(number_runs(runs[test], len(test)), model.drift_order, own[1])
        scores.append(_r2(Y[test], predicted, clean))
    mean = np.mean(scores, axis=0)
    warn_constant(np.isnan(mean), "over at least one fold", "Their scores are NaN")
    return mean


def _r2(Y, predicted, clean):
    """R2 of each voxel once both sides are cleaned alike, (n_voxels,)."""
    left, total = clean(Y - predicted), clean(Y)
    with np.errstate(invalid="ignore", divide="ignore"):
        r2 = 1 - (left**2).sum(axis=0) / (total**2).sum(axis=0)
    return np.where(is_constant(Y), np.nan, r2)


def fit_gaussians(weights, shape=(10, 10)):
    """Find the 2-D Gaussian that matches the weights of each voxel best.

    All Gaussians of a grid are compared, as in population receptive field mapping [1]_: centres
    every quarter of a pixel, up to a pixel outside the image, and twelve sizes from 0.4 to 5
    pixels, sampled at pixel centres; further sizes up to half the longer side of larger images.
    The match is a correlation over pixels, so that neither the scale of the weights nor a constant
    added to all of them matters. A field that lowers the response gets a poor match.

    A field of 5 pixels or more, or beyond the grid, is then fitted by least squares, in the bounds
    of a `PRF`: a size of the longer side, half an image beyond an edge. This takes a clear match,
    of at least five standard errors of a correlation of noise, 0.5 on 10 x 10 pixels. Other weights
    keep the best of the grid: noise finds wide fields and far ones as easily as any.

    Parameters
    ----------
    weights : array_like, shape (n_voxels, n_pixels)
        In C order: pixel ``p`` lies in row ``p // shape[1]``, column ``p % shape[1]``.
    shape : (int, int)
        Rows and columns of the image.

    Returns
    -------
    GaussianFits

    Raises
    ------
    ValueError
        If the weights do not fit the shape, or a row has some values that are not finite.

    Warns
    -----
    BoundWarning
        If fits with a clear match ended at a bound of the search. `GaussianFits.at_bound` also
        marks those of noise, and of fields too narrow for the pixels, of which no warning comes.
    InvertedFieldWarning
        If weights have a clear match with a Gaussian upside down, better than any upright.
    ConstantVoxelWarning
        If the weights of voxels are all the same or all NaN. Their fits are NaN.

    References
    ----------
    .. [1] Dumoulin, S. O., & Wandell, B. A. (2008). Population receptive field estimates in
       human visual cortex. NeuroImage, 39(2), 647-660.
    """
    weights, shape = _check_weights(weights, shape)
    flat = np.isnan(weights).all(axis=1) | is_constant(weights.T)
    warn_constant(flat, "in their weights or have none (NaN)", "Their Gaussian fits are NaN")
    found, clear = match_gaussians(weights[~flat], shape), clear_match(shape)
    inverted = (found.upside_down >= clear) & (found.upside_down > found.match)
    cut_off = found.cut_off & (found.match >= clear) & ~inverted
    if cut_off.any():
        warnings.warn(
            f"{cut_off.sum()} of {len(flat)} fits end at a bound of the search in spite of a match "
            f"of {clear:.2g} or more: a size of {max(shape)} pixels, or half an image beyond an "
            "edge. Take them for limits, no estimates; at_bound says which they are.",
            BoundWarning,
            stacklevel=2,
        )
    if inverted.any():
        row = np.flatnonzero(~flat)[inverted][0]
        warnings.warn(
            f"The weights of {inverted.sum()} of {len(flat)} voxels, first in row {row}, match a "
            "Gaussian upside down better than any upright: their fields lower the response, and "
            "the fits miss them. For these voxels, fit -weights.",
            InvertedFieldWarning,
            stacklevel=2,
        )
    fits = GaussianFits(
        *(np.full((len(flat), *rest), np.nan) for rest in [(2,), (), ()]),
        np.zeros(len(flat), dtype=bool),
    )
    fits.centre[~flat], fits.size[~flat] = found.field[:, :2], found.field[:, 2]
    fits.match[~flat], fits.at_bound[~flat] = found.match, found.at_bound
    return fits


def _check_weights(weights, shape):
    """Return weights and the shape of their images, or say why they do not go together."""
    rows, columns = shape = check_image(shape)
    n_pixels, given = rows * columns, read_array("weights", weights).shape
    if len(given) != 2 or given[1] != n_pixels:
        advice = "say shape=(rows, columns) of your images"
        if len(given) == 2 and given[1] and given[1] % n_pixels == 0:
            n_delays = given[1] // n_pixels
            advice += (
                f"; or if these are {n_delays} delays, sum the weights over them first, "
                f"weights.reshape(-1, {n_delays}, {n_pixels}).sum(axis=1)"
            )
        raise ValueError(
            f"weights has shape {given}; expected (n_voxels, {n_pixels}) for images of {rows} x "
            f"{columns} pixels, as coef_ of scikit-learn's models: {advice}."
        )
    weights = check_shape("weights", weights).astype(np.float64, copy=False)
    broken = ~(np.isfinite(weights).all(axis=1) | np.isnan(weights).all(axis=1))
    if broken.any():
        raise ValueError(
            f"The weights of {broken.sum()} of {len(weights)} voxels hold NaN or infinite "
            f"values, first in row {np.flatnonzero(broken)[0]}. Expected finite weights, or NaN "
            "in the whole row of a voxel that has none."
        )
    return weights, shape
