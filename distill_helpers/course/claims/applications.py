"""The article's section 2.3.4: seven applications, three questions each."""

from distill_helpers.course.claims.register import Claim, Form, Part, Reading

_CONDITIONS = ("few labels", "unlabelled data")
_TENTH = dict(m=10, reason="a tenth is what another batch size or a luckier order saves as well")
_BETTER = {  # lesson: (what is meant, unit, m)
    "mnist": ("MNIST", "points", 1),
    "svhn": ("SVHN", "points", 1),
    "cifar10": ("CIFAR-10", "points", 1),
    "imagenet": ("ImageNet", "points", 1),
    "coco_detection": ("COCO", "points of mAP", 1),
    "language_model": ("the language model", "bits a character", 0.02),
    "speech_recognition": ("speech recognition", "points of word error", 1),
}


def _parts(home: str) -> tuple[Part, ...]:
    name, unit, m = _BETTER[home]
    size = dict(unit=unit, m=m, reason=f"{m:g} {unit} is what a reader of a result would call better")
    only = lambda *readings: Form("with few labels or unlabelled data only", readings, named="those")
    steps = dict(unit="% of the steps", **_TENTH)
    clock = dict(unit="% of the time", **_TENTH)
    fewer = Reading("steps", "it first reaches, on validation, the quality that both arms reach in fewer steps", **steps)
    sooner = Reading("time", "it reaches that quality in less time, the teacher's training counted", **clock)
    controls = (
        ("vs_alone", "alone"),
        ("vs_longer_alone", "alone trained for as long as teacher and student together"),
        ("vs_pseudo_labels", "hard pseudo-labels"),
    )
    better = tuple(Reading(key, f"at the end it beats {who}", **size) for key, who in controls)
    under = tuple(
        Reading(f"conditions.{key}", f"under the condition, at the end it beats {who}", members=_CONDITIONS, **size) for key, who in controls
    )
    return (
        Part(
            f"{name}: easier",
            f"On {name} training is easier.",
            home,
            (fewer,),
            (only(Reading("conditions.steps", "under the condition it needs fewer steps", members=_CONDITIONS, **steps)),),
        ),
        Part(
            f"{name}: shorter",
            f"On {name} training is shorter.",
            home,
            (sooner,),
            (
                Form(
                    "the teacher's training not counted",
                    (Reading("time_without_teacher", "it reaches that quality in less time, the teacher given", **clock),),
                ),
                only(Reading("conditions.time", "under the condition it needs less time", members=_CONDITIONS, **clock)),
            ),
        ),
        Part(f"{name}: better", f"On {name} the distilled student generalises better.", home, better, (only(*under),)),
    )


C22 = Claim(
    "C22",
    "2.3.4",
    "On seven applications distillation eases and shortens training and generalises better.",
    "longer training of alone; pseudo-labels",
    tuple(part for home in _BETTER for part in _parts(home)),
    "one verdict an application",
)

CLAIMS = (C22,)
