"""What the check of chapter 5's exercise says to wrong answers."""

from types import SimpleNamespace

import numpy as np
import pytest
from small_recordings import said

from helpers import features
from helpers.exercises import population_receptive_fields
from helpers.receptive_fields import PRF, sample_gaussians


@pytest.fixture(scope="module")
def made():
    """Twelve fields under responses that peak after 4.5 s, and three voxels of noise."""
    rng = np.random.default_rng(14)
    runs = np.repeat(np.arange(4), 90)
    on = np.tile(np.repeat([1.0, 0.0], 3), 60)
    pixels = np.repeat(rng.integers(0, 2, (120, 100)), 3, axis=0) * on[:, np.newaxis]
    X = np.column_stack([pixels, on])
    sizes = rng.uniform(0.7, 2, 12)
    fields = sample_gaussians(rng.uniform(2, 7, (12, 2)), sizes)
    fields /= fields.sum(axis=1, keepdims=True)
    late = features.convolve(X, features.haemodynamic_response(4.5), runs)
    Y = late[:, :100] @ fields.T + 0.3 * late[:, 100:]
    Y = np.column_stack([Y, np.zeros((360, 3))]) + 0.15 * rng.standard_normal((360, 15))
    prf = PRF(pixel_size=1.15).fit(X, Y, groups=runs)
    assert 10 <= prf.has_field_.sum() <= 12
    return SimpleNamespace(X=X, Y=Y, good=Y[:, 0], runs=runs, prf=prf)


def fit_by_hand(made, peak, unit=1.15):
    """Sizes and R2 under a response that is convolved before the fit."""
    late = features.convolve(made.X, features.haemodynamic_response(peak), made.runs)
    model = PRF(hrf_peak=None, pixel_size=unit).fit(late, made.Y, groups=made.runs)
    return [values[made.prf.has_field_] for values in (model.size_, model.r2_)]


def test_the_wrong_delay(made, capsys):
    old_sizes, old_r2 = fit_by_hand(made, 5.0)
    new_sizes, new_r2 = fit_by_hand(made, 3.0)
    in_pixels, _ = fit_by_hand(made, 3.0, unit=1.0)
    sizes, r2 = new_sizes / old_sizes, new_r2 / old_r2
    size, explained = np.nanmedian(sizes), np.nanmedian(r2)
    assert abs(np.log(explained)) > 2 * abs(np.log(size)) > 0.02, "or no test can tell them apart"
    peaks = np.arange(3, 7.5, 0.5)
    each = [PRF(hrf_peak=p).fit(made.X, made.good, groups=made.runs).r2_ for p in peaks]
    peak = peaks[np.argmax(each)]
    assert peak == 4.5
    for answers, says in [
        (("r2", size, explained, peak), "right."),
        (("r2", round(size, 2), round(explained, 2), 4.5), "right."),
        (("size", size, explained, peak), "A wrong delay shrinks all weights alike"),
        (("both", size, explained, peak), "should be one of 'r2' or 'size'"),
        ((..., size, explained, peak), "`changes_more` is still empty"),
        (("r2", np.nanmedian(in_pixels / old_sizes), explained, peak), "same pixel_size"),
        (("r2", 1 / size, explained, peak), "`size_ratio` is"),
        (("r2", 1 / size, explained, peak), "upside down"),
        (("r2", np.nanmean(sizes), explained, peak), "that is the mean"),
        (("r2", np.nan, explained, peak), "`size_ratio` is nan, which is no finite number"),
        (("r2", sizes, explained, peak), "`size_ratio` should be one number"),
        (("r2", size, 1 / explained, peak), "`r2_ratio` is"),
        (("r2", size, 1 / explained, peak), "upside down"),
        (("r2", size, np.mean(r2), peak), "that is the mean"),
        (("r2", size, 0.99, peak), "too large"),
        (("r2", size, explained, 5.0), "what we assumed so far"),
        (("r2", size, explained, peak / 2), "Give seconds"),
        (("r2", size, explained, 6.0), "`peak` is 6, which is too large"),
        (("r2", size, explained, None), "`peak` is still empty"),
    ]:
        data = (made.X, made.Y, made.good, made.runs, made.prf)
        assert says in said(capsys, population_receptive_fields.check_1, *answers, *data)


def test_where_sizes_change_more_the_answer_is_the_other_one(made, capsys):
    """A fit whose sizes were doubled: what is right follows from the data."""
    doubled = SimpleNamespace(**vars(made.prf))
    doubled.size_ = 8 * made.prf.size_
    data = (made.X, made.Y, made.good, made.runs, doubled)
    text = said(capsys, population_receptive_fields.check_1, "r2", 1, 1, 5, *data)
    assert "`changes_more` is 'r2': the other changes more" in text
