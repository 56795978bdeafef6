"""Population receptive fields as other programs fit them; each runs in its own environment.

``python peer_fits.py NAME INPUT OUTPUT`` reads a recording from one ``.npz`` file and writes fields
to another; `benchmarks.peers` calls it. Nothing of the book is imported here, for an environment
holds one program and what it needs.

Each program is a function that returns two others: one prepares what all voxels share, and one fits
voxels with it. The settings are those that its authors show, at the place that the function names,
but for the extent of the screen: here a pixel is one degree.
"""

import multiprocessing
import sys
import time
from typing import NamedTuple

import numpy as np

N_JOBS = 2


class Fields(NamedTuple):
    """Fitted fields, in pixels of the image."""

    centre: np.ndarray  # (n_voxels, 2), row from the top and column
    size: np.ndarray  # (n_voxels,), standard deviation


def in_pixels(x, y, size, n_pixels):
    """Convert places x to the right of the image's middle and y above it, in pixels.

    Parameters
    ----------
    x, y, size : array_like, shape (n_voxels,)
    n_pixels : int
        Along each side of the image.

    Returns
    -------
    Fields
    """
    middle = (n_pixels - 1) / 2
    return Fields(np.column_stack([middle - y, middle + x]), np.asarray(size))


# ---- prfpy


def prfpy(recording):
    """Fit as the example of prfpy does, test/example.ipynb in github.com/VU-Cog-Sci/prfpy.

    It has 10 eccentricities, angles, sizes and responses each, fields that raise the response
    only, and then SciPy's trust-constr, with tolerances of 1e-4, which also fits the response. Its
    grid ends at 10 degrees, ours at the edge of the screen. It fixes the baseline at 0 for data
    that had theirs taken out; that of z-scored data is fitted.
    """
    from prfpy.fit import Iso2DGaussianFitter
    from prfpy.model import Iso2DGaussianModel
    from prfpy.stimulus import PRFStimulus2D

    images, n_pixels = recording["images"], recording["images"].shape[1]
    edge = n_pixels / 2

    def prepare():
        distance = 100.0
        # For prfpy, the screen ends at the middle of the outer pixels.
        width = 2 * distance * np.tan(np.radians((n_pixels - 1) / 2))
        shown = np.moveaxis(images, 0, -1).astype(np.float64)
        stimulus = PRFStimulus2D(width, distance, shown, TR=float(recording["t_r"]))
        return Iso2DGaussianModel(stimulus, hrf=[1, 2, 0], hrf_basis="SPM", normalize_hrf=True)

    def fit(model, bold):
        fitter = Iso2DGaussianFitter(np.ascontiguousarray(bold.T), model, n_jobs=N_JOBS)
        fitter.grid_fit(
            ecc_grid=np.linspace(0, edge, 10),
            polar_grid=np.linspace(-np.pi, np.pi, 10),
            size_grid=np.linspace(edge / 10, edge, 10),
            n_batches=8,
            fixed_grid_baseline=None,
            grid_bounds=[(0, 1000)],
            hrf_1_grid=np.linspace(0, 10, 10),
            hrf_2_grid=np.linspace(0, 0, 1),
        )
        place, baseline = (-1.5 * edge, 1.5 * edge), (-1000, 1000)
        fitter.iterative_fit(
            rsq_threshold=0.05,
            bounds=[place, place, (0.1, 1.5 * edge), (0, 1000), baseline, (0, 10), (0, 0)],
            tol=1e-4,
            method="trust-constr",
            options={"xtol": 1e-4},
        )
        # Where the grid explains too little, it is not fitted further, and the row holds zeros.
        fitted, grid = fitter.iterative_search_params, fitter.gridsearch_params
        x, y, size = np.where(fitter.rsq_mask[:, np.newaxis], fitted, grid)[:, :3].T
        return in_pixels(x, y, size, n_pixels)

    return prepare, fit


# ---- pyprf


def pyprf(recording):
    """Fit with the settings of pyprf, pyprf/analysis/config_default.csv in github.com/ingo-m/pyprf.

    They are 40 x 40 places on the screen and 40 sizes, from 0.2 to 7 degrees where the screen
    ends at 5.19; data detrended, z-scored and, like the models, smoothed in time by 2.5 s; and
    "cython", which its README recommends. It searches no further than this grid. Its models are
    made on 40 x 40 pixels instead of 200 x 200, in a twenty-fifth of the time: they hold images of
    10 x 10 as exactly. Data are not smoothed across voxels, for neighbours are missing.
    """
    from pyprf.analysis.find_prf import find_prf
    from pyprf.analysis.model_creation_pixelwise import conv_dsgn_mat
    from pyprf.analysis.model_creation_timecourses import crt_prf_tcmdl
    from pyprf.analysis.preprocessing_main import pre_pro_models
    from pyprf.analysis.preprocessing_par import pre_pro_par

    images, runs, t_r = recording["images"], recording["runs"], float(recording["t_r"])
    n_pixels, n, edge = images.shape[1], 40, 5.0
    smoothing = 2.5 / t_r
    settings = {
        "varNumX": n,
        "varNumY": n,
        "varExtXmin": -edge,
        "varExtXmax": edge,
        "varExtYmin": -edge,
        "varExtYmax": edge,
        "varPrfStdMin": 0.2 * edge / 5.19,
        "varPrfStdMax": 7.0 * edge / 5.19,
        "varNumPrfSizes": n,
        "varPar": N_JOBS,
    }

    def prepare():
        times = n // n_pixels
        screens = (255 * images).astype(np.uint8).repeat(times, axis=1).repeat(times, axis=2)
        # The first axis of pyprf goes to the right, its second one up.
        screens = np.moveaxis(np.rot90(screens, k=3, axes=(1, 2)), 0, -1)
        convolved = conv_dsgn_mat(np.ascontiguousarray(screens), t_r, N_JOBS)
        models = crt_prf_tcmdl(convolved, None, tplVslSpcSze=(n, n), **settings)
        return pre_pro_models(models, varSdSmthTmp=smoothing, varPar=N_JOBS)

    def clean(bold):
        """Do to a run what pyprf does after it has read it."""
        courses = np.ascontiguousarray(bold.T).reshape(bold.shape[1], 1, 1, len(bold))
        inside = np.ones(courses.shape[:3], dtype=np.int16)
        cleaned = pre_pro_par(
            courses,
            aryMask=inside,
            lgcLinTrnd=True,
            varSdSmthTmp=smoothing,
            varSdSmthSpt=0.0,
            varPar=N_JOBS,
        )
        cleaned = cleaned.reshape(len(courses), -1).T
        cleaned = cleaned - cleaned.mean(axis=0)
        return cleaned / cleaned.std(axis=0)

    def fit(models, bold):
        cleaned = np.vstack([clean(bold[runs == run]) for run in np.unique(runs)])
        # Each process hands over its number, x, y, size and more.
        shares = find_prf(settings | {"strVersion": "cython"}, cleaned, aryPrfTc=models)
        shares = sorted(shares, key=lambda share: share[0])
        x, y, size = (np.concatenate([share[i] for share in shares]) for i in (1, 2, 3))
        # The outermost places are the middles of the outer pixels of the models.
        degree = n_pixels / (2 * edge)
        inwards = degree * (1 - 1 / n)
        return in_pixels(x * inwards, y * inwards, size * degree, n_pixels)

    return prepare, fit


