"""The contract, the properties and the reference solution fit one another."""

from __future__ import annotations

import inspect

import pytest

import impl
from conformance import contract
from conformance.engine.properties import all_properties
from conformance.faults import faults_of, file_or_folder, marked_in
from conformance.report.model import Level
from conformance.runner.drivers import find_drivers
from conformance.runner.guard import Family
from conformance.selftest.matrix import HONEST

# fmt: off
ITEMS = (
    "grad_with_autograd_grad", "grad_with_backward", "grad_wrt_multiple_inputs", "TensorPairDataset",
    "NextTokenDataset", "RandomCropSequenceDataset", "PaddedBatch", "pad_1d_sequences", "collate_next_token_batch",
    "make_dataloader", "AdamWState", "init_adamw_state", "adamw_step_", "adamw_step_many_", "train_step_mse",
    "fan_in_fan_out", "xavier_uniform_", "kaiming_uniform_", "init_linear_", "Linear", "Embedding", "Dropout",
    "LayerNorm", "RMSNorm", "MLP", "FeedForward", "Residual", "cross_entropy_from_logits", "ClassificationHead",
    "train_classifier",
)
# fmt: on


def test_every_item_of_the_exercises_is_there() -> None:
    assert sorted(contract.items()) == sorted(ITEMS)


def test_every_requirement_has_a_property_and_every_property_a_requirement() -> None:
    named = set()
    for prop in all_properties():
        asked = [*prop.requirements, *("device" for variant in prop.variants if variant.device == "meta")]
        for name in asked:
            full = f"{prop.area}.{prop.item}.{name}"
            assert full in contract.requirements(), f"{prop.name} names {full}, which no requirements.toml has"
            named.add(full)
    assert sorted(set(contract.requirements()) - named) == [], "requirements that no property checks"


def test_every_property_has_a_driver() -> None:
    missing = {prop.driver for prop in all_properties()} - set(find_drivers())
    assert not missing


def test_ids_of_properties_are_unique() -> None:
    ids = [prop.id(variant) for prop in all_properties() for variant in prop.variants]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("area", contract.AREAS)
def test_no_two_faults_and_no_two_oddities_of_an_area_have_the_same_name(area: str) -> None:
    """They are judged by name: one would stand for both."""
    honest = marked_in(file_or_folder(HONEST / area), f"conformance.selftest.honest.{area}")
    for marked in (faults_of(area), honest):
        names = [fault.name for fault in marked]
        assert sorted(set(names)) == sorted(names)


def test_rules_forbid_families_that_the_guard_knows() -> None:
    families = {str(family) for family in Family}
    for requirement in contract.requirements().values():
        assert set(requirement.forbids) <= families, requirement.id
        assert not requirement.forbids or requirement.level is Level.RULE, requirement.id


def test_every_requirement_says_where_it_is_from_and_what_must_hold() -> None:
    for requirement in contract.requirements().values():
        assert len(requirement.says) > 3, requirement.id
        assert len(requirement.means) > 10, requirement.id
        assert not requirement.means.endswith("."), f"{requirement.id}: a phrase that goes on in reports, no full stop"


@pytest.mark.parametrize("name", ITEMS)
def test_impl_has_the_signature_of_the_contract(name: str) -> None:
    ours = [(p.name, p.default) for p in inspect.signature(getattr(impl, name)).parameters.values()]
    assert ours == contract.items()[name].parameters()


@pytest.mark.parametrize("area", contract.AREAS)
def test_every_item_has_faults_enough(area: str) -> None:
    """Eight for each optimizer, layer, loss and initialiser; four for each other item."""
    many = {"adamw_step_", "adamw_step_many_", "Linear", "Embedding", "Dropout", "LayerNorm", "RMSNorm", "MLP",
            "cross_entropy_from_logits", "xavier_uniform_", "kaiming_uniform_"}  # fmt: skip
    faults = [fault.item for fault in faults_of(area)]
    for name, item in contract.items().items():
        if item.area == area:
            asked = 8 if name in many else 4
            assert faults.count(name) >= asked, f"{name} has {faults.count(name)} faults of {asked}"
