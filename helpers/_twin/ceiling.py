"""How good a model of the twin could be at best, counted up run by run."""

import numpy as np

from helpers._twin.stimuli import FIGURE_BLOCKS, FIGURE_VOLUMES, FIRST_REST

SHIFT = 2  # volumes by which a trial is shifted against its image


class Ceilings:
    """Collect responses and measurements of all runs, then give the two ceilings.

    Every run is detrended linearly, as the chapters do, and divided by its standard deviation.
    """

    def __init__(self):
        self._response, self._measured = [], []  # variance in random runs
        self._trials, self._clean_trials, self._images = [], [], []

    def add_random(self, signal, measured):
        """Add a random run.

        Parameters
        ----------
        signal, measured : array, shape (n_volumes, n_voxels)
            Without and with noise.
        """
        signal, measured = _standardise(signal, measured)
        self._response.append(signal.var(axis=0))
        self._measured.append((measured - signal).var(axis=0))

    def add_figure(self, labels, signal, measured):
        """Add a figure run.

        Parameters
        ----------
        labels : array of int, shape (n_volumes, 100)
        signal, measured : array, shape (n_volumes, n_voxels)
            Without and with noise.
        """
        signal, measured = _standardise(signal, measured)
        for block in range(FIGURE_BLOCKS):
            onset = FIRST_REST + 2 * FIGURE_VOLUMES * block
            trial = slice(onset + SHIFT, onset + SHIFT + FIGURE_VOLUMES)
            self._images.append(labels[onset].tobytes())
            self._clean_trials.append(signal[trial].mean(axis=0))
            self._trials.append(measured[trial].mean(axis=0))

    def random(self):
        """Share of the variance that is response, shape (n_voxels,)."""
        response, noise = np.mean(self._response, axis=0), np.mean(self._measured, axis=0)
        return response / (response + noise)

    def figure(self):
        """Share of the variance of single trials that lies between images, shape (n_voxels,)."""
        clean = np.array(self._clean_trials)
        image = np.unique(self._images, return_inverse=True)[1]
        means = np.stack([clean[image == k].mean(axis=0) for k in range(image.max() + 1)])
        return means[image].var(axis=0) / np.var(self._trials, axis=0)


def _detrend(runs):
    """Remove each column's straight line; scipy.signal.detrend does the same ten times slower."""
    line = np.column_stack([np.ones(len(runs)), np.linspace(-1, 1, len(runs))])
    basis = np.linalg.qr(line)[0]
    return runs - basis @ (basis.T @ runs)


def _standardise(signal, measured):
    measured, signal = _detrend(measured), _detrend(signal)
    scale = measured.std(axis=0)
    return signal / scale, measured / scale
