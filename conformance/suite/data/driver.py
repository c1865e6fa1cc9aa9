"""Builds datasets and loaders, pads and collates, and reports what came of it."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.data import DataLoader, Dataset, dataloader


def pairs(items: SimpleNamespace, case: SimpleNamespace) -> dict[str, Any]:
    """Reads a TensorPairDataset by index, again in reverse, and through a DataLoader."""
    dataset = items.TensorPairDataset(case.x, case.y)
    items.TensorPairDataset(case.y, case.x)  # another beside it, whose rows are its own
    seen = _read(dataset, len(case.x), case.batch)
    return {**seen, "x": case.x, "y": case.y}


def pairs_as_torch(items: SimpleNamespace, case: SimpleNamespace) -> dict[str, Any]:
    """Reports what a TensorPairDataset does that torch's datasets do, and whether it refuses a y that is longer."""
    longer = torch.cat((case.y, case.y))
    seen = _as_torch(items.TensorPairDataset(case.x, case.y), len(case.x))
    return {**seen, "refusal": _refusal(lambda: items.TensorPairDataset(case.x, longer))}


def next_tokens(items: SimpleNamespace, case: SimpleNamespace) -> dict[str, Any]:
    """Reads a NextTokenDataset by index, again in reverse, and through a DataLoader."""
    dataset = items.NextTokenDataset(case.tokens)
    items.NextTokenDataset(case.tokens.flip(-1))  # another beside it, whose rows are its own
    seen = _read(dataset, len(case.tokens), case.batch)
    return {**seen, "tokens": case.tokens}


def next_tokens_as_torch(items: SimpleNamespace, case: SimpleNamespace) -> dict[str, Any]:
    """Reports what a NextTokenDataset does that torch's datasets do."""
    return _as_torch(items.NextTokenDataset(case.tokens), len(case.tokens))


def crops(items: SimpleNamespace, case: SimpleNamespace) -> dict[str, Any]:
    """Reads two RandomCropSequenceDatasets of one seed in turns, each made under another state of the generators."""
    moved = []
    made: list[Any] = []
    for _ in range(2):
        before = _states()
        made.append(items.RandomCropSequenceDataset(case.tokens, case.crop_len, seed=case.seed))
        moved += _moved(before, _states())
        torch.manual_seed(case.noise)
        random.seed(case.noise)
    before = _states()
    crops = [[_copied(dataset[i]) for dataset in made] for i in case.accesses]
    moved += _moved(before, _states())
    return {
        "length": len(made[0]),
        "first": [pair[0] for pair in crops],
        "second": [pair[1] for pair in crops],
        "moved": sorted(set(moved)),
        "batches": _batches(made[0], 2),
        "tokens": case.tokens,
    }


def crop_starts(items: SimpleNamespace, case: SimpleNamespace) -> dict[str, Any]:
    """Reads each item of a RandomCropSequenceDataset, some of them again, and some of another such dataset."""
    torch.manual_seed(case.noise)
    rows = range(len(case.tokens))
    with _WatchedRandom() as watched:
        dataset, other = (_cropping(items, case, seed) for seed in (case.seed, case.other_seed))
        crops = _one_by_one_or_together(dataset, len(rows))
        again, others = ([source[i] for i in rows[:64]] for source in (dataset, other))
    return {
        "crops": _stacked(crops),
        "again": _stacked(again),
        "others": _stacked(others),
        "python_random": watched.used(),
    }


def crops_drawn(items: SimpleNamespace, case: SimpleNamespace) -> dict[str, Any]:
    """Reports how many draws torch makes for a RandomCropSequenceDataset and one pass over it, and the crops.

    It does so for two datasets of one seed; in the second, each draw is the one that comes after the one asked for.
    """
    seen: dict[str, Any] = {"draws": [], "crops": []}
    for skips in (False, True):
        with _TorchsDraws(skips) as torchs:
            dataset = _cropping(items, case, case.seed)
            crops = [dataset[i] for i in range(len(case.tokens))]
        seen["draws"].append(torchs.draws)
        seen["crops"].append(_stacked(crops))
    return seen


def crops_as_torch(items: SimpleNamespace, case: SimpleNamespace) -> dict[str, Any]:
    """Reports whether a RandomCropSequenceDataset is a Dataset and refuses crops longer than the sequences."""
    tokens, length = case.tokens, case.tokens.shape[1]
    dataset = items.RandomCropSequenceDataset(tokens, case.crop_len, seed=case.seed)
    refusal = _refusal(lambda: items.RandomCropSequenceDataset(tokens, length + 1, seed=case.seed)[0])
    return {"dataset": isinstance(dataset, Dataset), "refusal": refusal}


def padded_batch(items: SimpleNamespace, case: SimpleNamespace) -> dict[str, Any]:
    """Makes a PaddedBatch by position and by name, and tries to set a field anew."""
    parts = {"tokens": case.tokens, "lengths": case.lengths, "padding_mask": case.padding_mask}
    by_position, by_name = items.PaddedBatch(*parts.values()), items.PaddedBatch(**parts)
    items.PaddedBatch(*(part.flip(0) for part in parts.values()))  # another beside them, whose parts are its own

    def set_anew() -> None:
        by_name.tokens = case.lengths

    seen = {name: [getattr(batch, name, None) for batch in (by_position, by_name)] for name in parts}
    return {**seen, "refusal": _refusal(set_anew)}


