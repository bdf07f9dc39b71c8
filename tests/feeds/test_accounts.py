"""The accounts file: what it says, and that each fault names its line and what to write."""

from pathlib import Path

import pytest

from feeds.accounts import Account
from feeds.accounts_file import AccountsError, connector_of, read_accounts, read_secrets

GOOD = """\
accounts:
  - id: shop-us
    connector: shopify
    channel: web
    mode: sandbox
    url: http://127.0.0.1:9000/shopify
    locations: {"17": [DC1, S001], "18": [S002]}
    secrets: {access_token: env:FEEDS_TEST_TOKEN}
    policy: {z: 1.65, stop_after_s: 900}
    attributes: {"4006381333931": {kind: pen}}
    clock_speed: 60
  - id: zalando-de
    connector: zalando
    channel: zalando
    mode: live
    url: https://api.merchants.zalando.com
    options: {merchant_id: M1, sales_channel: zalando-de}
    secrets: {client_id: env:Z_ID, client_secret: file:z-secret}
"""


def _read(tmp_path: Path, text: str) -> list[Account]:
    file = tmp_path / "accounts.yaml"
    file.write_text(text, "utf-8")
    return list(read_accounts(file))


def _faults(tmp_path: Path, text: str) -> list[str]:
    with pytest.raises(AccountsError) as caught:
        _read(tmp_path, text)
    return str(caught.value).replace(f"{tmp_path}/accounts.yaml:", "").split("\n")


def test_a_file_says_what_it_says(tmp_path: Path) -> None:
    shop, zalando = _read(tmp_path, GOOD)
    assert (shop.id, shop.quota, shop.clock_speed) == ("shop-us", "shopify-sandbox", 60)
    assert list(shop.locations.items()) == [("17", ["DC1", "S001"]), ("18", ["S002"])]
    assert shop.attributes == {"4006381333931": {"kind": "pen"}}
    assert (shop.feed_policy(9).z, shop.feed_policy(9).stop_after_s, shop.feed_policy(9).quantity_most) == (
        1.65,
        900,
        9,
    )
    assert (zalando.quota, zalando.reading().confirm_s) == ("zalando-live", 60)
    assert connector_of(zalando, {}).name == "zalando"


@pytest.mark.parametrize(
    ("before", "after", "line", "says"),
    [
        ("id: shop-us", "id: shop:us", 2, "write a name without colon"),
        ("id: shop-us", "name: shop-us", 2, "there is no such key"),
        ("    channel: web\n", "", 2, "account shop-us, channel: is missing; write the id of a channel"),
        ("channel: web", "chanel: web", 4, "did you mean channel?"),
        ("connector: shopify", "connector: spotify", 3, "there is no connector 'spotify'"),
        ("mode: sandbox", "mode: test", 5, "write sandbox or live"),
        ("mode: sandbox", "mode: live", 2, "http is for a sandbox"),
        ("http://127.0.0.1:9000", "http://10.0.0.1", 2, "http is for a sandbox"),
        ("https://api.merchants.zalando.com", "ftp://x", 12, "write https://host"),
        ("S002]", "DC1]", 7, "DC1 is in 17 and in 18"),
        ("z: 1.65", "z: -1", 9, "policy.z: -1: should be greater than or equal to 0; write a number, 0 or more"),
        ("z: 1.65", "zet: 1.65", 9, "policy.zet: there is no such key; there are scarce"),
        ("id: zalando-de", "id: shop-us", 1, "two accounts have the id shop-us"),
        ("merchant_id: M1, ", "", 12, "give it the option merchant_id"),
        ("kind: pen", "kind: 3", 10, "text in quotes"),
        ("mode: live\n", "mode: live\n    clock_speed: 2\n", 12, "a live marketplace runs as fast as we do"),
        ("    channel: web\n", "    channel: web\n    channel: app\n", 5, "'channel' stands here twice"),
        ("accounts:\n", "accounts: [\n", 2, "this is not YAML"),
    ],
)  # fmt: skip
def test_each_fault_has_its_line_and_what_to_write(
    tmp_path: Path, before: str, after: str, line: int, says: str
) -> None:
    assert before in GOOD
    faults = _faults(tmp_path, GOOD.replace(before, after, 1))
    assert any(fault.startswith(f"{line}: ") and says in fault for fault in faults), faults


def test_all_faults_are_told_at_once(tmp_path: Path) -> None:
    assert len(_faults(tmp_path, GOOD.replace("mode: ", "mood: "))) == 4


def test_an_application_is_of_one_kind(tmp_path: Path) -> None:
    text = GOOD.replace("    mode: live", "    application: shopify-sandbox\n    mode: live")
    assert "share the application shopify-sandbox" in _faults(tmp_path, text)[0]


def test_a_secret_in_the_file_is_refused_and_not_repeated(tmp_path: Path) -> None:
    for text in ("access_token: hunter2", "access_token: 7391", "access_token: [hunter2]"):
        (fault,) = _faults(tmp_path, GOOD.replace("access_token: env:FEEDS_TEST_TOKEN", text))
        assert "env:VARIABLE" in fault
        assert "hunter2" not in fault
        assert "7391" not in fault


def test_secrets_are_read_from_where_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shop, zalando = _read(tmp_path, GOOD)
    with pytest.raises(AccountsError, match="FEEDS_TEST_TOKEN is not set"):
        read_secrets(shop, tmp_path)
    monkeypatch.setenv("FEEDS_TEST_TOKEN", "hunter2")
    monkeypatch.setenv("Z_ID", "me")
    assert read_secrets(shop, tmp_path) == {"access_token": "hunter2"}
    with pytest.raises(AccountsError, match="z-secret: No such file"):
        read_secrets(zalando, tmp_path)
    (tmp_path / "z-secret").write_text("hunter3\n")
    secrets = read_secrets(zalando, tmp_path)
    assert secrets == {"client_id": "me", "client_secret": "hunter3"}
    assert "hunter" not in repr(connector_of(zalando, secrets).identity) + repr(zalando)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(AccountsError, match=r"nowhere\.yaml: No such file or directory; name a file"):
        read_accounts(tmp_path / "nowhere.yaml")
    with pytest.raises(AccountsError, match="the file is empty"):
        _read(tmp_path, "# nothing\n")
