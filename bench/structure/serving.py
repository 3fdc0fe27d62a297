"""`python -m bench.structure.serving FD SERVICE... --port=SERVICE=PORT`: traced services.

They run as by `python -m services.run`. Commands come by standard input, `begin TEXT` or `end`;
each is answered with a line of JSON on the file descriptor.
"""

import os
import runpy
import sys
import threading

import orjson

from bench.structure.tracing import Tracer


def _obey(tracer: Tracer, answers: int) -> None:
    for line in sys.stdin:
        command, _, text = line.strip().partition(" ")
        if command == "begin":
            tracer.begin(text)
        answer = tracer.end() if command == "end" else {}
        os.write(answers, orjson.dumps(answer) + b"\n")


def main() -> None:
    """Serve until killed."""
    tracer, answers = Tracer(), int(sys.argv[1])
    threading.Thread(target=_obey, args=(tracer, answers), daemon=True).start()
    tracer.install()
    sys.argv[:2] = ["services.run"]
    runpy.run_module("services.run", run_name="__main__")


if __name__ == "__main__":
    main()
