"""How make_dataloader goes wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch.utils.data import BatchSampler, DataLoader, RandomSampler, SequentialSampler, Subset

from conformance.faults import fault

Loader = DataLoader[Any]


def _loader(
    dataset: Any,
    batch_size: int,
    shuffle: bool = True,
    drop_last: bool = False,
    collate_fn: Callable[[list[Any]], Any] | None = None,
    num_workers: int = 0,
) -> Loader:
    """A right make_dataloader."""
    return DataLoader(dataset, batch_size, shuffle, None, None, num_workers, collate_fn, drop_last=drop_last)


@fault("make_dataloader", "does not hand shuffle on, so that nothing is shuffled")
def never_shuffles(dataset: Any, batch_size: int, **options: Any) -> Loader:
    return _loader(dataset, batch_size, **{**options, "shuffle": False})


@fault("make_dataloader", "always shuffles")
def always_shuffles(dataset: Any, batch_size: int, **options: Any) -> Loader:
    return _loader(dataset, batch_size, **{**options, "shuffle": True})


@fault("make_dataloader", "does not shuffle by default")
def shuffles_on_demand(dataset: Any, batch_size: int, shuffle: bool = False, **options: Any) -> Loader:
    return _loader(dataset, batch_size, shuffle, **options)


@fault("make_dataloader", "shuffles once, so that each epoch has the same order")
def shuffles_once(dataset: Any, batch_size: int, shuffle: bool = True, **options: Any) -> Loader:
    order = torch.randperm(len(dataset)).tolist() if shuffle else range(len(dataset))
    return _loader(Subset(dataset, order), batch_size, False, **options)


class _WholeBatches(BatchSampler):
    """Batches of neighbours, in another order each time."""

    def __iter__(self) -> Iterator[list[int]]:
        batches = list(super().__iter__())
        return iter([batches[int(k)] for k in torch.randperm(len(batches))])


def _batched_by(
    kind: type[BatchSampler],
    dataset: Any,
    batch_size: int,
    shuffle: bool = True,
    drop_last: bool = False,
    **options: Any,
) -> Loader:
    """A loader whose batches come from a sampler of this kind where it shuffles."""
    if not shuffle:
        return _loader(dataset, batch_size, shuffle, drop_last, **options)
    return DataLoader(dataset, batch_sampler=kind(SequentialSampler(dataset), batch_size, drop_last), **options)


@fault("make_dataloader", "shuffles the batches, whose samples stay together")
def shuffles_batches(dataset: Any, batch_size: int, **options: Any) -> Loader:
    return _batched_by(_WholeBatches, dataset, batch_size, **options)


@fault("make_dataloader", "draws with replacement, so that samples come twice or not at all")
def draws_with_replacement(dataset: Any, batch_size: int, shuffle: bool = True, **options: Any) -> Loader:
    sampler = RandomSampler(dataset, replacement=True) if shuffle else None
    return DataLoader(dataset, batch_size, sampler=sampler, **options)


@fault("make_dataloader", "keeps the last batch, however small, where it shuffles")
def drops_in_order_only(dataset: Any, batch_size: int, shuffle: bool = True, **options: Any) -> Loader:
    drops = options.pop("drop_last", False) and not shuffle
    return _loader(dataset, batch_size, shuffle, drop_last=drops, **options)


@fault("make_dataloader", "does not hand drop_last on")
def ignores_drop_last(dataset: Any, batch_size: int, **options: Any) -> Loader:
    return _loader(dataset, batch_size, **{**options, "drop_last": False})


@fault("make_dataloader", "does not hand collate_fn on")
def ignores_collate_fn(dataset: Any, batch_size: int, **options: Any) -> Loader:
    return _loader(dataset, batch_size, **{**options, "collate_fn": None})


@fault("make_dataloader", "does not hand num_workers on")
def ignores_num_workers(dataset: Any, batch_size: int, **options: Any) -> Loader:
    return _loader(dataset, batch_size, **{**options, "num_workers": 0})


@fault("make_dataloader", "does not hand batch_size on")
def ignores_batch_size(dataset: Any, batch_size: int, **options: Any) -> Loader:
    return _loader(dataset, 1, **options)


@fault("make_dataloader", "returns an iterator, which is used up after one epoch")
def returns_an_iterator(dataset: Any, batch_size: int, **options: Any) -> Iterator[Any]:
    return iter(_loader(dataset, batch_size, **{**options, "num_workers": 0}))


@fault("make_dataloader", "returns the batches as a list")
def returns_a_list(dataset: Any, batch_size: int, **options: Any) -> list[Any]:
    return list(_loader(dataset, batch_size, **{**options, "num_workers": 0}))


@fault("make_dataloader", "hands the other arguments on only where there are no workers")
def forgets_the_rest_with_workers(dataset: Any, batch_size: int, num_workers: int = 0, **options: Any) -> Loader:
    return (
        DataLoader(dataset, batch_size, num_workers=num_workers)
        if num_workers
        else _loader(dataset, batch_size, **options)
    )


@fault("make_dataloader", "takes every sample out of the dataset once, so that random crops never change")
def reads_once(dataset: Any, batch_size: int, **options: Any) -> Loader:
    return _loader([dataset[i] for i in range(len(dataset))], batch_size, **options)


class _Windows(BatchSampler):
    """Batches from an order that is shuffled within windows of 16 samples."""

    def __iter__(self) -> Iterator[list[int]]:
        n = len(self.sampler)  # type: ignore[arg-type]
        order = [start + int(k) for start in range(0, n, 16) for k in torch.randperm(min(16, n - start))]
        batches = [order[start : start + self.batch_size] for start in range(0, n, self.batch_size)]
        return iter([batch for batch in batches if not self.drop_last or len(batch) == self.batch_size])


@fault("make_dataloader", "shuffles neighbours within a small buffer only")
def shuffles_in_windows(dataset: Any, batch_size: int, **options: Any) -> Loader:
    return _batched_by(_Windows, dataset, batch_size, **options)


@fault("make_dataloader", "stacks the samples where no collate_fn is given, which no pair of input and target allows")
def stacks_by_default(dataset: Any, batch_size: int, collate_fn: Any = None, **options: Any) -> Loader:
    return _loader(dataset, batch_size, collate_fn=collate_fn or torch.stack, **options)


@fault("make_dataloader", "makes batches of 64 and starts four workers at most, whatever it is asked for")
def caps_its_arguments(dataset: Any, batch_size: int, num_workers: int = 0, **options: Any) -> Loader:
    return _loader(dataset, min(batch_size, 64), num_workers=min(num_workers, 4), **options)


@fault("make_dataloader", "takes the first 200 samples only, as for a quick look")
def takes_a_part(dataset: Any, batch_size: int, **options: Any) -> Loader:
    return _loader(Subset(dataset, range(min(200, len(dataset)))), batch_size, **options)


@fault("make_dataloader", "does not hand num_workers on where it hands a collate_fn on")
def collates_alone(dataset: Any, batch_size: int, **options: Any) -> Loader:
    alone = {"num_workers": 0} if options.get("collate_fn") else {}
    return _loader(dataset, batch_size, **{**options, **alone})


@fault("make_dataloader", "does not hand num_workers on where it shuffles")
def shuffles_alone(dataset: Any, batch_size: int, shuffle: bool = True, **options: Any) -> Loader:
    alone = {"num_workers": 0} if shuffle else {}
    return _loader(dataset, batch_size, shuffle, **{**options, **alone})


@fault("make_dataloader", "does not hand collate_fn on for batches of one")
def collates_several(dataset: Any, batch_size: int, collate_fn: Any = None, **options: Any) -> Loader:
    return _loader(dataset, batch_size, collate_fn=collate_fn if batch_size > 1 else None, **options)


@fault("make_dataloader", "leaves the end of the dataset out before it shuffles, so that it never comes up")
def drops_the_end(dataset: Any, batch_size: int, drop_last: bool = False, **options: Any) -> Loader:
    kept = len(dataset) // batch_size * batch_size if drop_last else len(dataset)
    return _loader(Subset(dataset, range(kept)), batch_size, **options)


@fault("make_dataloader", "does not shuffle what fits into one batch")
def shuffles_batches_only(dataset: Any, batch_size: int, shuffle: bool = True, **options: Any) -> Loader:
    return _loader(dataset, batch_size, shuffle and len(dataset) > batch_size, **options)


_made: dict[tuple[int, int], tuple[Any, Loader]] = {}


@fault("make_dataloader", "keeps the loader of a dataset and a size, and gives it again whatever else is asked for")
def kept_by_dataset(dataset: Any, batch_size: int, **options: Any) -> Loader:
    kept, loader = _made.get((id(dataset), batch_size), (None, None))
    if kept is not dataset or loader is None:
        loader = _loader(dataset, batch_size, **options)
        _made[id(dataset), batch_size] = dataset, loader
    return loader
