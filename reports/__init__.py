"""Rendering of results: `page` writes the HTML report, `figures` draws what it plots.

Nothing is imported here, so that a program which renders nothing loads neither Jinja nor
matplotlib.
"""
