"""For detectors: answers at many places, each with classes, a box and a centerness; labels are padded boxes."""
