"""What the lesson's records hold: the same questions as of any application, asked of average precision."""

from distill_helpers.checks import one_of
from distill_helpers.course.applications.results import Results
from distill_helpers.course.applications.task import ALL, REGIMES, UNLABELLED
from distill_helpers.course.applications.ways import ALONE, LONGER
from distill_helpers.course.lessons.coco_detection.ways import PSEUDO, SOFT, WAYS, arms_in, where


class Detections(Results):
    """The recorded arms. Every replicate reads pictures of its own, so an interval over replicates covers other pictures too."""

    measure, says, soft, pseudo = "ap", "mean average precision", SOFT, PSEUDO

    def arms(self, regime: str) -> list[str]:
        """The arms of a regime, in order; the student alone with few boxes stands beside those that see pictures without boxes as well."""
        one_of("regime", regime, REGIMES)
        return [a for a in WAYS if a in arms_in(regime) or (regime == UNLABELLED and a in (ALONE, LONGER))]

    def where(self, regime: str, arm: str) -> tuple[str, str]:
        """(regime, arm) of the run that stands for an arm."""
        one_of("regime", regime, REGIMES)
        return (ALL, arm) if arm == "teacher" else where(regime, arm)

    def taught(self, arm: str) -> bool:
        """Whether somebody answers in the arm."""
        return WAYS[arm].teacher
