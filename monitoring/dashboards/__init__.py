"""The dashboards, one module each. `python -m monitoring dashboard NAME` prints one as Grafana's JSON."""
