"""Tell search engines and cards in messages where the published pages are.

The address follows from the repository's in ``_config.yml``, so that a fork names itself. On a
repository that is not published, as on `main`, no page names an address and nothing is loaded.
"""

import re

REPOSITORY = re.compile(r"https://github\.com/(?P<owner>[\w.-]+)/(?P<name>[\w.-]+)/?")
PLACEHOLDER = "OWNER"
PICTURE = "_images/overview.png"


def pages_of(repository):
    """Return where GitHub publishes a repository's pages.

    Parameters
    ----------
    repository : str
        For example ``https://github.com/OWNER/NAME``.

    Returns
    -------
    str or None
        None where that cannot be known: the placeholder, or another host.
    """
    found = REPOSITORY.fullmatch(repository)
    if not found or found["owner"] == PLACEHOLDER:
        return None
    host = f"{found['owner'].lower()}.github.io"
    return (
        f"https://{host}/" if found["name"].lower() == host else f"https://{host}/{found['name']}/"
    )


def set_address(app, config):
    """Give the address to what names it: canonical links, cards and the site map."""
    config.html_baseurl = config.ogp_site_url = app.site_address
    config.ogp_image = PICTURE
    config.ogp_site_name = config.ogp_image_alt = config.html_title
    config.sitemap_url_scheme = "{link}"


def setup(app):
    """Load the extensions that need the address, where there is one."""
    options = app.config.html_theme_options
    app.site_address = app.config.html_baseurl or pages_of(options.get("repository_url", ""))
    if app.site_address:
        app.setup_extension("sphinxext.opengraph")
        app.setup_extension("sphinx_sitemap")
        app.connect("config-inited", set_address)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
