"""A server on the loopback address that speaks the hub's protocol as huggingface_hub 2.4 speaks it.

What is large goes by way of another origin with signed addresses, as on the real one: `localhost` in place of
`127.0.0.1`. It knows one token. Uploads go over LFS: Xet is a protocol of a library of its own.
"""

import base64
import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar
from urllib.parse import unquote, urlsplit

TOKEN = "hf_of_the_test"
LARGE = (".safetensors", ".parquet", ".png")
FOLDERS = {"": "models", "datasets/": "datasets"}


@dataclass
class Repository:
    """Commits by their hash, each with all its files, and names for some of them."""

    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    private: bool = False
    gated: bool = False
    messages: list[str] = field(default_factory=list)

    def commit(self, files: dict[str, bytes], name: str = "main") -> str:
        """Add or replace files; returns the commit."""
        whole = self.commits.get(self.names.get(name, ""), {}) | files
        made = hashlib.sha1(repr((len(self.commits), sorted(whole))).encode()).hexdigest()
        self.commits[made] = whole
        self.names[name] = made
        return made

    def find(self, revision: str) -> str | None:
        """The commit of a name, or of itself."""
        return self.names.get(revision) or (revision if revision in self.commits else None)


class Hub:
    """What the server holds, and what it was asked."""

    def __init__(self) -> None:
        self.repositories: dict[str, Repository] = {}
        self.uploads: dict[str, bytes] = {}
        self.asked: list[str] = []
        self.spoiled: set[str] = set()
        """Names of files that come with a byte changed."""
        self.refuses_with: int | None = None
        self.endpoint = ""

    def repository(self, name: str, kind: str = "models", **options: Any) -> Repository:
        """A new one that is called `USER/NAME`."""
        return self.repositories.setdefault(f"{kind}/{name}", Repository(**options))


