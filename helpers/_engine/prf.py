"""From stimuli and responses to fitted fields: courses, cleaning, choice of a response, errors."""

from dataclasses import dataclass

import numpy as np
from numpy.polynomial.legendre import legvander
from scipy.linalg import toeplitz
from scipy.signal import lfilter

from helpers._engine.fields import Design, Gaussian, Screen, best_amplitude, covariance
from helpers._engine.haemodynamics import convolve, haemodynamic_response
from helpers._engine.threads import for_blocks, on_threads
from helpers._engine.validation import check_table, is_constant, rows_of_runs

BLOCK = 256  # voxels that are cleaned at a time
# Autocorrelations are taken for alike within such a step: filters by coarse ones lose next to
# nothing, and what they leave is in the errors by fine ones.
FILTER_STEP, KERNEL_STEP = 0.1, 0.05
# Spreads of a log exponent over voxels: what we take for none, and what we start from.
SHARED, WIDE = 0.02, 0.5


class Cleaner:
    """Takes a polynomial, and confounds, out of each run; and makes its noise white.

    Parameters
    ----------
    runs : ndarray of int, shape (n_samples,)
        Numbered from 0.
    drift_order : int
    confounds : array_like, shape (n_samples, n_confounds), or None
    rho : float
        Correlation of the noise with itself one sample earlier, which is filtered out of what is
        cleaned (generalised least squares).
    """

    def __init__(self, runs, drift_order, confounds=None, rho=0.0):
        if not isinstance(drift_order, int | np.integer) or drift_order < 0:
            raise ValueError(
                f"drift_order is {drift_order!r}; expected a whole number from 0 up, the order of "
                "the polynomial that is taken out of each run."
            )
        confounds = check_confounds(confounds, len(runs))
        self.runs, self.drift_order, self.confounds, self.rho = runs, drift_order, confounds, rho
        self.rows = rows_of_runs(runs)
        self.bases = [self._basis(rows, drift_order, confounds) for rows in self.rows]
        self.n_removed = sum(basis.shape[1] for basis in self.bases)

    def whitening(self, rho):
        """Return a cleaner that also filters noise of this autocorrelation out."""
        return Cleaner(self.runs, self.drift_order, self.confounds, rho)

    def _basis(self, rows, order, confounds):
        n = rows.stop - rows.start
        columns = legvander(np.linspace(-1, 1, n), min(order, n - 1))
        if confounds is not None:
            own = confounds[rows] - confounds[rows].mean(axis=0)
            length = np.linalg.norm(own, axis=0)
            columns = np.column_stack([columns, own[:, length > 0] / length[length > 0]])
        return orthonormal(self._filter(columns))

    def _filter(self, values):
        """Filter a run in place."""
        if self.rho:
            values[1:] -= self.rho * values[:-1]
            values[0] *= np.sqrt(1 - self.rho**2)
        return values

    def __call__(self, values):
        """Return what is left of a table, float64, (n_samples, n_columns)."""
        values = np.subtract(values, values[0], dtype=np.float64)  # a large mean costs no digits
        for rows, basis in zip(self.rows, self.bases, strict=True):
            run = self._filter(values[rows])
            run -= basis @ (basis.T @ run)
        return values

    def smear(self, values, rho):
        """Multiply a table by the correlations of noise that fade by `rho` a sample, run by run."""
        result = np.empty_like(values)
        for rows in self.rows:
            late = lfilter([1.0], [1.0, -rho], values[rows], axis=0)
            early = lfilter([1.0], [1.0, -rho], values[rows][::-1], axis=0)[::-1]
            result[rows] = late + early - values[rows]
        return result

    def fading(self, values):
        """Correlation of columns with themselves one sample earlier, 0 to 0.95, (n_columns,)."""
        pairs = [(values[rows][1:], values[rows][:-1]) for rows in self.rows]
        together = sum(np.einsum("nv,nv->v", late, early) for late, early in pairs)
        with np.errstate(invalid="ignore"):
            rho = together / np.einsum("nv,nv->v", values, values)
        return np.clip(np.nan_to_num(rho), 0, 0.95)


def check_confounds(confounds, n_samples):
    """Return confounds as a table, or None if there are none.

    Parameters
    ----------
    confounds : array_like, shape (n_samples, n_confounds), or None
    n_samples : int

    Returns
    -------
    ndarray of float64, shape (n_samples, n_confounds), or None

    Raises
    ------
    ValueError
        If they do not fit the samples, or hold NaN or infinite values.
    """
    if confounds is None:
        return None
    confounds = check_table("confounds", confounds)
    if len(confounds) != n_samples:
        raise ValueError(
            f"confounds has {len(confounds)} rows for {n_samples} samples; expected one row a "
            "sample: cut and stack them as the responses."
        )
    return confounds


