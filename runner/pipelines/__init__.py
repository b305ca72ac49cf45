"""Pipelines: stages that hand events on to each other, described by a YAML document.

``document`` reads the text, ``graph`` says who feeds whom, ``runtime`` runs it, ``functions`` takes the document's JavaScript into isolates; ``stage``
is what a stage is written against, and ``stages/`` has them, one module each; ``texts/`` reads lines, JSON and YAML of texts that come in pieces.
"""
