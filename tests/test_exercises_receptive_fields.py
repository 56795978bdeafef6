"""What the checks of chapter 4's exercises say to wrong answers."""

from itertools import combinations
from types import SimpleNamespace

import nibabel as nib
import numpy as np
import pytest
from scipy.stats import spearmanr
from sklearn.linear_model import Ridge

from helpers.exercises import receptive_fields
from helpers.receptive_fields import fit_gaussians, sample_gaussians


def said(capsys, check, *answers):
    check(*answers)
    return capsys.readouterr().out


def exchanged(pixels):
    """Exchange rows and columns of images or fields."""
    return pixels.reshape(-1, 10, 10).transpose(0, 2, 1).reshape(pixels.shape)


def test_pixels_in_the_wrong_order(capsys):
    rng = np.random.default_rng(3)
    hemisphere = np.repeat(["LH", "RH"], 30)
    rows, columns = rng.uniform(1, 9, 60), rng.uniform(5, 9, 60)
    columns[30:] = 9 - columns[30:]
    columns[:4] = 2  # a few voxels of the left hemisphere look at the left half
    fields = sample_gaussians(np.column_stack([rows, columns]), np.full(60, 1.2))
    noisy = [fields + 0.15 * rng.standard_normal(fields.shape) for _ in range(3)]
    noisy[1][-3:] = noisy[1][-3:, ::-1]  # a few centres jump far
    even, odd, fits = (fit_gaussians(weights) for weights in noisy)
    swapped = [fit_gaussians(exchanged(weights)).centre for weights in noisy]
    apart = np.hypot(*(swapped[0] - swapped[1]).T)
    distance, right = np.median(apart), swapped[2][:, 1] > 4.5
    share, in_order = right[:30].mean(), (fits.centre[:30, 1] > 4.5).mean()
    for answers, says in [
        ((True, True, False, distance, share), "right."),
        ((np.True_, True, np.False_, round(distance, 2), round(share, 3)), "right."),
        ((False, True, False, distance, share), "`same_scores` is False: ridge has a weight"),
        ((True, False, False, distance, share), "both halves are read in the same wrong"),
        ((True, True, True, distance, share), "the columns become rows"),
        ((1, True, False, distance, share), "should be one of False or True"),
        ((True, True, False, np.median(np.hypot(*(swapped[0] - odd.centre).T)), share), "one half"),
        ((True, True, False, apart.mean(), share), "that is the mean"),
        ((True, True, False, 1.15 * distance, share), "in degrees"),
        ((True, True, False, distance, in_order), "with the pixels in order"),
        ((True, True, False, distance, 1 - in_order), "a mirror image"),
        ((True, True, False, distance, right.mean()), "both hemispheres"),
        ((True, True, False, distance, right[30:].mean()), "the right hemisphere"),
        ((True, True, False, distance, 100 * share), "between 0 and 1"),
        ((True, True, False, distance, ...), "`share` is still empty"),
    ]:
        data = (even, odd, fits, hemisphere)
        assert says in said(capsys, receptive_fields.check_1, *answers, *data)


@pytest.fixture(scope="module")
def recording():
    """Random images and rest, and 60 voxels on a grid that look at a wandering spot."""
    rng = np.random.default_rng(8)
    stimuli = np.full((600, 100), -1.0)
    stimuli[::2] = rng.integers(0, 2, (300, 100))
    centres = np.column_stack([np.linspace(1, 8, 60), np.linspace(7, 2, 60)])
    sizes = rng.uniform(0.5, 1.6, 60)
    fields = sample_gaussians(centres, sizes)
    bold = stimuli @ fields.T + rng.standard_normal((600, 60)) * np.linspace(1, 9, 60)
    voxels = np.array([[i, j, k] for i in range(5) for j in range(4) for k in range(3)])
    image = nib.Nifti1Image(np.zeros((5, 4, 3), np.int8), np.diag([-3.3, 3.6, 6.4, 1]))
    masker = SimpleNamespace(mask_img_=image)
    return SimpleNamespace(stimuli=stimuli, bold=bold, voxels=voxels, masker=masker)


def test_another_threshold(recording, capsys):
    scores = np.linspace(0.45, -0.05, 60)
    areas = np.array(["V1d", "V1v", "V2d", "V1v", "VP"] * 12)
    areas[:12] = "V1d"
    weights = Ridge(alpha=100.0).fit(recording.stimuli, recording.bold).coef_.T
    fits, in_v1 = fit_gaussians(weights.T), np.isin(areas, ["V1d", "V1v"])
    kept = [np.flatnonzero(scores > threshold) for threshold in (0.05, 0.1, 0.2, 0.3)]
    right = [
        [len(here) for here in kept],
        [in_v1[here].mean() for here in kept],
        [np.median(fits.match[here]) for here in kept],
        [np.mean(fits.size[here] >= 1) for here in kept],
    ]
    dorsal = [(areas[here] == "V1d").mean() for here in kept]
    of_v1 = [np.isin(np.flatnonzero(in_v1), here).mean() for here in kept]
    means = [fits.match[here].mean() for here in kept]
    for place, wrong, says in [
        (0, right[0], "right."),
        (1, np.round(right[1], 2), "right."),
        (0, np.divide(right[0], 60), "`counts`: these are shares"),
        (0, np.subtract(60, right[0]), "the voxels left out"),
        (0, right[0][1:], "has the shape (3,); it should be (4,)"),
        (1, dorsal, "one half of V1 is missing"),
        (1, of_v1, "these are shares of V1"),
        (2, means, "these are means"),
        (2, np.multiply(right[2], np.nan), "no finite numbers"),
        (3, np.multiply(right[3], right[0]), "these are counts"),
        (3, np.subtract(1, right[3]), "the shares below a pixel"),
        (3, None, "`large_shares` is still empty"),
        *((n, [right[n][1], *right[n][1:]], "that `chosen` leaves out") for n in (0, 3)),
    ]:
        answers = [*right[:place], wrong, *right[place + 1 :]]
        assert says in said(capsys, receptive_fields.check_2, *answers, scores, areas, recording)


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
        ((steps[0], medians), "distances are in voxels"),
        ((all_v1[0], medians), "`rho` is"),
        ((all_v1[0], medians), "the other hemisphere"),
        ((pair_by_pair(recording, centres, v1 & ~right)[0], medians), "the left hemisphere"),
        ((pair_by_pair(recording, centres, right)[0], medians), "areas other than V1"),
        ((np.corrcoef(lengths)[0, 1], medians), "not the correlation of ranks"),
        ((2.0, medians), "too large"),
        ((rho, all_v1[1]), "`medians`: pairs from the other hemisphere"),
        ((rho, means), "these are means"),
        ((rho, np.multiply(medians, 1.15)), "these are degrees"),
        ((rho, medians[:3]), "has the shape (3,); it should be (4,)"),
        ((rho, ...), "`medians` is still empty"),
    ]:
        data = (recording, chosen, centres, areas, hemisphere)
        assert says in said(capsys, receptive_fields.check_3, *answers, *data)
