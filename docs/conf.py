"""How the documentation becomes a site: ``make docs``."""

project = "consentgate"
author = copyright = "consentgate contributors"  # the name that Sphinx reads
extensions = ["myst_parser"]
source_suffix = {".md": "markdown"}
myst_heading_anchors = 3
myst_enable_extensions = ["colon_fence"]
html_theme = "furo"
html_title = "consentgate"
html_show_sphinx = False
html_copy_source = False
exclude_patterns = ["images"]
