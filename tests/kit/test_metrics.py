"""Requests are added to the shared figures many at once, and the figures are what each by itself gives."""

import pytest
from prometheus_client import CollectorRegistry, Histogram, generate_latest

from boxoffice.kit import metrics
from boxoffice.kit.metrics import REQUEST_SECONDS, add_requests, observe_request

BOUNDS = tuple(
    float(sample.labels["le"])
    for metric in metrics.BATCH_SECONDS.collect()
    for sample in metric.samples
    if sample.name.endswith("_bucket")
)


async def test_a_request_is_in_the_bucket_it_would_be_in_by_itself():
    durations = [0.0, *BOUNDS[:-1], *[bound + 1e-6 for bound in BOUNDS[:-1]], 60.0]
    registry = CollectorRegistry()
    alone = Histogram("alone", "", buckets=BOUNDS, registry=registry)
    for seconds in durations:
        alone.observe(seconds)
        observe_request("GET", "/alone", 299, seconds)

    add_requests()
    add_requests()

    for suffix, labels, value in _samples(registry):
        wanted = {"method": "GET", "route": "/alone", "status": "299"} | labels
        found = [
            sample.value
            for metric in REQUEST_SECONDS.collect()
            for sample in metric.samples
            if sample.name.endswith(suffix) and sample.labels == wanted
        ]
        assert found == [pytest.approx(value)], (suffix, labels)
    assert b"alone_count 28.0" in generate_latest(registry)


def _samples(registry: CollectorRegistry) -> list[tuple[str, dict[str, str], float]]:
    return [
        (sample.name.removeprefix("alone"), sample.labels, sample.value)
        for metric in registry.collect()
        for sample in metric.samples
        if not sample.name.endswith("_created")
    ]