def check_copies(Y, runs):
    """Raise ValueError if two runs hold the same responses.

    Parameters
    ----------
    Y : ndarray, shape (n_samples, n_voxels)
    runs : ndarray of int, shape (n_samples,)
        Numbered from 0.
    """
    rows = rows_of_runs(runs)
    for number, late in enumerate(rows):
        for earlier, early in enumerate(rows[:number]):
            # Most runs differ in their first sample.
            same = np.array_equal(Y[early.start], Y[late.start]) and np.array_equal(
                Y[early], Y[late]
            )
            if same and np.ptp(Y[late], axis=0).any():
                raise ValueError(
                    f"Runs {earlier} and {number}, counted from 0, hold the same responses; "
                    "expected runs that were measured once each, because a copy in the training "
                    "set makes any score too good: leave one of them out."
                )


def is_constant_in_a_run(Y, rows):
    """Say which columns hold one value only over some run, (n_columns,).

    Parameters
    ----------
    Y : ndarray, shape (n_samples, n_columns)
    rows : list of slice
        Of each run; those of two samples or one say nothing.
    """
    result = is_constant(Y)
    for run in rows:
        if run.stop - run.start > 2:
            result |= is_constant(Y[run])
    return result


def orthonormal(columns):
    """Return an orthonormal basis of what columns span, without directions of rounding noise."""
    u, s, _ = np.linalg.svd(columns, full_matrices=False)
    return u[:, s > 1e-10 * s.max(initial=0)]


@dataclass(frozen=True, eq=False)
class Course:
    """The courses of pixels or frames, and of nuisance columns, under one response."""

    peak: float  # seconds; NaN without a response
    frames: np.ndarray | None  # (n_frames, n_pixels), or None where columns are pixels
    columns: np.ndarray  # (n_samples, n_frames or n_pixels)
    nuisance: np.ndarray  # (n_samples, n_nuisance)


def find_frames(screen):
    """Find the different frames of a stimulus.

    Parameters
    ----------
    screen : ndarray, shape (n_samples, n_pixels)

    Returns
    -------
    frames : ndarray, shape (n_frames, n_pixels)
        Without empty ones.
    onsets : ndarray of float, shape (n_samples, n_frames)
        1 where a frame is on the screen.
    """
    numbers = {}
    of_sample = np.array([numbers.setdefault(row.tobytes(), len(numbers)) for row in screen])
    first = np.unique(of_sample, return_index=True)[1]
    lit = screen[first].any(axis=1)
    return screen[first[lit]], (of_sample[:, np.newaxis] == np.flatnonzero(lit)).astype(float)


def make_courses(X, n_pixels, runs, peaks, t_r, linear):
    """Convolve a stimulus with each response.

    Parameters
    ----------
    X : ndarray, shape (n_samples, n_pixels + n_nuisance)
    n_pixels : int
    runs : ndarray of int, shape (n_samples,)
    peaks : sequence of float, or None
        Seconds; None for no response.
    t_r : float
    linear : bool
        Whether fields sum over pixels, so that pixels can take the place of frames.

    Returns
    -------
    list of Course
    """
    screen, nuisance = X[:, :n_pixels], X[:, n_pixels:]
    frames, columns = find_frames(screen)
    if linear and n_pixels <= len(frames):
        frames, columns = None, screen
    if peaks is None:
        return [Course(np.nan, frames, columns, nuisance)]
    responses = [haemodynamic_response(peak, t_r) for peak in peaks]
    return [
        Course(peak, frames, convolve(columns, h, runs), convolve(nuisance, h, runs))
        for peak, h in zip(peaks, responses, strict=True)
    ]


@dataclass(frozen=True, eq=False)
class Prepared:
    """A course, cleaned and factored: see `helpers._engine.fields`."""

    course: Course
    design: Design
    basis: np.ndarray | None  # Q, (n_samples, rank); None where the cleaned columns are R
    nuisance: np.ndarray  # orthonormal, (n_samples, n)

    def reduce(self, y):
        """Q'y, and the sum of squares without nuisance columns: (rank, n_voxels), (n_voxels,)."""
        part = self.nuisance.T @ y
        left = np.einsum("nv,nv->v", y, y) - np.einsum("nv,nv->v", part, part)
        return y - self.nuisance @ part if self.basis is None else self.basis.T @ y, left

    def kernel(self, clean, rho):
        """Correlation of noise that fades by `rho` a sample, as Q sees it, (rank, rank)."""
        if self.basis is None:
            result = np.zeros(2 * [len(self.nuisance)])
            for rows in clean.rows:
                result[rows, rows] = toeplitz(rho ** np.arange(rows.stop - rows.start))
            return result
        return self.basis.T @ clean.smear(self.basis, rho)


