"""The command without a page: what it refuses, and where it listens."""

import importlib.util
import socket

import pytest

from projgan.cli import run_command
from projgan.errors import UserError
from projgan.explore.serving import address_of, bound_socket, ssh_line


def test_it_listens_on_the_loopback_address_alone() -> None:
    with bound_socket(0) as bound:
        host, port = bound.getsockname()
        assert host == "127.0.0.1"
        assert address_of(bound) == f"http://127.0.0.1:{port}"
        assert ssh_line(bound) == f"ssh -N -L {port}:127.0.0.1:{port} {socket.gethostname()}"
        with pytest.raises(
            UserError, match=f"^--port {port}: cannot be used .*give another, or 0 for any free"
        ):
            bound_socket(port)


def one_line(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert run_command(["explore", *words]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    return err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "no run given; name a run or a model"),
        (["nothing"], "nothing: no such file or run, and no published model"),
        (["digits", "--port", "80"], "--port is 80; give one from 1024 to 65535"),
        (["digits", "--port", "99999"], "--port is 99999"),
        (["digits", "digits", "--port", "0"], "given twice"),
        (["digits", "--share"], "Unknown option: --share"),
        (["digits", "--host", "0.0.0.0"], "Unknown option: --host"),
    ],
)
def test_mistakes_are_one_line(capsys: pytest.CaptureFixture[str], words: list[str], said: str) -> None:
    assert said in one_line(capsys, *words)


def test_a_port_that_is_taken_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with bound_socket(0) as bound:
        port = str(bound.getsockname()[1])
        assert f"--port {port}: cannot be used" in one_line(capsys, "digits", "--port", port)


def test_without_the_extra_it_says_how_to_install_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(
        "projgan.explore.serving.find_spec", lambda name: None if name == "gradio" else found(name)
    )
    assert "gradio is not installed; pip install 'projgan[explore]'" in one_line(capsys, "digits")
