"""The status as Prometheus metrics.

Imported with the first request for them: the library costs about 14 MB of memory.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from prometheus_client.core import Metric

LANE_FIGURES = {
    "captured": "Events taken in, the last number given.",
    "sent": "Last number that the broker acknowledged.",
    "confirmed": "Last number that is confirmed.",
    "depth": "Events not confirmed.",
    "bytes": "Bytes kept.",
    "budget_bytes": "Bytes that may be kept; 0: no bound.",
    "oldest_age_s": "Age of the oldest event not confirmed, seconds.",
    "in_per_s": "Events taken in a second, mean of a minute.",
    "out_per_s": "Events confirmed a second, mean of a minute.",
    "hours_left": "Hours until the space is used up at this rate.",
}


def text(status: Mapping[str, Any]) -> bytes:
    """Return the status in the Prometheus text format."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Snapshot(status))
    return generate_latest(registry)


class _Snapshot:
    """One look at the status, as metrics.  A figure that is not known now is left out."""

    def __init__(self, status: Mapping[str, Any]) -> None:
        self._status = status

    def collect(self) -> Iterator[Metric]:
        status = self._status
        yield GaugeMetricFamily("lineside_ok", "1 if nothing is wrong.", float(status["ok"]))
        yield GaugeMetricFamily("lineside_quarantined_events", "Events the broker refused.", status["quarantined"])
        yield GaugeMetricFamily("lineside_log_bytes", "Size of the journal's write-ahead log.", status["log_bytes"])
        broker = status["broker"]
        yield GaugeMetricFamily("lineside_broker_online", "1 if connected.", float(broker["state"] == "online"))
        if (age_s := broker["confirmed_age_s"]) is not None:
            yield GaugeMetricFamily("lineside_confirmed_age_seconds", "Time since the last confirmation.", age_s)
        for key, help_text in LANE_FIGURES.items():
            family = GaugeMetricFamily(f"lineside_lane_{key}", help_text, labels=["lane"])
            for lane, figures in status["lanes"].items():
                if figures.get(key) is not None:
                    family.add_metric([lane], figures[key])
            yield family
        devices = GaugeMetricFamily("lineside_device_open", "1 if the device works.", labels=["device"])
        noise = GaugeMetricFamily("lineside_device_noise", "Frames that made no sense.", labels=["device"])
        for name, device in status["devices"].items():
            devices.add_metric([name], float(device["state"] == "open"))
            noise.add_metric([name], device["noise"])
        yield devices
        yield noise
