"""The version resource of a program for Windows, in the form that PyInstaller reads.

Explorer, the Task Manager and scanners for viruses show and weigh it. Pure.

Not yet run on Windows, where alone PyInstaller puts it into a program. What PyInstaller makes of
the text is read by Windows' own calls under wine64 (make bundle-test).
"""

import product

_LANGUAGE_AND_CODE_PAGE = (0x0409, 1200)
"""American English, UTF-16."""


def version_text(version: str, *, file_name: str) -> str:
    """A literal of Python, as PyInstaller's documentation of EXE(version=...) describes it."""
    numbers = product.version_numbers(version)
    strings = {
        "CompanyName": product.AUTHORS,
        "FileDescription": f"{product.NAME}, {product.SUMMARY}",
        "FileVersion": version,
        "InternalName": file_name.removesuffix(".exe"),
        "LegalCopyright": f"Copyright {product.FIRST_YEAR} {product.AUTHORS}, {product.LICENCE}",
        "OriginalFilename": file_name,
        "ProductName": product.NAME,
        "ProductVersion": version,
    }
    language, code_page = _LANGUAGE_AND_CODE_PAGE
    rows = ", ".join(f"StringStruct({key!r}, {value!r})" for key, value in strings.items())
    return (
        f"VSVersionInfo(ffi=FixedFileInfo(filevers={numbers}, prodvers={numbers}, mask=0x3F, "
        "flags=0x0, OS=0x40004, fileType=0x1, subtype=0x0, date=(0, 0)), kids=["
        f"StringFileInfo([StringTable('{language:04X}{code_page:04X}', [{rows}])]), "
        f"VarFileInfo([VarStruct('Translation', [{language}, {code_page}])])])\n"
    )
