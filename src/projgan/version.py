"""The version, which files and numbers are stamped with."""

VERSION = "0.2.0"
