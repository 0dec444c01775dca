"""The package's bill of materials, in CycloneDX: what is inside, by hash, and what apt brings. Pure, standard library.

It is what a scanner of vulnerabilities reads: `packaging/build.py` puts it into the package and beside it.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import Message
from typing import Any

SPECIFICATION = "1.6"


@dataclass(frozen=True)
class Vendored:
    """One library that is inside the package. `build.py` makes it of each wheel.

    `metadata` is what its authors say of it, `sha256` that of the wheel as PyPI has it.
    """

    metadata: Message
    sha256: str


def bill_of_materials(
    version: str, when: int, vendored: Iterable[Vendored], control: str, package: str = "till-edge"
) -> bytes:
    """Return the file. `when`: Unix seconds; `control`: the text of the package's control file."""
    inside = [_inside(each) for each in vendored]
    from_apt = [*_from_apt(control, "Depends", "required"), *_from_apt(control, "Recommends", "optional")]
    parts = sorted([*inside, *from_apt], key=lambda part: str(part["bom-ref"]))
    document = {
        "$schema": f"http://cyclonedx.org/schema/bom-{SPECIFICATION}.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": SPECIFICATION,
        "version": 1,
        "metadata": {
            "timestamp": datetime.fromtimestamp(when, UTC).isoformat().replace("+00:00", "Z"),
            "component": {
                "type": "application",
                "bom-ref": package,
                "name": package,
                "version": version,
                "licenses": [{"license": {"id": "MIT"}}],
                "purl": f"pkg:generic/{package}@{version}",
            },
        },
        "components": parts,
        "dependencies": [{"ref": package, "dependsOn": [part["bom-ref"] for part in parts]}],
    }
    return (json.dumps(document, indent=2, ensure_ascii=False) + "\n").encode()


def _inside(library: Vendored) -> dict[str, Any]:
    name, version = re.sub(r"[-_.]+", "-", library.metadata["Name"]).lower(), library.metadata["Version"]
    purl = f"pkg:pypi/{name}@{version}"
    return {
        "type": "library",
        "bom-ref": purl,
        "name": name,
        "version": version,
        "scope": "required",
        "hashes": [{"alg": "SHA-256", "content": library.sha256}],
        "licenses": _licences(library.metadata),
        "purl": purl,
    }


def _licences(metadata: Message) -> list[dict[str, Any]]:
    """An expression is SPDX; the older field is any text."""
    if expression := metadata["License-Expression"]:
        return [{"expression": expression}]
    return [{"license": {"name": metadata["License"]}}] if metadata["License"] else []


def _from_apt(control: str, field: str, scope: str) -> list[dict[str, Any]]:
    """What a till installs beside it, in whichever version its system has."""
    line = re.search(rf"(?m)^{field}: (.+)$", control)
    names = line[1].split(", ") if line else []
    return [
        {
            "type": "library",
            "bom-ref": f"pkg:deb/debian/{each.split()[0]}",
            "name": each.split()[0],
            "scope": scope,
            "purl": f"pkg:deb/debian/{each.split()[0]}",
            "properties": [{"name": f"debian:{field}", "value": each}],
        }
        for each in names
    ]
