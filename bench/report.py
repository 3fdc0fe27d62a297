"""The figures for people (tables) and for programs (one JSON object)."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from bench.figures import (
    PROCESSES,
    Sample,
    bound_of,
    ceiling_of,
    over_rounds,
    ratio_of,
)
from bench.rows import REPLAY, Row

Rounds = Sequence[Mapping[str, Sample]]
# An embedding slice at least, in a row whose vectors should all have been cached.
NOTHING = 0.5


def figures_of(row: Row, rounds: Rounds, cores: int) -> dict[str, Any]:
    """All figures of one row: medians over the rounds, and each round."""
    samples = [each[row.key] for each in rounds]
    names = ["per_second"] if row.kind == "embed-batch" else ["p50_ms", "p95_ms", "per_second"]
    found: dict[str, Any] = {
        "explanation": row.explanation,
        "in_flight": row.in_flight,
        "requests": sum(sample.count for sample in samples),
        "errors": sum(sample.errors for sample in samples),
        **{name: over_rounds(samples, name) for name in names},
        "used_per_round": [sample.used for sample in samples],
        "rounds": [{name: sample.figure(name) for name in names} for sample in samples],
    }
    if row.bounds:
        ratio = ratio_of(row, rounds)
        bounds = sorted(bound_of(row, each) for each in rounds)
        found["bound"] = {
            "rows": list(row.bounds),
            "unit": "ms" if row.is_latency else "per_second",
            "value": bounds[len(bounds) // 2],
        }
        found["ratio"] = {"median": ratio.median, "least": ratio.least, "most": ratio.most}
    if row.parts and all("kafka" in sample.used for sample in samples):
        found["ceiling_per_second"] = ceiling_of(row, rounds, cores)
    return found


def doubts(rows: Sequence[Row], rounds: Rounds) -> list[str]:
    """Signs that a row did not do what it says."""
    found = []
    for row in rows:
        used = [each[row.key].used for each in rounds]
        if errors := sum(each[row.key].errors for each in rounds):
            found.append(f"{row.key}: {errors} requests failed")
        slices = sum(each["model_slices"] for each in used)
        if row.cached and slices > NOTHING:
            found.append(
                f"{row.key}: the model ran {slices:.0f} times, its vectors were not cached"
            )
        if row.needs_new_texts and slices < NOTHING:
            found.append(f"{row.key}: the model did not run, its texts were not new")
        nothing = sum(each["found_nothing"] for each in used)
        if nothing:
            found.append(f"{row.key}: {nothing:.0f} searches found nothing, so recorded nothing")
    return found


def show(console: Console, rows: Sequence[Row], result: Mapping[str, Any]) -> None:
    """Print all tables."""
    console.print(_rows_table(rows, result["rows"]))
    console.print(_cost_table(rows, result["rows"]))
    console.print(_replay_table(result[REPLAY]))
    console.print(_aims_table(result["aims"]))


def _table(title: str, caption: str | None = None) -> Table:
    return Table(title=title, caption=caption, box=SIMPLE_HEAD, title_justify="left")


def _rows_table(rows: Sequence[Row], figures: Mapping[str, Any]) -> Table:
    table = _table(
        title="Medians over the rounds",
        caption="of bound: as many times as long, or so much of the rate. ceiling: what these "
        "processors could do of the row's parts alone, see docs/reference/bench.md",
    )
    table.add_column("row", no_wrap=True)
    for name in ("n", "p50 ms", "p95 ms", "a second", "bound", "of bound", "ceiling"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        found = figures[row.key]
        table.add_row(
            row.key,
            f"{found['requests']:,}",
            _number(found.get("p50_ms"), 2),
            _number(found.get("p95_ms"), 2),
            _number(found["per_second"], 0),
            *_compared(row, found),
            _number(found.get("ceiling_per_second"), 0),
        )
    return table


def _compared(row: Row, found: Mapping[str, Any]) -> tuple[str, str]:
    if not row.bounds:
        return "", ""
    value, ratio = found["bound"]["value"], found["ratio"]["median"]
    if row.is_latency:
        return f"{value:,.2f}", f"{ratio:.2f} x"
    return f"{value:,.0f}", f"{ratio:.0%}"


def _number(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:,.{digits}f}"


def _cost_table(rows: Sequence[Row], figures: Mapping[str, Any]) -> Table:
    table = _table(
        title="What a request costs: CPU ms by process, its fold included",
        caption="queries, model: how long they took in the services, in ms",
    )
    table.add_column("row", no_wrap=True)
    for name in (*PROCESSES, "others", "queries", "model"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        found = figures[row.key]
        parts = found["used_per_round"]
        each = {
            name: 1000 * sum(part[name] for part in parts) / found["requests"] for name in parts[0]
        }
        others = max(0.0, each["machine"] - sum(each.get(name, 0.0) for name in PROCESSES))
        table.add_row(
            row.key,
            *(f"{each[name]:.2f}" if name in each else "?" for name in PROCESSES),
            f"{others:.2f}",
            f"{each['queries_wall']:.2f}",
            f"{each['model_wall']:.2f}",
        )
    return table


def _replay_table(replays: Sequence[Mapping[str, float]]) -> Table:
    table = _table(title="Replay: the read side rebuilt from the log")
    for name in ("events", "fold s", "events a second", "whole rebuild s"):
        table.add_column(name, justify="right")
    for each in replays:
        table.add_row(
            f"{each['events']:,.0f}",
            f"{each['fold_seconds']:.2f}",
            f"{each['events_per_second']:,.0f}",
            f"{each['rebuild_seconds']:.2f}",
        )
    return table


def _aims_table(aims: Sequence[Mapping[str, Any]]) -> Table:
    table = _table(title="Aims")
    for name in ("aim", "found", ""):
        table.add_column(name)
    for aim in aims:
        value = aim["value"]
        shown = {
            "p50_ms": f"{value:.2f} ms",
            "per_second": f"{value:,.0f} a second",
            "errors": f"{value:,.0f}",
        }
        text = shown.get(aim["figure"]) or f"{value:.2f}"
        table.add_row(aim["aim"], text, "[green]reached" if aim["reached"] else "[red]not reached")
    return table
