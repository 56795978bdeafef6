"""The check of the exercise of "Going further: size, shape and pixel order"."""

import numpy as np

from helpers.exercises.answers import exercise, expect_array, expect_choice


@exercise(1)
def check_1(halves_tell, apart_right, apart_wrong, gap_right, gap_wrong, centre, truth, chosen):
    """Check what gives away that the label files were read in C order.

    Parameters
    ----------
    halves_tell : bool
        Whether centres of two halves of the runs move apart.
    apart_right, apart_wrong : {"row", "column"}
        Where the hemispheres of V1 differ more, read right and in C order.
    gap_right, gap_wrong : numpy.ndarray, shape (2,)
        Median centre of V1 in the left hemisphere minus that in the right: row, column, in pixels.
    centre : numpy.ndarray, shape (n_chosen, 2)
        Centres of the chosen voxels, read right.
    truth : Truth
        What the twin was made from.
    chosen : numpy.ndarray of int, shape (n_chosen,)
        The columns of the chosen voxels.
    """
    together = "both halves are read in the same wrong order. Do their centres move together?"
    expect_choice("halves_tell", halves_tell, False, {True: together})
    names = np.array(["row", "column"])
    side, area = truth.hemisphere[chosen], truth.area[chosen]
    v1 = np.char.startswith(area, "V1")
    gap = _gap(centre, side, v1)
    opposite = "each hemisphere sees the opposite half of the field: is that a row or a column?"
    turned = "in C order the rows and columns of every image change places. Which one differs now?"
    widest = names[np.argsort(np.abs(gap))]
    expect_choice("apart_right", apart_right, str(widest[1]), {str(widest[0]): opposite})
    expect_choice("apart_wrong", apart_wrong, str(widest[0]), {str(widest[1]): turned})
    # Read in C order, a field is mirrored about the diagonal: its row and column change places.
    orders = [
        (
            "gap_right",
            gap_right,
            centre,
            "the row comes first. (Or did you use the centres in C order?)",
        ),
        (
            "gap_wrong",
            gap_wrong,
            centre[:, ::-1],
            "these are the centres in the right order. Use `wrong_fits`.",
        ),
    ]
    for name, given, places, swapped in orders:
        wanted = _gap(places, side, v1)
        mistakes = [
            (wanted[::-1], swapped),
            (-wanted, "take the left hemisphere minus the right one."),
            (
                _gap(places, side, np.ones_like(v1)),
                "these are voxels of all areas. Keep those of V1.",
            ),
            (
                _gap(places, side, area == "V1d"),
                "one part of V1 is missing. In the files it is V1d and V1v.",
            ),
            (
                _gap(places, side, v1, np.mean),
                "these are means, which a few failed fits can shift. Take the medians.",
            ),
        ]
        # Medians lie on eighths of a pixel.
        expect_array(name, given, wanted, 0.05, mistakes)


def _gap(centre, side, chosen, middle=np.median):
    left, right = (middle(centre[chosen & (side == name)], axis=0) for name in ("LH", "RH"))
    return left - right
