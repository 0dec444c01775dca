"""The sentence for a library that is not installed: which extra of pyproject.toml brings it. Standard library only."""


def missing_extra(error: ModuleNotFoundError) -> str:
    """Return what to install. Raises `error` again if a module of ours is missing, which is a bug."""
    if error.name is None or error.name.partition(".")[0] == "edge":
        raise error
    return f"till-edge: {error.name} is not installed; pip install 'till-edge[till]'"
