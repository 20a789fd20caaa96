"""The chart library of the report: Vega as one script, without the network.

The charts themselves are defined in ``templates/report.js``, in Vega's own grammar.
"""

from __future__ import annotations

import functools


@functools.cache
def runtime() -> str:
    """Return the script that defines ``vegaEmbed``; takes most of a second once for each process."""
    import vl_convert  # starts a JavaScript engine: only where a report is written

    # What would close the script element that it stands in; JavaScript reads both forms alike.
    return str(vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")).replace("</script", "<\\/script")
