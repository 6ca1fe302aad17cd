from tests.doors.conftest import World
from tests.web.conftest import Browser


def test_smoke(world: World, owner: Browser, member: Browser) -> None:
    at = f"/app/settings/connectors/{world.ids['connector_id']}"
    for path in (
        "/app/settings/connectors",
        "/app/settings/connectors/gallery",
        "/app/settings/connectors/new?source=custom_api",
        f"{at}/accounts/",
        f"{at}/events/",
        f"{at}/connection",
        f"{at}/file",
        f"{at}/delete",
        "/app/settings/connectors/file",
    ):
        answer = owner.get(path)
        assert answer.status_code == 200, path
    assert member.get("/app/settings/connectors").status_code == 200
