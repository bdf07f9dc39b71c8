"""Health, readiness, metrics, documents, and what FastAPI answers by itself."""

import httpx
import pytest

from tests.availability_api.conftest import problem


def test_health(served: httpx.Client) -> None:
    assert served.get("/healthz").json() == {"status": "ok"}


def test_ready(served: httpx.Client) -> None:
    answer = served.get("/readyz").json()
    assert (answer["status"], answer["generation"]) == ("ready", 1)
    assert [(lane["lane"], lane["stale"], lane["lag"]) for lane in answer["lanes"]] == [
        (lane, False, 3) for lane in range(4)
    ]


def test_metrics(served: httpx.Client) -> None:
    served.get("/v1/availability/SKU-1?channel=web")
    served.get("/nowhere")
    text = served.get("/metrics").text
    assert 'stocktide_api_requests_total{route="lookup",status="200"}' in text
    assert 'stocktide_api_requests_total{route="other",status="404"}' in text
    assert 'stocktide_api_request_seconds_bucket{le="0.001",route="lookup"}' in text
    assert "stocktide_api_redis_up 1.0" in text
    assert "stocktide_api_ready 1.0" in text
    assert 'stocktide_view_lag_records{lane="2"} 3.0' in text


def test_page(served: httpx.Client) -> None:
    page = served.get("/")
    assert page.headers["content-type"].startswith("text/html")
    for link in ("/openapi.json", "/readyz", "/metrics"):
        assert f'href="{link}"' in page.text
        assert served.get(link).status_code == 200


@pytest.mark.parametrize(
    "path", ["/", "/healthz", "/readyz", "/metrics", "/v1/availability/SKU-1?channel=web"]
)
def test_head_is_get_without_a_body(served: httpx.Client, path: str) -> None:
    head, get = served.head(path), served.get(path)
    assert (head.status_code, head.headers["content-type"]) == (200, get.headers["content-type"])
    assert head.content == b""
    assert int(head.headers["content-length"]) > 0


def test_no_page_needs_another_host(served: httpx.Client) -> None:
    assert "http" not in served.get("/").text
    assert served.get("/docs").status_code == 404


def test_openapi_has_every_route(served: httpx.Client) -> None:
    document = served.get("/openapi.json").json()
    assert document["paths"].keys() == {
        "/v1/availability/{sku}", "/v1/availability/{sku}/locations", "/v1/availability/{sku}/projected",
        "/v1/availability/{sku}/explain", "/v1/availability/batch",
        "/v1/reservations", "/v1/reservations/{reservation}", "/v1/reservations/{reservation}/confirm",
        "/v1/reservations/{reservation}/extend",
        "/healthz", "/readyz", "/metrics",
    }  # fmt: skip
    page = served.get("/").text
    assert [path for path in document["paths"] if path.startswith("/v1") and path not in page] == []
    schemas = document["components"]["schemas"]
    item = served.get("/v1/availability/unsure?channel=web").json()
    assert schemas["Availability"]["properties"].keys() == item.keys()
    place = served.get("/v1/availability/unsure/locations?channel=web").json()["locations"][1]
    assert schemas["Position"]["properties"].keys() == place.keys()
    told = served.get("/v1/availability/x?channel=web").json()
    assert schemas["Problem"]["properties"].keys() == told.keys()


def test_every_reference_of_openapi_leads_somewhere(served: httpx.Client) -> None:
    text = served.get("/openapi.json").text
    schemas = served.get("/openapi.json").json()["components"]["schemas"]
    named = {part.split('"')[0] for part in text.split('"#/components/schemas/')[1:]}
    assert named <= schemas.keys()


@pytest.mark.parametrize("path", ["/nowhere", "/v1/availability", "/v1/reservation"])
def test_no_such_route(served: httpx.Client, path: str) -> None:
    assert problem(served.get(path), 404, "not-found")["instance"] == path


def test_other_methods(served: httpx.Client) -> None:
    response = served.post("/readyz")
    problem(response, 405, "method-not-allowed")
    assert response.headers["allow"] == "GET"
