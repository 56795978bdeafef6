"""What the check of the exercise of Going further: five thousand voxels in two seconds says."""

import numpy as np
import pytest
from scipy.optimize import least_squares
from small_recordings import said

from helpers.exercises import further_prf_speed

TRUE = (6.2, 3.4)  # where the voxel looks
ROW, COLUMN = np.divmod(np.arange(100), 10)


@pytest.fixture(scope="module")
def voxel():
    """A triangular factor of noise, and a noisy voxel with a small field."""
    rng = np.random.default_rng(2)
    R = np.linalg.qr(rng.standard_normal((300, 100)))[1] / 20
    return R, 4 * R @ field(*TRUE, 0.9) + 0.15 * rng.standard_normal(100)


def field(row, column, size):
    square = (ROW - row) ** 2 + (COLUMN - column) ** 2
    return np.exp(-square / (2 * size**2)) / (2 * np.pi * size**2)


def arrived(R, w, log_size):
    """Count the starts that end near the true field: nearer than noise moves it."""
    count = 0
    for pixel in range(100):
        end = least_squares(
            lambda x: x[3] * (R @ field(x[0], x[1], np.exp(x[2]))) - w,
            [ROW[pixel], COLUMN[pixel], log_size, 1],
        )
        count += np.hypot(end.x[0] - TRUE[0], end.x[1] - TRUE[1]) < 0.5
    return count


def test_starts_without_a_grid(voxel, capsys):
    narrow, wide = arrived(*voxel, 0), arrived(*voxel, 1)
    numbers = [narrow, wide, 100 - narrow, 100 - wide]
    assert np.diff(np.sort(numbers)).min() > 6, numbers  # no mistake is taken for another
    for given, message in [
        (("wide", narrow, wide), "right."),
        ((np.str_("wide"), narrow + 2, wide - 2), "right."),
        ((..., narrow, wide), "`better` is still empty"),
        (("narrow", narrow, wide), "about the way there?"),
        (("both", narrow, wide), "it should be one of 'narrow' or 'wide'"),
        (("wide", None, wide), "`n_narrow` is still empty"),
        (("wide", [narrow] * 2, wide), "it has the shape (2,)"),
        (("wide", wide, wide), "for the other size"),
        (("wide", narrow, narrow), "for the other size"),
        (("wide", narrow / 100, wide), "Count the starts"),
        (("wide", narrow, wide / 100), "Count the starts"),
        (("wide", 100 - narrow, wide), "`n_narrow` is"),
        (("wide", 100 - narrow, wide), "end elsewhere"),
        (("wide", narrow, 100 - wide), "end elsewhere"),
        (("wide", 100, wide), "too large. Start at all pairs"),
        (("wide", narrow, ...), "`n_wide` is still empty"),
    ]:
        assert message in said(capsys, further_prf_speed.check_1, *given, *voxel), given
