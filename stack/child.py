"""Runs as a program: tie this process's life to its parent's, then become the real program.

A step between, and not `preexec_fn`: Python code between fork and exec can deadlock in a process
with threads, and the services that start the stack have many. Imports the standard library only
and is run with `-I -S`, so the step costs about 20 ms.
"""

import ctypes
import os
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
    """argv: the parent's pid, the signal to get when it dies, the program and its arguments."""
    parent_pid, death_signal, *command = sys.argv[1:]
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, int(death_signal)) != 0:
        sys.exit(f"prctl(PR_SET_PDEATHSIG) failed: {os.strerror(ctypes.get_errno())}")
    # A parent that died before the call above sends no signal any more.
    if os.getppid() != int(parent_pid):
        sys.exit("the process that started this one is gone")
    os.execv(command[0], command)  # noqa: S606 (no shell is the point)


if __name__ == "__main__":
    main()
