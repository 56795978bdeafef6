"""What the check of the exercise of "Going further: does a voxel add up its light?" says."""

from types import SimpleNamespace

import numpy as np
import pytest
from scipy.signal import detrend
from sklearn.linear_model import LinearRegression
from small_recordings import said

from helpers.exercises import further_compression
from helpers.features import haemodynamic_response

N_RUNS, LENGTH, N_VOXELS = 4, 100, 6
EXPONENTS = np.array([0.2, 0.4, 0.6, 0.8, 1.0, 1.2, 1.4])
RECORDING = SimpleNamespace(
    runs=np.repeat(np.arange(N_RUNS), LENGTH),
    is_on=np.tile(np.repeat([False, True], 5), N_RUNS * LENGTH // 10),
    volumes=np.tile(np.arange(LENGTH), N_RUNS),
    masker=SimpleNamespace(detrend=True, high_pass=None, low_pass=None, t_r=None),
)


def course(columns):
    """Columns after the response, run by run, without their straight lines."""
    response = haemodynamic_response(5.0)
    late = [np.convolve(run, response)[:LENGTH] for run in columns.T.reshape(-1, LENGTH)]
    return detrend(late, axis=1).reshape(-1, N_RUNS * LENGTH).T


@pytest.fixture(scope="module")
def twins():
    """Light and responses of voxels with an on/off response, and exponents of 1 and .6."""
    rng = np.random.default_rng(1)
    light, bold = {}, {}
    for name, exponent in [("linear", 1.0), ("compressive", 0.6)]:
        drawn = rng.random((N_RUNS * LENGTH // 5, N_VOXELS)).repeat(5, axis=0)
        light[name] = drawn * RECORDING.is_on[:, np.newaxis]
        on_response = np.outer(RECORDING.is_on, [0, 0, 0, 0.6, 0.8, 1])
        clean = course(light[name] ** exponent + on_response)
        bold[name] = clean + 0.1 * course(rng.standard_normal(clean.shape))
    return light, bold


def curves(light, Y, with_regressor):
    on = course(RECORDING.is_on[:, np.newaxis] * 1.0)
    rows = []
    for number in range(N_VOXELS):
        own, y, row = light[:, [number]], Y[:, number], []
        for exponent in EXPONENTS:
            column = course(own**exponent)
            features = np.column_stack([column, on]) if with_regressor else column
            row.append(LinearRegression().fit(features, y).score(features, y))
        rows.append(row)
    return np.array(rows)


def test_without_the_regressor(twins, capsys):
    light, bold = twins
    without = {name: curves(light[name], bold[name], False) for name in light}
    beside = {name: curves(light[name], bold[name], True) for name in light}
    top = {name: EXPONENTS[table.mean(axis=0).argmax()] for name, table in without.items()}
    with_it = {name: EXPONENTS[table.mean(axis=0).argmax()] for name, table in beside.items()}
    lowest = EXPONENTS[without["linear"].mean(axis=0).argmin()]
    own = EXPONENTS[without["linear"].argmax(axis=1)]
    right = (top["linear"], top["compressive"], "compressive")
    # The regressor matters here, and all the mistakes differ from the right answers.
    assert top["linear"] < with_it["linear"] == 1
    assert top["compressive"] < with_it["compressive"]
    assert len({top["linear"], with_it["linear"], lowest}) == 3
    assert not np.isclose(top["linear"], [own.mean(), np.median(own)]).any()
    cases = [
        (right, "right."),
        ((..., *right[1:]), "`top_linear` is still empty"),
        ((right[0], None, right[2]), "`top_compressive` is still empty"),
        ((with_it["linear"], *right[1:]), "the top with the regressor. Say with_regressor=False"),
        ((right[0], with_it["compressive"], right[2]), "`top_compressive` is "),
        ((EXPONENTS.tolist().index(top["linear"]), *right[1:]), "place of the top in the table"),
        ((lowest, *right[1:]), "where the curve is lowest"),
        ((np.mean(own), *right[1:]), "the mean of the voxels' own tops"),
        ((np.median(own), *right[1:]), "the median of the voxels' own tops"),
        ((5.0, *right[1:]), "too large. Average the R2 curves"),
        (([0.5, 0.6], *right[1:]), "should be one number"),
        ((*right[:2], "expansive"), "above or below 1?"),
        ((*right[:2], "linear"), "should be one of 'compressive' or 'expansive'"),
    ]
    for answers, says in cases:
        given = (*answers, light, bold, EXPONENTS, RECORDING)
        assert says in said(capsys, further_compression.check_1, *given), says
