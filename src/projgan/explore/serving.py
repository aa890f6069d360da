"""The page on the loopback address of this machine, and nowhere else."""

import socket
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

from projgan.errors import UserError

HOST = "127.0.0.1"
FIRST_UNPRIVILEGED = 1024


def refuse_missing() -> None:
    """Refuse to begin without the package that draws the page.

    Raises:
        UserError: it is not installed.
    """
    if find_spec("gradio") is None:
        raise UserError("gradio is not installed; pip install 'projgan[explore]'")


def bound_socket(port: int) -> socket.socket:
    """Take a port of the loopback address; 0 takes any that is free.

    Raises:
        UserError: it is no port, or taken.
    """
    if port != 0 and not FIRST_UNPRIVILEGED <= port < 2**16:
        raise UserError(
            f"--port is {port}; give one from {FIRST_UNPRIVILEGED} to 65535, or 0 for any free one"
        )
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((HOST, port))
        bound.listen()
    except OSError as error:
        bound.close()
        raise UserError(
            f"--port {port}: cannot be used ({error.strerror}); give another, or 0 for any free one"
        ) from None
    return bound


def address_of(bound: socket.socket) -> str:
    """Return what to open in a browser."""
    return f"http://{HOST}:{bound.getsockname()[1]}"


def ssh_line(bound: socket.socket) -> str:
    """Return what to run on one's own machine to see the page of a remote one."""
    port = bound.getsockname()[1]
    return f"ssh -N -L {port}:{HOST}:{port} {socket.gethostname()}"


def serve(
    app: Callable[..., Any],
    bound: socket.socket,
    *,
    started: Callable[[Callable[[], None]], None] = lambda stop: None,
) -> None:
    """Serve the page until it is stopped.

    Args:
        app: see `projgan.explore.page.application`.
        bound: where it listens; see `bound_socket`.
        started: told, before the first request, how to stop it.
    """
    import uvicorn

    config = uvicorn.Config(
        app, log_level="critical", access_log=False, timeout_graceful_shutdown=1, lifespan="on"
    )
    server = uvicorn.Server(config)

    def stop() -> None:
        server.should_exit = True

    started(stop)
    server.run(sockets=[bound])
