"""Answers of the read side, as people read them."""

import json
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from human_memory.cli.output import table

_INDENT = 4
_HISTORY_SHOWN = 10


def print_found(console: Console, result: dict[str, Any]) -> None:
    """Memories by rank: one line of numbers each, and below it what they say."""
    if not result["results"]:
        console.print(_nothing(result.get("best_below")))
        return
    header = f" # {'act.':>7} {'sim.':>6}  {'last access':<16} count  id"
    console.print(Text(header, style="bold"), soft_wrap=True)
    for rank, found in enumerate(result["results"], start=1):
        numbers = (
            f"{rank:>2} {found['activation']:>7.3f} {found['similarity']:>6.3f}  "
            f"{when(found['last_accessed']):<16} {found['access_count']:>5}  {found['memory_id']}"
        )
        _print_entry(console, numbers, found)


def _nothing(best_below: float | None) -> str:
    if best_below is None:
        return "nothing is remembered"
    return (
        f"nothing is remembered about that; the best has activation {best_below:.2f}: "
        "--min-activation lowers the threshold, --include-decayed that of what has faded"
    )


def print_list(console: Console, result: dict[str, Any]) -> None:
    """A page of memories, and how to get the next one."""
    header = f"{'act.':>7}  {'status':<7}  {'last access':<16}  count  id"
    console.print(Text(header, style="bold"), soft_wrap=True)
    for each in result["memories"]:
        numbers = (
            f"{each['activation']:>7.3f}  {each['status']:<7}  {when(each['last_accessed']):<16}  "
            f"{each['access_count']:>5}  {each['memory_id']}"
        )
        _print_entry(console, numbers, each)
    console.print(f"{len(result['memories'])} of {result['total']}")
    if result["next_cursor"]:
        console.print(f"next page: --cursor {result['next_cursor']}", soft_wrap=True)


def print_memory(console: Console, result: dict[str, Any]) -> None:
    """One memory, field by field."""
    rows = table("field", "value")
    rows.show_header = False
    for name, value in result.items():
        if name == "explanation":
            continue
        if name == "course":
            for fate in ("fades_at", "fades_at_if_used"):
                rows.add_row(fate, value[fate] or "never, or it has")
        elif name == "access_history":
            rows.add_row(name, Text(_history(value)))
        elif value not in (None, [], {}):
            rows.add_row(name, Text(_shown(value)))
    if result.get("explanation"):
        rows.add_row("explanation", _parts(result["explanation"]))
    console.print(rows)


def print_stats(console: Console, result: dict[str, Any]) -> None:
    """Counts by status."""
    rows = table("total", "active", "decayed", "deleted", "mean activation")
    counts = (str(result[name]) for name in ("total", "active", "decayed", "deleted"))
    rows.add_row(*counts, f"{result['avg_activation']:.3f}")
    console.print(rows)


def print_namespaces(console: Console, result: dict[str, Any]) -> None:
    """A page of namespaces, and how to get the next one."""
    numbers = ("total", "active", "decayed", "deleted")
    rows = table(*numbers, "namespace", right=numbers)
    for each in result["namespaces"]:
        rows.add_row(*(str(each[name]) for name in numbers), Text(each["namespace"]))
    console.print(rows)
    console.print(f"{len(result['namespaces'])} of {result['total']} namespaces")
    if result.get("next_cursor"):
        console.print(f"next page: --cursor {result['next_cursor']}", markup=False, soft_wrap=True)


def print_parameters(console: Console, result: dict[str, Any]) -> None:
    """All parameters; those that were set are marked."""
    rows = table("parameter", "value", "", right=("value",))
    for name, value in result["parameters"].items():
        rows.add_row(name, f"{value:g}", "set" if name in result["changed"] else "")
    console.print(rows)


def when(time: str) -> str:
    """A time of a reply, to the minute: in UTC, or where it happened if that was told.

    >>> when("2026-01-11T18:42:08.000Z")
    '2026-01-11 18:42'
    """
    return time[:16].replace("T", " ")


def _print_entry(console: Console, numbers: str, memory: dict[str, Any]) -> None:
    console.print(Text(numbers), soft_wrap=True)
    print_indented(console, _said(memory))
    if memory.get("metadata"):
        print_indented(console, Text(json.dumps(memory["metadata"], ensure_ascii=False)))
    if memory.get("superseded_by"):
        out_of_date = f"out of date: superseded by {memory['superseded_by']}"
        print_indented(console, Text(out_of_date, style="yellow"))
    if memory.get("copies"):
        print_indented(console, Text(f"{memory['copies']} memories say so", style="dim"))
    if memory.get("explanation"):
        print_indented(console, Text(_parts(memory["explanation"]), style="dim"))
    if memory.get("reasons"):
        print_indented(console, Text(_reasons(memory["reasons"]), style="dim"))


def print_indented(console: Console, text: Text) -> None:
    """Below a line of numbers, wrapped by words."""
    console.print(Padding(text, (0, 0, 0, _INDENT), expand=False))


def _said(memory: dict[str, Any]) -> Text:
    speaker = memory.get("speaker")
    return Text(f"{speaker}: {memory['content']}" if speaker else memory["content"])


def _parts(explanation: dict[str, float]) -> str:
    return "  ".join(f"{name} {value:+.3f}" for name, value in explanation.items())


def _reasons(reasons: dict[str, Any]) -> str:
    """The reasons for the match and the spreading activation, and advice for a person."""
    names = ("speaker", "length", "time", "neighbours")
    parts = {name: reasons[name] for name in names if name in reasons}
    lines = [f"cosine {reasons['cosine']:.3f}  {_parts(parts)}"]
    for name in ("words", "concepts"):
        if reasons[name]:
            lines.append(f"{name}: {_parts(reasons[name])}")
    lines.append(
        f"recalled with probability {reasons['retrieval_probability']:.3f} "
        f"in {reasons['retrieval_latency_seconds']:.3f} s; "
        f"threshold {reasons['retrieval_threshold']:.3f}"
    )
    return "\n".join(lines)


def _history(accesses: list[dict[str, Any]]) -> str:
    newest = accesses[:_HISTORY_SHOWN]
    lines = [f"{when(access['accessed_at'])} {access['kind']}" for access in newest]
    if left_out := len(accesses) - len(newest):
        lines.append(f"({left_out} older)")
    return "\n".join(lines)


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4f}"
    if not isinstance(value, list):
        return str(value)
    return ", ".join(map(_item, value))


def _item(each: Any) -> str:
    if not isinstance(each, dict):
        return str(each)
    # Of a memory its id; a correction is what was said before it.
    if "memory_id" in each:
        return str(each["memory_id"])
    return ", ".join(f"{name}: {value}" for name, value in each.items() if value is not None)
