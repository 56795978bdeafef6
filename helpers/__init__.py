"""Thin helpers shared by the chapters; each module is short enough to read."""


def __getattr__(name):
    """Find `helpers.check` where it is needed: nothing else in here takes time to import."""
    if name == "check":
        from helpers.data import check

        return check
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
