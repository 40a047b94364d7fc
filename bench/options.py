"""The shapes of the bench's options, and those that several commands share. What a command needs is imported
when it runs, so that `--help` is quick."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn, TypeAlias, TypeVar

import click

T = TypeVar("T")
Function: TypeAlias = Callable[..., Any]
Decorator: TypeAlias = Callable[[Function], Function]

_QUICK = "A small run of seconds, to see that it works. Its numbers mean nothing."


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


class Limits(click.ParamType[dict[str, float]]):
    """`place=50,frame=20`: a number for some of the `known` names."""

    def __init__(self, known: Sequence[str], pair: str) -> None:
        self._known = known
        self._pair = pair
        self.name = f"{pair},..."

    def convert(
        self, value: str | dict[str, float], param: click.Parameter | None, ctx: click.Context | None
    ) -> dict[str, float]:
        if isinstance(value, dict):
            return value
        found = {}
        for part in value.split(","):
            name, _, number = part.partition("=")
            if name not in self._known or re.fullmatch(r"\d+(\.\d+)?", number) is None:
                self.fail(f"{part!r} is not {self._pair}; known are {', '.join(self._known)}", param, ctx)
            found[name] = float(number)
        return found


def whole(name: str, default: int, least: int, most: int | None, help: str) -> Decorator:
    """A whole number."""
    return click.option(name, type=click.IntRange(least, most), default=default, show_default=True, help=help)


def real(name: str, default: float | None, least: float, most: float | None, help: str) -> Decorator:
    return click.option(
        name, type=click.FloatRange(least, most), default=default, show_default=True, help=help
    )


def threshold(name: str, help: str) -> Decorator:
    """A number from 0 that nobody has to name."""
    return real(name, None, 0, None, help)


def numbers(name: str, default: str | None, help: str) -> Decorator:
    """`Numbers`; none of them without a default."""
    return click.option(name, type=Numbers(), default=default or (), show_default=bool(default), help=help)


def limits(name: str, known: Sequence[str], pair: str, help: str) -> Decorator:
    """`Limits`, which may be named several times: the last one of a name counts."""

    def merged(_: click.Context, __: click.Parameter, value: Sequence[Mapping[str, float]]) -> object:
        return {name: limit for one in value for name, limit in one.items()}

    return click.option(name, type=Limits(known, pair), multiple=True, callback=merged, help=help)


def choice(name: str, default: str, others: Sequence[str], help: str) -> Decorator:
    return click.option(
        name, type=click.Choice([default, *others]), default=default, show_default=True, help=help
    )


def switch(name: str, default: bool, help: str) -> Decorator:
    """`--name`, or `--no-name`."""
    return click.option(f"--{name}/--no-{name}", default=default, show_default=True, help=help)


def path(name: str, help: str, *, required: bool = False) -> Decorator:
    return click.option(name, type=click.Path(path_type=Path), required=required, help=help)


def seconds(default: float, help: str = "Length of a window.") -> Decorator:
    return real("--seconds", default, 0.1, 3600, help)


def warmup(default: float, least: float = 0) -> Decorator:
    return real("--warmup", default, least, 600, "Seconds before it that do not count.")


def windows(default: int, of: str) -> Decorator:
    return whole(
        "--windows", default, 1, 100, f"Measured windows of each {of}; the table shows their medians."
    )


def rate(default: float, help: str) -> Decorator:
    return real("--rate", default, 0.1, 10_000, help)


def patience(who: str) -> Decorator:
    help = f"Seconds after which a {who} that is not live is given up."
    return real("--patience", 120, 1, 3600, help)


def pin() -> Decorator:
    return switch("pin", True, "Give hub and clients cores of their own, where there are enough.")


def place() -> Decorator:
    """Where to measure: `bench.place.Where` of the options."""
    return _together(
        "where",
        workers=whole("--workers", 1, 1, 64, "Processes of the bench's own hub."),
        clients=whole("--clients", 1, 1, 64, "Client processes."),
        pin=pin(),
        url=click.option("--url", help="Measure the hub at http(s)://HOST:PORT instead."),
        token_file=path("--token-file", "Tokens for it, made by `bench hotels`."),
    )


def output(drawn: str = "an HTML page") -> Decorator:
    """What becomes of the result: `bench.report.Output` of the options."""
    return _together(
        "output",
        json=path("--json", "Write the result there."),
        picture=path("--picture", f"Draw it there, as {drawn}."),
        save=click.option("--save", is_flag=True, help="Write and draw to bench/results/."),
    )


def quick(help: str = _QUICK, /, **small: object) -> Decorator:
    """With --quick these values stand for the options that the command line does not name."""

    def decorate(function: Function) -> Function:
        @functools.wraps(function)
        def call(*, quick: bool, **given: object) -> object:
            ctx, default = click.get_current_context(), click.core.ParameterSource.DEFAULT
            names = [name for name in small if quick and ctx.get_parameter_source(name) is default]
            return function(**given | {name: small[name] for name in names})

        return click.option("--quick", is_flag=True, help=help)(call)

    return decorate


def exits(one: str, three: str | None = None) -> str:
    """The exit codes, for the end of --help."""
    words = {0: "good", 1: one, 2: "it cannot be run", 3: three, 130: "stopped by Ctrl+C"}
    return "\n".join(["\b", "Exit codes:", *(f"  {code:<5}{word}" for code, word in words.items() if word)])


def begin(run: Callable[[T], int], shape: type[T], given: Mapping[str, object]) -> NoReturn:
    """Run a command with the options that it takes, and leave with its exit code."""
    import msgspec

    raise SystemExit(run(msgspec.convert(given, shape)))


def _together(into: str, **options: Decorator) -> Decorator:
    """Several options, shown in this order, which the command gets as one."""

    def decorate(function: Function) -> Function:
        @functools.wraps(function)
        def call(**given: object) -> object:
            together = {name: given.pop(name) for name in options}
            return function(**given, **{into: together})

        optional: Function = call
        for option in reversed(options.values()):
            optional = option(optional)
        return optional

    return decorate
