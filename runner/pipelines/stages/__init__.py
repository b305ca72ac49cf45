"""The stages there are, one module each; see ``stage.py`` for what they are written against."""