def prepare(course, screen, clean):
    """Clean and factor a course.

    Parameters
    ----------
    course : Course
    screen : Screen
    clean : Cleaner

    Returns
    -------
    Prepared

    Raises
    ------
    ValueError
        If nothing is left of it.
    """
    nuisance = orthonormal(clean(course.nuisance)) if course.nuisance.size else course.nuisance
    columns = clean(course.columns)
    left = columns - nuisance @ (nuisance.T @ columns)
    if np.abs(left).max(initial=0) <= 1e-10 * np.abs(course.columns).max(initial=0):
        raise ValueError(
            "Nothing of the stimulus varies over the samples, once drift, confounds and nuisance "
            "columns are taken out of it; expected a screen that changes within runs. Check "
            "that X holds 0 for dark pixels, and that no nuisance column equals the only image."
        )
    basis, factor = np.linalg.qr(left) if len(left) > left.shape[1] else (None, left)
    return Prepared(course, Design(screen, course.frames, factor), basis, nuisance)


@dataclass(frozen=True, eq=False)
class Fits:
    """What `fit_fields` finds; arrays of length n_voxels."""

    theta: np.ndarray  # (n_voxels, n_parameters)
    amplitude: np.ndarray
    nuisance: np.ndarray  # (n_voxels, n_nuisance)
    baseline: np.ndarray
    chosen: np.ndarray  # number of the course
    rho: np.ndarray  # autocorrelation of the noise that was filtered out
    r2: np.ndarray
    has_field: np.ndarray
    covariance: np.ndarray  # (n_voxels, 1 + n_parameters, 1 + n_parameters), of the estimates


def empty_fits(n_voxels, n_nuisance, n_parameters):
    """Make room for fits."""
    shapes = [(n_parameters,), (), (n_nuisance,), (), (), (), (), (), 2 * (1 + n_parameters,)]
    kinds = [float, float, float, float, int, float, float, bool, float]
    arrays = [np.zeros((n_voxels, *s), kind) for s, kind in zip(shapes, kinds, strict=True)]
    return Fits(*arrays)


@dataclass(frozen=True, eq=False)
class Task:
    """What voxels are fitted with."""

    Y: np.ndarray  # (n_samples, n_voxels)
    screen: Screen
    positive: bool
    plain: Cleaner  # without a filter: what R2 is measured on


def fit_fields(courses, task, whiten):
    """Fit a Gaussian field to each voxel, under the response that explains most.

    Parameters
    ----------
    courses : list of Course
    task : Task
    whiten : bool
        Whether the autocorrelation of the noise is taken into account. It is estimated from what
        the best field of the grid leaves over.

    Returns
    -------
    Fits
    """
    n_voxels = task.Y.shape[1]
    fits = empty_fits(n_voxels, courses[0].nuisance.shape[1], 3)
    everyone = np.arange(n_voxels)
    prepared = prepare_all(courses, task, task.plain)
    targets, left = reduce_all(prepared, task, task.plain, everyone)
    starts = [
        each.design.search(target, task.positive)
        for each, target in zip(prepared, targets, strict=True)
    ]
    if not whiten:
        fit_voxels(fits, everyone, prepared, targets, left, starts, task, task.plain)
        return fits
    rho = autocorrelation(prepared[0], starts[0], targets[0], task)
    fits.rho[:] = FILTER_STEP * np.round(rho / FILTER_STEP)
    for step in np.unique(fits.rho):
        voxels, clean = np.flatnonzero(fits.rho == step), task.plain.whitening(step)
        prepared = prepare_all(courses, task, clean)
        targets, left = reduce_all(prepared, task, clean, voxels)
        own = [start[voxels] for start in starts]
        fit_voxels(fits, voxels, prepared, targets, left, own, task, clean)
    return fits