# ---- popeye


def popeye(recording):
    """Fit as popeye's first page does, docs/getting_started.rst in github.com/kdesimone/popeye.

    A Gaussian has its own delay of the response; a first search tries 3 values of each of the four
    parameters, and Powell's method refines the best. The page's search goes to 10 degrees and its
    bounds to 12; ours to the edge of the screen and a fifth further. Its least size is one of its
    small pixels; ours is a tenth of our large ones.
    """
    import ctypes

    import scipy.signal

    # popeye asks for this module by a name that SciPy has changed since.
    sys.modules["scipy.signal.sigtools"] = scipy.signal._sigtools
    from popeye.og_hrf import GaussianFit, GaussianModel
    from popeye.utilities import double_gamma_hrf
    from popeye.visual_stimulus import VisualStimulus

    images, n_pixels = recording["images"], recording["images"].shape[1]
    edge = n_pixels / 2
    grids = ((-edge, edge), (-edge, edge), (1.25, 5.25), (-1.0, 1.0))
    place = (-1.2 * edge, 1.2 * edge)
    bounds = (place, place, (0.1, 1.2 * edge), (-3.0, 3.0), (1e-8, None), (None, None))

    def prepare():
        distance = 50.0
        width = 2 * distance * np.tan(np.radians(edge))
        shown = np.moveaxis(images, 0, -1).astype(np.int16)
        return VisualStimulus(shown, distance, width, 1.0, float(recording["t_r"]), ctypes.c_int16)

    def fit(stimulus, bold):
        def fit_voxel(course):
            model = GaussianModel(stimulus, double_gamma_hrf)
            return GaussianFit(model, course, grids, bounds, Ns=3, auto_fit=True).estimate[:3]

        courses = list(bold.T.astype(np.float64))
        x, y, size = np.array(_in_processes(fit_voxel, courses)).T
        return in_pixels(x, y, size, n_pixels)

    return prepare, fit


_function = None  # what the processes of `_in_processes` inherit


def _in_processes(function, values):
    """Apply a function that cannot be pickled: the processes are copies of this one."""
    global _function
    _function = function
    with multiprocessing.get_context("fork").Pool(N_JOBS) as pool:
        return pool.map(_apply, values, chunksize=1)


def _apply(value):
    return _function(value)


# ---- one program, from file to file

PROGRAMS = {"prfpy": prfpy, "pyprf": pyprf, "popeye": popeye}
COPIES = {"pyprf": 10}  # of each voxel, where a few hardly take longer than one


def main(name, source, target):
    """Prepare, and fit a known field, one voxel and all voxels; write fields and seconds.

    Parameters
    ----------
    name : str
        One of `PROGRAMS`.
    source : str
        Holds ``images`` (n_samples, n_rows, n_columns), 0 or 1; ``bold`` (n_samples, n_voxels);
        ``runs`` (n_samples,); ``t_r``; and ``probe`` (n_samples, 1), the response of a known field.
    target : str
        Gets ``centre`` and ``size`` of all voxels, ``probe_centre`` and ``probe_size``; the seconds
        ``once``, whatever the number of voxels, and ``each``, of a voxel.
    """
    with np.load(source) as file:
        recording = dict(file)
    prepare, fit = PROGRAMS[name](recording)
    bold, copies = recording["bold"], COPIES.get(name, 1)
    shared, prepared = _timed(prepare)
    probe = fit(shared, recording["probe"])  # warms up
    _, one = _timed(fit, shared, bold[:, :1])
    fields, every = _timed(fit, shared, np.tile(bold, copies))
    n_more = copies * bold.shape[1] - 1
    each = (every - one) / n_more
    np.savez(
        target,
        centre=fields.centre[: bold.shape[1]],
        size=fields.size[: bold.shape[1]],
        probe_centre=probe.centre,
        probe_size=probe.size,
        once=prepared + max(one - each, 0),
        each=each,
    )


def _timed(function, *arguments):
    start = time.perf_counter()
    result = function(*arguments)
    return result, time.perf_counter() - start


if __name__ == "__main__":
    main(*sys.argv[1:])
