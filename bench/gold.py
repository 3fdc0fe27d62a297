"""`python -m bench.gold TABLE`: does the model reproduce a table of reference numbers?"""

from pathlib import Path
from typing import Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from bench.gold_examples import READERS as KINDS
from bench.gold_examples import check_examples
from bench.gold_rows import Problem, Row
from bench.gold_table import check_table

HELP = f"""Two forms of table are understood, told apart by the first character:

- lines of name, value and note, separated by tabs, without a header. Each name says its kind:
bl_full_N_dD, bl_ol_t_N_dD, bl_hybK_N_dD, bl_minage_*, spread_X_C, pm_mpM_reqR_C,
latency_ms_lfF_leG_AX, pa_NAME_m, pa_NAME_dI, inh_NAME_term, inh_NAME_A, full_B_C (S, P, A),
noise_mean_sS_nN (var). The note holds the inputs: times=(4844 252 0) now=5877 d=0.5.

- a JSON object {{kind: {{inputs: value}}}}. Kinds: {", ".join(KINDS)}.

A row passes within 1e-9; spread_*, full_S_* and full_A_* within 1e-7; latency_ms_* if equal after
rounding; crossing_time within 1e-9 of its value; noise_* if the row and a sample of our own are
both as near to theory as a sample of that size should be.

Exit status: 0 if every row passes, 1 if one fails or is not understood."""

app = typer.Typer(add_completion=False, rich_markup_mode=None)


def check(text: str) -> list[Row | Problem]:
    """Every row of a table in either form."""
    return check_examples(text) if text.lstrip().startswith("{") else check_table(text)


@app.command(epilog=HELP)
def gold(
    table: Annotated[
        Path,
        typer.Argument(
            exists=True, dir_okay=False, readable=True, metavar="TABLE", help="TSV or JSON."
        ),
    ],
) -> None:
    """Evaluate each row of a table with the library's own functions, and compare."""
    console = Console(soft_wrap=True, highlight=False)
    try:
        found = check(table.read_text("utf-8"))
    except UnicodeDecodeError as error:
        console.print(f"{table} is no UTF-8 text: {error}", style="red", markup=False)
        raise typer.Exit(1) from None
    rows = [each for each in found if isinstance(each, Row)]
    problems = [each for each in found if isinstance(each, Problem)]
    console.print(_summary(rows))
    for row in rows:
        if not row.passed:
            console.print(_failure(row), style="red", markup=False)
    for problem in problems:
        console.print(f"not understood: {problem.name}: {problem.reason}", markup=False)
    passed = sum(row.passed for row in rows)
    console.print(f"{passed} of {len(found)} rows pass. {_largest(rows)}", markup=False)
    if passed < len(found) or not found:
        raise typer.Exit(1)


def _summary(rows: list[Row]) -> Table:
    """One line per kind, so that a coarse kind doesn't hide what a fine one loses."""
    summary = Table(box=SIMPLE_HEAD)
    for name in ("kind", "rows", "largest error", "allowed"):
        summary.add_column(name, justify="left" if name == "kind" else "right")
    kinds = dict.fromkeys(_kind(row) for row in rows)
    for kind in kinds:
        of_kind = [row for row in rows if _kind(row) == kind]
        worst = max(of_kind, key=lambda row: (not row.passed, row.error))
        style = None if all(row.passed for row in of_kind) else "red"
        summary.add_row(
            kind, str(len(of_kind)), f"{worst.error:.2g}", f"{worst.tolerance:.2g}", style=style
        )
    return summary


def _kind(row: Row) -> str:
    before, colon, _ = row.name.partition(":")
    return before if colon else row.name.partition("_")[0]


def _failure(row: Row) -> str:
    expected, found = (
        ", ".join(f"{each:.16g}" for each in part) for part in (row.expected, row.found)
    )
    return (
        f"FAILS: {row.name}: expected {expected}, found {found}; "
        f"off by {row.error:.3g}, allowed {row.tolerance:.3g}"
    )


def _largest(rows: list[Row]) -> str:
    measured = [row for row in rows if not row.sampled]
    if not measured:
        return ""
    worst = max(measured, key=lambda row: row.error)
    return (
        f"Largest absolute error {worst.error:.3g} ({worst.name}, allowed {worst.tolerance:.3g})."
    )


if __name__ == "__main__":
    app()
