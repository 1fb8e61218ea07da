"""What the header of a JPEG says, as far as it decides who decodes it."""

import struct

_START = b"\xff\xd8"
_APP1, _APP2, _SCAN = 0xE1, 0xE2, 0xDA
# Frames of 8 bits that every decoder knows: baseline, extended sequential, progressive.
_FRAMES = (0xC0, 0xC1, 0xC2)
# Frames of other codings; DHT, JPG and DAC, which lie between them, are none.
_OTHER_FRAMES = {0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF}
_COLOURS = {1: "L", 3: "RGB"}


def plain_jpeg(content: bytes) -> tuple[str, int] | None:
    """Colours ("L" or "RGB") and number of pixels of a JPEG that has nothing unusual about it.

    None for what needs a closer look: a file that is no JPEG, other colours or codings, several
    pictures in one file (MPF), and metadata (EXIF, XMP), which may hold an orientation.

    References
    ----------
    ITU-T T.81, annex B: markers and segments.
    """
    if not content.startswith(_START):
        return None
    at = len(_START)
    while at + 4 <= len(content) and content[at] == 0xFF:
        marker, length = content[at + 1], int.from_bytes(content[at + 2 : at + 4], "big")
        if marker in _FRAMES and at + 10 <= len(content):
            bits, height, width, components = struct.unpack_from(">BHHB", content, at + 4)
            known = bits == 8 and components in _COLOURS and height * width > 0
            return (_COLOURS[components], height * width) if known else None
        several = marker == _APP2 and content[at + 4 : at + 8] == b"MPF\0"
        if several or marker in (_APP1, _SCAN) or marker in _OTHER_FRAMES or length < 2:
            return None
        at += 2 + length
    return None
