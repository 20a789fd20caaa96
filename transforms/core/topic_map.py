"""A map of topics in two dimensions: each topic a disc, near those it is like, its members inside.

The discs' centres are the first two principal components of the topics' mean vectors; where discs overlap they
are pushed apart, a little at a time. A disc's area grows with its number of members. Inside, the members stand on
a sunflower spiral (Vogel 1979), the most typical one in the middle. So what lies side by side is alike, nothing
hides anything else, and the same vectors give the same map: no random start, and signs are settled.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_GOLDEN_ANGLE = np.pi * (3 - 5**0.5)
_ROUNDS = 400
_GAP = 1.2  # between two discs, in units of the distance between two members
_PULL = 0.02  # share of the way back to the middle, in each round
_WIDE = 1.6  # width of the map for each unit of height, about

Floats = NDArray[np.float64]


def topic_map(topics: Sequence[NDArray[np.int8]]) -> tuple[list[Floats], Floats, Floats]:
    """Return where everything stands.

    Args:
        topics: The vectors of each topic's members, [n, d] with n above 0.

    Returns:
        The places of each topic's members, [n, 2]; the centres of the discs, [t, 2], and their radii, [t]. All
        coordinates are 0 or more, and neighbours in a disc are about 1 apart.
    """
    if not topics:
        return [], np.zeros((0, 2)), np.zeros(0)
    members = [rows.astype(np.float64) for rows in topics]
    means = np.stack([_unit(rows).mean(0) for rows in members])
    sizes = np.array([len(rows) for rows in members])
    radii = np.sqrt(sizes)
    centres = _apart(_principal(means, sizes), radii)
    centres -= (centres - radii[:, None]).min(0)
    places = [
        centre + _sunflower(_unit(rows) @ mean) for centre, rows, mean in zip(centres, members, means, strict=True)
    ]
    return places, centres, radii


def _unit(rows: Floats) -> Floats:
    return rows / np.maximum(np.linalg.norm(rows, axis=-1, keepdims=True), 1e-9)


def _principal(means: Floats, weights: NDArray[np.int64]) -> Floats:
    """Return the first two principal components [t, 2] of weighted rows; a missing one is 0."""
    centred = means - np.average(means, axis=0, weights=weights)
    _, _, axes = np.linalg.svd(centred * np.sqrt(weights)[:, None], full_matrices=False)
    axes = axes[:2]
    largest = np.abs(axes).argmax(1)
    axes = axes * np.sign(axes[np.arange(len(axes)), largest])[:, None]
    out = np.zeros((len(means), 2))
    out[:, : len(axes)] = centred @ axes.T
    return out


def _apart(places: Floats, radii: Floats) -> Floats:
    """Return places near those given, spread over a map in which no two discs overlap by much."""
    n = len(places)
    side = np.sqrt(np.pi * (radii**2).sum())
    spread = np.abs(places).max(0)
    places = places / np.where(spread > 1e-9, spread, 1) * side * np.array([_WIDE, 1]) / 2
    # Equal places part in a direction that depends on their order alone.
    turn = np.arange(n) * _GOLDEN_ANGLE
    places = places + 1e-3 * np.stack([np.cos(turn), np.sin(turn)], 1)
    reach = radii[:, None] + radii[None, :] + _GAP
    weight = radii[None, :] / (radii[:, None] + radii[None, :])  # the smaller one moves more
    for step in range(_ROUNDS):
        if step < _ROUNDS * 0.8:
            places = places * (1 - _PULL * np.array([1, _WIDE]) * (1 - step / _ROUNDS))
        away = places[:, None, :] - places[None, :, :]
        distance = np.sqrt((away**2).sum(2))
        np.fill_diagonal(distance, np.inf)
        overlap = np.maximum(reach - distance, 0) * weight / np.maximum(distance, 1e-9)
        places = places + 0.5 * (away * overlap[:, :, None]).sum(1)
    return places


def _sunflower(similarity: Floats) -> Floats:
    """Return places [n, 2] around 0, the most similar first and in the middle."""
    n = len(similarity)
    rank = np.empty(n)
    rank[np.lexsort((np.arange(n), -np.round(similarity, 9)))] = np.arange(n)
    radius, turn = np.sqrt(rank + 0.5) * 0.9, rank * _GOLDEN_ANGLE
    return np.stack([radius * np.cos(turn), radius * np.sin(turn)], 1)
