# SPDX-License-Identifier: Apache-2.0
"""The XML in which a Securosys Primus HSM states a key's attributes.

What is signed are the bytes of the file, so the reader here takes no other XML than what the HSM writes, and
nothing of it means what another reader would not see: a declaration, elements in lower case, one attribute, text
with the five predefined entities. No document type, no other entity, no comment, no processing instruction, no
CDATA section: nothing that could expand or hide.

Invariants:

* every element has a name of its own among its siblings, elements nest at most four deep, and there are at most
  `MAX_ELEMENTS`;
* an element has text or children, never both;
* nothing but `ParseError` is raised on input, in time linear in the input.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from keystead.errors import ParseError

__all__ = ["MAX_ELEMENTS", "XmlElement", "parse_statement_xml"]

MAX_ELEMENTS = 256
"""A published statement has 24."""

_MAX_DEPTH = 4
_DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>'
_TAG = re.compile(r'<(/?)([a-z][a-z0-9_]{0,63})((?: [a-z][a-z0-9_]{0,63}="[^"<&]{0,64}"){0,4})>')
_ATTRIBUTE = re.compile(r' ([a-z0-9_]+)="([^"]*)"')
_ENTITY = re.compile(r"&(amp|lt|gt|quot|apos);")
_ENTITIES = {"amp": "&", "lt": "<", "gt": ">", "quot": '"', "apos": "'"}
_WHITE_SPACE = " \t\r\n"


@dataclass(slots=True)
class XmlElement:
    """An element.

    Attributes:
        name: its tag.
        attributes: by name.
        text: what stands in it, entities replaced; "" where it has children.
        children: by name.
    """

    name: str
    attributes: Mapping[str, str] = field(default_factory=dict)
    text: str = ""
    children: dict[str, "XmlElement"] = field(default_factory=dict)


def parse_statement_xml(data: bytes) -> XmlElement:
    """Read the one element that `data` holds.

    Raises:
        ParseError: it is not UTF-8, or not of the form that this module describes.
    """
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ParseError("the statement is not UTF-8", offset=error.start) from error
    if any(character < " " and character not in _WHITE_SPACE for character in text) or "\ufeff" in text:
        raise ParseError("the statement has control characters")
    tokens = _tokens(text.removeprefix(_DECLARATION).strip(_WHITE_SPACE))
    root = _opening(next(tokens, None))
    open_elements, seen = [root], 1
    for token in tokens:
        if not open_elements:
            raise ParseError("the statement has something after its element")
        current = open_elements[-1]
        if isinstance(token, str):
            current.text = token
        elif token[0]:
            _close(current, token[1])
            open_elements.pop()
        else:
            child, seen = _opening(token), seen + 1
            if child.name in current.children or len(open_elements) >= _MAX_DEPTH or seen > MAX_ELEMENTS:
                raise ParseError(f"the statement has <{child.name}> twice, too deep, or too many elements")
            current.children[child.name] = child
            open_elements.append(child)
    if open_elements:
        raise ParseError(f"the statement does not close <{open_elements[-1].name}>")
    return root


_Token = str | tuple[bool, str, str]
"""Text, or a tag: whether it closes, its name, its attributes as written."""


def _tokens(text: str) -> Iterator[_Token]:
    """Tags and what stands directly between an opening tag and its closing one."""
    place, opened = 0, False
    while place < len(text):
        tag = _TAG.match(text, place)
        if tag is None:
            end = text.find("<", place)
            between = text[place : end if end >= 0 else len(text)]
            if not between:
                raise ParseError(
                    f"the statement has markup that is not an element: {text[place : place + 20]!r}"
                )
            place += len(between)
            if between.strip(_WHITE_SPACE):
                if not opened or not text.startswith("</", place):
                    raise ParseError("the statement has text beside elements")
                yield _plain(between)
            continue
        place = tag.end()
        closing = tag[1] == "/"
        opened = not closing
        yield closing, tag[2], tag[3]


def _plain(text: str) -> str:
    if text.count("&") != len(_ENTITY.findall(text)):
        raise ParseError("the statement has an entity that is not one of the five that XML predefines")
    return _ENTITY.sub(lambda match: _ENTITIES[match[1]], text)


def _opening(token: _Token | None) -> XmlElement:
    if not isinstance(token, tuple) or token[0]:
        raise ParseError("the statement is not one element")
    attributes = _ATTRIBUTE.findall(token[2])
    if len(dict(attributes)) != len(attributes):
        raise ParseError(f"the statement has an attribute of <{token[1]}> twice")
    return XmlElement(token[1], dict(attributes))


def _close(element: XmlElement, name: str) -> None:
    if element.name != name:
        raise ParseError(f"the statement closes <{element.name}> with </{name}>")
