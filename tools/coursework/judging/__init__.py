"""How an answer is judged: outside the process it runs in, by what comes back from there.

A module ``judging.assignment_a`` holds one function for each question that is judged by machine:

>>> @question("a-5-function", points=4, words="The lag goes the right way")
... def lag_of_the_correlation(given, truth, recording, rng):
...     correlate = given.function("on_off_correlation")
...     late = int(rng.integers(1, 6))
...     screen = rng.random(80) < 0.4
...     found = given.array(correlate(screen, np.roll(screen, late)[:, None], late), shape=(1,))
...     expect(found[0] > 0.99, f"A voxel that follows {late} volumes later does not give 1.")

Expected values never enter the sandbox. What comes back is data: numbers, arrays, text.
"""

import contextlib
import copy
import hashlib
import importlib.util
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sandbox import CourseError, Missing, NotPlain, SessionEnded, StudentError, Timeout

__all__ = ["Result", "Submission", "expect", "judge", "question", "questions_of"]

AGAIN = 3  # times that a notebook runs anew after a question has ended it
LONGEST = 500  # characters of what a student reads of one question


@dataclass(frozen=True)
class Question:
    """One question: its id, its points, what a student reads of it, and the function."""

    id: str
    points: float
    words: str
    function: object


@dataclass(frozen=True)
class Result:
    """What one question got.

    Attributes
    ----------
    id : str
    points : float or None
        None where it was not judged.
    max_points : float
    words : str
        For the student: which idea is right or wrong, with which input.
    status : "judged" or "not judged"
    note : str
        For the teacher: what the judge stumbled over. It may tell what was expected.
    """

    id: str
    points: float | None
    max_points: float
    words: str
    status: str = "judged"
    note: str = ""


class Refused(Exception):
    """An answer is wrong; the words say why."""


def question(name, points, words):
    """Say that a function judges a question.

    The function takes a `Submission`, the truth of the student's recording, the folder of the
    recording and a random generator of this course, student and question. It raises through
    `expect` where an answer is wrong. It returns nothing, or the part of the points from 0 to 1.

    Parameters
    ----------
    name : str
        The id of the question's test.
    points : float
    words : str
        The idea, in words for the student: "The lag goes the right way".
    """

    def keep(function):
        # Each file of judges keeps its own, so that two courses in one process do not meet.
        asked = function.__globals__.setdefault("QUESTIONS", {})
        if name in asked:
            raise CourseError(
                f'{function.__code__.co_filename} has two questions with the id "{name}"; expected '
                "one function for each id: rename one of them."
            )
        asked[name] = Question(name, points, words, function)
        return function

    return keep


def expect(condition, words):
    """Refuse an answer, with words for the student, unless a condition holds.

    Parameters
    ----------
    condition : bool or array of bool
        All of an array have to be true.
    words : str
        Which idea is wrong, with which input; never the expected value.
    """
    if not np.all(condition):
        raise Refused(words)


class Submission:
    """What a judge sees of a hand-in: the values and functions that it defines, as plain data.

    Parameters
    ----------
    session : sandbox.Session
        After its ``run``.
    """

    def __init__(self, session):
        self._session = session

    def value(self, name):
        """Return what a name holds after the notebook has run: plain numbers, arrays, text.

        Parameters
        ----------
        name : str
        """
        return self._session.value(name)

    def function(self, name):
        """Return a function that calls the student's inside the sandbox.

        Its arguments may be numbers, text, arrays, lists, dictionaries, None, and paths of files
        in the recording. What it returns is plain, too: numbers, text, arrays, lists.

        Parameters
        ----------
        name : str

        Returns
        -------
        callable
        """

        def call(*args, **kwargs):
            return self._session.call(name, *args, **kwargs)

        return call

    def file(self, name, content):
        """Put a file into the sandbox, for functions that take a path.

        Parameters
        ----------
        name : str
            Such as "label.csv".
        content : bytes

        Returns
        -------
        str
            Its path inside, to call functions with.
        """
        return self._session.file(name, content)

    @staticmethod
    def array(value, shape=None, what="The result"):
        """Return a value as an array of numbers; refuse it, in words, where it is none.

        Parameters
        ----------
        value
            From `value` or from a function.
        shape : tuple of (int or None), optional
            Expected shape; None is any length.
        what : str
            How the words begin.

        Returns
        -------
        ndarray
            Of bool, int, float or complex.
        """
        try:
            array = np.asarray(value)
        except ValueError:  # Lists of different lengths.
            array = np.asarray(None)
        if array.dtype.kind not in "biufc":
            raise Refused(f"{what} is no array of numbers: did you forget to return it?")
        if shape is not None:
            fits = len(shape) == array.ndim and all(
                want in (None, have) for want, have in zip(shape, array.shape, strict=True)
            )
            wanted = ", ".join("any" if want is None else str(want) for want in shape)
            expect(fits, f"{what} has the shape {array.shape}; expected ({wanted}).")
        return array

    @classmethod
    def number(cls, value, what="The result"):
        """Return a value as one number; refuse it, in words, where it is none.

        Parameters
        ----------
        value
            From `value` or from a function; an array with a single entry counts.
        what : str
            How the words begin.

        Returns
        -------
        float
        """
        array = cls.array(value, what=what)
        expect(array.size == 1, f"{what} has {array.size} entries; expected a single number.")
        expect(array.dtype.kind != "c", f"{what} is a complex number.")
        return float(array.reshape(()))

    @staticmethod
    def text(value, what="The result"):
        """Return a value as text; refuse it, in words, where it is none.

        Parameters
        ----------
        value
            From `value` or from a function.
        what : str
            How the words begin.

        Returns
        -------
        str
        """
        if isinstance(value, np.ndarray) and value.dtype.kind == "U" and value.size == 1:
            value = value.item()
        expect(isinstance(value, str), f"{what} is no text: write it in quotes.")
        return value


