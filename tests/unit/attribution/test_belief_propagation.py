"""The posterior over who is who: close to full enumeration, and fair."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from inference.attribution.belief_propagation import propagate_beliefs, sets_seen_together
from inference.schema.arrays import F64, Bools


def enumerated(log_weight: F64, shown: Bools) -> F64:
    """The posterior by going through every assignment."""
    groups, columns = log_weight.shape
    together = (shown.astype(int) @ shown.astype(int).T) > 0
    posterior = np.zeros((groups, columns))
    for chosen in itertools.product(range(columns), repeat=groups):
        pairs = itertools.combinations(range(groups), 2)
        if any(chosen[i] == chosen[j] < columns - 1 and together[i, j] for i, j in pairs):
            continue
        weight = np.exp(sum(log_weight[i, chosen[i]] for i in range(groups)))
        posterior[range(groups), chosen] += weight
    result: F64 = posterior / posterior.sum(axis=1, keepdims=True)
    return result


def random_case(seed: int) -> tuple[F64, Bools]:
    rng = np.random.default_rng(seed)
    groups, people = int(rng.integers(2, 5)), int(rng.integers(1, 4))
    log_weight = rng.normal(0, 3, (groups, people + 1))
    shown = rng.random((groups, 5)) < 0.6
    shown[:, 0] |= ~shown.any(axis=1)
    return log_weight, shown


def test_the_posterior_is_close_to_full_enumeration() -> None:
    errors = [
        float(np.abs(propagate_beliefs(*random_case(seed)) - enumerated(*random_case(seed))).max())
        for seed in range(60)
    ]
    assert np.median(errors) < 0.02
    assert np.quantile(errors, 0.9) < 0.2


def test_what_is_certain_here_is_so_by_full_enumeration() -> None:
    for seed in range(60):
        found, exact = propagate_beliefs(*random_case(seed)), enumerated(*random_case(seed))
        assert (exact[:, :-1][found[:, :-1] > 0.95] > 0.94).all()


def test_rows_sum_to_one() -> None:
    log_weight, shown = random_case(1)
    assert propagate_beliefs(log_weight, shown).sum(axis=1) == pytest.approx(1.0)


def test_two_equal_claims_to_one_person_at_the_same_time_are_both_in_doubt() -> None:
    log_weight = np.array([[6.0, 0.0], [6.0, 0.0]])
    together = propagate_beliefs(log_weight, np.ones((2, 3), np.bool_))
    assert (together[:, 0] < 0.6).all()
    apart = propagate_beliefs(log_weight, np.eye(2, dtype=np.bool_))
    assert (apart[:, 0] > 0.99).all()


def test_the_order_of_groups_and_people_does_not_matter() -> None:
    rng = np.random.default_rng(3)
    log_weight, shown = rng.normal(0, 3, (6, 5)), rng.random((6, 9)) < 0.5
    groups, people = rng.permutation(6), rng.permutation(4)
    turned = np.concatenate([log_weight[groups][:, people], log_weight[groups][:, 4:]], axis=1)
    expected = propagate_beliefs(log_weight, shown)[groups]
    assert propagate_beliefs(turned, shown[groups])[:, :-1] == pytest.approx(
        expected[:, people], abs=0.02
    )


def test_every_pair_seen_together_stands_in_one_set_exactly() -> None:
    shown = np.random.default_rng(0).random((9, 30)) < 0.4
    pairs = [
        pair
        for group in sets_seen_together(shown)
        for pair in itertools.combinations(sorted(group), 2)
    ]
    together = (shown.astype(int) @ shown.astype(int).T) > 0
    expected = {(i, j) for i, j in itertools.combinations(range(9), 2) if together[i, j]}
    assert len(pairs) == len(set(pairs))
    assert set(pairs) == expected


def test_nobody_known_leaves_everybody_somebody_else() -> None:
    assert propagate_beliefs(np.zeros((2, 1)), np.ones((2, 4), np.bool_)).tolist() == [[1.0], [1.0]]
    assert propagate_beliefs(np.zeros((0, 3)), np.zeros((0, 4), np.bool_)).shape == (0, 3)
