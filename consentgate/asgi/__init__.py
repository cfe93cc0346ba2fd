"""Owns the edge: the middleware, its routes, the banner and the app's view of consent.

Here alone the request path awaits, reads the clock and talks to stores.
"""
