"""What the checks of the exercises about the lasso say to wrong answers."""

from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.linear_model import Ridge
from small_recordings import said

from helpers.exercises import further_lasso
from helpers.receptive_fields import fit_gaussians, sample_gaussians


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
        ((False, True, False, distance, share), "`same_scores` is False: does ridge know"),
        ((True, False, False, distance, share), "both halves are read in the same wrong"),
        ((True, True, True, distance, share), "What becomes of a column"),
        ((1, True, False, distance, share), "should be one of False or True"),
        (
            (True, True, False, np.median(np.hypot(*(swapped[0] - odd.centre).T)), share),
            "only one half",
        ),
        ((True, True, False, apart.mean(), share), "that is the mean"),
        ((True, True, False, 1.15 * distance, share), "in degrees"),
        ((True, True, False, distance, in_order), "with the pixels in order"),
        ((True, True, False, distance, 1 - in_order), "in a mirror image"),
        ((True, True, False, distance, right.mean()), "both hemispheres"),
        ((True, True, False, distance, right[30:].mean()), "the right hemisphere"),
        ((True, True, False, distance, 100 * share), "between 0 and 1"),
        ((True, True, False, distance, ...), "`share` is still empty"),
    ]:
        data = (even, odd, fits, hemisphere)
        assert says in said(capsys, further_lasso.check_1, *answers, *data)


@pytest.fixture(scope="module")
def recording():
    """Random images and rest, and 60 voxels that look at a wandering spot."""
    rng = np.random.default_rng(8)
    stimuli = np.full((600, 100), -1.0)
    stimuli[::2] = rng.integers(0, 2, (300, 100))
    centres = np.column_stack([np.linspace(1, 8, 60), np.linspace(7, 2, 60)])
    fields = sample_gaussians(centres, rng.uniform(0.5, 1.6, 60))
    bold = stimuli @ fields.T + rng.standard_normal((600, 60)) * np.linspace(1, 9, 60)
    return SimpleNamespace(stimuli=stimuli, bold=bold)


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
        (0, np.subtract(60, right[0]), "the voxels that you left out"),
        (0, right[0][1:], "has the shape (3,); it should be (4,)"),
        (1, dorsal, "one half of V1 is missing"),
        (1, of_v1, "these are shares of V1"),
        (2, means, "these are means"),
        (2, np.multiply(right[2], np.nan), "no finite numbers"),
        (3, np.multiply(right[3], right[0]), "these are counts"),
        (3, np.subtract(1, right[3]), "the shares of sizes below a pixel"),
        (3, None, "`large_shares` is still empty"),
        *((n, [right[n][1], *right[n][1:]], "that `chosen` leaves out") for n in (0, 3)),
    ]:
        answers = [*right[:place], wrong, *right[place + 1 :]]
        assert says in said(capsys, further_lasso.check_2, *answers, scores, areas, recording)
