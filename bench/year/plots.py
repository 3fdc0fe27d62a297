"""The plots of the year."""

from pathlib import Path
from typing import Any

Curves = dict[str, list[tuple[float, float]]]


def draw(report: dict[str, Any], curves: Curves, uses: dict[str, list[float]], out: Path) -> None:
    """Memories by kind and status over the year, and the activation of those that were followed."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    months = report["months"]
    kinds = sorted({kind for month in months for kind in month["kinds"]})
    figure, axes = plt.subplots(figsize=(9, 5))
    for kind in kinds:
        counts = [max(0.5, month["kinds"].get(kind, 0)) for month in months]
        axes.plot([month["day"] for month in months], counts, marker="o", label=kind)
    axes.set(yscale="log", xlabel="day", ylabel="memories (0 drawn as 0.5)")
    axes.legend(fontsize=8)
    figure.tight_layout()
    figure.savefig(out / "memories.png", dpi=110)
    plt.close(figure)
    figure, axes = plt.subplots(figsize=(9, 5))
    for name, curve in curves.items():
        days, levels = [day for day, _ in curve], [level for _, level in curve]
        (line,) = axes.plot(days, levels, label=name, linewidth=1)
        bottom = min(levels)
        axes.plot(uses[name], [bottom] * len(uses[name]), "|", color=line.get_color())
    axes.axhline(-1.0, color="grey", linestyle=":", label="threshold")
    axes.set(xlabel="day", ylabel="activation (nats)")
    axes.legend(fontsize=7)
    figure.tight_layout()
    figure.savefig(out / "activation.png", dpi=110)
    plt.close(figure)
