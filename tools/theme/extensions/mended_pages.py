"""What the theme and the extensions get wrong on every page, mended while Sphinx writes it.

The style sheet ``static/accessibility.css`` and the template ``templates/layout.html`` mend the
rest. ``tests/test_browser.py`` sees when one of these is needed no longer, or not enough.
"""


def mend(app, pagename, templatename, context, doctree):
    """Change what a page loads, and the roles in its text, before the theme's template gets it.

    Parameters
    ----------
    app, pagename, templatename, doctree
        As Sphinx passes them to every listener of ``html-page-context``.
    context : dict
        The template's variables, changed in place.
    """
    # The book has no live cells. Their script is on every page nevertheless, twice, which is an
    # error in the console, and it names another host.
    for files in ("script_files", "css_files"):
        context[files] = [file for file in context[files] if not _is_of_thebe(file)]
    # The role that docutils gives to an entry of the references is deprecated, and a list may not
    # hold it.
    # And the name that MyST-NB gives to the line that opens a folded cell is not the text that is
    # read there, "Show code cell source".
    if "body" in context:
        body = context["body"].replace('role="doc-biblioentry"', 'role="listitem"')
        context["body"] = body.replace('<summary aria-label="Toggle hidden content">', "<summary>")


def _is_of_thebe(file):
    return "thebe" in f"{file.filename} {file.attributes.get('body')}".lower()


def setup(app):
    """Connect to Sphinx.

    Parameters
    ----------
    app : sphinx.application.Sphinx

    Returns
    -------
    dict
        That Sphinx may read and write pages in parallel.
    """
    # After the extensions that add something to a page.
    app.connect("html-page-context", mend, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
