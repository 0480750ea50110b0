"""The one family of errors that a person can act on; everything else is a defect."""

from __future__ import annotations


class DevclusterError(RuntimeError):
    """What went wrong, in words for the person who runs the command."""
