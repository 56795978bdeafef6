"""Rows of the results: rounded, and as a table to read."""

from math import floor, log10

DIGITS = 3  # another run differs in the third digit already


def ratio_row(id, name, compared_with, ours, theirs, *, goal=None, agreement=None, **details):
    """Make a row that holds our time against what a user would use instead.

    Parameters
    ----------
    id : str
    name, compared_with : str
        What is computed, and with what else.
    ours, theirs : float
        Seconds.
    goal : float, optional
        The least ratio wanted.
    agreement : (str, float), optional
        How well the results of both sides agree: what was compared, and the number.
    **details
        ``n_runs``, ``dtype``, ``threads``, ``note``.

    Returns
    -------
    dict
    """
    return {
        "id": id,
        "name": name,
        "compared_with": compared_with,
        "ours_s": ours,
        "theirs_s": theirs,
        "ratio": theirs / ours,
        "goal": goal,
        "agreement": agreement and dict(zip(("what", "value"), agreement, strict=True)),
        **_details(**details),
    }


def limit_row(id, name, value, unit, *, limit=None, at_most=True, **details):
    """Make a row that holds a number against a limit.

    Parameters
    ----------
    id, name : str
    value : float
    unit : str
    limit : float, optional
        None for a number that is stated only.
    at_most : bool
        Whether the number shall be at most the limit, or at least.
    **details
        As for `ratio_row`.

    Returns
    -------
    dict
    """
    row = {"id": id, "name": name, "value": float(value), "unit": unit, "limit": limit}
    return row | {"at_most": at_most} | _details(**details)


def _details(n_runs, dtype, threads, note=""):
    return {"n_runs": n_runs, "dtype": dtype, "threads": str(threads), "note": note}


def reached(row):
    """Say whether a row keeps its goal or limit.

    Parameters
    ----------
    row : dict

    Returns
    -------
    bool or None
        None where there is no goal.
    """
    if "ratio" in row:
        return None if row["goal"] is None else row["ratio"] >= row["goal"]
    if row["limit"] is None:
        return None
    return row["value"] <= row["limit"] if row["at_most"] else row["value"] >= row["limit"]


def rounded(value):
    """Round all floats to three significant digits; whole numbers stay.

    Parameters
    ----------
    value : dict, list, tuple, number, str or None

    Returns
    -------
    The same, with dictionaries and lists made anew.
    """
    if isinstance(value, dict):
        return {key: rounded(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(part) for part in value]
    if isinstance(value, float) and value != 0:
        return round(value, DIGITS - 1 - floor(log10(abs(value))))
    return value


def table(head, lines):
    """Lay out a table in plain text; numbers stand right, words left.

    Parameters
    ----------
    head : list of str
    lines : list of list
        Cells: str, number or None.

    Returns
    -------
    str
    """
    cells = [head, *([_cell(value) for value in line] for line in lines)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    right = [
        all(isinstance(value, int | float | None) for value in column)
        for column in zip(*lines, strict=True)
    ]
    cells.insert(1, ["-" * width for width in widths])
    return "\n".join(
        "  ".join(
            cell.rjust(width) if to_right else cell.ljust(width)
            for cell, width, to_right in zip(line, widths, right, strict=True)
        ).rstrip()
        for line in cells
    )


def _cell(value):
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        value = rounded(value)
        if 0 < abs(value) < 1e-3:
            return f"{value:.3g}"
        return f"{value:,.{max(0, DIGITS - 1 - floor(log10(abs(value) or 1)))}f}"
    return f"{value:,}" if isinstance(value, int) else str(value)
