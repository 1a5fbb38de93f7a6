"""What Prometheus reads: parsed by its own parser, whatever names there are; and what the documentation asks of it."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from flowroi.live.status.gain import GainsSoFar
from flowroi.live.status.metrics import metrics_text
from tests.live.status.conftest import HOSTILE, place, status

DOCS = Path(__file__).resolve().parents[3] / "docs" / "live.md"
LAGS_S = (0.5, 0.6, 400.0)
EVENTS = [
    *[("frame", {"position": "A1_f0", "frame": n, "file": "x", "lag_s": lag}) for n, lag in enumerate(LAGS_S)],
    ("late", {"position": "A1_f0", "message": "x"}),
    ("refused", {"position": "A1_f0", "message": "x"}),
    ("refused", {"position": "A1_f0", "message": "x"}),
]  # fmt: skip


def samples(shown):
    text, kind = metrics_text(lambda: shown)
    assert kind.startswith("text/plain; version=")
    families = list(text_string_to_metric_families(text.decode()))
    assert len({family.name for family in families}) == len(families)
    assert all(family.documentation for family in families)
    assert all(family.name.startswith("flowroi_watch") for family in families)
    return {(s.name, *sorted(s.labels.values())): s.value for family in families for s in family.samples}


def test_values():
    shown = status(
        place(0), place(1, "B2_f0", 2, 2, frames=7), told=EVENTS, stalled=True, gain=GainsSoFar(1.5, 3, 0.1, 0.01, {})
    )
    found = samples(shown)
    assert found["flowroi_watch_frames_total", "A1_f0"] == 12
    assert found["flowroi_watch_frames_total", "B2_f0"] == 7
    assert found["flowroi_watch_raw_bytes_total", "A1_f0"] == 12000
    assert found["flowroi_watch_coded_bytes_total", "A1_f0"] == 400
    assert found["flowroi_watch_files_waiting", "A1_f0"] == 2
    assert found["flowroi_watch_behind_seconds", "A1_f0"] == 0.5
    assert found["flowroi_watch_stalled",] == 1
    assert found["flowroi_watch_source_lost",] == found["flowroi_watch_degraded",] == 0
    assert found["flowroi_watch_gain",] == 1.5
    assert found["flowroi_watch_faults_total", "refused"] == 2
    # A kind that never occurred is there, so that its first time is an increase.
    assert found["flowroi_watch_faults_total", "unsettled"] == 0
    assert found["flowroi_watch_lag_seconds_bucket", "0.5"] == 1
    assert found["flowroi_watch_lag_seconds_bucket", "1.0"] == 2
    assert found["flowroi_watch_lag_seconds_bucket", "300.0"] == 2
    assert found["flowroi_watch_lag_seconds_bucket", "+Inf"] == found["flowroi_watch_lag_seconds_count",] == 3
    assert found["flowroi_watch_lag_seconds_sum",] == pytest.approx(401.1)
    assert found["flowroi_watch_info", f"/out/{HOSTILE}", "1.2.3"] == 1


def test_what_is_not_known_is_left_out():
    found = samples(status(free_bytes=None))
    assert ("flowroi_watch_gain",) not in found
    assert ("flowroi_watch_output_free_bytes",) not in found
    assert found["flowroi_watch_lag_seconds_count",] == 0


@pytest.mark.parametrize("name", [HOSTILE, 'a"} 1\nevil_total{x="', "back\\slash\\n", "細胞 µ", "#", " "])
def test_hostile_names_stay_labels(name):
    found = samples(status(place(0, name), target=name))
    assert found["flowroi_watch_frames_total", name] == 12
    assert not [key for key in found if "evil" in key[0]]


needs_promtool = pytest.mark.skipif(shutil.which("promtool") is None, reason="no promtool: apt-get install prometheus")


@needs_promtool
def test_prometheus_own_tool_finds_no_fault():
    text, _ = metrics_text(lambda: status(place(0, HOSTILE), told=EVENTS))
    done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


def documented(marker):
    """A block of YAML in the documentation that begins with a line."""
    blocks = re.findall(r"```yaml\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    (block,) = [block for block in blocks if block.startswith(marker)]
    return block


def test_the_documented_rules_ask_for_what_there_is():
    known = {key[0] for key in samples(status(place(0), told=EVENTS, gain=GainsSoFar(1.5, 3, 0.1, 0.01, {})))}
    asked = set(re.findall(r"flowroi_watch_\w+", documented("groups:")))
    assert len(asked) >= 6
    assert asked <= known


# When each of the documented alerts is to fire, on series of their own.
ALERTS = """
rule_files: [rules.yml]
evaluation_interval: 30s
tests:
  - interval: 30s
    input_series:
      - {series: 'up{job="flowroi", instance="a"}', values: '1x20'}
      - {series: 'flowroi_watch_behind_seconds{instance="a", position="A1_f0"}', values: '0 0 40x20'}
      - {series: 'flowroi_watch_behind_seconds{instance="a", position="B1_f0"}', values: '0x20'}
      - {series: 'flowroi_watch_max_lag_seconds{instance="a"}', values: '30x20'}
      - {series: 'flowroi_watch_stalled{instance="a"}', values: '0x10 1x10'}
      - {series: 'flowroi_watch_source_lost{instance="a"}', values: '0x20'}
      - {series: 'flowroi_watch_faults_total{instance="a", kind="refused"}', values: '0x6 1x14'}
      - {series: 'flowroi_watch_faults_total{instance="a", kind="ignored"}', values: '0x6 5x14'}
      - {series: 'flowroi_watch_output_free_bytes{instance="a"}', values: '1e12x20'}
    alert_rule_test:
      - {eval_time: 1m, alertname: FlowRoIBehind, exp_alerts: []}
      - eval_time: 4m
        alertname: FlowRoIBehind
        exp_alerts: [{exp_labels: {instance: a, severity: warning}}]
      - {eval_time: 4m, alertname: FlowRoIStalled, exp_alerts: []}
      - eval_time: 8m
        alertname: FlowRoIStalled
        exp_alerts: [{exp_labels: {instance: a, severity: critical}}]
      - eval_time: 5m
        alertname: FlowRoIFramesLost
        exp_alerts: [{exp_labels: {instance: a, kind: refused, severity: warning}}]
      - {eval_time: 8m, alertname: FlowRoIDiskFills, exp_alerts: []}
      - {eval_time: 8m, alertname: FlowRoIGone, exp_alerts: []}
  - interval: 30s
    input_series:
      - {series: 'up{job="flowroi", instance="a"}', values: '1 0x20'}
      - {series: 'flowroi_watch_output_free_bytes{instance="a"}', values: '1e9x20'}
    alert_rule_test:
      - eval_time: 5m
        alertname: FlowRoIGone
        exp_alerts: [{exp_labels: {instance: a, job: flowroi, severity: critical}}]
      - eval_time: 8m
        alertname: FlowRoIDiskFills
        exp_alerts: [{exp_labels: {instance: a, severity: warning}}]
"""


@needs_promtool
def test_the_documented_rules_fire(tmp_path):
    rules = re.sub(r"\n\s+annotations:.*", "", documented("groups:"))
    (tmp_path / "rules.yml").write_text(rules)
    (tmp_path / "tests.yml").write_text(ALERTS)
    (tmp_path / "prometheus.yml").write_text(
        documented("scrape_configs:").replace("/var/lib/flowroi/token", str(tmp_path / "rules.yml"))
    )
    for command in (
        ["check", "rules", "rules.yml"],
        ["check", "config", "prometheus.yml"],
        ["test", "rules", "tests.yml"],
    ):
        done = subprocess.run(["promtool", *command], cwd=tmp_path, capture_output=True, timeout=60, check=False)
        assert done.returncode == 0, (done.stdout + done.stderr).decode()
