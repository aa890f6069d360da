"""A generator on a page in the browser: the same as the commands do, from the same functions.

A tab is a file: what it shows is a pure function of what a person chose, from checked numbers to HTML.
Pictures travel inside the HTML, so the page has no files, and no path is ever taken from it.
"""
