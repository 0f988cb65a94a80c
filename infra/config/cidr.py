"""IPv4 networks in a stack file."""

from ipaddress import IPv4Network
from itertools import combinations
from typing import Annotated

from pydantic import AfterValidator

from infra.config.section import refuse


def _network(text: str) -> str:
    try:
        IPv4Network(text)
    except ValueError as error:
        raise refuse(
            f"not an IPv4 network: {error}",
            value=text,
            allowed="a network address and prefix length such as 10.0.0.0/20",
            remedy="write the network's first address before the slash",
        ) from None
    return text


Cidr = Annotated[str, AfterValidator(_network)]


def require_apart(**networks: str) -> None:
    """Refuse overlapping networks; the keywords are their keys in the section."""
    for (first_key, first), (second_key, second) in combinations(networks.items(), 2):
        if IPv4Network(first).overlaps(IPv4Network(second)):
            raise refuse(
                f"the network overlaps {first_key} ({first})",
                key=second_key,
                value=second,
                allowed="networks that share no address",
                remedy="move one of them",
            )
