from collections.abc import Mapping

def places(
    data: bytes, hosts: Mapping[bytes, bool], signatures: tuple[bytes, ...], /
) -> tuple[list[int], list[int] | None, int]: ...
