"""What the check of the exercise of "Going further: size, shape and pixel order" says."""

from types import SimpleNamespace

import numpy as np
import pytest

from helpers.exercises import further_field_size

LH = [(4, 6), (5, 7), (9, 8), (0, 0), (0, 0)]
RH = [(5, 2), (6, 3), (6, 1.5), (9, 9), (9, 9)]


@pytest.mark.parametrize(
    ("answers", "says"),
    [
        ((False, "column", "row", (-1, 5), (5, -1)), "right."),
        ((..., "column", "row", (-1, 5), (5, -1)), "`halves_tell` is still empty"),
        ((True, "column", "row", (-1, 5), (5, -1)), "do their centres move together?"),
        ((False, "row", "row", (-1, 5), (5, -1)), "is that a row or a column?"),
        ((False, "column", "column", (-1, 5), (5, -1)), "which one differs now?"),
        ((False, "columns", "row", (-1, 5), (5, -1)), "should be one of 'column' or 'row'"),
        ((False, "column", "row", (1, -5), (5, -1)), "`gap_right`: take the left hemisphere minus"),
        ((False, "column", "row", (5, -1), (5, -1)), "`gap_right`: the row comes first"),
        ((False, "column", "row", (-2, 3), (5, -1)), "voxels of all areas"),
        ((False, "column", "row", (1.5, 5), (5, -1)), "it is V1d and V1v"),
        ((False, "column", "row", (1 / 3, 29 / 6), (5, -1)), "these are means"),
        ((False, "column", "row", (-1, 5.25), (5, -1)), "wrong in 1 of 2 values"),
        ((False, "column", "row", 5, (5, -1)), "has the shape (); it should be (2,)"),
        (
            (False, "column", "row", (-1, 5), (-1, 5)),
            "`gap_wrong`: these are the centres in the right order",
        ),
        ((False, "column", "row", (-1, 5), (-5, 1)), "`gap_wrong`: take the left hemisphere minus"),
    ],
)
def test_hemispheres(capsys, answers, says):
    truth = SimpleNamespace(
        area=np.array(["V1d", "V1v", "V1d", "V2d", "V3", "V1d", "V1v", "V1v", "V2v", "V3", "V1d"]),
        hemisphere=np.array(["LH"] * 5 + ["RH"] * 5 + ["LH"]),
    )
    chosen = np.arange(10)
    further_field_size.check_1(*answers, np.array(LH + RH, dtype=float), truth, chosen)
    assert says.lower() in capsys.readouterr().out.lower()
