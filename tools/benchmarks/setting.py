"""What all benchmarks share: the twin's recording, penalties, folds, and how often to repeat."""

from dataclasses import dataclass

import numpy as np

from helpers import data
from helpers._engine.folds import run_folds

ALPHAS = np.logspace(0, 5, 20)
N_FOLDS = 10
WARM = 64  # voxels of a warm-up call
QUICK = 16  # a quick run takes every 16th voxel


@dataclass(frozen=True, eq=False)
class Setting:
    """A recording to measure on."""

    quick: bool
    X: np.ndarray  # (n_samples, n_features)
    Y: np.ndarray  # (n_samples, n_voxels), float32 as the masker gives it
    runs: np.ndarray  # (n_samples,)

    @property
    def folds(self):
        """Folds of whole runs, as scikit-learn's ``cv`` takes them."""
        return run_folds(self.runs, N_FOLDS)

    def repeat(self, n_runs):
        """Return how often to measure: once in a quick run."""
        return 1 if self.quick else n_runs

    def sizes(self):
        """Return the numbers that a reader needs to judge the others."""
        n_samples, n_features = self.X.shape
        return {
            "samples": n_samples,
            "features": n_features,
            "voxels": self.Y.shape[1],
            "penalties": len(ALPHAS),
            "folds": N_FOLDS,
        }


def load(quick):
    """Load the twin.

    Parameters
    ----------
    quick : bool
        Whether to take few voxels and measure once, to try the benchmarks out.

    Returns
    -------
    Setting
    """
    recording = data.recording(data.load("twin"))
    bold = np.ascontiguousarray(recording.bold[:, :: QUICK if quick else 1])
    return Setting(quick, recording.stimuli, bold, recording.runs)
