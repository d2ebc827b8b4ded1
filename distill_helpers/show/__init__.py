"""Showing: figures with alt text and captions, plots, samples, curves, drawings, tables, widgets."""

from distill_helpers.show.controls import Choice, Slider, Steps
from distill_helpers.show.curves import band, curves, thinned
from distill_helpers.show.detections import detections
from distill_helpers.show.drawings import Arrow, Data, Drawing, Loss, Net, drawing
from distill_helpers.show.explore import explore, render
from distill_helpers.show.figure import PALETTE, Picture, figure, looks, on_page, style
from distill_helpers.show.forest import Row, family_rows, forest
from distill_helpers.show.layout import layout_faults
from distill_helpers.show.plots import gains_plot, heat_map, image_grid, reliability_plot, seeds_plot
from distill_helpers.show.samples import errors, samples, views_grid
from distill_helpers.show.tables import table

__all__ = ["Arrow", "Choice", "Data", "Drawing", "Loss", "Net", "PALETTE", "Picture", "Row", "Slider", "Steps", "band", "curves",
           "detections", "drawing",
           "errors", "explore", "family_rows", "figure", "forest", "gains_plot", "heat_map", "image_grid", "layout_faults", "looks", "on_page",
           "reliability_plot", "render", "samples", "seeds_plot", "style", "table", "thinned", "views_grid"]  # fmt: skip
