"""Belief propagation over a whole call: the posterior of who each tracklet group is.

Two groups that are seen at the same time are two persons. Each group is one of the known people or
somebody else; somebody else may be any number of groups. Given independent weights, the joint
probability of an assignment is their product where nobody is in two places at once, and 0 where
somebody is; the posterior of a group sums it over all assignments. The sums are found by belief
propagation (sum-product): what it holds for certain, full enumeration does too (a test compares
them); where many compete for few it leaves some of them more than they have.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from inference.schema.arrays import F64, Bools

ROUNDS = 60
DAMPING = 0.5
"""Of the old message that is kept each round: without it two equal claims may swing for ever."""
SETTLED = 1e-5


def propagate_beliefs(log_weight: F64, shown: Bools) -> F64:
    """Return every group's posterior over people, (groups, people + 1), the last for somebody else.

    Rows sum to 1. The order of groups and of people does not matter.

    Args:
        log_weight: (groups, people + 1) logarithm of the weight, prior included; -inf for what
            cannot be. The last column must be finite.
        shown: (groups, T) where each group is seen.
    """
    groups, columns = log_weight.shape
    if groups == 0:
        return np.zeros((0, columns))
    # Weights against somebody else's; limited so that products stay finite.
    odds = np.exp(np.clip(log_weight[:, :-1] - log_weight[:, -1:], -700, 30))
    sets = sets_seen_together(shown)
    if not sets or columns == 1:
        return _normalised(odds)
    member = np.concatenate([np.array(members) for members in sets])
    set_of = np.repeat(np.arange(len(sets)), [len(members) for members in sets])
    starts = np.concatenate([[0], np.cumsum([len(members) for members in sets])[:-1]])
    # A message per membership and person: what the set's other groups leave of the person, 0 to 1.
    left = np.ones((len(member), columns - 1))
    for _ in range(ROUNDS):
        product = np.ones_like(odds)
        np.multiply.at(product, member, left)
        claim = odds[member] * product[member] / np.maximum(left, 1e-300)
        total = 1.0 + claim.sum(axis=1, keepdims=True)
        # Against the group's being anybody else: known people but this one, or a stranger.
        claim = claim / np.maximum(total - claim, 1e-300)
        in_set = np.add.reduceat(claim, starts, axis=0)[set_of]
        new = 1.0 / (1.0 + np.maximum(in_set - claim, 0.0))
        new = DAMPING * left + (1 - DAMPING) * new
        change = float(np.abs(new - left).max())
        left = new
        if change < SETTLED:
            break
    product = np.ones_like(odds)
    np.multiply.at(product, member, left)
    return _normalised(odds * product)


def _normalised(odds: F64) -> F64:
    weights = np.concatenate([odds, np.ones((len(odds), 1))], axis=1)
    posterior: F64 = weights / weights.sum(axis=1, keepdims=True)
    return posterior


def sets_seen_together(shown: Bools) -> list[list[int]]:
    """Return sets of groups, (groups, T) in, so that every two seen at once share exactly one set.

    Large sets come first; a pair that counted twice would be held apart twice.
    """
    if shown.size == 0:
        return []
    packed = np.unique(np.packbits(shown, axis=0), axis=1)
    patterns = np.unpackbits(packed, axis=0, count=len(shown)).astype(np.bool_)
    sizes = patterns.sum(axis=0)
    open_pairs: NDArray[np.bool_] = np.zeros((len(shown), len(shown)), np.bool_)
    for pattern in patterns.T[sizes >= 2]:
        open_pairs |= pattern[:, None] & pattern[None, :]
    np.fill_diagonal(open_pairs, False)
    sets = []
    for k in np.argsort(-sizes, kind="stable"):
        left = np.flatnonzero(patterns[:, k])
        while len(left) >= 2:
            pairs = open_pairs[np.ix_(left, left)]
            members: list[int] = []
            for i in range(len(left)):
                if all(pairs[i, j] for j in members):
                    members.append(i)
            if len(members) < 2:
                # The first has no open pair left here; the others may.
                left = left[1:]
                continue
            chosen = left[members]
            open_pairs[np.ix_(chosen, chosen)] = False
            sets.append([int(u) for u in chosen])
    return sets
