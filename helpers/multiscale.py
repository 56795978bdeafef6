"""Reconstruction as in nilearn's example: a sparse linear decoder for each patch of the image.

The example "Reconstruction of visual stimuli from Miyawaki et al. 2008" follows the paper [1]_. For
every patch of 1 x 1, 2 x 1, 1 x 2 and 2 x 2 pixels it decodes the patch's mean with scikit-learn's
SelectKBest(f_classif), StandardScaler and OrthogonalMatchingPursuit. A pixel gets the mean over the
patches of a size that cover it, then the mean over the sizes. Here the same steps share their work:
the F values of all patches of a size come from one matrix product.

.. [1] Miyawaki, Y., et al. (2008). Visual image reconstruction from human brain activity using a
   combination of multiscale local image decoders. Neuron, 60(5), 915-929.
"""

import numpy as np
from sklearn.linear_model import OrthogonalMatchingPursuit

from helpers.checks import check_pair, check_table
from helpers.threads import on_threads

SIZES = ((1, 1), (2, 1), (1, 2), (2, 2))  # rows x columns of a patch
N_SELECTED, N_USED = 500, 10  # voxels of a patch: chosen by F, and given a weight


def reconstruct(images, responses, measured, shape=(10, 10), n_selected=N_SELECTED):
    """Decode images from responses with the approach of nilearn's example.

    Parameters
    ----------
    images : array_like, shape (n_samples, n_pixels)
        Images to learn from, 0 or 1, without rest rows; C order.
    responses : array_like, shape (n_samples, n_voxels)
        The responses to them.
    measured : array_like, shape (n_trials, n_voxels)
        Responses to decode.
    shape : (int, int)
        Rows and columns of the image.
    n_selected : int
        Voxels with the largest F that each patch may use.

    Returns
    -------
    ndarray, shape (n_trials, n_pixels)
        Above .5 counts as lit.

    Raises
    ------
    ValueError
        For tables that do not fit together or hold values that are no numbers.
    """
    images, responses = check_pair(images, responses)
    measured = check_table("measured", measured)
    if images.shape[1] != np.prod(shape) or measured.shape[1] != responses.shape[1]:
        raise ValueError(
            f"images have {images.shape[1]} pixels, responses {responses.shape[1]} voxels and "
            f"measured {measured.shape[1]}; expected {np.prod(shape)} pixels, and the same voxels."
        )
    scale = responses.std(axis=0)
    scale[scale == 0] = 1
    z = (responses - responses.mean(axis=0)) / scale
    test = (measured - responses.mean(axis=0)) / scale
    decoded = [_decode_size(images, z, test, patches(size, shape), n_selected) for size in SIZES]
    return np.mean(decoded, axis=0)


def patches(size, shape=(10, 10)):
    """Say which pixels lie in each patch of a size.

    Parameters
    ----------
    size, shape : (int, int)
        Rows and columns of a patch, and of the image.

    Returns
    -------
    ndarray of float, shape (n_pixels, n_patches)
        1 inside the patch, else 0.
    """
    places = np.argwhere(np.ones(np.subtract(shape, size) + 1))
    inside = np.zeros((len(places), *shape))
    for patch, (row, column) in zip(inside, places, strict=True):
        patch[row : row + size[0], column : column + size[1]] = 1
    return inside.reshape(len(places), -1).T


def _decode_size(images, z, test, inside, n_selected):
    """Decode all patches of a size and spread them over the pixels that they cover."""
    targets = images @ (inside / inside.sum(axis=0))
    best = np.argsort(_f_values(targets, z), axis=1, kind="stable")[:, -n_selected:]

    def decode(patch):
        voxels = np.sort(best[patch])
        # 'precompute' is a matter of speed: few steps do not pay for a table of all products.
        model = OrthogonalMatchingPursuit(n_nonzero_coefs=N_USED, precompute=False)
        return model.fit(z[:, voxels], targets[:, patch]).predict(test[:, voxels])

    decoded = np.transpose(on_threads(decode, range(inside.shape[1])))
    return decoded @ inside.T / inside.sum(axis=1)


def _f_values(targets, z):
    """F of each voxel between the values of each target, (n_targets, n_voxels), as f_classif."""
    levels = np.unique(targets)
    member = (targets[:, :, np.newaxis] == levels).astype(np.float64)  # n, targets, levels
    counts = member.sum(axis=0)[:, :, np.newaxis]
    sums = (member.reshape(len(z), -1).T @ z).reshape(*member.shape[1:], -1)
    between = (sums**2 / np.maximum(counts, 1)).sum(axis=1)  # the mean of all is 0
    within = (z**2).sum(axis=0) - between
    n_groups = (counts > 0).sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        f = (between / (n_groups - 1)) / (within / (len(z) - n_groups))
    return np.nan_to_num(f, nan=-np.inf, posinf=np.inf)  # a constant voxel comes last
