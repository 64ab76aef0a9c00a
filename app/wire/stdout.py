"""Stdout: of a child that speaks frames, where nothing else may write."""

import os


def take_stdout() -> int:
    """A descriptor for what was stdout, which from now on goes where stderr goes.

    So a printf in C, or a stray print, ends up in the log and not inside a frame.
    """
    frames = os.dup(1)
    os.dup2(2, 1)
    return frames
