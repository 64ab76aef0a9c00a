"""Athanor: the GPU of a home PC as a private OpenAI-compatible server, alone or in a pool."""

__version__ = "0.1.0"
