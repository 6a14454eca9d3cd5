"""HTTP answers made in the page's own threads: encoded and compressed away from the server's event loop."""

from __future__ import annotations

import gzip
import json
from typing import Any

from fastapi import Request, Response
from pydantic import BaseModel

# A smaller answer fits into one packet anyway.
_SMALL = 1_400
_LEVEL = 5


def json_response(reply: BaseModel, request: Request) -> Response:
    """The reply as JSON; what JSON cannot hold raises ValueError or RecursionError.

    Python's encoder writes a lone surrogate, which a file's name may bring into a message, as an escape;
    pydantic's own refuses it. FastAPI's response_model would check 10,000 trials a second time.
    """
    text = json.dumps(reply.model_dump(mode="python"), allow_nan=False, separators=(",", ":"))
    return packed(
        text.encode(), request, media_type="application/json", headers={"Cache-Control": "no-store"}
    )


def packed(data: bytes, request: Request, **given: Any) -> Response:
    """The data, compressed for a browser that takes that."""
    response = Response(data, **given)
    if len(data) > _SMALL and accepts_gzip(request):
        response = Response(gzip.compress(data, _LEVEL), **given)
        response.headers["Content-Encoding"] = "gzip"
    response.headers["Vary"] = "Accept-Encoding"
    return response


def accepts_gzip(request: Request) -> bool:
    """Return whether the browser takes compressed answers."""
    return "gzip" in request.headers.get("accept-encoding", "")
