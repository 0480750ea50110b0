"""What an expression asks for, read from its syntax tree: metrics, labels, and the labels that its series keep."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import promql_parser

from entresol.gauges import COUNTER, HISTOGRAM, Row
from entresol.metrics import TABLE
from monitoring.prometheus import substituted

SCRAPED = frozenset(("job", "namespace", "pod", "instance"))
"""Labels that a scrape adds."""
PROCESS = frozenset(("process_cpu_seconds_total", "process_resident_memory_bytes", "process_open_fds"))
"""What the metrics library tells of every process."""
_PARTS = ("_bucket", "_sum", "_count")
ANY = {name: "1m" if name.startswith("__") else "x" for name in (
    "job", "namespace", "role", "framework", "__rate_interval", "__range",
)}  # fmt: skip

Node = Any
"""A node of the tree; the parser's classes have no common base."""


@dataclass(frozen=True, slots=True)
class Selector:
    """One selector.

    Attributes:
        labels: those it matches on.
        text: itself, as it may be asked for alone.
        function: the one that is called on its range, if any.
    """

    metric: str
    labels: tuple[str, ...]
    text: str
    function: str = ""


def parsed(expr: str, choices: Mapping[str, str] = ANY) -> Node:
    """The tree; ValueError for what is no PromQL."""
    return promql_parser.parse(substituted(expr, choices))


def nodes(node: Node) -> Iterator[Node]:
    """A node and everything below it."""
    yield node
    for child in _children(node):
        yield from nodes(child)


def _children(node: Node) -> Iterator[Node]:
    for name in ("lhs", "rhs", "expr", "param", "vector_selector"):
        if (child := getattr(node, name, None)) is not None:
            yield child
    yield from getattr(node, "args", ())


def selectors(expr: str, choices: Mapping[str, str] = ANY) -> list[Selector]:
    """Every selector of an expression."""
    found: list[Selector] = []
    _collect(parsed(expr, choices), "", found)
    return found


def _collect(node: Node, function: str, found: list[Selector]) -> None:
    match type(node).__name__:
        case "VectorSelector":
            labels = tuple(each.name for each in node.matchers.matchers)
            found.append(Selector(node.name, labels, node.prettify(), function))
        case "Call":
            for child in node.args:
                _collect(child, node.func.name, found)
        case "MatrixSelector":
            _collect(node.vector_selector, function, found)
        case _:
            for child in _children(node):
                _collect(child, "", found)


def row_of(metric: str) -> Row | None:
    """The line of the product's table that a series belongs to."""
    by_name = {row.name: row for row in TABLE}
    if metric in by_name and by_name[metric].kind != HISTOGRAM:
        return by_name[metric]
    base = next((metric.removesuffix(part) for part in _PARTS if metric.endswith(part)), "")
    row = by_name.get(base)
    return row if row is not None and row.kind == HISTOGRAM else None


def labels_of(metric: str) -> frozenset[str]:
    """The labels that a metric's series have."""
    row = row_of(metric)
    bucket = {"le"} if metric.endswith("_bucket") else set()
    return SCRAPED | bucket | (frozenset(row.labels) if row else frozenset())


def is_counter(metric: str) -> bool:
    """Whether its value alone says nothing, because it only grows."""
    row = row_of(metric)
    return metric == "process_cpu_seconds_total" or (row is not None and row.kind in {COUNTER, HISTOGRAM})


def named_labels(expr: str) -> set[str]:
    """Labels by which an expression groups or joins."""
    found: set[str] = set()
    for node in nodes(parsed(expr)):
        modifier = getattr(node, "modifier", None)
        if modifier is None:
            continue
        match type(node).__name__:
            case "AggregateExpr":
                found |= set(modifier.labels)
            case "BinaryExpr" if modifier.matching is not None:
                found |= set(modifier.matching.labels)
            case _:
                pass
    return found


def kept(node: Node) -> set[str]:
    """The labels that an expression's series may still have."""
    match type(node).__name__:
        case "AggregateExpr" if str(node.op) not in {"topk", "bottomk"}:
            return set(node.modifier.labels) if node.modifier is not None else set()
        case "AggregateExpr" | "ParenExpr" | "UnaryExpr":
            return kept(node.expr)
        case "BinaryExpr":
            sides = (kept(node.lhs), kept(node.rhs))
            return sides[0] or sides[1]
        case "Call":
            of_args = [kept(each) for each in node.args]
            return set().union(*of_args) - ({"le"} if node.func.name == "histogram_quantile" else set())
        case "VectorSelector":
            return set(labels_of(node.name))
        case "MatrixSelector":
            return kept(node.vector_selector)
        case _:
            return set()
