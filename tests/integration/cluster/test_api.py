"""The connection to an API server."""

import socket

import pytest

from tests.integration.cluster.conftest import ControlPlane

pytestmark = pytest.mark.needs("kubernetes")


def test_a_connection_that_has_ended_meanwhile_is_opened_anew(control_plane: ControlPlane) -> None:
    before = control_plane.api.get("/version")
    vars(control_plane.api)["_http"].sock.shutdown(socket.SHUT_RDWR)
    assert control_plane.api.get("/version") == before
