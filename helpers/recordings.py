"""The arrays of a recording, and which voxel each column is."""

from dataclasses import dataclass

import numpy as np
from nilearn.image import get_data
from nilearn.maskers import MultiNiftiMasker


@dataclass(frozen=True, eq=False)
class Recording:
    """Runs stacked for an encoding model: what was measured beside what was shown.

    Attributes
    ----------
    bold : ndarray of float, (n_samples, n_voxels)
        Cleaned responses, by default in standard deviations of the run.
    stimuli : ndarray of float, (n_samples, n_pixels)
        Pixels in C order (pixel = 10 * row + column), shown `shift` volumes before; rest is -1.
    runs : ndarray of int, (n_samples,)
        The run of each sample, from 0.
    is_on : ndarray of bool, (n_samples,)
        Whether any pixel is lit.
    masker : MultiNiftiMasker
        Fitted; ``masker.inverse_transform`` takes one value a voxel back to the brain.
    """

    bold: np.ndarray
    stimuli: np.ndarray
    runs: np.ndarray
    is_on: np.ndarray
    masker: MultiNiftiMasker

    def __post_init__(self):
        """Raise ValueError unless the arrays have one row a sample and one column a voxel."""
        n_samples, n_voxels = len(self.bold), self.masker.n_elements_
        shapes = [np.shape(a) for a in (self.bold, self.stimuli, self.runs, self.is_on)]
        n_pixels = shapes[1][-1]
        expected = [(n_samples, n_voxels), (n_samples, n_pixels), (n_samples,), (n_samples,)]
        if shapes != expected:
            raise ValueError(
                f"bold, stimuli, runs and is_on have the shapes {shapes}; expected {expected}, "
                "with equally many samples in all and the mask's voxels in bold."
            )

    @property
    def voxels(self):
        """Grid indices (i, j, k) of the columns of `bold`, (n_voxels, 3)."""
        return np.argwhere(get_data(self.masker.mask_img_))

    def column(self, i, j, k):
        """Return the column of `bold` that holds voxel (i, j, k).

        Raises
        ------
        ValueError
            If the voxel lies outside the mask.
        """
        found = np.flatnonzero((self.voxels == (i, j, k)).all(axis=1))
        if not len(found):
            raise ValueError(
                f"Voxel ({i}, {j}, {k}) lies outside the mask; expected one of the "
                f"{len(self.voxels)} voxels that recording.voxels lists."
            )
        return int(found[0])
