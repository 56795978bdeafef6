"""Reading what was shown: tables with one row a volume, from files or from memory."""

import csv
import os
import warnings
from pathlib import Path
from tokenize import TokenError
from typing import NamedTuple

import numpy as np
import pandas as pd
from pandas.api import types
from scipy import sparse

from helpers._files import DataError
from helpers._files.pictures import PICTURES, read_frames

REST = -1
# What NumPy raises for files that are no arrays of numbers, or damaged ones.
NO_ARRAY = (
    OSError,
    ValueError,
    EOFError,
    SyntaxError,
    TypeError,
    OverflowError,
    MemoryError,
    TokenError,
)
ROUNDING = 1e-6  # how far single precision and a few decimals may carry 0, 1 or -1


def read_stimuli(label_file, shape=(10, 10)):
    """Read the images of one run, one row a volume.

    The file has a column for each pixel in Fortran order (down the first column of the image, then
    the next), as in Miyawaki et al. (2008). The result is in C order (along the rows), so
    that ``result[i].reshape(shape)`` is the image of volume ``i``.

    Parameters
    ----------
    label_file : str or Path
        Numbers without a header, with commas between them (or tabs or spaces): values from 0
        (dark) to 1 (lit), or a whole row of -1 where nothing is on the screen. What misses 0, 1
        or -1 by rounding, at most 1e-6, counts as 0, 1 or -1.
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
    _check_image_shape(shape)
    values = _numbers(_lines(read_text(label_file), label_file), label_file)
    n_pixels = shape[0] * shape[1]
    if values.shape[1] != n_pixels:
        raise ValueError(
            f"{label_file} has {values.shape[1]} columns; expected {n_pixels}, one for each pixel "
            f"of a {shape[0]} x {shape[1]} image: write one row a volume, without an index column."
        )
    for code in (0, 1, REST):
        values[np.abs(values - code) <= ROUNDING] = code
    _check_codes(values, label_file)
    return values.reshape((-1, *shape), order="F").reshape(len(values), n_pixels)


class Features(NamedTuple):
    """What was shown in each volume of a run."""

    values: np.ndarray  # (n_rows, n_features) of float; pixels in C order
    shape: tuple | None  # rows and columns of an image; None for features that are no pixels
    names: list | None  # of str, one a feature; None where they have none
    rest: float  # what all of a row holds while nothing is shown: -1 in label tables, else 0


def read_features(table, shape=None):
    """Read any features of a run, one row a volume.

    Parameters
    ----------
    table : str, Path, DataFrame, Series, array_like or sparse matrix
        - a text file of numbers without a header: images for `read_stimuli`, in Fortran order, of
          10 x 10 pixels or of the `shape` that is given;
        - a text file with a header, commas or tabs between the columns: named features, such as
          word embeddings, layers of a network or signed contrast, as they are;
        - ``.npy``, array, or lists of numbers: 2-D, features as they are, or pixels in C order (as
          ``image.ravel()`` has them) if `shape` is given; 3-D, images, volumes x rows x columns;
          1-D, one feature;
        - a DataFrame or Series: features by the names of its columns;
        - a folder: one picture a volume, see `helpers._files.pictures.read_frames`.
    shape : tuple of int, optional
        Rows and columns of the image, in pixels.

    Returns
    -------
    Features
        Values as they are, whatever the unit; only pictures are scaled to 0 to 1.

    Raises
    ------
    DataError
        If a file cannot be opened.
    ValueError
        If the table is no table of finite numbers, or has not the pixels that `shape` says.

    Warns
    -----
    UserWarning
        If nothing varies in the table, or features look like a label table's, with rows of -1.
    """
    if shape is not None:
        _check_image_shape(shape)
    if isinstance(table, str | os.PathLike):
        features = _from_path(Path(table), shape)
        name = str(table)
    else:
        name = "The table of features"
        features = _from_memory(name, table, shape)
    values = features.values
    rests = features.rest == REST == values.max()  # a run of rest is no mistake
    if len(values) > 1 and values.min() == values.max() and not rests:
        warnings.warn(
            f"{name} holds {values[0, 0]:g} throughout: nothing varies in this run. Check that it "
            "is the table you mean.",
            stacklevel=2,
        )
    return features


def check_there(path):
    """Raise DataError unless a path leads to a file or folder.

    Parameters
    ----------
    path : Path

    Raises
    ------
    DataError
    """
    try:
        path.stat()
    except OSError as error:
        if isinstance(error, FileNotFoundError) and path.is_symlink():
            raise DataError(
                f"{path} is a link, and what it links to is not there: get the content first (in "
                "a DataLad dataset with `datalad get`)."
            ) from None
        raise DataError(f"{path} cannot be opened ({error.strerror}): check the path.") from None
    except ValueError as error:
        raise DataError(f"{str(path)!r} cannot be opened ({error}): check the path.") from None


def read_text(text_file, expected="a table of numbers"):
    """Read a text file.

    Parameters
    ----------
    text_file : str or Path
    expected : str
        What the file should be, for the error.

    Returns
    -------
    str

    Raises
    ------
    DataError
        If the file cannot be opened.
    ValueError
        If it is no text in UTF-8.
    """
    path = Path(text_file)
    check_there(path)
    if path.is_dir():
        raise DataError(f"{path} is a folder; expected a file: name the file in it.")
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be opened ({error.strerror}): check the path.") from None
    try:
        # utf-8-sig: spreadsheets put a byte order mark before the first number.
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        utf16 = content.startswith((b"\xff\xfe", b"\xfe\xff"))
        raise ValueError(
            f"{path} is not {expected} ({'text in UTF-16' if utf16 else 'not a text file'}); "
            "expected text in UTF-8: save it anew, as text in UTF-8."
        )
    return text


def check_numbers(name, values):
    """Return an array of real, finite numbers as float64, or say why it is none.

    Parameters
    ----------
    name : str or Path
        What the array is called in messages.
    values : array_like
        Integers, bool and any precision are converted; a masked array may mask nothing.

    Returns
    -------
    ndarray of float64, of the same shape

    Raises
    ------
    ValueError
        For text, objects, complex numbers, dates, lists of unequal lengths, masked values, NaN
        and infinite values.
    """
    # NumPy forgets the masks of arrays in a list.
    parts = values if isinstance(values, list | tuple) else [values]
    n_masked = sum(np.ma.count_masked(part) for part in parts if np.ma.is_masked(part))
    if n_masked:
        raise ValueError(
            f"{name} masks {n_masked} of its values; expected a value in each place: fill them, or "
            "leave those volumes out with sample_mask."
        )
    try:
        array = np.asarray(values)
    except ValueError:
        raise ValueError(
            f"{name} has rows of different lengths; expected equally many numbers in each: look at "
            "the row that is shorter."
        ) from None
    if array.dtype.kind not in "biuf":
        raise ValueError(
            f"{name} holds {_kind(array)}; expected real numbers: turn it into numbers first, for "
            "example conditions with pandas.get_dummies, or objects with .astype(float)."
        )
    with np.errstate(over="ignore"):  # extended precision beyond float64: found as infinite below
        array = array.astype(np.float64)
    bad = ~np.isfinite(array)
    if bad.any():
        first = np.argwhere(bad)[0]
        place = ", ".join(
            f"{axis} {at + 1}" for axis, at in zip(("row", "column", "layer"), first, strict=False)
        )
        raise ValueError(
            f"{name} has {bad.sum()} values that are NaN or infinite, the first is "
            f"{array[tuple(first)]} in {place or 'its only place'} (counted from 1); expected "
            "finite numbers: fill the gaps, or look at the step that made them."
        )
    return array


def _kind(array):
    """Name what an array holds besides real numbers."""
    kinds = {"c": "complex numbers", "U": "text", "S": "text", "M": "dates", "m": "time spans"}
    if array.dtype.kind != "O":
        return kinds.get(array.dtype.kind, f"values of the type {array.dtype}")
    others = (value for value in array.flat if not isinstance(value, int | float))
    return f"objects ({type(next(others, 0)).__name__})"


def _check_image_shape(shape):
    """Raise ValueError unless a shape is that of an image."""
    counts = np.asarray(shape)
    if counts.shape != (2,) or counts.dtype.kind not in "iu" or (counts < 1).any():
        raise ValueError(
            f"shape is {shape}; expected the rows and columns of an image in pixels, such as "
            "(10, 10)."
        )


def _from_path(path, shape):
    """Return the Features that a folder, an .npy file or a text file holds."""
    check_there(path)
    suffix = path.suffix.lower()
    if path.is_dir():
        return _from_array(path, read_frames(path), shape)
    if suffix == ".npy":
        return _from_array(path, read_array(path), shape)
    if suffix in PICTURES:
        raise ValueError(
            f"{path} is one picture; expected a table with one row a volume, or a folder with one "
            "picture a volume: name the folder."
        )
    lines = _lines(read_text(path), path)
    names = _header(lines[0])
    if names is not None:
        return _from_named_columns(path, lines[1:], names, shape)
    n_columns = _numbers(lines, path).shape[1]
    if shape is None and n_columns != 100:
        raise ValueError(
            f"{path} has {n_columns} columns and no header; expected 100 of images of 10 x 10 "
            "pixels: give shape=(rows, columns) for other images, or write a header with the names "
            "of the columns for other features."
        )
    shape = (10, 10) if shape is None else tuple(shape)
    return Features(read_stimuli(path, shape), shape, None, REST)


def read_array(array_file):
    """Read an array of NumPy's.

    Parameters
    ----------
    array_file : Path
        ``.npy``.

    Returns
    -------
    ndarray

    Raises
    ------
    DataError
        If the file cannot be read, or holds Python objects, which NumPy does not load by itself.
    """
    try:
        with array_file.open("rb") as file:
            return np.lib.format.read_array(file, allow_pickle=False)
    except NO_ARRAY as error:
        reason = next(iter(str(error).splitlines()), "") or type(error).__name__
        raise DataError(
            f"{array_file} cannot be read as an array ({reason}): save numbers with numpy.save, or "
            "get the file anew."
        ) from None


def _from_memory(name, table, shape):
    """Return the Features that an object in memory holds."""
    if isinstance(table, pd.Series):
        table = table.to_frame(name="0" if table.name is None else table.name)
    if isinstance(table, pd.DataFrame):
        return _from_frame(name, table, shape)
    if sparse.issparse(table):
        table = table.toarray()
    if table is None or isinstance(table, dict | set) or not np.iterable(table):
        raise ValueError(
            f"{name} is of the type {type(table).__name__}; expected a path, an array, lists of "
            "numbers or a DataFrame, with one row a volume."
        )
    return _from_array(name, table, shape)


def _from_frame(name, frame, shape):
    """Return the Features that a DataFrame holds."""
    for column, dtype in zip(frame.columns, frame.dtypes, strict=True):
        if not types.is_numeric_dtype(dtype) or types.is_complex_dtype(dtype):
            raise ValueError(
                f'{name} has the column "{column}" of the type {dtype}; expected real numbers: '
                "leave it out, or turn it into numbers, for example with pandas.get_dummies."
            )
    values = frame.to_numpy(dtype=np.float64, na_value=np.nan)
    features = _from_array(name, values, shape)
    names = [str(column) for column in frame.columns]
    _check_names(name, names, features.values)
    return features._replace(names=names if features.shape is None else None)


def _from_array(name, table, shape):
    """Return the Features that an array holds, or say why they are none."""
    values = check_numbers(name, table)
    if values.ndim not in (1, 2, 3) or values.size == 0:
        raise ValueError(
            f"{name} has the shape {values.shape}; expected one row a volume: volumes x features, "
            "or volumes x rows x columns for images without colour."
        )
    if values.ndim == 3 and shape is not None and values.shape[1:] != tuple(shape):
        raise ValueError(
            f"{name} has images of {values.shape[1]} x {values.shape[2]} pixels, and shape is "
            f"{tuple(shape)}; expected the same: leave shape out."
        )
    shape = values.shape[1:] if values.ndim == 3 else shape
    values = values.reshape(len(values), -1)
    if shape is not None and values.shape[1] != shape[0] * shape[1]:
        raise ValueError(
            f"{name} has {values.shape[1]} columns; expected {shape[0] * shape[1]}, one for each "
            f"pixel of a {shape[0]} x {shape[1]} image."
        )
    coded = _looks_like_labels(values)
    if coded and shape is None:
        warnings.warn(
            f"{name} has rows of -1 throughout and else values from 0 to 1, as label tables have "
            "them. They stay numbers like others: give shape=(rows, columns) if -1 means rest.",
            stacklevel=4,
        )
    rest = REST if coded and shape is not None else 0
    return Features(values, None if shape is None else tuple(shape), None, rest)


def _looks_like_labels(values):
    """Say whether a table of several columns has whole rows of -1 and is else within 0 to 1."""
    rest = (values == REST).all(axis=1)
    others = values[~rest]
    return bool(values.shape[1] > 1 and rest.any() and ((others >= 0) & (others <= 1)).all())


def _from_named_columns(path, lines, names, shape):
    """Return the Features of a text file with a header, from the lines below it."""
    if shape is not None:
        raise ValueError(
            f"{path} has a header, and shape is given; expected pixels without a header: remove "
            "the first row for images, or leave shape out for named features."
        )
    if not lines:
        raise ValueError(
            f"{path} has a header and no rows; expected one row of numbers for each volume."
        )
    values = _numbers(lines, path, first=2)
    if len(names) != values.shape[1]:
        raise ValueError(
            f"{path} has {len(names)} names in its header and {values.shape[1]} numbers in a row; "
            "expected one name for each column: is there a column of row numbers without a name?"
        )
    check_numbers(path, values)
    _check_names(path, names, values)
    return Features(values, None, names, 0)


def _check_names(name, names, values):
    """Raise ValueError for names that occur twice, and for a column that only numbers the rows."""
    twice = sorted({column for column in names if names.count(column) > 1})
    if twice:
        raise ValueError(
            f'{name} has the name "{twice[0]}" over more than one column; expected a name of its '
            "own for each: is the first row really a header?"
        )
    for at, column in enumerate(names):
        counts = (np.diff(values[:, at]) == 1).all() and values[0, at] in (0, 1)
        unnamed = column == "" or column.startswith("Unnamed:")
        if unnamed or (counts and column.lower() in ("index", "level_0", "row")):
            raise ValueError(
                f'{name} has the column "{column}", which looks like row numbers that were saved '
                "with the table; expected features alone: leave it out, as "
                "pandas.read_csv(..., index_col=0) and to_csv(..., index=False) do."
            )


def _cells(line):
    """Cut a line at its tabs, else at its commas, else at its spaces."""
    if "\t" in line or "," in line:
        return next(csv.reader([line.rstrip("\r\n")], delimiter="\t" if "\t" in line else ","))
    return line.split()


def _lines(text, path):
    """Return the lines that are not blank."""
    lines = [line for line in text.splitlines() if line.strip()]
    if not lines:
        raise ValueError(
            f"{path} is empty; expected one row of pixel values for each volume: write the "
            "stimuli of the run into it."
        )
    return lines


def _header(line):
    """Return the names in a line, None if all of them are numbers."""
    cells = _cells(line)
    if ";" in line or all(map(_is_number, cells)):
        return None
    return [cell.strip() for cell in [cells[0].lstrip("# "), *cells[1:]]]


def _is_number(cell):
    """Say whether a cell holds a number as Python writes them."""
    try:
        float(cell)
    except ValueError:
        return False
    return "_" not in cell


def _numbers(lines, path, first=1):
    """Return the numbers of lines, (n_rows, n_columns); `first` is the row of the first."""
    separator = "\t" if "\t" in lines[0] else "," if "," in lines[0] else None
    try:
        return np.loadtxt(lines, delimiter=separator, ndmin=2, comments=None, quotechar='"')
    except ValueError:
        why, advice = _what_is_wrong(lines, first)
    raise ValueError(
        f"{path} is not a table of numbers ({why}); expected comma-separated numbers with equally "
        f"many in each row: {advice}."
    )


def _what_is_wrong(lines, first):
    """Return why lines are no numbers, and what to do."""
    if ";" in lines[0]:
        return "it has semicolons", "save it with commas between numbers and points for decimals"
    widths = [len(_cells(line)) for line in lines]
    for row, (line, width) in enumerate(zip(lines, widths, strict=True), start=first):
        for column, cell in enumerate(_cells(line), start=1):
            if not _is_number(cell):
                comma = _is_number(cell.replace(",", ".")) and "," in cell
                return (
                    f"'{cell[:20]}' in row {row}, column {column}",
                    "write decimals with points" if comma else "remove headers and text",
                )
        if width != widths[0]:
            return f"{width} in row {row} and {widths[0]} in the first", "complete that row"
    return "its columns are separated in different ways", "write commas between all numbers"


def _check_codes(values, label_file):
    """Raise ValueError unless each row is all -1 or all between 0 and 1."""
    rest = values == REST
    unknown = ~(rest | ((values >= 0) & (values <= 1)))
    if unknown.any():
        row, column = np.argwhere(unknown)[0]
        if row == 0 and values.shape[1] > 2 and (np.diff(values[0]) == 1).all():
            raise ValueError(
                f"{label_file} has the numbers {values[0, 0]:g}, {values[0, 1]:g}, "
                f"{values[0, 2]:g} ... in row 1, which look like a header; expected pixel values: "
                "save the table without a header, with pandas as to_csv(..., header=False)."
            )
        raise ValueError(
            f"{label_file} has the unknown code {values[row, column]:.10g} in row {row + 1}, "
            f"column {column + 1}; expected pixel values from 0 to 1, or -1 throughout a row for "
            "rest: recode or rescale the stimuli, or write a header with names over features "
            "that are no pixels."
        )
    mixed = rest.any(axis=1) & ~rest.all(axis=1)
    if mixed.any():
        row = np.flatnonzero(mixed)[0]
        raise ValueError(
            f"{label_file} has -1 in {rest[row].sum()} of {rest.shape[1]} columns of row "
            f"{row + 1}; expected -1 (rest) in all columns of a row or in none: write the dark "
            "pixels of an image as 0."
        )
