"""What the check of the exercise about eccentricity says to wrong answers."""

import numpy as np
import pytest

from helpers.exercises import further_eccentricity

NAMES = ("V1d", "V1v", "V2d", "V2v", "V3", "VP", "V3A", "V4v", "")
WHOLE = {"V1d": "V1", "V1v": "V1", "V2d": "V2", "V2v": "V2", "VP": "V3"}
RATES = (0.9, 0.7, 0.5, 0.3, 0.25, 0.15, 0.2, 0.1, 0.4)


def made_up(outer_in_v1, outer_elsewhere):
    """Voxels that score above 0 at a rate of their area, in the inner bins almost only."""
    rng = np.random.default_rng(4)
    areas = np.repeat(NAMES, 400)
    outer = rng.random(len(areas)) < np.where(
        np.char.startswith(areas, "V1"), outer_in_v1, outer_elsewhere
    )
    edges = np.where(outer, rng.integers(5, 11, len(areas)), rng.integers(0, 5, len(areas)))
    edges[rng.random(len(areas)) < 0.05] = -1
    rate = np.repeat(RATES, 400) * np.where(outer, 0.1, 1) * np.where(edges == 4, 0.6, 1)
    scores = np.where(rng.random(len(areas)) < rate, 0.2, -0.03)
    return scores, areas, edges


def shares(scores, areas, edges, first=0, last=4, halves=None):
    """Go through the areas one by one, and through their voxels one by one."""
    found = []
    for name in ("V1", "V2", "V3", "V3A", "V4v"):
        above = [
            score > 0
            for score, area, edge in zip(scores, areas, edges, strict=True)
            if first <= edge <= last
            and WHOLE.get(area, area) == name
            and (halves is None or area in halves or name in ("V3A", "V4v"))
        ]
        found.append(sum(above) / len(above))
    return np.array(found)


@pytest.mark.parametrize(
    ("outer_in_v1", "outer_elsewhere", "right", "wrong", "says"),
    [
        (0.5, 0.1, "larger", "smaller", "compare how many voxels of V1 and of V3"),
        (0.05, 0.9, "smaller", "larger", "which of the two areas has more voxels"),
    ],
)
def test_the_difference(outer_in_v1, outer_elsewhere, right, wrong, says, capsys):
    voxels = made_up(outer_in_v1, outer_elsewhere)
    inner, everywhere = shares(*voxels), shares(*voxels, first=-1, last=10)
    grows = inner[0] - inner[2] > everywhere[0] - everywhere[2]
    assert (right == "larger") == grows  # the made-up voxels show what the exercise is about
    further_eccentricity.check_1(right, inner, *voxels)
    assert "right." in capsys.readouterr().out
    further_eccentricity.check_1(wrong, inner, *voxels)
    assert says in capsys.readouterr().out


def test_areas_that_see_the_same_places(capsys):
    voxels = made_up(0.5, 0.1)
    _, areas, edges = voxels
    inner = shares(*voxels)
    kept = [
        sum(
            (edge in range(5)) & (WHOLE.get(a, a) == name)
            for a, edge in zip(areas, edges, strict=True)
        )
        for name in ("V1", "V2", "V3", "V3A", "V4v")
    ]
    binned = [
        sum((edge >= 0) & (WHOLE.get(a, a) == name) for a, edge in zip(areas, edges, strict=True))
        for name in ("V1", "V2", "V3", "V3A", "V4v")
    ]
    counts = inner * kept
    for answers, says in [
        (("larger", inner), "right."),
        (("larger", inner.round(2)), "right."),
        (("larger", shares(*voxels, first=-1, last=10)), "the shares over all bins"),
        (("larger", shares(*voxels, first=5, last=10)), "that you should leave out"),
        (("larger", shares(*voxels, last=3)), "`lag4to5` is missing"),
        (("larger", shares(*voxels, last=5)), "`lag5to6` is in it"),
        (("larger", counts / binned), "you divide by the voxels of all bins"),
        (("larger", counts), "these are counts"),
        (("larger", 100 * inner), "between 0 and 1"),
        (("larger", 1 - inner), "do not score above 0"),
        (("larger", shares(*voxels, halves=("V1d", "V2d", "V3"))), "only one half"),
        (("larger", shares(*voxels, halves=("V1v", "V2v", "VP"))), "only one half"),
        (("larger", inner[:4]), "has the shape (4,); it should be (5,)"),
        (("larger", ...), "`inside` is still empty"),
        (("same", inner), "should be one of 'larger' or 'smaller'"),
        ((..., inner), "`difference` is still empty"),
    ]:
        further_eccentricity.check_1(*answers, *voxels)
        assert says in capsys.readouterr().out
