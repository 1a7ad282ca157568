"""Make an SVG file of matplotlib's fit to stand inside the page."""

from __future__ import annotations

import re

from markupsafe import Markup, escape

from bakeoff.report.palette import VARIABLES

_ROOT = re.compile(r"<svg\b[^>]*>", re.DOTALL)
_VIEW = re.compile(r'viewBox="([^"]+)"')
_LEFT_OUT = re.compile(r"<metadata>.*?</metadata>|<style\b[^>]*>.*?</style>|<!--.*?-->", re.DOTALL)


def inline_svg(svg: str, identity: str, title: str, description: str) -> Markup:
    """Turn an SVG file into an element: described, coloured by the page, with ids that no other figure has.

    Args:
        svg: the file's text, as matplotlib writes it (which escapes all text of ours).
        identity: what ids begin with: letters, digits and `-`, different for each figure of a page.
        title: the figure's title, plain text.
        description: what it shows, plain text: the alternative for those who do not see it.

    Returns:
        The element.
    """
    root = _ROOT.search(svg)
    assert root is not None, "matplotlib wrote no svg element"
    view = _VIEW.search(root.group())
    assert view is not None, "matplotlib wrote no viewBox"
    body = _LEFT_OUT.sub("", svg[root.end() :])
    body = re.sub(r'\bid="', f'id="{identity}-', body)
    body = re.sub(r'href="#', f'href="#{identity}-', body)
    body = re.sub(r"url\(#", f"url(#{identity}-", body)
    body = body.replace("xlink:href", "href")
    for colour, variable in VARIABLES.items():
        body = re.sub(colour, f"var({variable})", body, flags=re.IGNORECASE)
    opening = (
        f'<svg viewBox="{view.group(1)}" role="img" aria-labelledby="{identity}-title {identity}-desc" '
        'stroke-linejoin="round" xmlns="http://www.w3.org/2000/svg">'
        f'<title id="{identity}-title">{escape(title)}</title><desc id="{identity}-desc">{escape(description)}</desc>'
    )
    return Markup(opening + body)  # noqa: S704 - title and description are escaped here, the rest by matplotlib
