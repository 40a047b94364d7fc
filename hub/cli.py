"""The command line `hub`."""

import click


@click.group()
def main() -> None:
    """Live orders between a hotel's guest tablets and its kitchen screens."""


@main.command()
def sync() -> None:
    """Only set up."""
