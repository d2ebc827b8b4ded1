"""Strategies that make their own inputs."""
