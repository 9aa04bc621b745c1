"""Loggers of the lab.

The lab is a library: it never configures logging. Its loggers carry no handler but the null
handler, so an application decides where the messages go.
"""

import logging

__all__ = ["get_logger"]

_ROOT = "codomyrmex_lab"
logging.getLogger(_ROOT).addHandler(logging.NullHandler())


def get_logger(name: str) -> logging.Logger:
    """Return the logger of one module of the lab.

    Parameters
    ----------
    name : str
        The module's ``__name__``. A name outside the package is placed below it, so that one
        setting on ``logging.getLogger("codomyrmex_lab")`` reaches every message.

    Returns
    -------
    logging.Logger
        A logger below ``codomyrmex_lab``.
    """
    inside = name == _ROOT or name.startswith(f"{_ROOT}.")
    return logging.getLogger(name if inside else f"{_ROOT}.{name}")
