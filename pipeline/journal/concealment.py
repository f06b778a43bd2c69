"""Secrets in parameters: the state of a strategy names its parameters, and what the environment filled in is not written down."""

from collections.abc import Callable
from dataclasses import replace

from pipeline.graph import Graph, GraphSnapshot

__all__ = ["hidden", "revealed"]

Conceal = Callable[[str], str]


def hidden(state: GraphSnapshot, conceal: Conceal) -> GraphSnapshot:
    """A snapshot whose names say what `conceal` leaves of them."""
    stages = {conceal(name): replace(stage, fingerprint=conceal(stage.fingerprint)) for name, stage in state.stages.items()}
    return replace(state, stages=stages, quarantined={owner: conceal(said) for owner, said in state.quarantined.items()})


def revealed(state: GraphSnapshot, graph: Graph, conceal: Conceal) -> GraphSnapshot:
    """The snapshot with the names of a graph, where those are what was hidden; others stay as they are, and will not fit."""
    names, stages = {conceal(name): name for name in graph.stages}, {}
    for told, stage in state.stages.items():
        name = names.get(told, told)
        mine = graph.stages[name].fingerprint if name in graph.stages else ""
        stages[name] = replace(stage, fingerprint=mine) if conceal(mine) == stage.fingerprint else stage
    return replace(state, stages=stages)
