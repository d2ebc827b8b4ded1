"""The teacher: frozen, in evaluation mode, asked once for each view, and counted every time."""

import copy
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.func import functional_call

from distill_helpers.checks import InputError
from distill_helpers.data.devices import same_device
from distill_helpers.data.hashing import tensors_hash
from distill_helpers.models.outputs import FeatureDict, Outputs, checked_outputs, outputs_of, unwrapped
from distill_helpers.models.with_features import Named, home_of, path_in, with_features, with_outputs
from distill_helpers.training.cache import cache_folder, cannot_write, read_table, write_table
from distill_helpers.training.files import TensorWriter, map_tensors
from distill_helpers.training.identity import class_text, code_of, identity, measured, seeded
from distill_helpers.training.stores import Store, TopK, check_size, checked_kind, encoded, plan, temporary_folder
from distill_helpers.training.untrained import untrained_copy

CHUNK = 1024


class Teacher:
    """A frozen copy of ``module`` and, after ``over(pool)``, its answers to every view of the pool.

    module: any torch.nn.Module; what its forward may give is said at ``outputs_of``. outputs: a function of what the forward gives,
    for other forms. A module inside torch.compile or DataParallel is taken out. Inputs are cast to the type of the module's first
    floating-point weight, so that modules in float16, bfloat16 and float64 work; answers are float32, and float64 where ``live`` is asked
    in float64.
    teacher(batch): the stored Outputs for the batch's views, logits [B, C]. teacher.live(x): Outputs for new inputs, differentiable
    in x. ``evaluations`` counts the inputs that the module was asked about, the stored ones included (also when they came
    from the disk: that is what they cost to make).
    Raises InputError for anything but a module, and for weights that are NaN or infinite.
    """

    def __init__(self, module: nn.Module, outputs: Callable | None = None):
        if not isinstance(module, nn.Module):
            raise InputError(f"teacher must be a torch.nn.Module, but {type(module).__name__} was given.")
        try:
            module = copy.deepcopy(unwrapped(module))
        except RuntimeError as error:
            raise InputError(f"teacher must be a module that can be copied, but {type(module).__name__} cannot: {error}") from error
        _check_weights(module)
        module = module if outputs is None else with_outputs(module, outputs)
        self.module = module.eval().requires_grad_(False)
        self.pool = None
        self.asked_about = ""  # the hash of the pool's inputs when they were asked about
        self.store: Store | None = None
        self.table_evaluations = self.live_evaluations = 0
        self.students = 1  # how many students one mapped call to live() serves
        self.drawn_anew = None  # the seed, where training has no part in the weights
        self._given: Outputs | None = None
        self._identity = None

    # ---- asking

    def over(self, pool, features=(), cache="auto", device=None, store="memory") -> "Teacher":
        """A teacher that holds its answers to ``pool``, V views of N examples: logits and the named features.

        cache: a folder, None for no files, or "auto" for the folder named by DISTILL_CACHE, if any. device: where the module computes.
        store: "memory" (float32 on the pool's device), "half" (float16: 11 bits, up to 65,504), "mapped" (float32 in a file,
        read where it is looked at; written in pieces), or TopK(k). What it takes is said when it is more than 1 GB.
        Raises InputError when the module cannot take the pool's inputs, for a feature that the module does not have, that is named twice
        or "logits", for answers that are NaN or infinite, and when the store has no room.
        """
        names, kind = _checked_pool(pool, features), checked_kind(store)
        answered = Teacher(self.module)
        answered.drawn_anew, answered.pool, answered.asked_about = self.drawn_anew, pool, _question(pool)
        answered.module.to(device or pool.device)
        sample = answered._sample(pool, names)
        folder = cache_folder(cache)
        path = folder / f"{answered._key(pool, names, kind)}.safetensors" if folder else None
        columns = read_table(path, kind == "mapped") if path else None
        answered.store = Store(kind, sample, columns, sample["logits"].shape[-1], pool.device)
        if columns is None:
            check_size(kind, sample, pool.views, len(pool), pool.device, path.parent if path else None)
            answered.store.columns = answered._filled(kind, plan(kind, sample, pool.views, len(pool)), names, path)
        if kind != "mapped":
            answered.store.columns = {name: tensor.to(pool.device) for name, tensor in answered.store.columns.items()}
        answered.table_evaluations = pool.views * len(pool)
        return answered

    def rows(self, view: Tensor, index: Tensor) -> Outputs:
        """Stored answers for int64 view and index of one shape: logits [*shape, C...] and features, float32, on the pool's device."""
        if self.pool is None:
            raise InputError("teacher has no cached answers yet; call teacher.over(pool) first.")
        if view.shape != index.shape:
            raise InputError(f"view and index must have one shape, but {list(view.shape)} and {list(index.shape)} were given.")
        if self._given is None:
            found = self._rows(view, index)
        else:
            found = {name: t[view, index] for name, t in {"logits": self._given.logits, **self._given.features}.items()}
        logits = found.pop("logits")
        return Outputs(logits, FeatureDict(found))

    def __call__(self, batch) -> Outputs:
        """Stored answers for the views and examples of ``batch``."""
        if self.pool is None:
            raise InputError("teacher has no cached answers yet; call teacher.over(pool) first.")
        return self.rows(batch.view, batch.index)

    def live(self, x, state=None) -> Outputs:
        """Answers to inputs that the strategy made up, x [B, ...], differentiable in x. state: weights in place of the module's own."""
        self.live_evaluations += x.shape[0] * self.students
        return self._answers(x, state)

    def part(self, name: str, z: Tensor, state=None) -> Tensor:
        """The submodule ``name`` (a dotted path) of the frozen teacher applied to z, differentiable in z. Raises InputError for another name."""
        home = home_of(self.module, name)
        piece, prefix = home.get_submodule(name), path_in(self.module, home) + name + "."
        wanted = torch.float64 if z.dtype == torch.float64 else torch.float32
        z = self._cast(z)
        result = piece(z) if state is None else functional_call(piece, _of_part(self.module, piece, prefix, state), (z,))
        return result.to(wanted) if isinstance(result, Tensor) and result.is_floating_point() else result

    def column(self, name: str, views: int | None = None) -> Tensor:
        """All stored answers of one name, "logits" or a feature, to the first so many views: float32 [V, N, ...], put together in memory."""
        if self.pool is None:
            raise InputError("teacher has no cached answers yet; call teacher.over(pool) first.")
        table, views = self.table, self.pool.views if views is None else views
        if table is not None:
            return (table.logits if name == "logits" else table.features[name])[:views]
        index = torch.arange(len(self.pool), device=self.pool.device)
        pick = lambda out: out.logits if name == "logits" else out.features[name]
        parts = [torch.cat([pick(self.rows(torch.full_like(part, v), part)) for part in index.split(CHUNK)]) for v in range(views)]
        return torch.stack(parts)

    # ---- what it is

    @property
    def logits_module(self) -> nn.Module:
        """The frozen module as one whose forward gives logits alone, [..., C], whatever form its own answers have."""
        return Named(self.module, {}, None, None)

    @property
    def table(self) -> Outputs | None:
        """The stored answers as Outputs of [V, N, ...] tensors, where they are kept whole ("memory", "mapped"); None otherwise."""
        return self._table() if self._given is None else self._given

    @table.setter
    def table(self, table: Outputs):
        self._given = table

    @property
    def evaluations(self) -> int:
        """Inputs that the module was asked about: those stored (``table_evaluations``) and those asked live (``live_evaluations``)."""
        return self.table_evaluations + self.live_evaluations

    @property
    def classes(self) -> int:
        """How many classes the stored logits have."""
        if self._given is not None:
            return self._given.logits.shape[-1]
        if self.store is None:
            raise InputError("teacher has no cached answers yet; call teacher.over(pool) first.")
        return self.store.classes

    @property
    def feature_names(self) -> tuple[str, ...]:
        """The features whose answers are stored."""
        if self._given is not None:
            return tuple(self._given.features)
        return () if self.store is None else self.store.names[1:]

    @property
    def fingerprint(self) -> str:
        """sha256 over all that its answers to given inputs depend on: weights, structure, attributes, hooks and code; a store that is
        not exact; and what was changed afterwards. The pool has its own.
        """
        if self._identity is None:
            self._identity = identity(self.module)
        inexact = [] if self.store is None or self.store.kind in ("memory", "mapped") else [repr(self.store.kind)]
        given = {} if self._given is None else {"logits": self._given.logits, **self._given.features}
        return tensors_hash(given, [self._identity, *inexact])

    def holds(self, pool, features=()) -> bool:
        """Whether the stored answers are those to this pool, or to an equal one on the same device, with these features among them."""
        if self.pool is None or not set(features) <= set(self.feature_names):
            return False
        return same_device(self.pool.device, pool.device) and self.asked_about == _question(pool)

    # ---- teachers made from it

    def with_features(self, features) -> "Teacher":
        """The same teacher, which can give these features as well (see ``models.with_features``); its answers are to be asked for anew."""
        return self._made(with_features(self.module, features))

    def untrained(self, seed: int) -> "Teacher":
        """The same architecture with weights drawn anew (see ``untrained_copy``), over the same pool if there is one.

        Raises InputError where a parameter, or every answer, is what it was: a control that changes nothing is none.
        """
        other = self._made(untrained_copy(self.module, seed))
        other.drawn_anew = seed
        if self.pool is None:
            return other
        other = self._asked_likewise(other)
        if all(torch.equal(t, other.store.columns[name]) for name, t in self.store.columns.items()):
            raise InputError("teacher answers as before after its weights were drawn anew, so its answers do not depend on them.")
        return other

    def answered_by(self, module: nn.Module) -> "Teacher":
        """Another module asked the same question: the same pool, store and order of answers, logits alone."""
        return self._asked_likewise(Teacher(module), ())

    def reordered(self, order) -> "Teacher":
        """A teacher whose answer to example i is the true answer to example order[i], int64 [N].

        Raises InputError unless order holds N whole numbers from 0 to N - 1, and before ``over(pool)``.
        """
        return _Reordered(self, _checked_order(order, self))

    def originals(self, order: Tensor) -> Tensor:
        """Whose true answers stand at the places ``order``: the order itself, unless this teacher is a reordered one."""
        return order

    def with_columns(self, columns: dict[str, Tensor], evaluations: int = 0) -> "Teacher":
        """The same teacher with further stored features, {name: float32 [V, N, ...]}, which cost ``evaluations`` to make."""
        return _Extended(self, columns, evaluations)

    # ---- inside

    def _made(self, module) -> "Teacher":
        return Teacher(module)

    def _asked_likewise(self, other: "Teacher", features=None) -> "Teacher":
        """``other`` over this teacher's pool, in the same kind of store."""
        if self.pool is None:
            raise InputError("teacher has no cached answers yet; call teacher.over(pool) first.")
        names = self.feature_names if features is None else features
        return other.over(self.pool, names, cache=None if features is None else "auto", device=_device_of(self.module), store=self.store.kind)

    def _rows(self, view, index) -> dict[str, Tensor]:
        return self.store.rows(view, index)

    def _table(self) -> Outputs | None:
        whole = None if self.store is None else self.store.whole
        return None if whole is None else Outputs(whole["logits"], FeatureDict({n: t for n, t in whole.items() if n != "logits"}))

    def _cast(self, x):
        dtype = _dtype_of(self.module)
        return x.to(dtype) if dtype is not None and x.is_floating_point() else x

    def _answers(self, x, state=None, checked: bool = False) -> Outputs:
        place, wanted = x.device, torch.float64 if x.dtype == torch.float64 else torch.float32
        x = self._cast(x) if state is not None else self._cast(x).to(_device_of(self.module) or place)
        out = checked_outputs("teacher", self.module, x, state) if checked else outputs_of(self.module, x, state)
        settled = lambda t: t.to(place, wanted) if t.is_floating_point() else t.to(place)
        return Outputs(settled(out.logits), FeatureDict({name: settled(t) for name, t in out.features.items()}))

    def _named(self, x, names, checked: bool = False) -> dict[str, Tensor]:
        """Logits and the named features for inputs on the pool's device, given back there."""
        out = self._answers(x, checked=checked)
        found = {"logits": out.logits, **{name: out.features[name] for name in names}}
        for name, rows in found.items():
            if rows.dim() == 0 or len(rows) != len(x):
                raise InputError(f"teacher must give {name} with one row for each of {len(x)} inputs, but {list(rows.shape)} was given.")
        return found

    @torch.no_grad()
    def _sample(self, pool, names) -> dict[str, Tensor]:
        """Answers to the first few examples, which show whether the module takes these inputs; not counted."""
        index = torch.arange(min(4, len(pool)), device=pool.device)
        with seeded(0, _device_of(self.module) or pool.device):
            return self._named(pool.inputs(torch.zeros_like(index), index), names, checked=True)

    @torch.no_grad()
    def _ask(self, pool, names):
        """Every view of every example through the module, once: (view, first example, {name: rows}) piece by piece."""
        index = torch.arange(len(pool), device=pool.device)
        for view in range(pool.views):
            for part in index.split(CHUNK):
                found = self._named(pool.inputs(torch.full_like(part, view), part), names)
                for name, rows in found.items():
                    if not rows.isfinite().all():
                        bad = (~rows.isfinite()).flatten(1).any(1).nonzero()[0].item()
                        raise InputError(f"teacher's {name} must be finite, but view {view} of example {int(part[bad])} gives NaN or infinity.")
                yield view, int(part[0]), found

    def _filled(self, kind, columns: dict[str, tuple], names, path):
        """The planned columns, filled with answers; kept at ``path`` too."""
        if kind == "mapped":
            return self._filled_on_disk(columns, names, path)
        made = {name: torch.empty(shape, dtype=dtype, device=self.pool.device) for name, (shape, dtype) in columns.items()}
        for view, first, rows in self._ask(self.pool, names):
            for name, answer in rows.items():
                for column, part in encoded(kind, name, answer).items():
                    made[column][view, first : first + len(part)] = part
        if path:
            write_table(path, made)
        return made

    def _filled_on_disk(self, columns, names, path):
        if path is not None:
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                (path.parent / f"{path.name}.try").touch()
                (path.parent / f"{path.name}.try").unlink()
            except OSError as error:
                cannot_write(path.parent, error)
                path = None
        path = path or temporary_folder(self.store) / "answers.safetensors"
        with TensorWriter(path, columns) as writer:
            for _, _, rows in self._ask(self.pool, names):
                for name, answer in rows.items():
                    for column, part in encoded("mapped", name, answer).items():
                        writer.write(column, part)
        return map_tensors(path)[0]

    def _key(self, pool, names, kind) -> str:
        """What the stored answers depend on: the module by what it is and by what it measurably answers, the pool's inputs, the features,
        the store, the code and torch's version.
        """
        index = torch.linspace(0, len(pool) - 1, min(8, len(pool))).long().to(pool.device)
        x = pool.inputs(torch.arange(len(index), device=pool.device) % pool.views, index)
        texts = [self.fingerprint, measured(lambda rows: self._named(rows, names), x), _question(pool), class_text(type(pool)), repr(kind),
                 str(_dtype_of(self.module)), *sorted(names), torch.__version__, code_of("distill_helpers.training.teacher")]  # fmt: skip
        return tensors_hash({}, texts)


