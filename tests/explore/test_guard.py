"""Who may ask the page what."""

import asyncio
import json
from typing import Any

import pytest

from projgan.explore.guard import LARGEST_BODY, Guard

JOIN = "/gradio_api/queue/join"


def ask(
    path: str,
    method: str = "GET",
    body: bytes = b"",
    host: str = "127.0.0.1:7860",
    values: int = 1,
    **headers: str,
) -> tuple[int, dict[bytes, bytes], bytes]:
    """Ask a guarded application that answers with what it was sent."""

    async def echo(scope: dict[str, Any], receive: Any, send: Any) -> None:
        message = await receive()
        assert not message["more_body"]
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": message["body"]})

    parts = [body[start : start + 2**20] for start in range(0, len(body) or 1, 2**20)]
    waiting = [{"type": "http.request", "body": part, "more_body": True} for part in parts]
    waiting[-1]["more_body"] = False
    answers: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return waiting.pop(0)

    async def send(message: dict[str, Any]) -> None:
        answers.append(message)

    named = {"host": host} | headers
    pairs = [(name.encode(), value.encode()) for name, value in named.items() if value]
    scope = {"type": "http", "method": method, "path": path, "headers": pairs}
    asyncio.run(Guard(echo, {1: values})(scope, receive, send))
    return answers[0]["status"], dict(answers[0]["headers"]), answers[1]["body"]


def join(data: Any, event_data: Any = None) -> tuple[int, bytes]:
    body = json.dumps({"data": data, "event_data": event_data, "fn_index": 1}).encode()
    status, _, content = ask(JOIN, "POST", body, values=len(data))
    assert status == 403 or content == body  # it is handed on as it came
    return status, content


@pytest.mark.parametrize("host", ["127.0.0.1:7860", "localhost:8000", "localhost"])
def test_this_machine_is_let_through(host: str) -> None:
    status, headers, _ = ask("/", host=host, origin=f"http://{host}")
    assert status == 200
    assert b"default-src 'self'" in headers[b"content-security-policy"]


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("evil.example", ""),
        ("127.0.0.1.evil.example:7860", ""),
        ("", ""),
        ("[::1", ""),
        ("127.0.0.1:7860", "http://evil.example"),
        ("127.0.0.1:7860", "null"),
        ("127.0.0.1:7860", "http://localhost.evil.example"),
    ],
)
def test_other_sites_and_names_are_not(host: str, origin: str) -> None:
    status, _, said = ask("/", host=host, origin=origin)
    assert status == 403
    assert said.startswith(b"projgan: ")
    assert said.count(b"\n") == 1


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/gradio_api/file=/etc/passwd"),
        ("GET", "/gradio_api/file=http://example.com"),
        ("GET", "/gradio_api/proxy=http://example.com"),
        ("GET", "/static/../../secret"),
        ("GET", "/gradio_api/deep_link"),
        ("POST", "/gradio_api/upload"),
        ("POST", "/gradio_api/vibe-edit"),
        ("POST", "/gradio_api/call/sample"),
        ("POST", "/"),
        ("PUT", "/"),
        ("OPTIONS", "/"),
    ],
)
def test_only_what_the_page_is_made_of_is_served(method: str, path: str) -> None:
    assert ask(path, method)[0] == 403


def test_only_numbers_and_words_are_chosen() -> None:
    assert join([1, 0.5, "x", None, True, [1, 2]], {"row": 1, "seed": 2, "truncation": None})[0] == 200
    assert join([])[0] == 200
    path = {"path": "/etc/passwd", "meta": {"_type": "gradio.FileData"}}
    for data, told in (
        ([path], None),
        ([[path]], None),
        ([[[1]]], None),
        ({"x": 1}, None),
        ([1], {"content": path}),
        ([1], [path]),
        ([1], {"index": [1, 2]}),
    ):
        status, said = join(data, told)
        assert (status, said) == (403, b"projgan: more than numbers and words\n")
    for body in (b"", b"[1]", b"nonsense", b"[" * 100_000):
        assert ask(JOIN, "POST", body)[0] == 403


@pytest.mark.parametrize("question", [2, -1, "1", 1.5, None, [1]])
def test_only_what_the_page_asks_is_answered(question: Any) -> None:
    said = ask(JOIN, "POST", json.dumps({"data": [1], "fn_index": question}).encode())
    assert said[::2] == (403, b"projgan: no question of this page\n")


@pytest.mark.parametrize("data", [[], [1, 2]])
def test_a_question_has_as_many_values_as_the_page_gives_it(data: list[int]) -> None:
    said = ask(JOIN, "POST", json.dumps({"data": data, "fn_index": 1}).encode())
    assert said[::2] == (403, f"projgan: {len(data)} values in place of 1\n".encode())


def test_a_request_is_bounded() -> None:
    large = json.dumps({"fn_index": 1, "data": ["x" * (LARGEST_BODY - 100)]}).encode()
    assert ask(JOIN, "POST", large)[0] == 200
    assert ask(JOIN, "POST", large + b" " * 200)[2] == b"projgan: too much at once\n"
