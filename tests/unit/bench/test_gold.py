"""The gold tables pass, other rows of their kinds pass, wrong and strange rows do not."""

import json
import math
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bench.gold import app, check
from bench.gold_rows import Problem, Row

DATA = Path(__file__).parents[2] / "data"
GOLD, EXAMPLES = DATA / "actr_gold.tsv", DATA / "worked_examples.json"
GOLD_LINES = GOLD.read_text("utf-8").splitlines()


def only(found: list[Row | Problem]) -> Row:
    """The one row that was understood."""
    (row,) = found
    assert isinstance(row, Row), row
    return row


def example(kind: str, key: str, value: object) -> list[Row | Problem]:
    """One worked example, checked."""
    return check(json.dumps({kind: {key: value}}))


@pytest.mark.parametrize(("table", "rows"), [(GOLD, 70), (EXAMPLES, 69)], ids=["tsv", "json"])
def test_every_row_of_the_reference_tables_passes(table: Path, rows: int) -> None:
    result = CliRunner().invoke(app, [str(table)])

    assert result.exit_code == 0, result.output
    assert f"{rows} of {rows} rows pass. Largest absolute error" in result.output


@pytest.mark.parametrize("line", [line for line in GOLD_LINES if "noise" not in line])
def test_a_number_that_is_off_fails_whatever_its_kind(line: str) -> None:
    name, value, *note = line.split("\t")
    wrong = float(value) + (1 if name.startswith("latency") else 2e-7)

    row = only(check("\t".join([name, f"{wrong:.12f}", *note])))

    assert not row.passed


def direct(times: list[float], now: float, decay: float) -> float:
    """The sum as it stands in the books."""
    return math.log(sum(max(now - time, 0.05) ** -decay for time in times))


def decays(times: list[float], first: float, scale: float) -> list[float]:
    """Each presentation's decay, one after the other."""
    found: list[float] = []
    for now in times:
        strengths = [(now - time) ** -d for time, d in zip(times, found, strict=False)]
        found.append(first + scale * sum(strengths))
    return found


@pytest.mark.parametrize(
    ("times", "now", "decay"),
    [([7.0, 3.0, 1.5], 8.25, 0.61), ([0.0], 1e9, 0.05), ([40.0] * 12, 40.0, 0.5)],
)
def test_other_histories_and_decays_are_understood(
    times: list[float], now: float, decay: float
) -> None:
    note = f"times=({' '.join(map(str, times))}) now={now} ol=NIL d={decay}"

    row = only(check(f"bl_full_{len(times)}_d{decay}\t{direct(times, now, decay):.17g}\t{note}"))

    assert row.passed


@pytest.mark.parametrize(
    ("name", "expected", "note"),
    [
        (
            "bl_ol_t_3_d0.25",
            math.log(3 / 0.75) - 0.25 * math.log(50),
            "times=(90 60 50) now=100 ol=T d=0.25",
        ),
        (
            "bl_hyb1_2_d0.25",
            math.log(10**-0.25 + (50**0.75 - 10**0.75) / (0.75 * 40)),
            "times=(90 50) now=100 ol=1 d=0.25",
        ),
        ("spread_Z_F5", 1.5 * (4 - math.log(3)), "mas=4.0 nsji=NIL W=1.5 sources j1"),
        ("spread_Z_J4", (1 - math.log(1)) / 3, "mas=1.0 nsji=NIL W=1.0 sources j1 j2 j4"),
        ("spread_Z_J1", (1 - math.log(6)) / 2, "mas=1.0 nsji=T W=1.0 sources j1 j2"),
        ("pm_mp2.5_req1_F2", -0.75, ""),
        ("pm_mp2_req1_F2", -1.0, "request a=x1 b=x2; sim x1x2=-.5 x1x3=-.7"),
        ("latency_ms_lf.2_le2_A0.250", 121.0, "F=0.2 f=2"),
        ("pa_mine_d2", 0.3 + 0.1 * 16**-0.3, "times=(16 0) now=20 a=0.3 c=0.1"),
        ("inh_mine_term", -math.log(1 + (3 / 2) ** -0.5), "times=(7 1) now=10 ts=2 ds=.5"),
        ("inh_100s_A", -math.log(1.05), "times=(100) now=101 ts=.05 ds=1.0"),
        ("full_P_F2", -0.6, ""),
    ],
    ids=lambda value: value if isinstance(value, str) and "_" in value[:8] else "",
)
def test_other_rows_of_the_same_kinds_are_understood(name: str, expected: float, note: str) -> None:
    row = only(check(f"{name}\t{expected:.17g}\t{note}"))

    assert row.passed, row


def test_rows_of_one_name_share_their_note() -> None:
    table = "pa_mine_m\t0\ttimes=(16 0) now=20 a=0.3 c=0\npa_mine_d2\t0.3\t\n"

    decay = check(table)[1]

    assert isinstance(decay, Row)
    assert decay.passed


