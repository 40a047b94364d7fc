"""The process that hashes passwords for `hub.security.passwords`: bcrypt and nothing else of the hub.

One line in, one line out: `hash <rounds> <password in hex>` answers the hash, and
`check <hash> <password in hex>` answers `1` or `0`. It ends with the end of its input, which comes when the
hub closes it or dies, however it dies.
"""

import os
import sys

import bcrypt


def _yield_to_the_kitchen() -> None:
    """Run only when nothing else wants the core."""
    try:
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    except (AttributeError, OSError):  # not Linux, or a sandbox that forbids it
        os.nice(19)


def _group_yields() -> bool:
    """The same for the group that a session is for the kernel; False when it must be tried again.

    Without it this process would have a full share against all other sessions, idle or not.
    """
    try:
        with open("/proc/self/autogroup", "w", encoding="ascii") as group:  # noqa: PTH123 - pathlib loads slowly
            group.write("19")
    except BlockingIOError:  # only ten changes a second are allowed on the whole machine
        return False
    except OSError:  # no such groups here
        return True
    return True


def _answer(line: bytes) -> bytes:
    task, how, password = line.split(b" ")
    secret = bytes.fromhex(password.decode())
    if task == b"hash":
        return bcrypt.hashpw(secret, bcrypt.gensalt(int(how)))
    return b"1" if bcrypt.checkpw(secret, how) else b"0"


def main() -> None:
    # Last, so that the start itself is quick on a busy machine.
    _yield_to_the_kitchen()
    yields = False
    while line := sys.stdin.buffer.readline():
        yields = yields or _group_yields()
        answer = _answer(line)
        try:
            os.write(1, answer + b"\n")
        except OSError:
            return  # nobody is there any more


if __name__ == "__main__":
    main()