def padded(items: SimpleNamespace, case: SimpleNamespace) -> dict[str, Any]:
    """Pads sequences and reports the parts, whether in a PaddedBatch, and the tokens without a pad value."""
    seqs = list(case.seqs)
    batch = items.pad_1d_sequences(seqs, pad_value=case.pad_value)
    own = getattr(items, "PaddedBatch", None)
    return {
        "type": type(batch).__name__,
        "own": isinstance(batch, own) if isinstance(own, type) else None,
        "tokens": getattr(batch, "tokens", None),
        "lengths": getattr(batch, "lengths", None),
        "mask": getattr(batch, "padding_mask", None),
        "default": getattr(items.pad_1d_sequences(list(case.seqs)), "tokens", None),
        "seqs": seqs,
    }


def padded_on_meta(items: SimpleNamespace, case: SimpleNamespace) -> dict[str, Any]:
    """Pads sequences on the meta device and reports where the parts lie; nothing where values were read."""
    try:
        batch = items.pad_1d_sequences([seq.to("meta") for seq in case.seqs])
    except (RuntimeError, NotImplementedError):
        return {"devices": []}
    parts = [getattr(batch, name, None) for name in ("lengths", "padding_mask")]
    return {"devices": [part.device.type if isinstance(part, torch.Tensor) else "no tensor" for part in parts]}


def collated(items: SimpleNamespace, case: SimpleNamespace) -> dict[str, Any]:
    """Collates samples, with a pad value and without, and reports the dicts, and the samples afterwards."""
    samples = list(case.batch)
    batch = items.collate_next_token_batch(samples, pad_value=case.pad_value)
    return {"batch": _plain(batch), "default": _plain(items.collate_next_token_batch(samples)), "samples": samples}


@contextmanager
def _without_workers() -> Iterator[None]:
    """Has loaders with workers load in this process, where none can be started, in the body."""
    own = dataloader._MultiProcessingDataLoaderIter
    dataloader._MultiProcessingDataLoaderIter = _Alone  # type: ignore[misc,assignment]
    try:
        yield
    finally:
        dataloader._MultiProcessingDataLoaderIter = own  # type: ignore[misc]


class _Alone(dataloader._SingleProcessDataLoaderIter):
    """Loads in this process whatever workers a loader asks for."""

    def __init__(self, loader: Any) -> None:
        asked, loader.num_workers, loader.timeout = (loader.num_workers, loader.timeout), 0, 0
        super().__init__(loader)
        loader.num_workers, loader.timeout = asked


@_without_workers()
def loader(items: SimpleNamespace, case: SimpleNamespace) -> dict[str, Any]:
    """Runs through two epochs of a loader, and one of a second that was asked for workers and has to do without."""
    given = {"shuffle": case.shuffle, "drop_last": case.drop_last, "collate_fn": _collate if case.collate else None}
    options: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    numbers = _Numbers(case.count, case.pairs)
    made = items.make_dataloader(numbers, case.batch_size, **options)
    epochs = [[_plain(batch) for batch in made] for _ in range(2)]
    fetched = numbers.fetched
    if case.workers is not None:
        options["num_workers"] = case.workers
    other = items.make_dataloader(numbers, case.batch_size, **options)
    workers = None
    # What they are, and how many: a class of the submission's own may say otherwise.
    if issubclass(type(other), DataLoader):
        workers = object.__getattribute__(other, "__dict__").get("num_workers")
        epochs.append([_plain(batch) for batch in other])
    return {
        "type": type(made).__name__,
        "loader": issubclass(type(made), DataLoader),
        "workers": workers,
        "epochs": epochs,
        "fetched": fetched,
    }


class _Numbers(Dataset[Any]):
    """The numbers from 0 on, each a tensor of shape (1,); or pairs of such a number and the same negated."""

    def __init__(self, count: int, pairs: bool) -> None:
        self.count, self.pairs = count, pairs
        self.fetched = 0

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> Any:
        self.fetched += 1
        number = torch.tensor([index])
        return (number, -number) if self.pairs else number


def _collate(samples: list[Any]) -> dict[str, torch.Tensor]:
    return {"collated": torch.cat([sample[0] if isinstance(sample, tuple) else sample for sample in samples])}


def _read(dataset: Any, count: int, batch: int) -> dict[str, Any]:
    return {
        "length": len(dataset),
        "items": [_plain(dataset[i]) for i in range(count)],
        "again": [_plain(dataset[i]) for i in reversed(range(count))][::-1],
        "batches": _batches(dataset, batch),
    }


