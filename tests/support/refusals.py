"""What has to be true of whatever was read, or refused."""

from urllib.parse import quote


def is_one_path_segment(identity: str) -> bool:
    return quote(identity, safe="") == identity not in ("", ".", "..")


def assert_fit_to_be_shown(refusal: Exception) -> None:
    assert str(refusal).isprintable()
