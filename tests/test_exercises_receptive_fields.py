"""What the check of chapter 4's exercise says to wrong answers."""

from itertools import combinations
from types import SimpleNamespace

import nibabel as nib
import numpy as np
import pytest
from scipy.stats import spearmanr
from small_recordings import said

from helpers.exercises import receptive_fields


@pytest.fixture
def recording():
    """Sixty voxels on a grid, whose edges differ."""
    voxels = np.array([[i, j, k] for i in range(5) for j in range(4) for k in range(3)])
    image = nib.Nifti1Image(np.zeros((5, 4, 3), np.int8), np.diag([-3.3, 3.6, 6.4, 1]))
    return SimpleNamespace(voxels=voxels, masker=SimpleNamespace(mask_img_=image))


def pair_by_pair(recording, centres, here, edges=(3.3, 3.6, 6.4), summary=np.median):
    """Rank correlation and summaries of distances, one pair after the other."""
    pairs = list(combinations(np.flatnonzero(here), 2))
    in_brain, in_image = np.array(
        [
            (
                np.linalg.norm((recording.voxels[a] - recording.voxels[b]) * edges),
                np.linalg.norm(centres[a] - centres[b]),
            )
            for a, b in pairs
        ]
    ).T
    bins = [
        in_image[(in_brain > low) & (in_brain <= high)]
        for low, high in ((0, 5), (5, 10), (10, 20), (20, 40))
    ]
    return spearmanr(in_brain, in_image).statistic, [
        summary(values) if len(values) else np.nan for values in bins
    ]


def test_neighbours(recording, capsys):
    chosen = np.arange(60)
    rng = np.random.default_rng(9)
    centres = recording.voxels[:, :2] + 0.6 * rng.standard_normal((60, 2))
    hemisphere = np.array(["RH", "LH", "RH"] * 20)
    areas = np.array(["V1d", "V1v", "V1v", "V1d", "V2d"] * 12)
    v1, right = np.char.startswith(areas, "V1"), hemisphere == "RH"
    rho, medians = pair_by_pair(recording, centres, v1 & right)
    all_v1 = pair_by_pair(recording, centres, v1)
    steps = pair_by_pair(recording, centres, v1 & right, edges=(1, 1, 1))
    _, means = pair_by_pair(recording, centres, v1 & right, summary=np.mean)
    order = np.argwhere(np.triu(np.ones((60, 60)), 1)[v1 & right][:, v1 & right])
    places = (recording.voxels * (3.3, 3.6, 6.4))[v1 & right]
    lengths = [
        np.linalg.norm(of[order[:, 0]] - of[order[:, 1]], axis=1)
        for of in (places, centres[v1 & right])
    ]
    for answers, says in [
        ((rho, medians), "right."),
        ((round(rho, 3), np.round(medians, 2)), "right."),
        ((steps[0], medians), "distances are in voxels, whose edges differ"),
        ((all_v1[0], medians), "`rho` is"),
        ((all_v1[0], medians), "within the left hemisphere, or across"),
        (
            (pair_by_pair(recording, centres, v1 & ~right)[0], medians),
            "that is the left hemisphere",
        ),
        ((pair_by_pair(recording, centres, right)[0], medians), "areas other than V1"),
        ((np.corrcoef(lengths)[0, 1], medians), "that of their ranks"),
        ((2.0, medians), "too large"),
        ((rho, all_v1[1]), "`medians`: pairs within the left hemisphere"),
        ((rho, means), "these are means"),
        ((rho, np.multiply(medians, 1.15)), "these are degrees"),
        ((rho, medians[:3]), "has the shape (3,); it should be (4,)"),
        ((rho, ...), "`medians` is still empty"),
    ]:
        data = (recording, chosen, centres, areas, hemisphere)
        assert says in said(capsys, receptive_fields.check_1, *answers, *data)
