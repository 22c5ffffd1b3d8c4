"""The program: ``python -m scrun``, and the file that the launcher starts with ``-I -S``."""

import sys

if not __package__:  # by the launcher: nothing is on sys.path but the standard library
    sys.path.insert(0, __file__.rpartition("/")[0].rpartition("/")[0])
    from scrun.hot.finder import install

    install()
    from scrun.entry import main

    sys.path.append(sys.path.pop(0))  # first to be found fast, last to shadow nothing
else:
    from scrun.entry import main

main()
