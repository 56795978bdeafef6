"""What the checks of chapter 11's exercises say to wrong answers."""

import numpy as np
import pytest

from helpers.decoding import correlations
from helpers.exercises import identification

N_BEST = (10, 30, 100, 300, 1000)


@pytest.fixture(scope="module")
def trials():
    """Forty trials of 1,000 voxels, the last ones almost pure noise, and 150 candidates."""
    rng = np.random.default_rng(3)
    pool = rng.integers(0, 2, (150, 100)).astype(float)
    predicted = pool @ rng.normal(size=(100, 1000)) / 3 + 1
    loud = np.where(np.arange(1000) < 100, 3, 12)
    return predicted[:40] + loud * rng.normal(size=(40, 1000)), predicted


@pytest.fixture(scope="module")
def shares(trials):
    """Shares identified by the chapter's helper, for each number of voxels."""
    matches = {n: correlations(trials[0][:, :n], trials[1][:, :n]) for n in N_BEST}
    return {n: np.mean(match.argmax(axis=1) == np.arange(40)) for n, match in matches.items()}


def said(capsys, *answers):
    identification.check_1(*answers)
    return capsys.readouterr().out


def test_fewer_voxels(trials, shares, capsys):
    enough = next(n for n in N_BEST if shares[n] >= 0.5)
    most = max(shares, key=shares.get)
    assert 10 < enough < 1000 and most < 1000
    assert shares[10] < shares[300] - 0.1 < shares[300] + 0.1 < shares[most]
    for answers, says in [
        ((enough, most, shares[300]), "right."),
        ((..., most, shares[300]), "`enough` is still empty"),
        ((10, most, shares[300]), "less than half"),
        ((300, most, shares[300]), "so many are enough, and fewer are"),
        ((50, most, shares[300]), "should be one of 10, 30"),
        ((enough, 1000, shares[300]), "another number identifies more"),
        ((enough, 10, shares[300]), "another number identifies more"),
        ((enough, 50, shares[300]), "should be one of the five"),
        ((enough, [most], shares[300]), "`most` should be one number"),
        ((enough, None, shares[300]), "`most` is still empty"),
        ((enough, most, shares[most]), "only from the test"),
        ((enough, most, shares[10]), "only from the test"),
        ((enough, most, 300), "chosen before the test"),
        ((enough, most, "300"), "`report`"),
    ]:
        assert says in said(capsys, *answers, *trials, 300)


def test_equal_shares_are_both_right(capsys):
    # Without noise every number of voxels identifies every trial.
    predicted = np.random.default_rng(1).normal(size=(120, 1000))
    data = (predicted[:20], predicted, 300)
    for most in N_BEST:
        assert "right." in said(capsys, 10, most, 1.0, *data)
    assert "fewer are enough, too" in said(capsys, 30, 10, 1.0, *data)


def test_nothing_identified(capsys):
    rng = np.random.default_rng(1)
    data = (rng.normal(size=(20, 1000)), rng.normal(size=(120, 1000)), 300)
    assert "`enough` is 30: with so many" in said(capsys, 30, 0, 0, *data)
    assert "`most`" in said(capsys, 0, 0, 0, *data)


def test_only_the_first_thousand_images_are_candidates(trials, shares, capsys):
    rng = np.random.default_rng(2)
    measured, predicted = trials
    filler = rng.normal(size=(850, 1000))
    twins = measured + 0.01 * rng.normal(size=measured.shape)  # would beat every candidate
    everything = np.vstack([predicted, filler, twins])
    match = {n: correlations(measured[:, :n], everything[:1000, :n]) for n in N_BEST}
    found = {n: np.mean(match[n].argmax(axis=1) == np.arange(40)) for n in N_BEST}
    enough = next((n for n in N_BEST if found[n] >= 0.5), 0)
    answers = enough, max(found, key=found.get), found[300]
    assert "right." in said(capsys, *answers, measured, everything, 300)
