"""The pool in one process under one seed: host, nodes, callers, network and clock.

    python -m tests.sim --seeds 5000          a swarm, with progress
    python -m tests.sim --seed 17 --trace     one of them again, step by step

What decides is the product's own: the job machine, dispatch, standing, the fair queue, the sessions
with frames as bytes, the books, and receipts, verdicts and checkpoints with real signatures. What
surrounds it is hostile: sockets are cut, frames lost, doubled and swapped, nodes crash, stall, lie
and collude, owners return, callers vanish, the books cannot be written, the host is killed between
any two steps and comes back with what was on its disk, and its clock jumps. After every step the
invariants of `checks.py` hold.
"""
