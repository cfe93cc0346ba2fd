"""Reports: what an analyst reads of a site log."""
