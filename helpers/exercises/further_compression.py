"""The check of the exercise of "Going further: does a voxel add up its light?"."""

import numpy as np

from helpers import data
from helpers.exercises.answers import exercise, expect_choice, expect_number
from helpers.features import convolve, haemodynamic_response


@exercise(1)
def check_1(top_linear, top_compressive, looks, light, bold, exponents, recording):
    """Check which exponents seem best without the stimulus regressor.

    Parameters
    ----------
    top_linear, top_compressive : float
        The exponent at the top of the mean R2 curve of each twin.
    looks : {"compressive", "expansive"}
        What the voxels of the linear twin seem to be.
    light : dict of numpy.ndarray, shape (n_samples, n_voxels)
        Light in the fields at each volume, by twin.
    bold : dict of numpy.ndarray, shape (n_samples, n_voxels)
        Responses without a shift, by twin.
    exponents : numpy.ndarray, shape (n_exponents,)
        The exponents that are compared.
    recording : helpers.data.Recording
        Of either twin, without a shift.
    """
    given = {"linear": top_linear, "compressive": top_compressive}
    tops = {}
    for twin, answer in given.items():
        alone, beside = _curves(light[twin], bold[twin], exponents, recording)
        place = alone.mean(axis=0).argmax()
        tops[twin] = exponents[place]
        mistakes = [
            (
                exponents[beside.mean(axis=0).argmax()],
                "that is the top with the regressor. Say with_regressor=False.",
            ),
            (place, "that is the place of the top in the table. Look it up in `exponents`."),
            (
                exponents[alone.mean(axis=0).argmin()],
                "that is where the curve is lowest. Take its top.",
            ),
            (
                np.median(exponents[alone.argmax(axis=1)]),
                "that is the median of the voxels' own tops. Average the curves first.",
            ),
            (
                np.mean(exponents[alone.argmax(axis=1)]),
                "that is the mean of the voxels' own tops. Average the curves first.",
            ),
        ]
        hint = "Average the R2 curves over voxels, and take the exponent at the top."
        expect_number(f"top_{twin}", answer, tops[twin], 1e-6, mistakes, hint)
    wanted, other = ("compressive", "expansive")[:: 1 if tops["linear"] < 1 else -1]
    bend = "is the exponent at the top of the linear twin's curve above or below 1?"
    expect_choice("looks", looks, wanted, {other: bend})


def _curves(light, Y, exponents, recording):
    """R2 of each voxel for each exponent, without and with the stimulus regressor."""
    response = haemodynamic_response(5.0)

    def course(columns):
        return data.clean_like(convolve(columns, response, recording.runs), recording)

    on = course(recording.is_on[:, np.newaxis] * 1.0)
    on /= np.linalg.norm(on)
    total, by_on = (Y**2).sum(axis=0), (on.T @ Y)[0] ** 2
    alone, beside = [], []
    for exponent in exponents:
        columns = course(light**exponent)
        alone.append(_explained(columns, Y) / total)
        beside.append((by_on + _explained(columns - on @ (on.T @ columns), Y)) / total)
    return np.array(alone).T, np.array(beside).T


def _explained(columns, Y):
    """Sum of squares that one column explains of each voxel."""
    return np.einsum("nv,nv->v", columns, Y) ** 2 / (columns**2).sum(axis=0)
