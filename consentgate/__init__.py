"""Keeps a site's word about tracking, on the server."""
