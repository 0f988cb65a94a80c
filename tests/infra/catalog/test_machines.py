import csv
from datetime import date
from importlib.resources import files

import pytest

from infra.catalog.machines import Cloud, accelerators, find_machine, machines_with

CLOUDS: tuple[Cloud, ...] = ("gke", "eks")


def rows(name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(files("infra.catalog").joinpath(name).read_text().splitlines()))


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("machines.csv", ("cloud", "machine_type")),
        ("accelerators.csv", ("accelerator",)),
        ("accelerator_zones.csv", ("cloud", "accelerator", "region")),
        ("mig_profiles.csv", ("accelerator", "profile")),
        ("local_ssds.csv", ("machine_type",)),
    ],
)
def test_each_row_stands_once(name: str, key: tuple[str, ...]):
    keys = [tuple(row[column] for column in key) for row in rows(name)]
    assert len(keys) == len(set(keys))


@pytest.mark.parametrize(
    "name", ["machines.csv", "accelerators.csv", "accelerator_zones.csv", "mig_profiles.csv", "local_ssds.csv"]
)
def test_each_row_says_where_its_figures_were_read_and_when(name: str):
    for row in rows(name):
        assert row["source"].startswith("https://"), row
        assert date.fromisoformat(row["checked"]) <= date.today(), row


def test_a_machine_has_gpus_exactly_where_it_names_a_known_accelerator():
    for row in rows("machines.csv"):
        assert bool(row["accelerator"]) == (int(row["gpus"]) > 0), row
        assert row["accelerator"] in {"", *accelerators()}, row


def test_a_zone_stands_in_its_region_and_has_an_accelerator_that_is_known():
    for row in rows("accelerator_zones.csv"):
        assert row["accelerator"] in accelerators(), row
        zones = row["zones"].split()
        assert bool(zones) == (row["cloud"] == "gke"), "zones of EKS have other names in every account"
        assert {zone.rpartition("-")[0] for zone in zones} <= {row["region"]}, row


def test_local_ssds_are_told_of_machines_that_are_known():
    for row in rows("local_ssds.csv"):
        assert find_machine("gke", row["machine_type"]), row


def test_machines_are_found_in_their_own_cloud_only():
    machine = find_machine("gke", "g2-standard-24")
    assert machine
    assert (machine.vcpus, machine.memory_gib, machine.gpus) == (24, 96, 2)
    assert machine.accelerator == accelerators()["nvidia-l4"]
    assert find_machine("eks", "g2-standard-24") is None


def test_an_accelerator_says_its_memory_and_what_it_can_compute():
    l4 = accelerators()["nvidia-l4"]
    assert (l4.memory_gb, l4.compute_capability) == (24, "8.9")


@pytest.mark.parametrize("cloud", CLOUDS)
def test_machines_that_carry_an_accelerator_come_smallest_first(cloud: Cloud):
    carrying = machines_with(cloud, "nvidia-l4")
    sizes = [(machine.gpus, machine.vcpus) for machine in carrying]
    assert sizes == sorted(sizes)
    assert sizes[0] == (1, 4)
    assert all(machine.accelerator and machine.accelerator.name == "nvidia-l4" for machine in carrying)


@pytest.mark.parametrize("cloud", CLOUDS)
def test_machines_without_gpus_are_those_that_carry_no_accelerator(cloud: Cloud):
    assert {machine.gpus for machine in machines_with(cloud, None)} == {0}
