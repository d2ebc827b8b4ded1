"""Showing: figures with alt text, plots, widgets, tables."""

from distill_helpers.show.explore import Choice, Slider, explore, render
from distill_helpers.show.figure import PALETTE, figure, style
from distill_helpers.show.forest import Row, forest
from distill_helpers.show.plots import gains_plot, heat_map, image_grid, reliability_plot, seeds_plot
from distill_helpers.show.tables import table

__all__ = ["PALETTE", "Choice", "Row", "Slider", "explore", "figure", "forest", "gains_plot", "heat_map", "image_grid", "reliability_plot",
           "render", "seeds_plot", "style", "table"]  # fmt: skip
