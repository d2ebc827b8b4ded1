"""Measuring: statistics, calibration, latency."""