class _Derived(Teacher):
    """A teacher that answers by another one, ``base``: the frozen module and the stored answers are shared, the count is its own."""

    def __init__(self, base: Teacher):
        self.__dict__.update(base.__dict__)
        self.base, self._given, self._known = base, None, None


class _Reordered(_Derived):
    def __init__(self, base: Teacher, order: Tensor):
        super().__init__(base)
        self.order = order

    def over(self, pool, features=(), **settings):
        """The same order of the answers to an equal pool; an order belongs to the examples that it was made for."""
        _checked_pool(pool, features)
        if _question(pool) != _question(self.pool):
            raise InputError("pool must be the one for which teacher.reordered was called, or an equal one, but another was given.")
        return self.base.over(pool, features, **settings).reordered(self.order)

    def live(self, x, state=None):
        """New inputs have no fixed partner, so each gets the answer to its neighbour in the batch."""
        if x.shape[0] < 2:
            raise InputError("a reordered teacher needs at least 2 inputs in a batch of live answers, but 1 was given: it has no neighbour.")
        return super().live(x.roll(1, 0), state)

    def with_features(self, features):
        return self.base.with_features(features).over(self.pool).reordered(self.order)

    def untrained(self, seed):
        return self.base.untrained(seed).reordered(self.order)

    def answered_by(self, module):
        return self.base.answered_by(module).reordered(self.order)

    def originals(self, order):
        return self.base.originals(self.order.cpu()[order])

    @property
    def fingerprint(self):
        return tensors_hash({"order": self.order}, [self.base.fingerprint, super().fingerprint])

    def _rows(self, view, index):
        out = self.base.rows(view, self.order.to(index.device)[index])
        return {"logits": out.logits, **out.features}

    def _table(self):
        if self._known is None and self.base.table is not None:
            table, order = self.base.table, self.order.to(self.base.table.logits.device)
            self._known = Outputs(table.logits[:, order], FeatureDict({name: t[:, order] for name, t in table.features.items()}))
        return self._known


