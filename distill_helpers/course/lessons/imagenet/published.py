"""The published experiment: ImageNet, torchvision's ResNet-34 teaches ResNet-18, by the recipe of torchdistill (Matsubara 2021)."""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from distill_helpers.checks import InputError, needed, whole
from distill_helpers.data.public import class_names
from distill_helpers.data.public.places import data_root
from distill_helpers.strategies.contract.divergences import kl_from_logits
from distill_helpers.training.device import pick_device
from distill_helpers.training.randomness import build_seeded

TEACHER, ALONE, SOFT = "ResNet-34, the teacher", "ResNet-18 alone", "ResNet-18, soft targets"
TORCHVISION = "torchvision, IMAGENET1K_V1"
PUBLISHED = {  # model: (top-1 %, top-5 % where it was published, source); images of ILSVRC 2012's validation set
    TEACHER: (73.31, 91.42, TORCHVISION),
    ALONE: (69.76, 89.08, TORCHVISION),
    SOFT: (71.37, float("nan"), "torchdistill, Matsubara 2021"),
}
EPOCHS, FALLS, BATCH, SIZE = 100, (30, 60, 90), 256, 224
HEAT, WEIGHT = 1.0, 0.5
MEAN, SPREAD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
WEIGHTS = "resnet34-b627a593.pth"


@dataclass(frozen=True)
class Nets:
    """Builders of teacher and student; weights: the teacher's, a file of torchvision's, or None for a teacher that is trained already."""

    teacher: object
    student: object
    weights: Path | None = None


def torchvisions(weights=None) -> Nets:
    """ResNet-34 and ResNet-18. weights: the path of torchvision's file, by default where torch keeps what it downloads. Nothing is downloaded."""
    models = needed("torchvision.models")
    path = Path(weights) if weights is not None else Path(torch.hub.get_dir()) / "checkpoints" / WEIGHTS
    if not path.is_file():
        raise InputError(f"the teacher's weights {str(path)!r} are not there; torchvision.models.resnet34(weights='IMAGENET1K_V1') downloads them.")
    return Nets(models.resnet34, models.resnet18, path)


def loaders(folder: Path, size: int = SIZE, batch: int = BATCH, workers: int = 8, seed: int = 0):
    """torchvision's ImageFolder of folder/train, cropped and mirrored by chance, and of folder/val, the middle: two DataLoaders.

    Raises InputError where a folder is missing, a class is empty, or both have other classes.
    """
    names, others = class_names(folder / "train"), class_names(folder / "val")
    if names != others:
        odd = sorted(set(names) ^ set(others))
        raise InputError(f"train and val in {str(folder)!r} must have the same classes, but {odd[0]!r} is in one of them only.")
    sets, v2 = needed("torchvision.datasets"), needed("torchvision.transforms.v2")
    last = [v2.ToImage(), v2.ToDtype(torch.float32, scale=True), v2.Normalize(MEAN, SPREAD)]
    moved = v2.Compose([v2.RandomResizedCrop(size, antialias=True), v2.RandomHorizontalFlip(), *last])
    learn = sets.ImageFolder(folder / "train", moved, loader=_loaded)
    middle = v2.Compose([v2.Resize(round(size * 8 / 7), antialias=True), v2.CenterCrop(size), *last])
    read = sets.ImageFolder(folder / "val", middle, loader=_loaded)
    made = torch.utils.data.DataLoader
    order = torch.Generator().manual_seed(seed)
    return made(learn, batch, shuffle=True, num_workers=workers, generator=order), made(read, batch, num_workers=workers)


def run(root=None, epochs: int = EPOCHS, seed: int = 0, nets: Nets | None = None, size: int = SIZE, batch: int = BATCH, workers: int = 8,
        device: str = "auto") -> dict:  # fmt: skip
    """{name: (top-1, top-5), %} as in ``PUBLISHED`` from root/imagenet/train and root/imagenet/val; 100 epochs are days on one GPU.

    SGD with momentum 0.9, weight decay 1e-4, batch 256, rate 0.1, tenfold down after 30, 60 and 90 of 100 epochs (fewer epochs fall alike); half
    the loss is cross-entropy, half the divergence from the teacher at temperature 1, which sees the very crop that the student sees.
    Raises InputError where files are missing or damaged, or where the teacher has another number of classes.
    """
    whole("epochs", epochs)
    learn, read = loaders(data_root(root) / "imagenet", size, batch, workers, seed)
    nets, device, classes = nets or torchvisions(), pick_device(device), len(learn.dataset.classes)
    teacher = nets.teacher()
    if nets.weights is not None:
        teacher.load_state_dict(torch.load(nets.weights, map_location="cpu", weights_only=True))
    teacher = teacher.to(device).eval().requires_grad_(False)
    if (said := teacher(next(iter(read))[0][:2].to(device)).shape[-1]) != classes:
        raise InputError(f"the teacher answers with {said} classes, but there are {classes} folders; all of ILSVRC 2012's 1,000 are needed.")
    found = {TEACHER: top(teacher, read, device)}
    for name, guide in ((ALONE, None), (SOFT, teacher)):
        student = build_seeded(nets.student, seed).to(device)
        trained(student, guide, learn, epochs, device)
        found[name] = top(student.eval(), read, device)
    return found


def trained(student: nn.Module, teacher: nn.Module | None, learn, epochs: int, device) -> None:
    """One student by the recipe; alone where ``teacher`` is None."""
    optimizer = torch.optim.SGD(student.parameters(), lr=0.1, momentum=0.9, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.MultiStepLR(optimizer, [max(1, round(fall * epochs / EPOCHS)) for fall in FALLS])
    student.train()
    for _ in range(epochs):
        for x, y in learn:
            x, y = x.to(device), y.to(device)
            z = student(x)
            loss = nn.functional.cross_entropy(z, y)
            if teacher is not None:
                with torch.no_grad():
                    t = teacher(x)
                loss = (1 - WEIGHT) * loss + WEIGHT * HEAT**2 * kl_from_logits(t, z, HEAT)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        schedule.step()


@torch.no_grad()
def top(model: nn.Module, read, device) -> tuple[float, float]:
    """Top-1 and top-5 accuracy in %."""
    one = five = count = 0
    for x, y in read:
        best = model(x.to(device)).cpu()
        best = best.topk(min(5, best.shape[-1]), -1).indices == y.unsqueeze(-1)
        one, five, count = one + int(best[:, 0].sum()), five + int(best.any(-1).sum()), count + len(y)
    return 100 * one / count, 100 * five / count


def _loaded(path: str):
    """One image as torchvision's own loader gives it. Raises InputError, which names the file, for one that is cut off or no image."""
    try:
        return needed("torchvision.datasets.folder").default_loader(path)
    except (OSError, SyntaxError, ValueError) as error:
        raise InputError(f"{path} cannot be read as an image: {error}") from error


def table(ours: dict | None = None) -> list[dict]:
    """One row a model for ``dh.table``: what was published, by whom, beside ours, which is missing until ``run`` was run."""
    missing = (float("nan"), float("nan"))
    return [{"model": name, "top-1, %": one, "top-5, %": five, "source": source, "ours, top-1": (ours or {}).get(name, missing)[0]}
            for name, (one, five, source) in PUBLISHED.items()]  # fmt: skip
