"""`python -m bench.http`: CPU per call of five servers, as a section of bench/README.md."""

import argparse
import contextlib
import sys
import tempfile
from collections import defaultdict
from pathlib import Path
from statistics import median
from typing import Final

from bench.http.calls import LEGACY, MODERN, Call, add_to_cart, search, view_cart
from bench.http.load import Run, load, prepare
from bench.http.running import OURS, running

CALLS: Final[dict[str, tuple[Call, ...]]] = {
    OURS: tuple(kind(era) for era in (MODERN, LEGACY) for kind in (add_to_cart, view_cart, search)),
    "floor": tuple(add_to_cart(era, '"result":"ok"') for era in (MODERN, LEGACY)),
    "plain": tuple(kind(MODERN) for kind in (add_to_cart, view_cart, search)),
    "peer": (add_to_cart(LEGACY), view_cart(LEGACY)),
    "raw": (add_to_cart(LEGACY, '"result":'),),
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.http", description=__doc__)
    parser.add_argument("--only", default=",".join(CALLS), help="which servers, separated by commas")
    parser.add_argument("--clients", default="1,16,64", help="numbers of connections, separated by commas")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=2, help="of every load, whole ones")
    parser.add_argument("--dry", action="store_true", help="print only, don't write bench/README.md")
    args = parser.parse_args()
    names = args.only.split(",")
    clients = [int(one) for one in args.clients.split(",")]
    runs: dict[tuple[str, str, int], list[Run]] = defaultdict(list)
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        servers = {name: stack.enter_context(running(name, folder / name)) for name in names}
        for name, server in servers.items():
            for call in CALLS[name]:
                if call.name.startswith("view_cart"):
                    prepare(server, call.era)
                load(server, call, 4, 1)
        for number in range(args.rounds):
            for connections in clients:
                for name, server in servers.items():
                    for call in CALLS[name]:
                        print(f"round {number + 1}: {name}, {call.label}, {connections}", file=sys.stderr)
                        runs[name, call.label, connections].append(
                            load(server, call, connections, args.seconds)
                        )
    for (name, label, connections), some in runs.items():
        cpu, rate, p50, p99 = (
            median(getattr(run, what) for run in some) for what in ("cpu_ms", "rate", "p50_ms", "p99_ms")
        )
        print(
            f"{name:6} {label:28} {connections:3} connections: {cpu:6.3f} ms CPU, {rate:7.0f} calls/s, "
            f"p50 {p50:6.2f}, p99 {p99:6.2f} ms"
        )


if __name__ == "__main__":
    main()
