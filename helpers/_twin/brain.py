"""The twin's brain: grid, background, mask and retinotopy.

The cortex is a caricature with the right topology. In each hemisphere all areas meet at one
point, the foveal confluence. Eccentricity grows with the distance from that point and the areas
are sectors around it: V1 in the middle, then V2, V3 and V3A above it and V2, VP and V4v below
(Wandell, Dumoulin and Brewer, 2007).
"""

from typing import NamedTuple

import numpy as np
from nilearn.datasets import load_mni152_gm_template, load_mni152_template
from nilearn.image import resample_img
from scipy.spatial.distance import cdist

SHAPE = (64, 64, 30)
# Index i grows from right to left, so that indices 30 to 32 lie in the right hemisphere.
AFFINE = np.array(
    [[-3.3, 0, 0, 3.3 * 34.5], [0, 3.6, 0, -122.0], [0, 0, 6.4, -72.0], [0, 0, 0, 1.0]]
)
# Column of the masked array -> voxel, as in nilearn's example on the real recording.
MARKED = {
    1780: (30, 10, 10),
    1935: (31, 9, 10),
    1951: (31, 10, 10),
    2131: (32, 10, 10),
}
# (row, column) of their receptive fields, read off the same example.
MARKED_CENTRES = ((4.0, 1.5), (4.0, 2.5), (3.5, 2.0), (3.0, 2.5))
N_VOXELS = 5438
FIXATION = 4.5  # row and column of the fixation point, between pixels 4 and 5
DEGREES_PER_PIXEL = 1.15
# Eccentricity at a distance from the confluence: ECCENTRICITY_SCALE * expm1(mm / GROWTH_LENGTH).
ECCENTRICITY_SCALE, GROWTH_LENGTH = 3.6, 50  # degrees, mm
BEND = 6.0  # mm: width of the patch that is bent around each marked voxel
CONFLUENCE = (32.0, -90.0, -5.0)  # mm from the midline, mm, mm
CALCARINE_SLOPE = 0.3  # the horizontal meridian of V1 rises towards the front of the brain
AREA_SHARES = (0.32, 0.28, 0.22, 0.18)  # of the voxels above, and below, the meridian
AREAS = {"dorsal": ("V1d", "V2d", "V3", "V3A"), "ventral": ("V1v", "V2v", "VP", "V4v")}


class Retinotopy(NamedTuple):
    """Where each voxel lies in cortex and what it looks at, arrays of length ``n_voxels``."""

    hemisphere: np.ndarray  # "LH" or "RH"
    area: np.ndarray  # one of the names in AREAS
    centre: np.ndarray  # (row, column) of its receptive field in the image, in pixels
    eccentricity: np.ndarray  # degrees of visual angle from fixation


def anatomy():
    """Put the MNI152 template that nilearn ships on the grid of the recording.

    Returns
    -------
    background, grey_matter : nibabel.Nifti1Image, shape (64, 64, 30)
        T1-weighted template (float32) and grey-matter probability.
    """
    images = (load_mni152_template(resolution=2), load_mni152_gm_template(resolution=2))
    background, grey_matter = (
        resample_img(image, AFFINE, SHAPE, interpolation="linear", force_resample=True,
                     copy_header=True)
        for image in images
    )  # fmt: skip
    background.set_data_dtype(np.float32)
    return background, grey_matter


def positions(voxels):
    """World coordinates of voxels.

    Parameters
    ----------
    voxels : array of int, shape (n_voxels, 3)
        Voxel indices (i, j, k).

    Returns
    -------
    array, shape (n_voxels, 3)
        x (positive to the right), y and z in mm.
    """
    return np.asarray(voxels) @ AFFINE[:3, :3].T + AFFINE[:3, 3]


