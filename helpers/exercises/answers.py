"""What the checks of exercises share: they print what is wrong with an answer.

A check is a function with the decorator `exercise`. It compares its reader's answers one by one,
by the functions below, and stops at the first that is wrong: later answers often rest on it.
"""

import functools

import numpy as np


class NotYet(ValueError):
    """An answer that is missing or wrong; the message says what is wrong with it."""


def exercise(number):
    """Make a check print its finding, where it would raise.

    Parameters
    ----------
    number : int
        The exercise's number in its chapter.

    Returns
    -------
    callable
        A decorator for functions that take answers and raise `NotYet` at a wrong one.
    """

    def decorate(check):
        @functools.wraps(check)
        def run(*answers):
            try:
                check(*answers)
            except NotYet as finding:
                print(f"Exercise {number}: not yet. {finding}")
            else:
                print(f"Exercise {number}: right.")

        return run

    return decorate


def expect_array(name, given, wanted, tolerance=0.0, mistakes=()):
    """Compare an array with the right one.

    Parameters
    ----------
    name : str
        What the reader calls the answer.
    given : array_like
        The reader's answer.
    wanted : array_like
        The right answer, worked out anew.
    tolerance : float or array_like
        How far each value may lie from the right one, in the answer's unit.
    mistakes : iterable of (array_like, str)
        Wrong answers that readers give, and what to say to each; read for a wrong answer only.

    Raises
    ------
    NotYet
        If the answer is missing, no numbers, of another shape, or wrong.
    """
    wanted = np.asarray(wanted)
    given = _numbers(name, given)
    if given.shape != wanted.shape:
        raise NotYet(f"`{name}` has the shape {given.shape}; it should be {wanted.shape}.")
    if _close(given, wanted, tolerance):
        return
    for mistake, message in mistakes:
        if np.shape(mistake) == wanted.shape and _close(given, mistake, tolerance):
            raise NotYet(f"`{name}`: {message}")
    if not np.isfinite(given).all():
        raise NotYet(f"`{name}` has values that are no finite numbers (NaN or infinity).")
    off = ~np.isclose(given, wanted, rtol=0, atol=tolerance)
    raise NotYet(f"`{name}` is wrong in {off.sum()} of {off.size} values.")


def expect_number(name, given, wanted, tolerance=0.0, mistakes=(), hint=""):
    """Compare a number with the right one.

    Parameters
    ----------
    name : str
        What the reader calls the answer.
    given : float
        The reader's answer.
    wanted : float
        The right answer, worked out anew.
    tolerance : float
        How far the answer may lie from the right one, in the answer's unit.
    mistakes : iterable of (float, str)
        Wrong answers that readers give, and what to say to each; read for a wrong answer only.
    hint : str
        What to say to any other wrong answer.

    Raises
    ------
    NotYet
        If the answer is missing, no single number, or wrong.
    """
    given = _numbers(name, given)
    if given.shape != ():
        raise NotYet(f"`{name}` should be one number; it has the shape {given.shape}.")
    if _close(given, wanted, tolerance):
        return
    for mistake, message in mistakes:
        if _close(given, mistake, tolerance):
            raise NotYet(f"`{name}` is {given:.4g}: {message}")
    if not np.isfinite(given):
        raise NotYet(f"`{name}` is {given}, which is no finite number.")
    way = "large" if given > wanted else "small"
    raise NotYet(f"`{name}` is {given:.4g}, which is too {way}. {hint}".rstrip())


def expect_ratio(name, given, wanted, share, mistakes):
    """Compare a number with the right one by their ratio.

    Wrong units are far apart, and some lie far below the right answer, where a tolerance in its
    unit would take one mistake for another.

    Parameters
    ----------
    name, given, wanted
        As for `expect_number`; both numbers are above 0.
    share : float
        How far the answer may lie from the right one, as a share of it; the same for mistakes.
    mistakes : iterable of (float, str)
        Wrong answers that readers give, and what to say to each.

    Raises
    ------
    NotYet
        If the answer is missing, no single number, or wrong.
    """
    try:
        mistakes = [(given, says) for x, says in mistakes if abs(given - x) <= share * x]
    except (TypeError, ValueError):  # no single number, as expect_number will say
        mistakes = []
    expect_number(name, given, wanted, share * wanted, mistakes)


def expect_choice(name, given, wanted, mistakes):
    """Compare one of several words with the right one.

    Parameters
    ----------
    name : str
        What the reader calls the answer.
    given : str or bool
        The reader's answer.
    wanted : str or bool
        The right answer.
    mistakes : dict
        What to say to each of the other words.

    Raises
    ------
    NotYet
        If the answer is missing, none of the words, or wrong.
    """
    _present(name, given)
    # Words and booleans out of arrays are numpy's own types.
    given, wanted = (x.item() if isinstance(x, np.generic) else x for x in (given, wanted))
    if type(given) is type(wanted) and given == wanted:
        return
    # True equals 1, and a reader who writes 1 for True has not chosen one of the words.
    for word, message in mistakes.items():
        if type(given) is type(word) and given == word:
            raise NotYet(f"`{name}` is {given!r}: {message}")
    words = " or ".join(sorted(repr(word) for word in [wanted, *mistakes]))
    raise NotYet(f"`{name}` is {given!r}; it should be one of {words}.")


def expect(condition, message):
    """Raise `NotYet` with the message unless the condition holds.

    Parameters
    ----------
    condition : bool
        What holds for a right answer.
    message : str
        What is wrong with the answer otherwise.

    Raises
    ------
    NotYet
        If the condition does not hold.
    """
    if not condition:
        raise NotYet(message)


def _present(name, given):
    if given is None or given is ...:
        raise NotYet(f"`{name}` is still empty: put your answer there.")


def _numbers(name, given):
    _present(name, given)
    try:
        return np.asarray(given, dtype=float)
    except (TypeError, ValueError):
        raise NotYet(f"`{name}` is {type(given).__name__}; it should hold numbers.") from None


def _close(given, wanted, tolerance):
    return np.allclose(given, wanted, rtol=0, atol=tolerance)
