"""The login of `sparktune ui`: a token in the address that it prints, as in Jupyter.

The port is open to every user of the machine; the token is only known to the one who sees the output.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from fastapi import Request, Response
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse

PARAMETER = "token"
CHANGE_HEADER = "X-Sparktune-Token"
_READS = ("GET", "HEAD")
_HOW_TO_GET_IN = """\
<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>Tuning</title></head>
<body>
<h1>This page needs its token</h1>
<p>Copy the whole address that <code>sparktune ui</code> printed, with <code>?token=</code>, into the address
bar. If you started <code>sparktune ui</code> again, use the new address.</p>
</body>
</html>
"""


def _secret() -> str:
    return secrets.token_urlsafe(32)


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """A middleware that answers only the browser to which the address with the token was given.

    `token` is in that address, and is exchanged for a cookie with the value of `session`. `change` is in the
    page, which sends it with every request that changes something: a browser sends the cookie to all ports of
    this machine, and for the pages of all of them.
    """

    port: int
    token: str = field(default_factory=_secret, repr=False)
    session: str = field(default_factory=_secret, repr=False)
    change: str = field(default_factory=_secret, repr=False)

    @property
    def cookie(self) -> str:
        """Return the cookie's name, which differs by port because browsers share cookies between ports."""
        return f"sparktune-{self.port}"

    async def __call__(
        self, request: Request, call_next: Callable[[Request], Awaitable[Response]]
    ) -> Response:
        """Pass on the request of a user who is logged in; log in, or explain how to."""
        if request.method in _READS and _same(request.query_params.get(PARAMETER), self.token):
            # The address without the token can be shown to others, and stays in the browser's history.
            response: Response = RedirectResponse(request.url.remove_query_params(PARAMETER), status_code=303)
            response.set_cookie(self.cookie, self.session, httponly=True, samesite="strict")
            return _private(response)
        if not _same(request.cookies.get(self.cookie), self.session):
            return _private(HTMLResponse(_HOW_TO_GET_IN, status_code=401))
        if request.method not in _READS and not _same(request.headers.get(CHANGE_HEADER), self.change):
            return JSONResponse(
                {"detail": "A change must come from the page, with its token; reload the page."},
                status_code=403,
            )
        return await call_next(request)


def _same(given: str | None, secret: str) -> bool:
    """Compare in a time that does not tell how much of the secret is right."""
    return given is not None and secrets.compare_digest(given.encode(), secret.encode())


def _private(response: Response) -> Response:
    response.headers["Cache-Control"] = "no-store"
    return response
