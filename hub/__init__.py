"""Live orders between a hotel's guest tablets and its kitchen screens: one hotel, one log."""

__version__ = "0.1.0"
