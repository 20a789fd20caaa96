"""The documents as a site: ``make docs``. Its source directory is the repository, so links between documents hold."""

from pipeline import __version__

project = "Copydesk"
author = "The Copydesk authors"
release = version = __version__
root_doc = "docs/index"
include_patterns = [
    "README.md", "CHANGELOG.md", "CONTRIBUTING.md", "docs/*.md", "docs/decisions/*.md", "benchmarks/README.md",
    "benchmarks/results/*.md", "transforms/models/*.md",
]  # fmt: skip
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinxcontrib.mermaid"]
myst_heading_anchors = 4
myst_enable_extensions = ["colon_fence"]
myst_fence_as_directive = ["mermaid"]
html_theme = "furo"
html_title = f"Copydesk {version}"
nitpicky = False
autodoc_typehints = "description"
autodoc_member_order = "bysource"
linkcheck_ignore = [r"https?://(localhost|.*\.example)"]