def visual_mask(background, grey_matter):
    """Choose 5438 voxels of occipital grey matter, the four marked ones at their columns.

    The marked voxels cut the grid, in C order, into five stretches; from each stretch come the
    most occipital voxels, as many as the columns of the marked voxels ask for.

    Parameters
    ----------
    background, grey_matter : array, shape (64, 64, 30)
        Template and probability of grey matter.

    Returns
    -------
    array of bool, shape (64, 64, 30)
    """
    x, y, z = positions(np.indices(SHAPE).reshape(3, -1).T).T
    distance = np.sqrt((x / 48) ** 2 + ((y + 88) / 40) ** 2 + ((z - 2) / 34) ** 2)
    cerebellum = z < -17 - 0.3 * (y + 80)
    tissue, grey = background.ravel() > 0.1 * background.max(), grey_matter.ravel() > 0.2
    cost = distance + 0.6 * cerebellum + 0.6 * ~grey + 3.0 * ~tissue
    marked = [np.ravel_multi_index(voxel, SHAPE) for voxel in MARKED.values()]
    columns = np.diff([-1, *MARKED, N_VOXELS]) - 1
    mask = np.zeros(SHAPE, dtype=bool)
    for start, stop, count in zip([-1, *marked], [*marked, mask.size], columns, strict=True):
        stretch = np.arange(start + 1, stop)
        mask.flat[stretch[np.argsort(cost[stretch], kind="stable")[:count]]] = True
    mask.flat[marked] = True
    return mask


def cortical_sectors(voxels):
    """Area and polar angle of every voxel from its direction, seen from the confluence.

    Parameters
    ----------
    voxels : array of int, shape (n_voxels, 3)
        Voxel indices (i, j, k).

    Returns
    -------
    area : array of str, shape (n_voxels,)
    angle : array, shape (n_voxels,)
        Degrees from the horizontal meridian, positive for the upper visual field.
    distance : array, shape (n_voxels,)
        Distance from the confluence in mm.
    """
    x, y, z = positions(voxels).T
    lateral, anterior = np.abs(x) - CONFLUENCE[0], y - CONFLUENCE[1]
    up = z - CONFLUENCE[2] - CALCARINE_SLOPE * anterior
    ahead = np.hypot(lateral, anterior)
    # Lateral of the confluence lie the areas that are farthest from V1.
    # Rounded, because mirror voxels of the two hemispheres tie, and must tie on every machine.
    sector = np.round(np.arctan2(np.abs(up), np.where(lateral > 0, -ahead, ahead)), 9)
    area, angle = np.empty(len(x), dtype="<U3"), np.empty(len(x))
    for half, sign, chosen in (("dorsal", -1, up > 0), ("ventral", 1, up <= 0)):
        edges = np.quantile(sector[chosen], np.cumsum([0, *AREA_SHARES]))
        edges[0] = 0
        index = np.clip(np.searchsorted(edges, sector[chosen]) - 1, 0, 3)
        share = (sector[chosen] - edges[index]) / np.diff(edges)[index]
        area[chosen] = np.array(AREAS[half])[index]
        # The visual field is mirrored at every border between areas.
        angle[chosen] = sign * 90 * np.where(index % 2 == 0, share, 1 - share)
    return area, angle, np.sqrt(ahead**2 + up**2)


def retinotopy(voxels):
    """Give every voxel an area and a place in the visual field.

    Around the four marked voxels the map is bent smoothly, so that they look where the voxels
    of nilearn's example look.

    Parameters
    ----------
    voxels : array of int, shape (n_voxels, 3)
        Voxel indices (i, j, k) of the whole mask in mask order: the marked voxels are found by
        their columns.

    Returns
    -------
    Retinotopy
    """
    area, angle, distance = cortical_sectors(voxels)
    place = positions(voxels)
    right = place[:, 0] > 0
    radius = ECCENTRICITY_SCALE * np.expm1(distance / GROWTH_LENGTH) / DEGREES_PER_PIXEL
    row = FIXATION - radius * np.sin(np.radians(angle))
    # The right hemisphere sees the left half of the visual field.
    column = FIXATION + np.where(right, -1, 1) * radius * np.cos(np.radians(angle))
    centre = np.column_stack([row, column])
    marked = list(MARKED)
    closeness = np.exp(-(cdist(place, place[marked]) ** 2) / (2 * BEND**2)) * right[:, None]
    pull = np.linalg.solve(closeness[marked], np.array(list(MARKED_CENTRES)) - centre[marked])
    centre = centre + closeness @ pull
    eccentricity = DEGREES_PER_PIXEL * np.linalg.norm(centre - FIXATION, axis=1)
    return Retinotopy(np.where(right, "RH", "LH"), area, centre, eccentricity)
