"""Captions: a paragraph in italics that begins with "Figure:" belongs to the figure above it.

A notebook has no captions, so the chapters write them as text, which JupyterLab and Colab show,
too. Here such a paragraph gets a class, which ``static/book.css`` gives its looks.
"""

from docutils import nodes


def mark(app, document):
    """Give the captions of a page their class.

    Parameters
    ----------
    app : sphinx.application.Sphinx
    document : docutils.nodes.document
        Changed in place.
    """
    for paragraph in document.findall(nodes.paragraph):
        whole = len(paragraph) == 1 and isinstance(paragraph[0], nodes.emphasis)
        if whole and paragraph.astext().startswith("Figure:"):
            paragraph["classes"].append("figure-caption")


def setup(app):
    """Connect to the event that follows the reading of a page.

    Parameters
    ----------
    app : sphinx.application.Sphinx

    Returns
    -------
    dict
        That Sphinx may read and write pages in parallel.
    """
    app.connect("doctree-read", mark)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
