"""The map of the course: one list that the first notebook, the README and the tests all read."""

from dataclasses import dataclass

from distill_helpers.course.claims import CLAIMS
from distill_helpers.course.paths import repository


@dataclass(frozen=True)
class Lesson:
    """number: "07". name: file stem without the number. part: heading. about: one line."""

    number: str
    name: str
    part: str
    about: str

    @property
    def stem(self) -> str:
        return f"{self.number}_{self.name}"

    @property
    def claims(self) -> tuple[str, ...]:
        """Ids of the claims that this notebook tests."""
        return tuple(c.id for c in CLAIMS.values() if self.name in c.homes)

    @property
    def edition(self) -> int:
        """Whose rules its page follows: 1 while it is in FIRST_EDITION, else 2."""
        return 1 if self.name in FIRST_EDITION else 2

    @property
    def built(self) -> bool:
        """True when the notebook is there to be opened."""
        root = repository()
        return root is not None and (root / "notebooks" / "src" / f"{self.stem}.py").exists()


_BIG, _SMALL, _DISTIL, _APPLY, _YOURS = "The big model", "The small student", "Distillation", "Applications", "Yours"
LESSONS = [
    Lesson("00", "start_here", "Start", "check your set-up, see the map, learn to read a verdict"),
    Lesson("01", "counting_the_big_mlp", _BIG, "parameters, FLOPs and memory, counted by hand and by machine"),
    Lesson("02", "fitting_anything", _BIG, "memorisation, capacity and the quality of data"),
    Lesson("03", "exploding_and_vanishing_gradients", _BIG, "where gradients go in a deep net, and why"),
    Lesson("04", "taming_deep_networks", _BIG, "regularisation and decomposition, each against each"),
    Lesson("05", "the_residual_student", _SMALL, "residual blocks against one hidden layer"),
    Lesson("06", "sharing_and_low_rank", _SMALL, "what sharing and factorising save, and what they cost"),
    Lesson("07", "soft_targets", _DISTIL, "the loss and its gradient, few labels and many, all controls"),
    Lesson("08", "supervised_strategies", _DISTIL, "robust, attentive, correcting and smooth students"),
    Lesson("09", "features_and_relations", _DISTIL, "hidden layers and likenesses: what each strategy keeps of the teacher"),
    Lesson("10", "label_free_and_data_free", _DISTIL, "learning from a teacher without labels, then without data"),
    Lesson("11", "discriminative_distillation", _DISTIL, "a critic judges the student's answers"),
    Lesson("12", "robust_students", _DISTIL, "Dropout, Mixup, Softmax and Marginal Loss"),
    Lesson("13", "strategy_tournament", _DISTIL, "every strategy, one budget, many seeds"),
    Lesson("14", "mnist", _APPLY, "how small a student can be, and what a teacher is worth in parameters"),
    Lesson("15", "svhn", _APPLY, "house numbers: a shift of domain, and a teacher that is wrong"),
    Lesson("16", "cifar10", _APPLY, "small photographs in ten classes"),
    Lesson("17", "imagenet", _APPLY, "a hundred classes and more, a stream larger than memory, drawings that nobody saw"),
    Lesson("18", "coco_detection", _APPLY, "finding objects: a teacher's answers, maps and boxes, and a control for the maps"),
    Lesson("19", "language_model", _APPLY, "the next character"),
    Lesson("20", "speech_recognition", _APPLY, "spoken digits"),
    Lesson("21", "your_own_task", _YOURS, "does distillation help on your data, and which kind?"),
    Lesson("22", "the_verdicts", _YOURS, "the ledger of all claims"),
]


# Names of the lessons whose pages still follow the first edition's rules; a lesson that is rewritten leaves the list. See docs/page.md.
FIRST_EDITION = (
    "counting_the_big_mlp", "fitting_anything", "exploding_and_vanishing_gradients", "taming_deep_networks",
    "the_residual_student", "sharing_and_low_rank", "supervised_strategies", "label_free_and_data_free",
    "discriminative_distillation", "robust_students", "strategy_tournament", "the_verdicts",
)  # fmt: skip


def find_lesson(number: str) -> Lesson:
    """The lesson of that number; raises StopIteration for one that is not in the course."""
    return next(lesson for lesson in LESSONS if lesson.number == number)


def course_map():
    """The map as a styled table; lessons that are not built yet say so."""
    import pandas as pd

    from distill_helpers.show.tables import table

    rows = [{"": lesson.number, "notebook": lesson.name.replace("_", " "), "part": lesson.part, "about": lesson.about,
             "claims": " ".join(lesson.claims), "open": "yes" if lesson.built else "to come"} for lesson in LESSONS]  # fmt: skip
    return table(pd.DataFrame(rows), "The course")
