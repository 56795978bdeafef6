"""Reading stimulus tables: one CSV file a run, one row a volume, one column a pixel."""

from pathlib import Path
from textwrap import shorten

import numpy as np

from helpers._files import DataError

REST = -1


def read_stimuli(label_file, shape=(10, 10)):
    """Read the images of one run, one row a volume.

    The file has a column for each pixel in Fortran order (down the first column of the image, then
    the next), as in Miyawaki et al. (2008). The result is in C order (along the rows), so
    that ``result[i].reshape(shape)`` is the image of volume ``i``.

    Parameters
    ----------
    label_file : str or Path
        Comma-separated numbers without a header: values from 0 (dark) to 1 (lit), or a
        whole row of -1 where nothing is on the screen.
    shape : tuple of int
        Rows and columns of the image, in pixels.

    Returns
    -------
    ndarray of float, (n_volumes, n_pixels)
        Pixel values in C order; a rest row is -1 throughout.

    Raises
    ------
    DataError
        If the file cannot be opened.
    ValueError
        If the file is empty, holds something else than numbers, has another number of
        columns, values outside 0 to 1, or a row that is -1 in part.
    """
    values = _read_numbers(Path(label_file))
    n_pixels = shape[0] * shape[1]
    if values.shape[1] != n_pixels:
        raise ValueError(
            f"{label_file} has {values.shape[1]} columns; expected {n_pixels}, one for each pixel "
            f"of a {shape[0]} x {shape[1]} image: write one row a volume, without an index column."
        )
    _check_codes(values, label_file)
    return values.reshape((-1, *shape), order="F").reshape(len(values), n_pixels)


def _read_numbers(label_file):
    """Return the table as it stands in the file, (n_rows, n_columns)."""
    try:
        # utf-8-sig: spreadsheets put a byte order mark before the first number.
        lines = label_file.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError:
        lines = ["(not a text file)"]
    except OSError as error:
        raise DataError(
            f"{label_file} cannot be opened ({error.strerror}): check the path."
        ) from None
    if not any(line.strip() for line in lines):
        raise ValueError(
            f"{label_file} is empty; expected one row of pixel values for each volume: write the "
            "stimuli of the run into it."
        )
    try:
        return np.loadtxt(lines, delimiter=",", ndmin=2, comments=None)
    except ValueError as error:
        raise ValueError(
            f"{label_file} is not a table of numbers ({shorten(str(error), 120)}); expected "
            "comma-separated numbers with equally many in each row: remove headers and text."
        ) from None


def _check_codes(values, label_file):
    """Raise ValueError unless each row is all -1 or all between 0 and 1."""
    rest = values == REST
    unknown = ~(rest | ((values >= 0) & (values <= 1)))
    if unknown.any():
        row, column = np.argwhere(unknown)[0]
        raise ValueError(
            f"{label_file} has the unknown code {values[row, column]:g} in row {row + 1}, column "
            f"{column + 1}; expected pixel values from 0 to 1, or -1 throughout a row for rest: "
            "recode or rescale the stimuli."
        )
    mixed = rest.any(axis=1) & ~rest.all(axis=1)
    if mixed.any():
        row = np.flatnonzero(mixed)[0]
        raise ValueError(
            f"{label_file} has -1 in {rest[row].sum()} of {rest.shape[1]} columns of row "
            f"{row + 1}; expected -1 (rest) in all columns of a row or in none: write the dark "
            "pixels of an image as 0."
        )
