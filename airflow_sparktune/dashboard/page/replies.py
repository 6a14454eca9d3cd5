"""HTTP responses, encoded and compressed in the page's threads and not in the server's event loop."""

from __future__ import annotations

import gzip
import json
from typing import Any

from fastapi import Request, Response
from pydantic import BaseModel

from airflow_sparktune.dashboard.page import assets

# A smaller response fits into one packet anyway.
_SMALL = 1_400
_LEVEL = 5


def json_response(reply: BaseModel, request: Request) -> Response:
    """Return the reply as JSON; raises ValueError or RecursionError if JSON cannot express it.

    Python's encoder escapes a lone surrogate, which a message may have from a file's name; pydantic's encoder
    rejects it. FastAPI's response_model would validate 10,000 trials a second time.
    """
    text = json.dumps(reply.model_dump(mode="python"), allow_nan=False, separators=(",", ":"))
    return packed(
        text.encode(), request, media_type="application/json", headers={"Cache-Control": "no-store"}
    )


def packed(data: bytes, request: Request, **given: Any) -> Response:
    """Return the data as a response, compressed if the browser accepts that."""
    response = Response(data, **given)
    if len(data) > _SMALL and "gzip" in request.headers.get("accept-encoding", ""):
        response = Response(gzip.compress(data, _LEVEL), **given)
        response.headers["Content-Encoding"] = "gzip"
    response.headers["Vary"] = "Accept-Encoding"
    return response


def file_response(name: str, request: Request) -> Response:
    """Return one of the pages' files, which must be in `assets.files()`."""
    found = assets.asset(name)
    # The browser caches a file, and revalidates it.
    headers = {"Cache-Control": "no-cache", "ETag": found.tag}
    if found.tag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers={**headers, "Vary": "Accept-Encoding"})
    return packed(found.data, request, media_type=found.media_type, headers=headers)
