"""`python3 -m bench`, from a bare checkout too: the hub's bootstrap first, then the command line."""

import sys

from hub.bootstrap import enter

if __name__ == "__main__":
    enter("bench", sys.argv[1:])
    from bench.cli import main

    main()
