"""Dashboards and alerts as code: what the chart carries is written from here by `make docs`, and tests hold the two equal.

Development only: the product never imports this package. It knows metrics by their names, which a test holds against
the product's own table, and nothing of the cluster they speak of.
"""
