"""The interactive figures as static pages, and a tour of them: a lecture in steps.

``make site``, or ``python -m emdviz.site``, writes a folder of HTML files, each of which holds all
it needs: no Python, no network, nothing to install. They open by a double click, from any web
server, and in a frame of another page. Building them takes seconds and needs no torch.
"""

from emdviz.site.pages import PAGES, build

__all__ = ["PAGES", "build"]
