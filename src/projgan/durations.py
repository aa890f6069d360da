"""Times as a person reads them."""


def duration(seconds: float) -> str:
    """Write a time with two units at most: `42 s`, `3 min 20 s`, `1 h 53 min`, `2 d 4 h`."""
    rounded = round(seconds)
    for name, size, smaller, part in (("d", 86400, "h", 3600), ("h", 3600, "min", 60), ("min", 60, "s", 1)):
        if rounded >= size:
            rest = (rounded % size) // part
            return f"{rounded // size} {name}" + (f" {rest} {smaller}" if rest else "")
    return f"{seconds:.2g} s" if seconds < 10 else f"{rounded} s"
