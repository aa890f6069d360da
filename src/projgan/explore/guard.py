"""Who may ask the page what: this machine's browser, and only for what the page is made of.

The library that draws the page serves much more than this one needs: files, uploads, other servers' answers.
None of it is let through, and what a person chose comes as numbers and words alone.
"""

import json
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any
from urllib.parse import urlsplit

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

HOSTS = {"127.0.0.1", "localhost"}
"""What this machine calls itself; a name of a stranger's that leads here is refused."""
READ = {"/", "/config", "/theme.css", "/favicon.ico", "/manifest.json"}
READ |= {"/gradio_api/info", "/gradio_api/startup-events", "/gradio_api/queue/data"}
READ_BELOW = ("/static/", "/assets/", "/svelte/", "/gradio_api/heartbeat/")
ASKED = "/gradio_api/queue/join"
WRITTEN = {ASKED, "/gradio_api/cancel", "/gradio_api/reset"}
LARGEST_BODY = 28 * 2**20
"""Bytes: a little more than the largest image as text."""
HEADERS = {
    "content-security-policy": "default-src 'self'; img-src 'self' data: blob:; font-src 'self' data:; "
    "style-src 'self' 'unsafe-inline'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; connect-src 'self'; "
    "frame-ancestors 'none'; form-action 'self'; base-uri 'self'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
}


class Guard:
    """An ASGI application before another one.

    Args:
        app: the other one.
        inputs: how many values go with each question that the page asks, by its number.
    """

    def __init__(self, app: App, inputs: Mapping[int, int]) -> None:
        self.app, self.inputs = app, inputs

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or answer it with a line of why not."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":
            return
        why = refusal(scope)
        if why is None and scope["method"] == "POST":
            body = await _body(receive)
            why = "too much at once"
            if body is not None:
                why = why_not_asked(body, self.inputs) if scope["path"] == ASKED else None
            receive = _again(body or b"", receive)
        if why is not None:
            await _refuse(send, why)
            return
        await self.app(scope, receive, _with_headers(send))


def refusal(scope: Scope) -> str | None:
    """Say why a request is refused by what it asks for and whom; None where it is not."""
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
    if _host(f"//{headers.get('host', '')}") not in HOSTS:
        return "this page is for the machine it runs on; open it as http://127.0.0.1"
    if "origin" in headers and _host(headers["origin"]) not in HOSTS:
        return "asked for by a page of another site"
    path = scope["path"]
    if scope["method"] in ("GET", "HEAD"):
        known = path in READ or (path.startswith(READ_BELOW) and ".." not in path)
        return None if known else "no part of this page"
    return None if scope["method"] == "POST" and path in WRITTEN else "no part of this page"


def _host(address: str) -> str | None:
    try:
        return urlsplit(address).hostname
    except ValueError:
        return None


def why_not_asked(body: bytes, inputs: Mapping[int, int]) -> str | None:
    """Say why this is no question of the page's, with numbers, words and lists of them; None where it is.

    A file would come as an object with its path.
    """
    try:
        asked = json.loads(body)
    except (ValueError, RecursionError):
        return "not JSON"
    if not isinstance(asked, dict):
        return "not an object"
    told = asked.get("event_data")
    values = told.values() if isinstance(told, dict) else [told]
    data = asked.get("data", [])
    if not isinstance(data, list) or not all(map(_is_plain, values)):
        return "more than numbers and words"
    lists = all(_is_plain(part) for value in data if isinstance(value, list) for part in value)
    if not lists or not all(_is_plain(value) or isinstance(value, list) for value in data):
        return "more than numbers and words"
    number = asked.get("fn_index")
    if not isinstance(number, int) or number not in inputs:
        return "no question of this page"
    return None if len(data) == inputs[number] else f"{len(data)} values in place of {inputs[number]}"


def _is_plain(value: Any) -> bool:
    return value is None or isinstance(value, str | int | float)


async def _body(receive: Receive) -> bytes | None:
    """Read all of a request; None where it is too long."""
    parts, length = [], 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None
        parts.append(message.get("body", b""))
        length += len(parts[-1])
        if length > LARGEST_BODY:
            return None
        if not message.get("more_body", False):
            return b"".join(parts)


def _again(body: bytes, receive: Receive) -> Receive:
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive_again() -> Message:
        return waiting.pop() if waiting else await receive()

    return receive_again


def _with_headers(send: Send) -> Send:
    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            added = [(name.encode(), value.encode()) for name, value in HEADERS.items()]
            message = {**message, "headers": [*message.get("headers", []), *added]}
        await send(message)

    return send_with_headers


async def _refuse(send: Send, why: str) -> None:
    content = f"projgan: {why}\n".encode()
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", str(len(content)).encode()),
    ]
    await send(
        {"type": "http.response.start", "status": 403, "headers": [*headers, (b"connection", b"close")]}
    )
    await send({"type": "http.response.body", "body": content})
