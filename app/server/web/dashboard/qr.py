"""QR codes as pictures in a page: drawn here, so that no text leaves for another host."""

import base64
import io

import segno


def qr_picture(text: str) -> str:
    """A picture of the text as a data URL, black on white whatever the page's colours are."""
    drawn = io.BytesIO()
    code = segno.make(text, error="l", micro=False)
    code.save(drawn, kind="svg", scale=4, border=4, dark="#000", light="#fff", xmldecl=False)
    return f"data:image/svg+xml;base64,{base64.b64encode(drawn.getvalue()).decode()}"
