"""Exercises counted from 1 on each page, as the checks below them and the text count them.

sphinx-exercise counts them through the whole book, since its chapters have no numbers.
"""


def count_by_page(app, env):
    """Count the exercises of each page anew, in their order.

    Parameters
    ----------
    app : sphinx.application.Sphinx
    env : sphinx.environment.BuildEnvironment
        Its numbers of figures and the like are changed in place.
    """
    for numbers in env.toc_fignumbers.values():
        exercises = numbers.get("exercise", {})
        exercises.update({label: (place,) for place, label in enumerate(exercises, 1)})


def setup(app):
    """Connect to the event that follows Sphinx's own count.

    Parameters
    ----------
    app : sphinx.application.Sphinx

    Returns
    -------
    dict
        That Sphinx may read and write pages in parallel.
    """
    app.connect("env-check-consistency", count_by_page)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
