"""Owns reading a page as browsers do, and writing it again without what is denied."""
