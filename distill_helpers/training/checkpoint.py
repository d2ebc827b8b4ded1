"""A run on disk: everything that determines the rest of it, so that another process goes on to the same weights, bit for bit.

A folder holds ``run.json`` (what the run is: the values that its numbers depend on) and one ``part-NNN.safetensors`` for each stack of
students. Every file is written whole or not at all, and carries a checksum.
"""

from pathlib import Path

import torch

from distill_helpers.checks import InputError
from distill_helpers.training.files import read_json, read_tensors, write_json, write_tensors
from distill_helpers.training.run import Run

KEPT = ("step", "seconds", "teacher_evaluations", "stopped", "stopped_by", "interrupted", "threads")


class Checkpoint:
    """The checkpoint of one run in ``folder``. signature: {what: value}, see ``plan.signature``.

    Raises InputError when the folder holds the checkpoint of another run, and DamagedFile when a file is damaged.
    """

    def __init__(self, folder, signature: dict[str, str]):
        self.folder = Path(folder)
        if self.folder.exists() and not self.folder.is_dir():
            raise InputError(f"checkpoint must be a folder, but {self.folder.name!r} is a file.")
        known = self.folder / "run.json"
        if known.exists():
            refuse_another(read_json(known)["signature"], signature, f"the checkpoint in {self.folder.name!r}")
            return
        stray = sorted(p.name for p in self.folder.glob("part-*.safetensors"))
        if stray:
            raise InputError(f"checkpoint folder {self.folder.name!r} holds {stray[0]} but no run.json; give another folder, or empty this one.")
        self.folder.mkdir(parents=True, exist_ok=True)
        write_json(known, {"signature": signature})

    def path(self, part: int) -> Path:
        return self.folder / f"part-{part:03d}.safetensors"

    def write(self, part: int, run: Run, watchers=()):
        """Keep the part's run as it is now."""
        tensors = {f"net/{net}/{key}": t for net, rows in run.fleet.state().items() for key, t in rows.items()}
        for number, optimizer in enumerate(run.optimizers or ()):
            parameters = [p for group in optimizer.param_groups for p in group["params"]]
            for place, parameter in enumerate(parameters):
                for name, value in optimizer.state.get(parameter, {}).items():
                    if value is not None:
                        tensors[f"optimizer/{number}/{place}/{name}"] = torch.as_tensor(value)
        tensors |= {f"history/{term}": values for term, values in run.history.items()} | {"healthy": run.healthy}
        meta = {name: getattr(run, name) for name in KEPT}
        meta["live_evaluations"] = {str(k): v for k, v in run.live_evaluations.items()}
        meta["torch"] = torch.__version__.split("+")[0]
        meta["watchers"] = {}
        for place, watcher in enumerate(watchers):
            if hasattr(watcher, "state"):
                kept, words = watcher.state()
                tensors |= {f"watcher/{place}/{name}": t for name, t in kept.items()}
                meta["watchers"][str(place)] = words
        write_tensors(self.path(part), tensors, meta)

    def read(self, part: int, run: Run, watchers=()) -> bool:
        """Put what is kept into the part's run, whose optimisers exist; False when nothing is kept yet."""
        if not self.path(part).exists():
            return False
        tensors, meta = read_tensors(self.path(part))
        device = next(iter(run.fleet.params["student"].values())).device
        snapshot: dict = {}
        for name, tensor in tensors.items():
            if name.startswith("net/"):
                _, net, key = name.split("/", 2)
                snapshot.setdefault(net, {})[key] = tensor.to(device)
        run.fleet.restore(snapshot)
        for number, optimizer in enumerate(run.optimizers):
            parameters = [p for group in optimizer.param_groups for p in group["params"]]
            for place, parameter in enumerate(parameters):
                start = f"optimizer/{number}/{place}/"
                state = {name.removeprefix(start): t for name, t in tensors.items() if name.startswith(start)}
                if state:
                    on_host = not any(group.get("fused") for group in optimizer.param_groups)
                    optimizer.state[parameter] = {k: t.clone() if k == "step" and on_host else t.to(device).clone() for k, t in state.items()}
        run.history = {name.removeprefix("history/"): t for name, t in tensors.items() if name.startswith("history/")}
        run.healthy = tensors["healthy"]
        for name in KEPT:
            if name in meta:
                setattr(run, name, meta[name])
        run.live_evaluations = {int(k): v for k, v in meta["live_evaluations"].items()}
        for place, watcher in enumerate(watchers):
            if hasattr(watcher, "load") and str(place) in meta["watchers"]:
                start = f"watcher/{place}/"
                watcher.load({n.removeprefix(start): t for n, t in tensors.items() if n.startswith(start)}, meta["watchers"][str(place)])
        return True


def refuse_another(theirs: dict, ours: dict, what: str):
    """Raise InputError, naming what differs, unless both signatures are equal."""
    differing = [name for name in ours if theirs.get(name) != ours[name]] + [name for name in theirs if name not in ours]
    if differing:
        raise InputError(f"resume must be a run of the same call, but {what} differs in: {', '.join(differing)}.")
