"""The list of what is in an image, as CycloneDX JSON, for scanners and for whoever answers for licences.

It is made from what was put in, not guessed from the result; a test holds it against the result. It names the image
by its digest and holds no time and nothing random, so that the same image has the same list.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterable

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model.bom import Bom, BomMetaData
from cyclonedx.model.component import Component as Listed
from cyclonedx.model.component import ComponentType
from cyclonedx.model.license import License
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

from image.oci import Written
from image.parts import Component

_NO_TIME = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def listing(image: Written, components: Iterable[Component], architecture: str) -> str:
    """The list of *components* of *image*."""
    name = image.name.rpartition("/")[2].partition(":")[0]
    purl = PackageURL("oci", None, name, image.digest, {"arch": architecture})
    subject = Listed(name=name, version=image.digest, type=ComponentType.CONTAINER, purl=purl, bom_ref=purl.to_string())
    listed = [_listed(component, architecture) for component in components]
    bom = Bom(
        components=listed,
        serial_number=uuid.uuid5(uuid.NAMESPACE_URL, image.digest),
        metadata=BomMetaData(component=subject, timestamp=_NO_TIME),
    )
    bom.register_dependency(subject, listed)
    return JsonV1Dot6(bom).output_as_string(indent=2) + "\n"


def _listed(component: Component, architecture: str) -> Listed:
    debian = component.ecosystem == "deb"
    purl = PackageURL(
        component.ecosystem,
        "debian" if debian else None,
        component.name if debian else component.name.lower().replace("_", "-"),
        component.version,
        {"arch": architecture} if debian else None,
    )
    return Listed(
        name=component.name,
        version=component.version,
        type=ComponentType.LIBRARY,
        purl=purl,
        bom_ref=purl.to_string(),
        licenses=_licences(component),
    )


def _licences(component: Component) -> Iterable[License]:
    factory = LicenseFactory()
    if len(component.licences) == 1:
        # An expression may only stand alone.
        return [factory.make_from_string(component.licences[0])]
    return [factory.make_with_name(name) for name in component.licences]
