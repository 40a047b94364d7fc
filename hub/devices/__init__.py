"""Tablets and kitchen screens: how they prove themselves, and which of them are online."""