def extend_fields(courses, task, gaussian, model):
    """Fit a model with more parameters to the voxels that have a Gaussian field.

    Where the model has a parameter that voxels share (`model.pooled`), how it is distributed over
    voxels is learnt from all of them, and is the prior of each (empirical Bayes).

    Parameters
    ----------
    courses : list of Course
        Of frames, with the same responses.
    task : Task
    gaussian : Fits
    model : Compressive or CentreSurround

    Returns
    -------
    Fits
    """
    n = len(model.bounds(task.screen)[0])
    fits = empty_fits(len(gaussian.theta), gaussian.nuisance.shape[1], n)
    for name in ("nuisance", "baseline", "chosen", "rho", "r2", "has_field"):
        getattr(fits, name)[:] = getattr(gaussian, name)
    groups = []
    for step, number in np.unique(np.column_stack([fits.rho, fits.chosen]), axis=0):
        here = fits.has_field & (fits.rho == step) & (fits.chosen == number)
        if here.any():
            voxels, clean = np.flatnonzero(here), task.plain.whitening(step)
            prepared = prepare(courses[int(number)], task.screen, clean)
            (targets,), _ = reduce_all([prepared], task, clean, voxels)
            y = clean(task.Y[:, voxels])
            noise = np.einsum("nv,nv->v", y, y) / len(y) * (1 - gaussian.r2[voxels])
            groups.append((voxels, clean, prepared, targets, noise))

    def fit_all(starts_of, prior):
        for voxels, clean, prepared, targets, noise in groups:
            strength = None if prior is None else noise / prior.variance
            fit = refine(prepared.design, starts_of(voxels), targets, task, model, prior, strength)
            fits.theta[voxels], fits.amplitude[voxels] = fit[:2]
            finish(fits, voxels, prepared, task, clean, model, None, prior)

    prior = None if model.pooled is None else Prior(model.pooled, 0.0, WIDE**2)
    fit_all(lambda voxels: model.starts(gaussian.theta[voxels]), prior)
    if prior is not None and fits.has_field.any():
        for _ in range(2):
            prior = prior.learn(fits)
            fit_all(lambda voxels: [fits.theta[voxels]], prior)
    return fits


@dataclass(frozen=True)
class Prior:
    """How a parameter is distributed over voxels."""

    parameter: int
    mean: float
    variance: float

    def learn(self, fits):
        """Estimate the distribution from fits under this one.

        What the data alone say of a voxel follows from its fit and error under the prior. The
        variance is what these estimates vary more than their errors explain, and the mean weights
        each by both [1]_. Errors of free fits would not do: they are larger the larger the
        exponent is, so that small ones would weigh most.

        Parameters
        ----------
        fits : Fits

        Returns
        -------
        Prior

        References
        ----------
        .. [1] DerSimonian, R., & Laird, N. (1986). Meta-analysis in clinical trials. Controlled
           Clinical Trials, 7(3), 177-188.
        """
        error = fits.covariance[:, 1 + self.parameter, 1 + self.parameter]
        use = fits.has_field & np.isfinite(error) & (error > 0)
        use &= np.nan_to_num(error) < 0.999 * self.variance  # the others say nothing of their own
        if use.sum() < 2:
            return self
        precision = 1 / error[use] - 1 / self.variance
        shrunk = fits.theta[use, self.parameter]
        values = shrunk + (shrunk - self.mean) / self.variance / precision
        mean = precision @ values / precision.sum()
        excess = precision @ (values - mean) ** 2 - (use.sum() - 1)
        scale = precision.sum() - (precision**2).sum() / precision.sum()
        variance = min(max(excess / scale, SHARED**2), WIDE**2)
        weight = 1 / (1 / precision + variance)
        return Prior(self.parameter, weight @ values / weight.sum(), variance)


def prepare_all(courses, task, clean):
    """Prepare each course."""
    return on_threads(lambda course: prepare(course, task.screen, clean), courses)


def reduce_all(prepared, task, clean, voxels):
    """Reduce voxels to what a search needs, under each course: lists of `Prepared.reduce`."""
    targets = [np.empty((each.design.factor.shape[0], len(voxels))) for each in prepared]
    left = np.empty((len(prepared), len(voxels)))

    def work(block):
        y = clean(task.Y[:, voxels[block]])
        for number, each in enumerate(prepared):
            targets[number][:, block], left[number, block] = each.reduce(y)

    for_blocks(work, len(voxels), BLOCK)
    return targets, left


def autocorrelation(prepared, theta, targets, task):
    """Correlation of what fields leave over with itself one sample earlier, (n_voxels,)."""
    rho = np.empty(len(theta))

    def work(block):
        design = prepared.design
        answers = Gaussian().respond(theta[block], design.screen, design.frames)[:, 0]
        course = answers @ design.factor.T
        amplitude, _ = best_amplitude(course, targets[:, block].T, task.positive)
        predicted = prepared.course.columns @ answers.T * amplitude
        residual = task.plain(task.Y[:, block] - predicted)
        residual -= prepared.nuisance @ (prepared.nuisance.T @ residual)
        rho[block] = task.plain.fading(residual)

    for_blocks(work, len(theta), prepared.design.block(3))
    return rho


