"""`python3 -m hub`, from a bare checkout too: the bootstrap first, then the command line."""

import sys

from hub.bootstrap import enter

if __name__ == "__main__":
    enter("hub", sys.argv[1:])
    from hub.cli import main

    main()
