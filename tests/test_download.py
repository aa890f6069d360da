import hashlib
import http.client
import io
from pathlib import Path
from urllib.error import URLError

import pytest

from projgan import download as module
from projgan.download import download
from projgan.errors import UserError
from projgan.files import file_sha256

CONTENT = b"weights" * 1000
URL = "https://somewhere.example/file.pt"


class Response(io.BytesIO):
    def __init__(self, content: bytes, url: str = URL, length: int | None = None) -> None:
        super().__init__(content)
        self.url = url
        self.headers = {} if length is None else {"Content-Length": str(length)}

    def geturl(self) -> str:
        return self.url


class Breaking(Response):
    """Breaks off after its first chunk."""

    def read(self, size: int | None = -1) -> bytes:
        if self.tell():
            raise http.client.IncompleteRead(b"")
        return super().read(10)


class Host:
    def __init__(self, response: Response | Exception) -> None:
        self.response = response
        self.asked: list[tuple[str, float]] = []

    def __call__(self, url: str, *, timeout: float) -> Response:
        self.asked.append((url, timeout))
        if isinstance(self.response, Exception):
            raise self.response
        return self.response


def fetch(path: Path, host: Host, url: str = URL, progress=None, content: bytes = CONTENT) -> None:
    download(
        url,
        path,
        sha256=hashlib.sha256(content).hexdigest(),
        largest=10_000,
        remedy="do without",
        opener=host,
        progress=progress,
    )


def test_a_file_arrives_whole_with_progress(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CHUNK", 3000)
    told: list[tuple[int, int]] = []
    host = Host(Response(CONTENT, length=7000))
    path = tmp_path / "new" / "folder" / "file.pt"
    fetch(path, host, progress=lambda done, total: told.append((done, total)))
    assert path.read_bytes() == CONTENT
    assert told == [(3000, 7000), (6000, 7000), (7000, 7000)]
    assert host.asked == [(URL, 30.0)]
    assert list(path.parent.iterdir()) == [path]
    assert file_sha256(path) == hashlib.sha256(CONTENT).hexdigest()


@pytest.mark.parametrize(
    ("host", "message"),
    [
        (
            Host(URLError(OSError("Name or service not known"))),
            "cannot be fetched .Name or service not known",
        ),
        (Host(TimeoutError("timed out")), r"cannot be fetched \(timed out\)"),
        (Host(Breaking(CONTENT)), "cannot be fetched .IncompleteRead"),
        (Host(Response(CONTENT[:6999], length=7000)), "6999 bytes came with the checksum .*cut short"),
        (Host(Response(b"<html>log in</html>")), "19 bytes came with the checksum .*another file"),
        (Host(Response(CONTENT + CONTENT)), "larger than 10000 bytes"),
        (Host(Response(CONTENT, url="http://elsewhere.example/file.pt")), "leads away from https"),
    ],
)
def test_what_does_not_arrive_leaves_nothing(tmp_path: Path, host: Host, message: str) -> None:
    with pytest.raises(UserError, match=f"^{URL}: .*{message}.*; do without$") as caught:
        fetch(tmp_path / "file.pt", host)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("url", ["http://somewhere.example/file.pt", "file:///etc/passwd"])
def test_only_https_is_asked(tmp_path: Path, url: str) -> None:
    host = Host(Response(CONTENT))
    with pytest.raises(UserError, match="only https is fetched"):
        fetch(tmp_path / "file.pt", host, url)
    assert host.asked == []


def test_a_cache_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("")
    with pytest.raises(UserError, match="cache: cannot be made"):
        fetch(tmp_path / "cache" / "file.pt", Host(Response(CONTENT)))