def fit_voxels(fits, voxels, prepared, targets, left, starts, task, clean):
    """Fit some voxels under each course, and fill in the fit of the one that explains most."""
    model = Gaussian()
    found = [
        refine(each.design, [start], target, task, model)
        for each, start, target in zip(prepared, starts, targets, strict=True)
    ]
    chosen = np.argmin(left - np.array([explained for *_, explained in found]), axis=0)
    without, n_free = left.min(axis=0), 4 + (len(prepared) > 1)
    for number, (each, fit) in enumerate(zip(prepared, found, strict=True)):
        own = np.flatnonzero(chosen == number)
        mine = voxels[own]
        fits.theta[mine], fits.amplitude[mine], fits.chosen[mine] = fit[0][own], fit[1][own], number
        if len(mine):
            finish(fits, mine, each, task, clean, model, (without[own], n_free))


def refine(design, starts, targets, task, model, prior=None, strength=None):
    """Take steps from each of several starts, and keep what explains most; see `Design.refine`."""
    n_voxels, n_parameters = starts[0].shape
    theta = np.empty((n_voxels, n_parameters))
    amplitude, explained = np.empty(n_voxels), np.empty(n_voxels)

    def work(block):
        mine = targets[:, block]
        hold = None if prior is None else (prior.parameter, prior.mean, strength[block])
        tries = [design.refine(each[block], mine, model, task.positive, hold) for each in starts]
        best = np.argmax([each[2] for each in tries], axis=0)
        for i, result in enumerate((theta, amplitude, explained)):
            result[block] = np.array([each[i] for each in tries])[best, np.arange(len(best))]

    for_blocks(work, n_voxels, design.block(n_parameters))
    return theta, amplitude, explained


def finish(fits, voxels, prepared, task, clean, model, without, prior=None):
    """Fill in what follows from residuals; judge who has a field by what is left `without` one.

    Parameters
    ----------
    fits : Fits
        With parameters and amplitudes, which came from `prepared`.
    voxels : ndarray of int, shape (n,)
    prepared : Prepared
    task : Task
    clean : Cleaner
    model : Gaussian, Compressive or CentreSurround
    without : (ndarray of shape (n,), int) or None
        The sum of squares without a field, and how many parameters a field costs. None if it has
        been judged already.
    prior : Prior, optional
        Of the fits.
    """
    hold = None if prior is None else (prior.parameter, prior.variance)
    course, design = prepared.course, prepared.design
    nuisance = clean(course.nuisance)
    back = np.linalg.pinv(nuisance) if nuisance.size else nuisance.T
    n_left = len(task.Y) - clean.n_removed
    n_free = 1 + fits.theta.shape[1] + prepared.nuisance.shape[1]
    kernels = {}

    def work(block):
        mine = voxels[block]
        responded = model.respond(fits.theta[mine], design.screen, design.frames)
        parts = responded @ design.factor.T
        raw, weights, residual = explain(
            mine, course.columns @ responded[:, 0].T * fits.amplitude[mine]
        )
        rss = np.einsum("nv,nv->v", residual, residual)
        steps = np.round(clean.fading(residual) / KERNEL_STEP)
        inflation = np.empty(len(mine))
        for step in np.unique(steps):
            those = steps == step
            if step not in kernels:
                kernels[step] = prepared.kernel(clean, step * KERNEL_STEP)
            fits.covariance[mine[those]], inflation[those] = covariance(
                parts[those],
                fits.amplitude[mine[those]],
                rss[those] / (n_left - n_free),
                kernels[step],
                hold,
            )
        if without is not None:
            left, cost = without[0][block], without[1]
            n_worth = n_left / inflation
            with np.errstate(invalid="ignore", divide="ignore"):
                pays = n_worth * np.log(left / rss) > cost * np.log(n_worth)
            fits.has_field[mine] = pays & (fits.amplitude[mine] != 0)
        without_field = ~fits.has_field[mine]
        raw[:, without_field], weights[:, without_field], _ = explain(mine[without_field], 0)
        fits.nuisance[mine] = weights.T
        total, left = task.plain(task.Y[:, mine]), task.plain(raw)
        with np.errstate(invalid="ignore", divide="ignore"):
            fits.r2[mine] = 1 - (left**2).sum(axis=0) / (total**2).sum(axis=0)
        fits.baseline[mine] = raw.mean(axis=0)

    def explain(mine, predicted):
        raw = np.subtract(task.Y[:, mine], predicted, dtype=np.float64)
        weights = back @ clean(raw)
        raw -= course.nuisance @ weights
        return raw, weights, clean(raw)

    for_blocks(work, len(voxels), min(BLOCK, design.block(fits.theta.shape[1])))
