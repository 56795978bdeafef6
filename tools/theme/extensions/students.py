"""Links that open the students' version of the book in Binder.

In a page, ``{students}`text <notebooks/01_loading.ipynb>``` is a link to that file of the branch
``students``, which publishing makes. The repository's address comes from ``_config.yml``, where
`tools/launch.py` writes it.
"""

from urllib.parse import quote, urlparse

from docutils import nodes
from sphinx.util.docutils import ReferenceRole

BRANCH = "students"


def binder_url(repository, file):
    """Return the address at which Binder opens a file of the students' branch.

    Parameters
    ----------
    repository : str
        Address of a repository on GitHub.
    file : str
        Path of the file in the branch.

    Returns
    -------
    str

    Raises
    ------
    ValueError
        If the address is no repository's.
    """
    parts = urlparse(repository).path.strip("/").split("/")
    if len(parts) != 2 or not all(parts):
        raise ValueError(f"{repository!r} is no repository; give it as https://HOST/OWNER/NAME.")
    target = quote(f"lab/tree/{file}", safe="")
    return f"https://mybinder.org/v2/gh/{'/'.join(parts)}/{BRANCH}?urlpath={target}"


class StudentsLink(ReferenceRole):
    """The role ``students``."""

    def run(self):
        """Return the link."""
        repository = self.config.html_theme_options["repository_url"]
        uri = binder_url(repository, self.target)
        return [nodes.reference(self.rawtext, self.title, refuri=uri)], []


def setup(app):
    """Add the role to Sphinx."""
    app.add_role("students", StudentsLink())
    return {"parallel_read_safe": True, "parallel_write_safe": True}
