"""Every figure that minires draws; nothing else imports matplotlib, and only when a figure is asked for::

    figure = plot.lines({"Xavier": variances, "MSRA": others}, xlabel="layer", ylabel="variance", log=True)
    figure.savefig("variances.png", dpi=150)

Every function returns the matplotlib figure. They are made without pyplot, so that drawing needs no screen
and leaves no global state behind, and they can be read in black and white.
"""

from minires.plot.blocks import blocks
from minires.plot.boxes import detection_curves, detections
from minires.plot.costs import comparison, costs, depths, roofline
from minires.plot.course import class_summary
from minires.plot.depth import classifier_pipeline, spectrum_of_depth
from minires.plot.detection import (
    anchors,
    detector_costs,
    precision_recall,
    proposal_recalls,
    region_bins,
)
from minires.plot.diagrams import construction
from minires.plot.graph import computational_graph
from minires.plot.images import mosaic
from minires.plot.matrices import contours, error_maps, heat_maps
from minires.plot.pixels import pixel_classes
from minires.plot.published import history
from minires.plot.signals import bar_panels, bars, heat_map, histograms, line_panels, lines
from minires.plot.training import curves, run_panels, runs

__all__ = [
    "anchors",
    "bar_panels",
    "bars",
    "blocks",
    "class_summary",
    "classifier_pipeline",
    "comparison",
    "computational_graph",
    "construction",
    "contours",
    "costs",
    "curves",
    "depths",
    "detection_curves",
    "detections",
    "detector_costs",
    "error_maps",
    "heat_map",
    "heat_maps",
    "histograms",
    "history",
    "line_panels",
    "lines",
    "mosaic",
    "pixel_classes",
    "precision_recall",
    "proposal_recalls",
    "region_bins",
    "roofline",
    "run_panels",
    "runs",
    "spectrum_of_depth",
]
