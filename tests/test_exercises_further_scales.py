"""What the checks of the patches page's exercises say to wrong answers."""

import numpy as np
import pytest
from scipy.stats import norm

from helpers.exercises import further_scales


@pytest.fixture(scope="module")
def scores():
    """F1 of 20 figures with 4 or 8 trials, whose difficulty differs more than the methods do."""
    rng = np.random.default_rng(4)
    figure = np.repeat(np.arange(20), np.where(np.arange(20) % 2, 4, 8))
    hard, ahead = rng.normal(0, 0.1, 20), rng.normal(0.02, 0.02, 20)
    noise = rng.normal(0, 0.02, (2, len(figure)))
    blurred = 0.7 + hard[figure] + noise[0]
    return blurred + ahead[figure] + noise[1], blurred, figure


def by_figure(values, figure):
    return np.array([values[figure == number].mean() for number in range(20)])


def width(spread, n, share=0.95):
    """Width for many draws, by theory: the mean of n has the standard deviation spread / sqrt n."""
    return 2 * norm.ppf((1 + share) / 2) * spread / np.sqrt(n)


def three_widths(scores, share=0.95):
    multi, blurred, figure = scores
    figures = [by_figure(values, figure) for values in (multi, blurred)]
    return np.array(
        [
            width((figures[0] - figures[1]).std(), 20, share),
            width((multi - blurred).std(), len(figure), share),
            width(np.hypot(figures[0].std(), figures[1].std()), 20, share),
        ]
    )


def said(capsys, *answers):
    further_scales.check_1(*answers)
    return capsys.readouterr().out


def test_what_was_resampled(scores, capsys):
    multi, blurred, figure = scores
    right = three_widths(scores)
    of_trials = width(np.hypot(multi.std(), blurred.std()), len(figure))
    ahead = by_figure(multi, figure) - by_figure(blurred, figure)
    ranges = [np.ptp(np.quantile(v, [0.025, 0.975])) for v in (ahead, multi - blurred)]
    for widths, report, says in [
        (right, "figures", "Exercise 1: right."),
        (..., "figures", "`widths` is still empty"),
        (right[:2], "figures", "has the shape (2,)"),
        (three_widths(scores, 0.9), "figures", "those are 90 % intervals"),
        (right / 2, "figures", "those are half widths"),
        (right[[1, 0, 2]], "figures", "are in another order"),
        ([*right[:2], of_trials], "figures", "has separate trials"),
        ([*right[:2], right[0]], "figures", "the last one is paired too"),
        ([*ranges, right[2]], "figures", "ranges of single differences"),
        (right * 1.3, "figures", "is wrong in 3 of 3"),
        (right, "trials", "easy in the others too"),
        (right, "separate figures", "What cancels in a difference"),
        (right, "both", "should be one of"),
    ]:
        assert says in said(capsys, widths, report, *scores), says