class _Extended(_Derived):
    def __init__(self, base: Teacher, columns: dict[str, Tensor], evaluations: int):
        super().__init__(base)
        if self.pool is None:
            raise InputError("teacher has no cached answers yet; call teacher.over(pool) first.")
        for name, column in columns.items():
            if column.shape[:2] != (self.pool.views, len(self.pool)) or name == "logits":
                given = f"{name!r} {list(column.shape)}"
                raise InputError(f"columns must be features of {self.pool.views} views of {len(self.pool)} examples, but {given} was given.")
        self.columns, self.table_evaluations = columns, base.table_evaluations + evaluations

    def over(self, pool, features=(), **settings):
        """Itself for an equal pool: what was added to it cannot be asked for anew."""
        _checked_pool(pool, features)
        if self.holds(pool, features):
            return self
        raise InputError("pool must be the one over which this teacher was prepared, or an equal one on its device, but another was given.")

    def with_features(self, features):
        raise InputError("features must be named before a strategy prepares the teacher: Teacher(module).with_features({...}).")

    def untrained(self, seed):
        raise InputError("teacher was prepared by a strategy, and what was added to it cannot be drawn anew; give the plain teacher.")

    def answered_by(self, module):
        return self.base.answered_by(module)

    def originals(self, order):
        return self.base.originals(order)

    @property
    def feature_names(self):
        return tuple(self._given.features) if self._given is not None else tuple(dict.fromkeys((*self.base.feature_names, *self.columns)))

    @property
    def fingerprint(self):
        return tensors_hash(self.columns, [self.base.fingerprint, super().fingerprint])

    def _rows(self, view, index):
        out = self.base.rows(view, index)
        return {"logits": out.logits, **out.features, **{name: t[view, index] for name, t in self.columns.items()}}

    def _table(self):
        table = self.base.table
        return None if table is None else table._replace(features=FeatureDict({**table.features, **self.columns}))


