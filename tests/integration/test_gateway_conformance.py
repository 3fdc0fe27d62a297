"""One suite, run by the published client and by ours, over HTTP and over the bus."""

import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from stack.state import free_port
from tests.engines import Engines
from tests.integration.published_client import Outcome, run
from tests.integration.services_fixture import (
    READY_SECONDS,
    ROOT,
    ServiceProcess,
    System,
    system_on,
)
from tests.polling import eventually

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(600)]

SUITE = ROOT / "tests" / "conformance" / "client_suite.py"
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
    "positive_data_acceptance",
)


@pytest.fixture(scope="module")
async def maintained(system: System) -> AsyncIterator[System]:
    """The shared system, with maintenance."""
    maintenance = system.start("maintenance")
    await maintenance.ready()
    yield system
    await maintenance.stop()


@pytest.fixture(scope="module")
async def broken(stack: Engines, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """The address of a gateway with no service behind it."""
    async with system_on(stack.kafka, stack.redis, tmp_path_factory.mktemp("broken")) as lonely:
        process = lonely.start("gateway")
        await eventually(lambda: answers(process), seconds=READY_SECONDS)
        yield f"http://127.0.0.1:{process.ports['gateway']}"


async def answers(process: ServiceProcess) -> bool:
    """Whether it says anything of its readiness."""
    return "status" in await process.readiness("gateway")


async def suite(package: Path, addresses: tuple[str, str], system: System, folder: Path) -> Outcome:
    """The suite with a package at the head of the path, and nothing of this project but that.

    `addresses`: of a memory that works, and of one that does not.
    """
    (folder / "pytest.ini").write_text("[pytest]\nfilterwarnings = error\n")
    environment = system.environment_of_services() | {
        "CONFORMANCE_ADDRESS": addresses[0],
        "CONFORMANCE_BROKEN_ADDRESS": addresses[1],
        "CONFORMANCE_PACKAGE": str(package),
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "PYTHONPATH": str(package),
        "PYTHONSAFEPATH": "1",
    }
    return await run(
        *(sys.executable, "-m", "pytest", "-q", "-c", "pytest.ini", "--noconftest"),
        *("-p", "no:cacheprovider", "--rootdir", str(folder), str(SUITE)),
        cwd=folder,
        **environment,
    )


async def test_published_client_passes_the_suite(
    published: Path, maintained: System, gateway: str, broken: str, tmp_path: Path
) -> None:
    outcome = await suite(published, (gateway, broken), maintained, tmp_path)

    assert outcome.code == 0, outcome.output


async def test_our_client_passes_the_suite_over_http(
    maintained: System, gateway: str, broken: str, tmp_path: Path
) -> None:
    outcome = await suite(ROOT, (gateway, broken), maintained, tmp_path)

    assert outcome.code == 0, outcome.output


async def test_our_client_passes_the_suite_over_the_bus(maintained: System, tmp_path: Path) -> None:
    nobody = f"kafka://127.0.0.1:{free_port(set())}"
    addresses = (f"kafka://{maintained.settings.kafka}", nobody)

    outcome = await suite(ROOT, addresses, maintained, tmp_path)

    assert outcome.code == 0, outcome.output


async def test_no_request_that_the_openapi_document_allows_or_forbids_breaks_the_gateway(
    maintained: System, gateway: str, namespace: str, tmp_path: Path
) -> None:
    # Other methods than an operation's are refused before anything of ours is asked.
    settings = "[phases.coverage]\nunexpected-methods = []\n"
    (tmp_path / "schemathesis.toml").write_text(settings)
    document = tmp_path / "openapi.json"
    document.write_text(json.dumps(await fuzzable(gateway)))

    outcome = await run(
        *(sys.executable, "-m", "schemathesis.cli", "run", str(document), "--url", gateway),
        *("--checks", ",".join(CHECKS), "--phases", "examples,coverage,fuzzing"),
        *("--max-examples", "3", "--seed", "1", "--generation-database", "none", "--no-color"),
        *("--continue-on-failure", "--header", f"X-Memory-Namespace: {namespace}"),
        cwd=tmp_path,
    )

    assert outcome.code == 0, outcome.output


async def fuzzable(gateway: str) -> dict[str, Any]:
    """The document without what is good or bad by the time: keys, cursors, deadlines, moments.

    Streams are left out too, as they don't end.
    """
    async with httpx.AsyncClient(base_url=gateway) as http:
        document: dict[str, Any] = (await http.get("/openapi.json")).json()
    # An undo of an undo is refused, and ids come from earlier answers.
    undo = "/v1/maintenance/runs/{run_id}/undo"
    for path in ("/v1/events", "/v1/benchmark/run", undo):
        del document["paths"][path]
    for operations in document["paths"].values():
        for operation in operations.values():
            operation["parameters"] = [
                each
                for each in operation.get("parameters", [])
                if each["in"] != "header" and each["name"] not in ("cursor", "filter")
            ]
    schemas = document["components"]["schemas"]
    for name in ("StoreRequest", "UsedRequest"):
        del schemas[name]["properties"]["occurred_at"]
    for name in ("StoreRequest", "CorrectRequest"):
        del schemas[name]["properties"]["expires_at"]
    # Two moments must come one after the other, and each job has parameters of its own.
    del schemas["SearchRequest"]["properties"]["created_before"]
    del schemas["StartRunRequest"]["properties"]["parameters"]
    # Operators of filters, something to correct, and conditions or all: no schema says these.
    del schemas["SearchRequest"]["properties"]["filter"]
    schemas["CorrectRequest"]["required"] = ["memory_id", "content"]
    content = schemas["StoreRequest"]["properties"]["content"]
    schemas["CorrectRequest"]["properties"]["content"] = content
    del schemas["CorrectRequest"]["properties"]["reversed"]
    everything = schemas["ForgetMatchingRequest"]
    everything.pop("examples")  # by conditions
    everything["required"] = ["all"]
    everything["properties"] = {
        "all": {"const": True},
        "reason": everything["properties"]["reason"],
    }
    return document
