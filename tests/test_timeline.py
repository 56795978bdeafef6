"""Responses beside what was shown, where volumes are dropped at the start and in the middle."""

import numpy as np
import pytest

from helpers._files.timeline import RunOfVolumes, delay, has_gaps, rows_later, stack
from helpers.features import Delayer

LENGTHS = (12, 9)


def make_runs(dropped, blocks=None):
    """Two runs in which feature 0 of a volume is 100 * run + volume, without some volumes."""
    runs = []
    for run, (n, without) in enumerate(zip(LENGTHS, dropped, strict=True)):
        features = np.column_stack([100.0 * run + np.arange(n), np.ones(n)])
        kept = np.setdiff1d(np.arange(n), without)
        events = None if blocks is None else np.array(blocks[run])
        images = None if blocks is None else np.full((len(events), 2), run)
        runs.append(RunOfVolumes(features, kept, events, images))
    return runs


@pytest.mark.parametrize("shift", [0, 2, 5])
@pytest.mark.parametrize("dropped", [([], []), ([0, 1], [0]), ([4, 5, 9], [3, 8])])
def test_a_row_is_a_kept_volume_beside_what_was_shown_before_it(dropped, shift):
    rows = stack(make_runs(dropped), shift)
    expected = [
        (run, volume, 100 * run + volume - shift)
        for run, n in enumerate(LENGTHS)
        for volume in range(n)
        if volume not in dropped[run] and volume >= shift
    ]
    got = list(zip(rows.runs, rows.volumes, rows.stimuli[:, 0], strict=True))
    assert got == expected
    kept = [(r, v) for r, n in enumerate(LENGTHS) for v in range(n) if v not in dropped[r]]
    assert [kept[row] for row in rows.from_kept] == [(run, volume) for run, volume, _ in expected]


def test_gaps_are_those_in_the_middle():
    for dropped, expected in [(([], []), False), (([0, 1], [8]), False), (([4], []), True)]:
        rows = stack(make_runs(dropped), 0)
        assert has_gaps(rows.runs, rows.volumes) == expected


def test_events_become_rows_and_those_without_a_volume_are_counted():
    """Of two dropped volumes the second event loses one, and the third all that it has."""
    blocks = [[(0, 2), (3, 6), (7, 8)], [(6, 9)]]
    rows = stack(make_runs(([4, 7], []), blocks), 1)
    shown = rows.volumes - 1
    got = [(rows.runs[a], shown[a:b].tolist()) for a, b in rows.blocks]
    # With a shift of 1, volume 4 is measured beside what volume 3 showed, and 7 beside 6.
    assert got == [(0, [0, 1]), (0, [4, 5]), (0, [7]), (1, [6, 7])]
    assert rows.n_lost == 0
    assert stack(make_runs(([8], []), blocks), 1).n_lost == 1
    assert stack(make_runs(([8], []), blocks), 1).images[:, 0].tolist() == [0, 0, 1]


def test_later_rows_are_those_of_later_volumes():
    rows = stack(make_runs(([4, 5], [])), 0)
    starts, stops = np.array([1, 8, 10]), np.array([3, 10, 12])
    firsts, ends = rows_later(rows.runs, rows.volumes, starts, stops, 2)
    later = [rows.volumes[a:b].tolist() for a, b in zip(firsts, ends, strict=True)]
    # Volumes 1 and 2 are followed by 3 and the missing 4; 10 and 11 by nothing in their run.
    assert later == [[3], [], [2, 3]]


@pytest.mark.parametrize("delays", [(0,), (1, 2, 3), (4, 0)])
def test_delays_without_gaps_are_those_of_the_delayer(delays):
    runs = make_runs(([], []))
    rows = stack(runs, 0)
    got = delay([run.features for run in runs], rows.runs, rows.volumes, delays)
    expected = Delayer(delays).fit_transform(rows.stimuli, groups=rows.runs)
    np.testing.assert_array_equal(got, expected)


def test_delays_see_the_volumes_that_were_dropped():
    """Every row with volumes missing is the row that there would be without."""
    runs = make_runs(([0, 1, 6, 7], [4]))
    rows, whole = stack(runs, 2), stack(make_runs(([], [])), 2)
    features = [run.features for run in runs]
    got = delay(features, rows.runs, rows.volumes - 2, (1, 3))
    expected = delay(features, whole.runs, whole.volumes - 2, (1, 3))
    there = [
        (whole.runs == r) & (whole.volumes == v)
        for r, v in zip(rows.runs, rows.volumes, strict=True)
    ]
    np.testing.assert_array_equal(got, expected[np.argmax(there, axis=1)])
