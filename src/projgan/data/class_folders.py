"""Classes as folders: a name that is safe on every system for any class, and the class of such a folder.

What cannot stand in a name is written as in web addresses (`a/b` is `a%2Fb`). A folder is read so only where
it is written so: `50%` and `a%20b` are those very names.
"""

import hashlib
import itertools
from collections.abc import Sequence
from urllib.parse import unquote_to_bytes

from projgan.data.sources.listing import is_system_name
from projgan.data.sources.splits import is_split_name
from projgan.names import composed

_FORBIDDEN = frozenset('<>:"/\\|?*')
"""On Windows, where also the names of devices and a point or space at the end are."""
_DEVICES = frozenset(
    ["CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"]
    + [f"{port}{number}" for port in ("COM", "LPT") for number in "0123456789¹²³"]
)
_LONGEST = 200
"""Bytes of a folder's name; a longer one is cut, and told apart by a checksum."""
_UNNAMED = "_"
_HEX = frozenset("0123456789abcdefABCDEF")


def folder_names(class_names: Sequence[str]) -> list[str]:
    """Return a name for the folder of each class, all different, also where case is not told apart."""
    taken: set[str] = set()
    found = []
    for name in class_names:
        name = composed(name)
        # More escapes than fit into a name change nothing.
        folders = (_folder(name, escaped) for escaped in range(min(len(name), _LONGEST) + 1))
        folder = next((one for one in folders if one.casefold() not in taken), None)
        number = 1
        while folder is None or folder.casefold() in taken:
            folder, number = f"{_folder(name, 0)[: _LONGEST - 8]}~{number}", number + 1
        taken.add(folder.casefold())
        found.append(folder)
    return found


def image_name(seed: int) -> str:
    """Return the file name of the image that a seed gives."""
    return f"seed{seed:06d}.png"


def class_of_folder(folder: str) -> str:
    """Return the class whose folder has this name: as `folder_names` wrote it, or the name itself."""
    folder = composed(folder)
    if "%" not in folder:
        return folder
    try:
        name = unquote_to_bytes(folder).decode()
    except UnicodeDecodeError:
        return folder
    escaped = folder.count("%")
    return name if any(_folder(name, count) == folder for count in range(escaped + 1)) else folder


def _folder(name: str, escaped: int) -> str:
    """Write a name so that it can be a folder's, its first letters escaped in any case."""
    if not escaped and _is_special(name):
        escaped = 1
    parts = []
    for place, letter in enumerate(name):
        unsafe = place < escaped or not letter.isprintable() or letter in _FORBIDDEN
        unsafe |= letter in ". " and place == len(name) - 1
        unsafe |= letter == "%" and len(name) > place + 2 and set(name[place + 1 : place + 3]) <= _HEX
        parts.append(_escape(letter) if unsafe else letter)
    folder = "".join(parts)
    if len(folder.encode(errors="surrogatepass")) <= _LONGEST:
        return folder or _UNNAMED
    lengths = itertools.accumulate(len(part.encode(errors="surrogatepass")) for part in parts)
    fitting = sum(1 for _ in itertools.takewhile(lambda length: length <= _LONGEST - 9, lengths))
    return (
        "".join(parts[:fitting]) + "~" + hashlib.sha256(name.encode(errors="surrogatepass")).hexdigest()[:8]
    )


def _is_special(name: str) -> bool:
    """Whether a folder of this name would be hidden, a device, a split, or passed over."""
    device = name.partition(".")[0].rstrip(" ").upper() in _DEVICES
    return name.startswith((".", " ")) or device or is_system_name(name) or is_split_name(name)


def _escape(letter: str) -> str:
    return "".join(f"%{byte:02X}" for byte in letter.encode(errors="surrogatepass"))
