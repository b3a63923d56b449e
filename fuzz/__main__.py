"""Run the fuzzers from a terminal: ``python -m fuzz``, or ``make fuzz``.

Prints what was tried, how often, and every fault with the arguments, or the seed and number, that
show it again. Ends with 1 if there was any.
"""

import argparse
import sys
import time

import torch

from fuzz import files, store, targets, traits
from fuzz.calls import try_target

FULL = {"functions": 100_000, "traits": 5_000, "files": 20_000, "stores": 1_000}


def functions(most, seed, only=""):
    """Fuzz the public functions; return (calls, faults)."""
    chosen = {name: target for name, target in targets.targets()[0].items() if only in name}
    whole = sum(target.share for target in chosen.values())
    total, answered, faults = 0, 0, []
    for name, target in chosen.items():
        began = time.monotonic()
        tried = try_target(name, target, max(5, -int(-most * target.share // whole)), seed)
        total, answered = total + tried.calls, answered + tried.answered
        faults += [tried.fault] * bool(tried.fault)
        took = time.monotonic() - began
        print(
            f"{name}: {tried.calls:,} calls, {tried.answered:,} answered, {took:.1f} s", flush=True
        )
    print(f"{total:,} calls of {len(chosen)} functions, {answered:,} answered")
    return total, faults


def every_file(most, seed, only=""):
    """Fuzz the readers of files; return (files, faults)."""
    hostile, faults = files.try_hostile()
    counts, more = files.try_files(most, seed, only)
    for kind, (given, answered) in counts.items():
        print(f"{kind}: {given:,} files, {answered:,} read")
    return hostile + sum(given for given, _ in counts.values()), faults + more


def main():
    """Run the chosen parts, and print the faults."""
    parser = argparse.ArgumentParser(prog="fuzz", description=__doc__)
    for part, most in FULL.items():
        parser.add_argument(f"--{part}", type=int, default=most, help=f"how many; {most:,}")
    parser.add_argument("--only", default="", help="functions or readers with this in their name")
    parser.add_argument("--seed", type=int, default=2017)
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    print(f"seed {chosen.seed}")
    parts = {
        "functions": lambda most: functions(most, chosen.seed, chosen.only),
        "traits": lambda most: traits.try_traits(most, chosen.seed),
        "files": lambda most: every_file(most, chosen.seed, chosen.only),
        "stores": lambda most: store.try_stores(most, chosen.seed),
    }
    every = []
    for part, run in parts.items():
        if most := getattr(chosen, part):
            began = time.monotonic()
            count, faults = run(most)
            every += faults
            took = time.monotonic() - began
            print(f"## {part}: {count:,} tried, {len(faults)} faults, {took:.0f} s", flush=True)
            for fault in faults:
                print(f"FAULT {fault}", flush=True)
    sys.exit(bool(every))


if __name__ == "__main__":
    main()