def _handler(hub: Hub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        routes: ClassVar[list[Any]] = []

        def log_message(self, *words: Any) -> None:
            pass

        def do_HEAD(self) -> None:
            self.answer()

        def do_GET(self) -> None:
            self.answer()

        def do_POST(self) -> None:
            self.answer()

        def do_PUT(self) -> None:
            self.answer()

        def answer(self) -> None:
            path = unquote(urlsplit(self.path).path)
            length = int(self.headers.get("Content-Length") or 0)
            self.body = self.rfile.read(length)
            hub.asked.append(f"{self.command} {path}")
            if hub.refuses_with is not None:
                return self.say(hub.refuses_with, {"error": "not now"})
            for method, pattern, function in self.routes:
                if self.command in method and (found := re.fullmatch(pattern, path)):
                    return function(self, **found.groupdict())
            return self.say(404, {"error": f"no such address: {path}"})

        @property
        def knows_us(self) -> bool:
            return self.headers.get("Authorization") == f"Bearer {TOKEN}"

        def say(self, status: int, value: Any = None, content: bytes | None = None, **headers: str) -> None:
            content = json.dumps(value).encode() if content is None else content
            self.send_response(status)
            for name, text in headers.items():
                self.send_header(name.replace("_", "-"), text)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        def refuse(self, status: int, code: str, message: str) -> None:
            self.say(status, {"error": message}, X_Error_Code=code, X_Error_Message=message)

        def readable(self, kind: str, name: str) -> Repository | None:
            """The repository, unless it is not for this client, who is then told so."""
            repository = hub.repositories.get(f"{kind}/{name}")
            if "Authorization" in self.headers and not self.knows_us:
                self.refuse(401, "", "Invalid credentials in Authorization header")
            elif repository is None or (repository.private and not self.knows_us):
                if self.knows_us:
                    self.refuse(404, "RepoNotFound", "Repository not found")
                else:
                    self.refuse(401, "RepoNotFound", "Invalid username or password.")
            elif repository.gated and "/resolve/" in self.path:
                self.refuse(403, "GatedRepo", "Access to this repository is restricted")
            else:
                return repository
            return None

        def info(self, kind: str, name: str, revision: str | None = None) -> None:
            repository = self.readable(kind, name)
            if repository is None:
                return None
            commit = repository.find(revision or "main")
            if commit is None:
                return self.refuse(404, "RevisionNotFound", f"Invalid rev id: {revision}")
            siblings = []
            for path, content in repository.commits[commit].items():
                about: dict[str, Any] = {"rfilename": path, "size": len(content), "blobId": blob_id(content)}
                if path.endswith(LARGE):
                    sha = hashlib.sha256(content).hexdigest()
                    about["lfs"] = {"sha256": sha, "size": len(content), "pointerSize": 130}
                siblings.append(about)
            about = {"id": name, "sha": commit, "private": repository.private, "siblings": siblings}
            return self.say(200, about | {"tags": [], "downloads": 0, "likes": 0, "gated": repository.gated})

        def resolve(self, prefix: str, name: str, revision: str, path: str) -> None:
            repository = self.readable(FOLDERS[prefix], name)
            if repository is None:
                return None
            commit = repository.find(revision)
            if commit is None:
                return self.refuse(404, "RevisionNotFound", f"Invalid rev id: {revision}")
            content = repository.commits[commit].get(path)
            if content is None:
                return self.refuse(404, "EntryNotFound", "Entry not found")
            if not path.endswith(LARGE):
                served = spoil(content) if path in hub.spoiled else content
                return self.say(200, content=served, ETag=f'"{blob_id(content)}"', X_Repo_Commit=commit)
            sha = hashlib.sha256(content).hexdigest()
            hub.uploads[sha] = content
            signed = f"{hub.endpoint.replace('127.0.0.1', 'localhost')}/signed/{path.split('/')[-1]}/{sha}"
            linked = {
                "X_Linked_Size": str(len(content)),
                "X_Linked_ETag": f'"{sha}"',
                "X_Repo_Commit": commit,
            }
            return self.say(302, content=b"", Location=signed, ETag=f'"{sha}"', **linked)

        def signed(self, path: str, oid: str) -> None:
            if "Authorization" in self.headers:  # a token must not leave the hub
                return self.say(400, {"error": "two ways to say who one is"})
            content = hub.uploads[oid]
            return self.say(200, content=spoil(content) if path in hub.spoiled else content, ETag=f'"{oid}"')

        def create(self) -> None:
            asked = json.loads(self.body)
            if not self.knows_us:
                return self.refuse(401, "", "Invalid username or password.")
            name = f"{asked['organization']}/{asked['name']}"
            url = {"url": f"{hub.endpoint}/{name}", "name": name}
            if f"models/{name}" in hub.repositories:
                return self.say(409, url | {"error": "You already created this model repo"})
            hub.repository(name, private=asked.get("visibility") == "private").commit({".gitattributes": b""})
            return self.say(200, url)

        def validate(self) -> None:
            content = json.loads(self.body)["content"]
            if not content.startswith("---\n") or "license: " not in content:
                return self.say(400, {"errors": [{"message": "no metadata"}], "warnings": []})
            return self.say(200, {"errors": [], "warnings": []})

        def preupload(self, kind: str, name: str, revision: str) -> None:
            if not self.knows_us:
                return self.refuse(401, "", "Invalid username or password.")
            files = [
                {
                    "path": file["path"],
                    "uploadMode": "lfs" if file["path"].endswith(LARGE) else "regular",
                    "shouldIgnore": False,
                    "oid": None,
                }
                for file in json.loads(self.body)["files"]
            ]
            return self.say(200, {"files": files})

        def batch(self, name: str) -> None:
            objects = []
            for wanted in json.loads(self.body)["objects"]:
                href = f"{hub.endpoint}/put/{wanted['oid']}"
                known = wanted["oid"] in hub.uploads
                objects.append(wanted | ({} if known else {"actions": {"upload": {"href": href}}}))
            self.say(200, {"objects": objects, "transfer": "basic"})

        def put(self, oid: str) -> None:
            if hashlib.sha256(self.body).hexdigest() != oid:
                return self.say(400, {"error": "another content than announced"})
            hub.uploads[oid] = self.body
            return self.say(200, {})

        def make_commit(self, kind: str, name: str, revision: str) -> None:
            repository = self.readable(kind, name)
            if repository is None:
                return
            files = {}
            for line in self.body.splitlines():
                operation = json.loads(line)
                value = operation["value"]
                if operation["key"] == "header":
                    repository.messages.append(value["summary"])
                elif operation["key"] == "file":
                    files[value["path"]] = base64.b64decode(value["content"])
                elif operation["key"] == "lfsFile":
                    files[value["path"]] = hub.uploads[value["oid"]]
            made = repository.commit(files, revision)
            self.say(200, {"commitUrl": f"{hub.endpoint}/{name}/commit/{made}", "commitOid": made})

    name = r"(?P<name>[^/]+/[^/]+)"
    routes = [
        ("GET", rf"/api/(?P<kind>models|datasets)/{name}", Handler.info),
        ("GET", rf"/api/(?P<kind>models|datasets)/{name}/revision/(?P<revision>.+)", Handler.info),
        ("POST", r"/api/repos/create", Handler.create),
        ("POST", r"/api/validate-yaml", Handler.validate),
        ("POST", rf"/api/(?P<kind>models)/{name}/preupload/(?P<revision>.+)", Handler.preupload),
        ("POST", rf"/api/(?P<kind>models)/{name}/commit/(?P<revision>.+)", Handler.make_commit),
        ("POST", rf"/{name}\.git/info/lfs/objects/batch", Handler.batch),
        ("PUT", r"/put/(?P<oid>[0-9a-f]{64})", Handler.put),
        ("GET", r"/signed/(?P<path>[^/]+)/(?P<oid>[0-9a-f]{64})", Handler.signed),
        (
            "GET HEAD",
            rf"/(?P<prefix>datasets/|){name}/resolve/(?P<revision>refs/[^/]+/[^/]+|[^/]+)/(?P<path>.+)",
            Handler.resolve,
        ),
    ]
    Handler.routes = routes
    return Handler


def blob_id(content: bytes) -> str:
    """What git calls a file of this content."""
    return hashlib.sha1(f"blob {len(content)}\0".encode() + content).hexdigest()


def spoil(content: bytes) -> bytes:
    """Change one byte in the middle."""
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


@contextmanager
def serving() -> Iterator[Hub]:
    """Run the server on a free port until the end of the block."""
    hub = Hub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(hub))
    hub.endpoint = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
