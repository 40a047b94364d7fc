"""Options that several commands of the bench share."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])


class Numbers(click.ParamType[tuple[int, ...]]):
    """`1000,5000,10000`."""

    name = "N,..."

    def convert(
        self, value: str | tuple[int, ...], param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, ...]:
        if not isinstance(value, str):
            return value
        if re.fullmatch(r"[1-9]\d{0,6}(,[1-9]\d{0,6})*", value) is None:
            self.fail(f"{value!r} is not a list of numbers such as 1000,5000,10000", param, ctx)
        return tuple(sorted({int(word) for word in value.split(",")}))


def chained(*options: Callable[[F], F]) -> Callable[[F], F]:
    """Several options as one decorator, shown in this order."""

    def decorate(function: F) -> F:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


def workers(default: int = 1) -> Callable[[F], F]:
    return click.option(
        "--workers",
        type=click.IntRange(1, 64),
        default=default,
        show_default=True,
        help="Processes of the bench's own hub.",
    )


def clients(default: int = 1) -> Callable[[F], F]:
    return click.option(
        "--clients",
        type=click.IntRange(1, 64),
        default=default,
        show_default=True,
        help="Client processes.",
    )


def pin() -> Callable[[F], F]:
    return click.option(
        "--pin/--no-pin",
        default=True,
        show_default=True,
        help="Give hub and clients cores of their own, where there are enough.",
    )


def elsewhere() -> Callable[[F], F]:
    return chained(
        click.option("--url", help="Measure the hub at http(s)://HOST:PORT instead."),
        click.option(
            "--token-file", type=click.Path(path_type=Path), help="Tokens for it, made by `bench hotels`."
        ),
    )


def output() -> Callable[[F], F]:
    return chained(
        click.option("--json", type=click.Path(path_type=Path), help="Write the result there."),
        click.option("--picture", type=click.Path(path_type=Path), help="Draw it there, as an HTML page."),
        click.option("--save", is_flag=True, help="Write and draw to bench/results/."),
    )


def quick() -> Callable[[F], F]:
    return click.option(
        "--quick",
        is_flag=True,
        help="A small run of seconds, to see that it works. Its numbers mean nothing.",
    )


def given_or_quick(
    ctx: click.Context, given: dict[str, object], small: Mapping[str, object]
) -> dict[str, object]:
    """The options; with --quick the `small` ones where the command line names none."""
    if not given.pop("quick"):
        return given
    default = click.core.ParameterSource.DEFAULT
    asked = {name for name in small if ctx.get_parameter_source(name) is not default}
    return given | {name: value for name, value in small.items() if name not in asked}