def _checked_pool(pool, features) -> tuple[str, ...]:
    """The names of the wanted features, once pool and names are known to be usable."""
    if not all(hasattr(pool, name) for name in ("inputs", "views", "device", "__len__")):
        advice = "; make one of an ImageSet: make_views(image_set)" if hasattr(pool, "images") else ""
        raise InputError(f"pool must be a pool of views, but {type(pool).__name__} was given{advice}.")
    names = (features,) if isinstance(features, str) else tuple(features)
    for name in names:
        if not isinstance(name, str) or name == "logits":
            raise InputError(f'features must be names of features; logits are always stored, but {name!r} was given.')
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InputError(f"features must differ from each other, but {twice[0]!r} was given twice.")
    return names


def _checked_order(order, teacher: Teacher) -> Tensor:
    if teacher.pool is None:
        raise InputError("teacher has no cached answers yet; call teacher.over(pool) first.")
    count = len(teacher.pool)
    try:
        order = torch.as_tensor(order)
    except (TypeError, ValueError, RuntimeError) as error:
        raise InputError(f"order must be {count} whole numbers, but {order!r} was given.") from error
    if order.dim() != 1 or order.is_floating_point() or order.dtype == torch.bool or len(order) != count:
        raise InputError(f"order must be {count} whole numbers, one for each example, but {order.dtype} {list(order.shape)} was given.")
    if count and (order.min() < 0 or order.max() >= count):
        raise InputError(f"order must hold numbers from 0 to {count - 1}, but {int(order.min())} to {int(order.max())} were given.")
    return order.long().to(teacher.pool.device, copy=True)


