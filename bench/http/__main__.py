"""`python -m bench.http`: what a call over HTTP costs, as a section of bench/README.md."""

import argparse
import sys
import tempfile
from pathlib import Path

from bench.http import beside, memory, start, workers
from bench.http.section import section
from bench.report import write

_PARTS = ("calls", "workers", "memory", "start")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.http", description=__doc__)
    parser.add_argument("--only", default=",".join(beside.CALLS), help="which servers, separated by commas")
    parser.add_argument("--parts", default=",".join(_PARTS), help="what to measure, separated by commas")
    parser.add_argument("--clients", default="1,16,64", help="numbers of connections, separated by commas")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=2, help="of every load, whole ones")
    parser.add_argument("--dry", action="store_true", help="print only, don't write bench/README.md")
    args = parser.parse_args()
    parts = args.parts.split(",")
    clients = [int(one) for one in args.clients.split(",")]
    figures = beside.Beside()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        if "calls" in parts:
            beside.measure(
                folder / "calls", args.only.split(","), clients, args.rounds, args.seconds, figures
            )
        text = section(
            " ".join(["make bench-http", *([f'ARGS="{" ".join(sys.argv[1:])}"'] if sys.argv[1:] else [])]),
            f"{args.rounds} interleaved rounds of {args.seconds} s for every server, call and number of "
            "connections; all on one machine, over loopback. Trust the ratios.",
            clients,
            figures,
            memory.measure(folder / "memory") if "memory" in parts else [],
            start.measure(folder / "start", args.rounds) if "start" in parts else {},
            workers.measure(folder / "workers", args.rounds, args.seconds) if "workers" in parts else {},
        )
    print(text)
    if not args.dry:
        write(text, "http")


if __name__ == "__main__":
    main()