@pytest.mark.parametrize(("moment", "theory"), [("mean", 0.0), ("var", math.pi**2 / 12)])
def test_moments_of_noise_are_held_to_theory(moment: str, theory: float) -> None:
    near = only(check(f"noise_{moment}_s.5_n50000\t{theory + 0.005}\t"))
    far = only(check(f"noise_{moment}_s.5_n50000\t{theory + 0.05}\t"))

    assert near.passed
    assert not far.passed


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("bl_full_2_d0.5\t1.0\ttimes=(1) now=2 d=0.5", "says 2 presentations, the note 1"),
        ("bl_full_1_d0.5\t1.0\ttimes=(1) now=2 d=0.6", "says d = 0.5, the note 0.6"),
        ("bl_full_1_d0.5\t1.0\ttimes=(1) now=2 ol=T", "says ol=NIL, the note ol=T"),
        ("bl_full_1_d0.5\t1.0\t", "no times= in it"),
        ("bl_ol_t_1_d1.5\t1.0\ttimes=(1) now=2 d=1.5", "need 0 < decay_rate < 1, got 1.5"),
        ("bl_full_1_d0.5", "no value"),
        ("bl_full_1_d0.5\tabout one\t", "'about one' is no number"),
        ("spread_A_F1\t1.0\tW=1.0", "no sources"),
        ("pa_paper_d5\t1.0\t", "no presentation 5 of 4"),
        ("pa_other_d1\t1.0\t", "no times= in it"),
        ("blending\t1.0\t", "no kind of row has such a name"),
        ("noise_mean_s.5_n99999999\t0\t", "need s > 0 and 2 to 2,000,000 draws"),
    ],
)
def test_a_row_that_is_not_understood_says_why(line: str, reason: str) -> None:
    (problem,) = check(line)

    assert isinstance(problem, Problem)
    assert reason in problem.reason


@pytest.mark.parametrize(
    ("kind", "key", "value"),
    [
        ("base_level", "times=[1, 2] now=9 d=.2", direct([1, 2], 9, 0.2)),
        ("units", "weeks: B shift = +d*ln(604800) for d=.25", 0.25 * math.log(604_800)),
        ("single_trace", "B of one access 3 weeks ago (d=.4)", -0.4 * math.log(1_814_400)),
        ("S_ji", "S=3 slots_j=2 slots_ij=1 (clamped)", 3 - math.log(3)),
        ("spreading", "3 sources W=1, S=2, fans 2, 3 and 20", (4 - math.log(6)) / 3),
        ("noise", "s=1 variance", math.pi**2 / 3),
        ("latency", "A=0 F=2 f=3 [s]", 2.0),
        ("choice", "A=[1, 1, 1, 1] s=0.3 P(first)", 0.25),
        ("pavlik_anderson", "   decays", str(decays([0, 1000, 2000, 3000], 0.177, 0.217))),
        ("pavlik_anderson", "times=[0, 16] now=20 a=.3 c=0 decays", "[0.3, 0.3]"),
        ("blending", "values=[1, 3] A=[2, 2] t=5", 2.0),
        ("core_affect", "after reward 0.8: valuation V, arousal Ar (alpha=.2)", "(0.208, 0.368)"),
        ("utility", "U after effective reward 4 (alpha=.2, U0=0)", 3.68),
        ("crossing_time", "times=[0] tau=-2 d=.5 t*", math.exp(4)),
        ("cosine_llr", "mu1=.5 mu0=.2 sd=.15: LLR of cos=.6", 10 / 3),
    ],
)
def test_other_worked_examples_are_understood(kind: str, key: str, value: object) -> None:
    row = only(example(kind, key, value))

    assert row.passed, row


@pytest.mark.parametrize(
    ("kind", "key", "value", "reason"),
    [
        ("recall", "A=1", 1.0, "kinds are base_level"),
        ("recall_prob", "A=1 s=0.25", 1.0, "no tau= in it"),
        ("recall_prob", "A=1 tau=0 s=0", 1.0, "need a noise scale or temperature > 0"),
        ("spreading", "3 sources W=1, S=2, fans 2 and 3", 1.0, "3 sources, but 2 fans"),
        ("latency", "A=0 F=1 f=1", "soon", "malformed"),
        ("latency", "A=0 F=1 f=1", None, "neither a number nor a list"),
        ("hybrid", "times=[0, 1] now=2 k=1.5", 1.0, "k=1.5 is not whole"),
    ],
)
def test_an_example_that_is_not_understood_says_why(
    kind: str, key: str, value: object, reason: str
) -> None:
    (problem,) = example(kind, key, value)

    assert isinstance(problem, Problem)
    assert reason in problem.reason


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("bl_full_1_d0.5\t-1.0\ttimes=(0) now=10 d=0.5\n", "FAILS: bl_full_1_d0.5: expected -1"),
        ("strange\t1\t\n", "not understood: strange"),
        ("{", "is no JSON"),
        ('{"latency": 3}', "no object of objects"),
        ("", "0 of 0 rows pass"),
    ],
)
def test_exit_status_is_1_unless_every_row_passes(text: str, said: str, tmp_path: Path) -> None:
    table = tmp_path / "table"
    table.write_text(text, "utf-8")

    result = CliRunner().invoke(app, [str(table)])

    assert result.exit_code == 1
    assert said in result.output


def test_help_names_every_kind_and_the_exit_status() -> None:
    result = CliRunner().invoke(app, ["--help"], env={"COLUMNS": "300"})

    assert result.exit_code == 0
    for word in ("bl_hybK_N_dD", "spread_X_C", "crossing_time", "multi_hop", "Exit status"):
        assert word in result.output
