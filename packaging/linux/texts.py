"""The texts that a Debian package consists of besides the program. Pure: facts in, text out."""

import re
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final
from xml.sax.saxutils import escape

import product

DESKTOP_FILE: Final = f"{product.IDENTIFIER}.desktop"
LINKS_FILE: Final = "athanor-links.desktop"
"""The name that a user's own entry has too (app/settings/links), which then goes first."""
METAINFO_FILE: Final = f"{product.IDENTIFIER}.metainfo.xml"
REVISION: Final = "1"
"""Of the packaging; a second package of the same program would be 2."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """What the texts are made of."""

    version: str
    architecture: str
    """Debian's word: amd64, arm64."""
    depends: Sequence[str]
    recommends: Sequence[str]
    installed_bytes: int
    day: str
    """Of the release, such as "2026-11-22"."""
    date: str
    """The same by RFC 5322, such as "Sun, 22 Nov 2026 02:50:00 +0000"."""


def control(release: Release) -> str:
    """DEBIAN/control."""
    lines = [
        "Package: athanor",
        f"Version: {release.version}-{REVISION}",
        "Section: utils",
        "Priority: optional",
        f"Architecture: {release.architecture}",
        f"Maintainer: {product.MAINTAINER}",
        # In KiB, rounded up, as dpkg-gencontrol does it.
        f"Installed-Size: {-(-release.installed_bytes // 1024)}",
        f"Depends: {', '.join(release.depends)}",
    ]
    if release.recommends:
        lines.append(f"Recommends: {', '.join(release.recommends)}")
    lines.append(f"Description: {product.SUMMARY}")
    for number, paragraph in enumerate(product.DESCRIPTION):
        lines += [" ."] if number else []
        lines += textwrap.wrap(paragraph, 78, initial_indent=" ", subsequent_indent=" ")
    return "\n".join(lines) + "\n"


def changelog(release: Release) -> str:
    """Debian's changelog; what changed for users is in the project's own beside it."""
    return (
        f"athanor ({release.version}-{REVISION}) unstable; urgency=medium\n\n"
        f"  * Athanor {release.version}; see changelog.gz beside this file.\n\n"
        f" -- {product.MAINTAINER}  {release.date}\n"
    )


def copyright_(release: Release) -> str:
    """Debian's machine-readable statement of who wrote it, under which licence."""
    year = max(int(release.day[:4]), product.FIRST_YEAR)
    years = f"{product.FIRST_YEAR}-{year}" if year > product.FIRST_YEAR else str(year)
    return f"""\
Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: {product.NAME}
Comment:
 The program is a bundle: Python, llama.cpp and the libraries it uses are inside.
 What they are, and their licences in full, stands in
 /usr/lib/athanor/_internal/licences, one file each.

Files: *
Copyright: {years} {product.AUTHORS}
License: Apache-2.0
 On Debian systems the full text of the Apache License 2.0 is in
 /usr/share/common-licenses/Apache-2.0.
"""


def metainfo(release: Release) -> str:
    """What software centres show, in AppStream's form."""
    paragraphs = "\n".join(f"    <p>{escape(each)}</p>" for each in product.DESCRIPTION)
    return f"""\
<?xml version="1.0" encoding="UTF-8"?>
<component type="desktop-application">
  <id>{product.IDENTIFIER}</id>
  <metadata_license>CC0-1.0</metadata_license>
  <project_license>{product.LICENCE}</project_license>
  <name>{product.NAME}</name>
  <summary>{escape(product.SUMMARY[0].upper() + product.SUMMARY[1:])}</summary>
  <developer_name>{product.AUTHORS}</developer_name>
  <description>
{paragraphs}
  </description>
  <launchable type="desktop-id">{DESKTOP_FILE}</launchable>
  <icon type="stock">{product.IDENTIFIER}</icon>
  <categories>
    <category>Utility</category>
  </categories>
  <provides>
    <binary>{product.COMMAND}</binary>
    <mediatype>x-scheme-handler/athanor</mediatype>
  </provides>
  <recommends>
    <memory>4096</memory>
  </recommends>
  <content_rating type="oars-1.1">
    <content_attribute id="social-chat">none</content_attribute>
  </content_rating>
  <releases>
    <release version="{release.version}" date="{release.day}"/>
  </releases>
</component>
"""


def overrides(template: str) -> str:
    """lintian's overrides; each has its reason above it, and names files. Raises: ValueError."""
    for above, line in _pairs(template):
        if line.endswith(" *"):
            raise ValueError(f"{line!r} overrides whatever is found: name the files")
        if not line.startswith("#") and line and not above.startswith(("#", "athanor:")):
            raise ValueError(f"no reason stands above the override {line!r}")
    return template


def filled(template: str, release: Release) -> str:
    """A file of packaging/linux/files with its marks replaced. Raises: ValueError for others."""
    text = template.replace("@VERSION@", release.version)
    left = re.findall(r"@[A-Z]+@", text)
    if left:
        raise ValueError(f"nothing is known of {', '.join(left)}")
    return text


def _pairs(text: str) -> Iterator[tuple[str, str]]:
    lines = text.splitlines()
    return zip(["", *lines], lines, strict=False)