def questions_of(judges):
    """Return the questions that a file of judges asks, in its order.

    Parameters
    ----------
    judges : path-like
        Such as ``judging/assignment_a.py``, the book's or a course's own.

    Returns
    -------
    list of Question

    Raises
    ------
    CourseError
        If there is no such file, or two of its questions have the same id.
    """
    judges = Path(judges)
    if not judges.is_file():
        raise CourseError(
            f'There is no judge of "{judges.stem}"; expected {judges}: check the name of the '
            "assignment."
        )
    # As a part of this package, wherever the file lies: it imports from `.` and from `.reading`.
    spec = importlib.util.spec_from_file_location(f"{__name__}.{judges.stem}", judges)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return list(vars(module).get("QUESTIONS", {}).values())


def judge(questions, session, truth, recording, student, salt):
    """Judge all questions of a submission, each on its own.

    Parameters
    ----------
    questions : list of Question
    session : sandbox.Session
        After its ``run``.
    truth : Bunch
        Of the student's recording; every question gets a copy.
    recording : pathlib.Path
        Folder of the student's recording, as it was handed out.
    student, salt : str
        Hidden inputs depend on both.

    Returns
    -------
    list of Result
    """
    results, again = [], 0
    with contextlib.ExitStack() as stack:
        for asked in questions:
            ended = session.ended
            results.append(_judge_one(asked, session, truth, recording, student, salt))
            # A question may end the notebook; then it runs anew for the others.
            if ended is None and session.ended is not None and again < AGAIN:
                session = stack.enter_context(session.again())
                session.run()
                again += 1
    return results


def _judge_one(asked, session, truth, recording, student, salt):
    seed = hashlib.sha256(f"{salt}\n{student}\n{asked.id}".encode()).digest()
    rng = np.random.default_rng(int.from_bytes(seed[:16]))
    before = session.ended
    if before is not None:
        return _not_judged(asked, f"Not judged: the notebook {before}.")
    try:
        part = asked.function(Submission(session), copy.deepcopy(truth), recording, rng)
    except Refused as refused:
        return _judged(asked, 0.0, str(refused))
    except Missing as missing:
        return _judged(asked, 0.0, f"{missing} is not defined when the notebook has run.")
    except Timeout as timeout:
        return _judged(asked, 0.0, str(timeout))
    except (NotPlain, StudentError) as error:
        return _judged(asked, 0.0, str(error))
    except SessionEnded:
        return _not_judged(asked, f"Not judged: the notebook {session.ended} in this question.")
    except Exception as error:  # One question never stops the others, and never costs points.
        words = "Not judged: the answer has a form that the judge did not foresee."
        note = f"{asked.id}: {type(error).__name__} in the judge: {error}"
        return _not_judged(asked, f"{words} A teacher looks at it.", note)
    part = 1.0 if part is None else float(np.clip(part, 0, 1))
    return _judged(asked, part, asked.words)


def _judged(asked, part, words):
    return Result(asked.id, part * asked.points, asked.points, words[:LONGEST])


def _not_judged(asked, words, note=""):
    return Result(asked.id, None, asked.points, words[:LONGEST], "not judged", note[:LONGEST])
