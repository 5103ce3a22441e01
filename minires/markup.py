"""HTML for notebooks: tables that take the page's own colours, so they can be read in a dark theme too."""

import base64
import html
import struct
import zlib
from collections.abc import Collection, Sequence

import numpy as np

CELL = "padding:0.15em 0.7em;border:none;background:none;color:inherit"
LINE = "1px solid rgba(128,128,128,0.45)"  # grey on white and on black alike


def table(
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    title: str = "",
    totals: Sequence[Sequence[str]] = (),
    right: Collection[int] = (),
    notes: Sequence[str] = (),
) -> str:
    """Return a table as HTML; every text in it is escaped.

    Parameters
    ----------
    columns : list of str
    rows, totals : lists of lists of str
        A text's leading spaces indent it. Totals stand below a line.
    title : str
    right : collection of int
        Columns that are aligned to the right: numbers.
    notes : list of str
        Sentences below the table.
    """

    def line(cells: Sequence[str], tag: str, border: str = "") -> str:
        styles = (f"{CELL};text-align:{'right' if i in right else 'left'}{border}" for i in range(len(cells)))
        texts = (
            f'<{tag} style="{style}">{_cell(cell)}</{tag}>' for style, cell in zip(styles, cells, strict=True)
        )
        return f'<tr style="background:none">{"".join(texts)}</tr>'

    body = [line(row, "td") for row in rows]
    body += [line(row, "td", f";border-top:{LINE}" if i == 0 else "") for i, row in enumerate(totals)]
    return "".join(
        [
            '<div style="overflow-x:auto">',
            f"<div><b>{html.escape(title)}</b></div>" if title else "",
            '<table style="border-collapse:collapse;color:inherit;font-variant-numeric:tabular-nums">',
            f"<thead>{line(columns, 'th', f';border-bottom:{LINE}')}</thead>",
            f"<tbody>{''.join(body)}</tbody></table>",
            *(f"<div>{html.escape(note)}</div>" for note in notes),
            "</div>",
        ]
    )


def images(pictures: Sequence[tuple[np.ndarray, str]], *, title: str = "", edge: int = 72) -> str:
    """Return images side by side as HTML, each with its caption.

    Parameters
    ----------
    pictures : list of (array, str)
        Pixels as `png` takes them, and what stands below them.
    title : str
    edge : int
        How high each is shown, in pixels; smaller ones are enlarged without smoothing.
    """
    shown = []
    for pixels, caption in pictures:
        smoothing = ";image-rendering:pixelated" if len(pixels) < edge else ""
        shown.append(
            '<figure style="display:inline-block;margin:0.3em;text-align:center;vertical-align:top">'
            f'<img style="height:{edge}px;display:block;margin:0 auto{smoothing}" '
            f'alt="{html.escape(caption)}" '
            f'src="data:image/png;base64,{base64.b64encode(png(pixels)).decode("ascii")}">'
            f'<figcaption style="font-size:80%">{html.escape(caption)}</figcaption></figure>'
        )
    return f"<div><div><b>{html.escape(title)}</b></div>{''.join(shown)}</div>"


def png(pixels: np.ndarray) -> bytes:
    """Return the bytes of a PNG file.

    Parameters
    ----------
    pixels : uint8 (H, W) or (H, W, 3)
        Grey, or red, green and blue.
    """
    height, width = pixels.shape[:2]
    colour = {2: 0, 3: 2}[pixels.ndim]
    lines = b"".join(b"\0" + line.tobytes() for line in pixels)  # 0: no filter
    header = struct.pack(">IIBBBBB", width, height, 8, colour, 0, 0, 0)
    chunks = (b"IHDR", header), (b"IDAT", zlib.compress(lines)), (b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )


def _cell(text: str) -> str:
    """Escape a text and turn its leading spaces into an indent."""
    stripped = text.lstrip(" ")
    escaped = html.escape(stripped)
    if stripped == text:
        return escaped
    return f'<span style="padding-left:{(len(text) - len(stripped)) * 0.6:g}em">{escaped}</span>'
