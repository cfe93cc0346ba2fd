"""The standing test: every published snippet, before and after every choice, in every mode."""
