"""Foreign text, made visible: words, labels, outputs, names of files.

Text that was not written here may hold characters that act instead of being seen: escape sequences
clear a terminal or set its title, C1 controls do the same in one character, bidirectional marks
turn a sentence around, line ends forge a second one, and other format characters hide. Everything
that is shown to a person goes through `visible` first. The joiners U+200C and U+200D stay as they
are: Persian and many other languages are spelled with them, and they can do no harm.
"""

import json
import unicodedata

__all__ = ["json_text", "visible"]

#: Cc control, Cf format, Cs surrogate, Zl and Zp line and paragraph separator, Co private use.
_UNSEEN = frozenset(("Cc", "Cf", "Cs", "Zl", "Zp", "Co"))
_JOINERS = "\u200c\u200d"
_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def _acts(character: str) -> bool:
    return unicodedata.category(character) in _UNSEEN and character not in _JOINERS


def visible(text: str, *, lines: bool = False) -> str:
    r"""The text with every character that acts or hides written as its escape.

    Parameters
    ----------
    text
        Anything that may have come from outside.
    lines
        Keep line ends: for text of several lines whose foreign parts are visible already.

    Examples
    --------
    >>> print(visible("bank\x1b[2J"), visible("a\nb"), visible("\u202eabc"), visible("\x9b31m"))
    bank\x1b[2J a\nb \u202eabc \x9b31m
    >>> visible("Grüße, 東京")
    'Grüße, 東京'
    """
    if text.isprintable():  # what is printable has none of these; it is the usual case
        return text
    return "".join(
        _escape(one) if _acts(one) and not (lines and one == "\n") else one for one in text
    )


def _escape(character: str) -> str:
    if character in _SHORT:
        return _SHORT[character]
    code = ord(character)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def json_text(data: object, indent: int | None = 2) -> str:
    r"""JSON with a final line end, in which characters that act or hide are escapes of JSON.

    Nothing is lost: a reader gets the same strings.

    Raises
    ------
    ValueError
        If there is a NaN or an infinite number, which JSON does not have.

    Examples
    --------
    >>> print(json_text({"word": "\x9b2J\u202e"}, indent=None), end="")
    {"word": "\u009b2J\u202e"}
    """
    # Outside of strings, JSON has no such character but the line ends that we indent by.
    return _escaped(json.dumps(data, indent=indent, ensure_ascii=False, allow_nan=False)) + "\n"


def _escaped(text: str) -> str:
    if text.isascii():  # json.dumps escapes what ASCII has, all but DEL
        return text.replace("\x7f", "\\u007f")
    return "".join(
        "".join(f"\\u{unit:04x}" for unit in _utf16(one)) if _acts(one) and one not in "\n" else one
        for one in text
    )


def _utf16(character: str) -> list[int]:
    data = character.encode("utf-16-be", "surrogatepass")
    return [int.from_bytes(data[at : at + 2]) for at in range(0, len(data), 2)]
