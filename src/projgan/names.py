"""Names as people see them: those that look alike are alike."""

from unicodedata import normalize


def composed(name: str) -> str:
    """Return a name with accents in one piece (NFC): macOS writes them apart in files, keyboards in one."""
    return name if name.isascii() else normalize("NFC", name)
