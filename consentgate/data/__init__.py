"""Data that ships with the package; read at the edge, handed down as values."""
