"""Other right ways to write the loader."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch.utils.data import BatchSampler, DataLoader, RandomSampler, SequentialSampler

from conformance.faults import honest

Collate = Callable[[list[Any]], Any]
Loader = DataLoader[Any]


@honest("make_dataloader", "a batch sampler instead of shuffle and drop_last")
def with_a_batch_sampler(
    dataset: Any, batch_size: int, shuffle: bool = True, drop_last: bool = False,
    collate_fn: Collate | None = None, num_workers: int = 0,
) -> Loader:  # fmt: skip
    sampler = RandomSampler(dataset) if shuffle else SequentialSampler(dataset)
    batches = BatchSampler(sampler, batch_size, drop_last)
    return DataLoader(dataset, batch_sampler=batches, collate_fn=collate_fn, num_workers=num_workers)


class MyLoader(DataLoader[Any]):
    """A loader with nothing more."""


@honest("make_dataloader", "a subclass, a generator of its own, arguments gathered in a dict")
def with_a_generator(
    dataset: Any, batch_size: int, shuffle: bool = True, drop_last: bool = False,
    collate_fn: Collate | None = None, num_workers: int = 0, **more: Any,
) -> Loader:  # fmt: skip
    options: dict[str, Any] = {"batch_size": batch_size, "shuffle": shuffle, "drop_last": drop_last, **more}
    if collate_fn is not None:
        options["collate_fn"] = collate_fn
    if num_workers > 0:
        options.update(num_workers=num_workers, persistent_workers=True)
    return MyLoader(dataset, generator=torch.Generator().manual_seed(0), pin_memory=False, **options)


class Shuffled(RandomSampler):
    """A sampler that draws its order by sorting random numbers."""

    def __iter__(self) -> Any:
        data: Sequence[Any] = self.data_source  # type: ignore[assignment]
        return iter(torch.rand(len(data)).argsort().tolist())


@honest("make_dataloader", "a sampler of one's own, default_collate by name")
def with_a_sampler(
    dataset: Any, batch_size: int, shuffle: bool = True, drop_last: bool = False,
    collate_fn: Collate | None = None, num_workers: int = 0,
) -> Loader:  # fmt: skip
    collate = torch.utils.data.default_collate if collate_fn is None else collate_fn
    sampler = Shuffled(dataset) if shuffle else None
    return DataLoader(
        dataset, batch_size, sampler=sampler, num_workers=num_workers, collate_fn=collate, drop_last=drop_last
    )


@honest("make_dataloader", "looks at a batch before it hands the loader out, with the workers that were asked for")
def looks_at_a_batch(
    dataset: Any, batch_size: int, shuffle: bool = True, drop_last: bool = False,
    collate_fn: Collate | None = None, num_workers: int = 0,
) -> Loader:  # fmt: skip
    loader: Loader = DataLoader(dataset, batch_size, shuffle, None, None, num_workers, collate_fn, drop_last=drop_last)
    for batch in loader:
        print(type(batch))
        break
    return loader
