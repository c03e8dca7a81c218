"""The page of a served lab: the displays of the notebook, in any browser.

`front.Page` stands before the REST service of a lab and takes what a browser asks for: a document,
its scripts, and a WebSocket. `access` says who may watch. `served_lab` has what all watchers
share: the history of the lab, and the answers to what they ask. A `watcher` is one open page.

The scripts are those of the notebook; ``static/page*.js`` give them a channel to this server in
place of a kernel.
"""

from batchlab.widgets.served.front import Page

__all__ = ["Page"]
