"""The arguments of the one start-up, before anything is started."""

import pytest
import typer

from services.common.settings import ServiceSettings
from services.run import _ports


def test_port_of_a_service_is_given_by_its_name() -> None:
    given = ["ingest=8101", "retrieval=0"]

    ports = _ports(["ingest", "retrieval"], given, ServiceSettings())

    assert ports == {"ingest": 8101, "retrieval": 0}


@pytest.mark.parametrize(
    "given", ["8101", "ingest", "ingest=", "ingest=²", "ingest=-1", "ingest=65536", "gateway=1"]
)
def test_what_is_no_port_of_a_service_is_wrong_usage(given: str) -> None:
    with pytest.raises(typer.BadParameter, match="give SERVICE=PORT, such as ingest=8001"):
        _ports(["ingest"], [given], ServiceSettings())