def _batches(dataset: Any, size: int) -> list[Any] | str:
    """Returns what a DataLoader makes of a dataset, or the error that it ends in: that items differ in length, say.

    The items of a batch are asked for from the last to the first, and turned around here.
    """
    count = len(dataset)
    batches = [range(min(start + size, count) - 1, start - 1, -1) for start in range(0, count, size)]
    try:
        return [
            _turned(_plain(batch)) for batch in DataLoader(dataset, batch_sampler=[list(batch) for batch in batches])
        ]
    except Exception as error:
        return f"{type(error).__name__}: {error}"


def _turned(batch: Any) -> Any:
    """Returns a batch with its rows from the last to the first."""
    if isinstance(batch, torch.Tensor):
        return batch.flip(0) if batch.ndim else batch
    return type(batch)(_turned(column) for column in batch) if isinstance(batch, list | tuple) else batch


def _as_torch(dataset: Any, count: int) -> dict[str, Any]:
    seen: dict[str, Any] = {"dataset": isinstance(dataset, Dataset)}
    try:
        seen["last"] = _plain(dataset[-1])
    except Exception as error:
        seen["last"] = type(error).__name__
    try:
        # One more than there are is enough to see that it does not end.
        seen["looped"] = sum(1 for _ in zip(range(count + 1), dataset, strict=False))
    except Exception as error:
        seen["looped"] = type(error).__name__
    return seen


def _one_by_one_or_together(dataset: Any, count: int) -> list[Any]:
    """Returns all items; the second half eight at a time where the dataset has a way to, as a DataLoader uses it."""
    together = getattr(dataset, "__getitems__", None)
    if not callable(together):
        return [dataset[i] for i in range(count)]
    found = [dataset[i] for i in range(count // 2)]
    for start in range(count // 2, count, 8):
        found += together(list(range(start, min(start + 8, count))))
    return found


def _cropping(items: SimpleNamespace, case: SimpleNamespace, seed: int | None) -> Any:
    if seed is None:
        return items.RandomCropSequenceDataset(case.tokens, case.crop_len)
    return items.RandomCropSequenceDataset(case.tokens, case.crop_len, seed=seed)


def _refusal(call: Callable[[], Any]) -> str | None:
    """Returns the name of the exception that a call ends in; None if it does not."""
    try:
        call()
    except Exception as error:
        return type(error).__name__
    return None


def _states() -> tuple[torch.Tensor, Any]:
    return torch.get_rng_state(), random.getstate()


def _moved(before: tuple[torch.Tensor, Any], after: tuple[torch.Tensor, Any]) -> list[str]:
    """Returns which of the global generators are no longer in the state that they were in."""
    torch_moved = not torch.equal(before[0], after[0])
    return ["torch's"] * torch_moved + ["Python's"] * (before[1] != after[1])


# The second draws from the operating system, and so does the module secrets.
_RANDOM = (random.Random, random.SystemRandom)


class _WatchedRandom:
    """A block in which draws from Python's random module are noticed."""

    def __enter__(self) -> _WatchedRandom:
        self.draws = 0
        self.before = random.getstate()
        # Each of the module's functions ends up in one of these, but for random.random, which moves the state instead.
        self.own = [(kind, name, vars(kind).get(name)) for kind in _RANDOM for name in ("random", "getrandbits")]
        for kind, name, _ in self.own:
            setattr(kind, name, self._counting(getattr(kind, name)))
        return self

    def __exit__(self, *_: object) -> None:
        for kind, name, own in self.own:
            if own is None:
                delattr(kind, name)
            else:
                setattr(kind, name, own)

    def used(self) -> bool:
        """Returns whether anything was drawn, or the state of the global generator set."""
        return self.draws > 0 or random.getstate() != self.before

    def _counting(self, draw: Callable[..., Any]) -> Callable[..., Any]:
        def counted(generator: random.Random, *args: Any) -> Any:
            self.draws += 1
            return draw(generator, *args)

        return counted


class _TorchsDraws(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """A block in which torch's operations that draw from a generator, any generator, are counted.

    With ``skips``, each draws twice and gives what it drew the second time.
    """

    def __init__(self, skips: bool) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.skips, self.draws = skips, 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if torch.Tag.nondeterministic_seeded in func.tags:
            self.draws += 1
            if self.skips:
                func(*args, **(kwargs or {}))
        return func(*args, **(kwargs or {}))


def _stacked(found: Sequence[Any]) -> Any:
    """Returns tensors of one shape and dtype as one; of anything else, the first few as they are."""
    kinds = {(entry.shape, entry.dtype) if isinstance(entry, torch.Tensor) else None for entry in found}
    if len(kinds) == 1 and None not in kinds:
        return torch.stack(list(found))
    return [_plain(entry) for entry in found[:4]]


def _copied(value: Any) -> Any:
    return value.clone() if isinstance(value, torch.Tensor) else _plain(value)


def _plain(value: Any) -> Any:
    """Returns tuples, lists and dicts of any kind as plain ones, so that what they hold can be sent."""
    if isinstance(value, tuple):
        return tuple(_plain(entry) for entry in value)
    if isinstance(value, list):
        return [_plain(entry) for entry in value]
    if isinstance(value, dict):
        return {str(key): _plain(entry) for key, entry in value.items()}
    return value
