"""Visual areas and eccentricity bins, read from a dataset's region masks."""

import re
from pathlib import Path

import numpy as np
from nilearn.image import get_data

from helpers.image_files import check_grid, open_image, read_values

NAME = re.compile(r"(?P<side>LH|RH)(lag(?P<lag>\d+)to\d+|(?P<area>V\w+))\.nii(\.gz)?")


def region_labels(dataset, masker):
    """Name each voxel's visual area, hemisphere and eccentricity bin.

    Parameters
    ----------
    dataset : Bunch
        From `helpers.datasets.load`; its ``mask_roi`` are files such as ``LHV1d.nii.gz`` and
        ``RHlag3to4.nii.gz``.
    masker : MultiNiftiMasker
        Fitted on the same dataset.

    Returns
    -------
    area : ndarray of str, (n_voxels,)
        V1d, V1v, V2d, V2v, V3, V3A, V4v or VP; "" outside all of them. A voxel in several gets
        the first in the order of the files.
    hemisphere : ndarray of str, (n_voxels,)
        "LH" or "RH"; "" in no region.
    lag : ndarray of int, (n_voxels,)
        Lower edge of the eccentricity bin; -1 outside all bins.

    Raises
    ------
    DataError
        If a file cannot be read.
    ValueError
        If the dataset has no region masks, or one is on another grid or has another name.
    """
    if not dataset.mask_roi:
        raise ValueError("The dataset has no region masks: your own files have no named areas.")
    inside = get_data(masker.mask_img_).astype(bool)
    area = np.full(inside.sum(), "", dtype="U4")
    hemisphere = np.full(inside.sum(), "", dtype="U2")
    lag = np.full(inside.sum(), -1)
    for region_file in dataset.mask_roi:
        name = NAME.fullmatch(Path(region_file).name)
        region = open_image(region_file)
        if name is None:
            raise ValueError(
                f"{region_file} is not named like a region mask; expected a name such as "
                "LHV1d.nii.gz or RHlag3to4.nii.gz."
            )
        check_grid(region, region_file, masker.mask_img_, "of the masker")
        voxels = read_values(region, region_file)[inside] > 0
        hemisphere[voxels & (hemisphere == "")] = name["side"]
        if name["area"]:
            area[voxels & (area == "")] = name["area"]
        else:
            lag[voxels & (lag == -1)] = int(name["lag"])
    return area, hemisphere, lag
