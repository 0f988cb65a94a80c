import re

import pytest

from infra.naming import AWS_ROLE_CHARS, GCP_SERVICE_ACCOUNT_CHARS, GKE_NAME_CHARS, Names, NameTooLong, fitted

LONGEST = Names(stack="staging-gcp-northamerica-northeast1", environment="staging")


def test_a_name_tells_project_stack_and_role():
    names = Names(stack="prod-aws-us-east-1", environment="prod")
    assert names.of("control-plane", limit=AWS_ROLE_CHARS) == "ragspan-prod-aws-us-east-1-control-plane"
    assert names.cluster == "ragspan-prod"


def test_a_name_that_is_too_long_is_refused_with_the_limit_and_a_remedy():
    with pytest.raises(
        NameTooLong, match=r"'ragspan-.+-nodes' has 49 characters where 40 are allowed; shorten the role"
    ):
        LONGEST.of("nodes", limit=GKE_NAME_CHARS)


def test_a_name_of_exactly_the_limit_is_kept():
    assert fitted("a" * GKE_NAME_CHARS, limit=GKE_NAME_CHARS, remedy="shorten it") == "a" * GKE_NAME_CHARS


def test_a_service_account_fits_for_the_longest_region_and_differs_per_stack():
    names = {LONGEST.digest_of("nodes", limit=GCP_SERVICE_ACCOUNT_CHARS)}
    names.add(Names(stack="staging-gcp-northamerica-northeast2", environment="staging").digest_of("nodes", limit=30))
    assert len(names) == 2
    assert all(re.fullmatch(r"[a-z][a-z0-9-]{4,28}[a-z0-9]", name) for name in names)


def test_a_digest_name_stays_the_same_between_runs():
    names = Names(stack="prod-gcp-europe-west4", environment="prod")
    assert names.digest_of("nodes", limit=30) == "ragspan-nodes-b4b7ffdf"


def test_cloud_labels_fit_the_narrower_charset_of_gcp():
    for key, value in LONGEST.cloud_labels.items():
        assert re.fullmatch(r"[a-z][a-z0-9_-]{0,62}", key)
        assert re.fullmatch(r"[a-z0-9_-]{0,63}", value)


def test_labels_contain_their_selector():
    names = Names(stack="local", environment="local")
    labels = names.labels("weaviate", component="vector-store")
    assert names.selector("weaviate").items() <= labels.items()
    assert labels["app.kubernetes.io/part-of"] == "ragspan"