def _question(pool) -> str:
    """The hash of the pool's inputs."""
    return getattr(pool, "inputs_fingerprint", None) or pool.fingerprint


def _check_weights(module: nn.Module) -> None:
    for what, tensors in (("weight", module.named_parameters()), ("buffer", module.named_buffers())):
        for name, tensor in tensors:
            if nn.parameter.is_lazy(tensor):
                raise InputError(f"teacher's {what} {name!r} has no shape yet; call the module on an input first.")
            # masks are kept in buffers, and hold infinities by right
            bad = tensor.isnan() if what == "buffer" else ~tensor.isfinite()
            if tensor.is_floating_point() and bad.any():
                count = f"{int(bad.sum())} of its {tensor.numel()} numbers"
                raise InputError(f"teacher's {what} {name!r} must be finite, but {count} are NaN or infinite.")


def _dtype_of(module: nn.Module) -> torch.dtype | None:
    """The type of the first floating-point weight or, without weights, buffer."""
    found = next((p.dtype for p in module.parameters() if p.is_floating_point()), None)
    return found or next((b.dtype for b in module.buffers() if b.is_floating_point()), None)


def _device_of(module: nn.Module) -> torch.device | None:
    first = next(module.parameters(), None)
    first = next(module.buffers(), None) if first is None else first
    return None if first is None else first.device


def _of_part(module: nn.Module, piece: nn.Module, prefix: str, state) -> dict[str, Tensor]:
    """The entries of ``state`` that belong to a submodule, under its own names; a weight tied to one elsewhere is found there."""
    tensors = [*module.named_parameters(remove_duplicate=False), *module.named_buffers(remove_duplicate=False)]
    by_object = {}
    for name, tensor in tensors:
        if name in state:
            by_object[id(tensor)] = state[name]
    own = [*piece.named_parameters(remove_duplicate=False), *piece.named_buffers(remove_duplicate=False)]
    return {name: state.get(prefix + name, by_object.get(id(tensor), tensor)) for name, tensor in own}


__all__ = ["Teacher", "TopK"]
