"""Owns reports: what an analyst reads of a site log, with what each number rests on.

Every number is rounded and small ones are left out before anything else sees it, so each output
says the same. Never knows the middleware, and never gives a row away.
"""
