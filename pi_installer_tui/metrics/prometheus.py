"""The metrics in Prometheus's text format 0.0.4
(https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from pi_installer_tui.metrics import names
from pi_installer_tui.metrics.names import Kind, Unit

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

#: units as they end a name (https://prometheus.io/docs/practices/naming/)
_ENDINGS: dict[Unit, str] = {
    "%": "percent",
    "B": "bytes",
    "B/s": "bytes_per_second",
    "MHz": "megahertz",
    "°C": "celsius",
    "rpm": "rpm",
    "s": "seconds",
    "": "",
}
#: what the label is called that says of what a metric is
_LABELS = {"backup": "job", "cron": "job", "disk": "mountpoint", "io": "device", "net": "interface", "core": "core"}


def name(kind: Kind) -> str:
    """`pi_installer_tui_net_received_bytes_per_second`."""
    words = ["pi_installer_tui", kind.family, kind.field, _ENDINGS[kind.unit]]
    return "_".join(word for word in words if word).replace("-", "_")


def text(values: Mapping[str, float]) -> str:
    """All values, those of one name together. A value whose name isn't in names.py is left out."""
    found: dict[Kind, list[tuple[str, float]]] = defaultdict(list)
    for metric in sorted(values):
        try:
            kind = names.kind(metric)
        except KeyError:
            continue
        found[kind].append((names.parts(metric)[1], values[metric]))
    lines = []
    for kind, rows in sorted(found.items(), key=lambda each: name(each[0])):
        called = name(kind)
        lines.append(f"# HELP {called} {_escaped(kind.title)}")
        lines.append(f"# TYPE {called} gauge")
        for of, value in rows:
            label = f'{{{_LABELS.get(kind.family, "sensor")}="{_quoted(of)}"}}' if kind.several else ""
            lines.append(f"{called}{label} {_number(value)}")
    return "".join(f"{line}\n" for line in lines)


def _number(value: float) -> str:
    if value != value:
        return "NaN"
    if value in (float("inf"), float("-inf")):
        return "+Inf" if value > 0 else "-Inf"
    return repr(int(value)) if value == int(value) and abs(value) < 1 << 53 else repr(value)


def _escaped(of: str) -> str:
    return of.replace("\\", "\\\\").replace("\n", "\\n")


def _quoted(of: str) -> str:
    return _escaped(of).replace('"', '\\"')
