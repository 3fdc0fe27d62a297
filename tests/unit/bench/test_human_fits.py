"""Fits without chance, and a page that shows what they give."""

import json
from pathlib import Path

import numpy as np
import pytest

from bench.human.__main__ import all_fits, report_of
from bench.human.fitting import logistic_fit, minimised, r_squared
from cognition.retrieval import retrieval_probability

PAGES = Path(__file__).parents[3] / "docs" / "human"


def test_the_simplex_finds_the_bottom_of_a_bent_valley() -> None:
    # Rosenbrock's, which is flat along a curve.
    at, loss = minimised(lambda p: (1 - p[0]) ** 2 + 100 * (p[1] - p[0] ** 2) ** 2, [-1.2, 1.0])

    assert at == pytest.approx([1, 1], abs=1e-4)
    assert loss < 1e-8


def test_a_logistic_fit_finds_what_the_points_were_made_with() -> None:
    levels = np.linspace(-3, 2, 9)
    observed = retrieval_probability(levels, threshold=-0.7, noise_scale=0.4)

    found = logistic_fit(levels, observed)

    assert (found.tau, found.s) == pytest.approx((-0.7, 0.4), abs=1e-4)
    assert found.r2 == pytest.approx(1)


def test_the_mean_accounts_for_nothing() -> None:
    observed = np.array([0.2, 0.4, 0.9])

    assert r_squared(observed, np.full(3, observed.mean())) == pytest.approx(0)


def test_the_report_is_what_the_fits_give() -> None:
    kept = json.loads((PAGES / "report.json").read_text("utf-8"))

    found = report_of(all_fits())

    assert [fit["r2"] for fit in found["fits"]] == pytest.approx(
        [fit["r2"] for fit in kept["fits"]], abs=2e-4
    ), "run: make bench-human"
    assert found["fan"] == kept["fan"]


def test_the_page_shows_every_stated_fit() -> None:
    page = (PAGES / "README.md").read_text("utf-8")

    stated = [fit for fit in all_fits() if fit.stated is not None]

    assert len(stated) == 14
    assert not [fit for fit in stated if f"{fit.r2:.4f}".lstrip("0") not in page]
    assert all(fit.as_stated for fit in stated)
