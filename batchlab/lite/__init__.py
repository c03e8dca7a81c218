"""The lessons as a static site: Python itself runs in the browser of the reader.

`batchlab lite` builds it: JupyterLab (JupyterLite), Python for browsers (Pyodide), this
installation of batchlab and the lessons. Any server of files can publish it, and no page of it
asks another host for anything. `packages` collects what Python needs, `lessons` writes the copies
of the lessons, `site` puts everything together, and `showing` is a server for a first look.
"""

from __future__ import annotations

from batchlab.lite.showing import SiteServer
from batchlab.lite.site import Site, build_site, ready_site

__all__ = ["Site", "SiteServer", "build_site", "ready_site"]
