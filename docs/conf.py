"""How Sphinx builds the documentation: `make site`.

The source folder is the repository's, so that pages may link to examples and to the changelog as
they do where a repository is browsed.
"""

from typing import Any

from sphinx.application import Sphinx

from stepladder import __version__

project = "stepladder"
release = version = __version__
copyright = "the stepladder maintainers"
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]

root_doc = "docs/index"
include_patterns = [
    "docs/**",
    "examples/README.md",
    "examples/*/README.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
]
exclude_patterns = ["**/runs/**", "docs/howto/notebook.ipynb"]

myst_enable_extensions = ["html_image"]
myst_heading_anchors = 3
suppress_warnings = ["myst.header"]  # a changelog's parts have no title of their own

autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
default_role = "code"  # docstrings set names as Markdown does
highlight_language = "text"

html_theme = "furo"
html_title = "stepladder"
html_extra_path = ["site"]  # its index.html leads to this page's folder
html_copy_source = False
html_show_sphinx = False


def setup(app: Sphinx) -> None:
    """Lets the keyboard reach code and tables that are wider than their page."""

    def focus(app: Sphinx, page: str, template: str, context: dict[str, Any], tree: object) -> None:
        for wide in ("<pre", '<div class="table-wrapper'):
            context["body"] = context.get("body", "").replace(
                wide, f'{wide[:4]} tabindex="0"{wide[4:]}'
            )

    app.connect("html-page-context", focus)
