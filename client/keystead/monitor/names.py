# SPDX-License-Identifier: Apache-2.0
"""Names of organizations and places, made comparable (`specs/monitor.md`, section 3.4).

Two measures, for two questions. `same_name` forgives what a clerk would: width and case of letters, punctuation, the
spelling of a legal form and on which side it stands. It makes one only what one issuing organization vetted.
`similar_names` forgives more: another legal form or none, accents, another script, what stands in parentheses, a name
that was cut off. It never makes one of two; it makes different ones unknown.

Invariants:

* a name has at least one similar form, and names with one `same_name` have one in common;
* what is compared is never shown as if somebody were called so.
"""

import re
import unicodedata
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType

from keystead.monitor.legal_forms import SPACED, UNSPACED

__all__ = ["are_similar", "plain", "same_name", "same_organization", "same_place", "similar_names"]

_SILENT = re.compile("[.'`´’‘ʼ＇·•\u00ad\u200b-\u200d\u2060\ufeff]")
_NO_ASCII_WORD = re.compile("[^0-9a-z]+")
_PARENTHESES = re.compile(r"[（(]([^()（）]*)[)）]")
_CUT_OFF = 64
"""Characters of an organization's name in a certificate at most (RFC 5280, upper bound ub-organization-name)."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_SPELLED_OUT = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "å": "aa", "ø": "oe", "æ": "ae"})

_REGIONS = _words(
    "län lan county province state region oblast oblasť область kraj край prefecture maakond megye judet județ "
    "provincia province departement département district canton kanton bundesland land voivodeship wojewodztwo "
    "województwo fylke sheng shi do si gun"
)
"""Words for a part of a country beside its name."""


def plain(text: str) -> str:
    """Letters and digits in lower case, of one width, words separated by one space, single letters run together."""
    return _run_together(_spaced(text))


def _spaced(text: str) -> str:
    """`text` folded, with a space for whatever is no letter, digit or mark."""
    if text.isascii():
        # As most names are: of what is done to others, this is what changes them.
        folded = _SILENT.sub("", text).lower().replace("&", " and ").replace("+", " plus ")
        return _NO_ASCII_WORD.sub(" ", folded)
    folded = unicodedata.normalize("NFKC", _SILENT.sub("", text)).casefold()
    folded = (
        unicodedata.normalize("NFKC", _SILENT.sub("", folded)).replace("&", " and ").replace("+", " plus ")
    )
    # Marks belong to the letters before them.
    return "".join(
        character if character.isalnum() or unicodedata.category(character)[0] == "M" else " "
        for character in folded
    )


def _run_together(spaced: str) -> str:
    words: list[str] = []
    run = False
    for word in spaced.split():
        single = len(word) == 1
        if single and run:
            words[-1] += word
        else:
            words.append(word)
        run = single
    return " ".join(words)


@lru_cache(maxsize=65_536)
def same_name(name: str) -> str:
    """What names have in common that one clerk would take for one: the name, and its legal form."""
    base, forms = _parted(name)
    return f"{base} [{' '.join(forms)}]" if forms else base


@lru_cache(maxsize=65_536)
def similar_names(name: str) -> frozenset[str]:
    """All that a name may be known by: without its legal form, in Latin letters, and what stands in parentheses."""
    inside = _PARENTHESES.findall(unicodedata.normalize("NFKC", name))
    outside = _PARENTHESES.sub(" ", unicodedata.normalize("NFKC", name))
    bases = {_parted(variant)[0] for variant in (name, outside, *inside)}
    # German and Scandinavian letters are written in two ways; syllables, as one word or several.
    spelled = {base.translate(_SPELLED_OUT) for base in bases}
    found = {_latin(base).replace(" ", "") for base in bases | spelled}
    return frozenset(found - {""}) or frozenset({plain(name) or name})


def are_similar(one: str, other: str) -> bool:
    """Whether two names may be one organization's."""
    if not similar_names(one).isdisjoint(similar_names(other)):
        return True
    shorter, longer = sorted((one, other), key=len)
    # What was cut off to fit into a certificate is the beginning of the other.
    return len(shorter) == _CUT_OFF < len(longer) and plain(longer).startswith(plain(shorter))


@lru_cache(maxsize=65_536)
def same_place(text: str) -> str:
    """A state or a town, without the word for what it is: `Stockholms län` is `stockholm`."""
    words = plain(text).split()
    if len(words) > 2 and words[0] in _REGIONS and words[1] == "of":
        return " ".join(words[2:])
    if len(words) > 1 and words[-1] in _REGIONS:
        named = " ".join(words[:-1])
        return named.removesuffix("s") if words[-1] in {"län", "lan"} else named
    return " ".join(words)


def same_organization(stated: str) -> str:
    """An issuing organization as `facts.IssuerName` states it, name and country, made comparable."""
    name, parenthesis, country = stated.rpartition(" (")
    if not parenthesis or not re.fullmatch(r"[A-Za-z]{2}\)", country):
        return same_name(stated)
    return f"{same_name(name)} ({country.casefold()}"


def _parted(name: str) -> tuple[str, tuple[str, ...]]:
    """A name without its legal forms, and those, as the table spells them; a name that is one whole stays it."""
    forms: set[str] = set()
    text = unicodedata.normalize("NFKC", name).strip()
    for spelling, form in _UNSPACED if not text.isascii() else ():
        if text.startswith(spelling) and text != spelling:
            text = text.removeprefix(spelling).strip()
            forms.add(form)
        elif text.endswith(spelling) and text != spelling:
            text = text.removesuffix(spelling).strip()
            forms.add(form)
    words = plain(text).split()
    if words[:1] == ["the"] and len(words) > 1:
        del words[0]
    for count in range(min(_MOST_WORDS, len(words) - 1), 0, -1):
        behind = _SPACED.get(" ".join(words[-count:]))
        if behind is not None:
            del words[-count:]
            forms.add(behind)
            break
    for count in range(min(_MOST_WORDS, len(words) - 1), 0, -1):
        before = _SPACED.get(" ".join(words[:count]))
        # `Co` and `Me` begin names that are none; in front stand the forms of Eastern and Northern Europe.
        if before is not None and before in _IN_FRONT:
            del words[:count]
            forms.add(before)
            break
    return " ".join(words), tuple(sorted(forms))


_SPACED = {plain(spelling): form for spelling, form in SPACED.items()}
_MOST_WORDS = max(len(spelling.split()) for spelling in _SPACED)
_UNSPACED = sorted(
    # Not what the forms are called here, which no name ends in.
    (
        (unicodedata.normalize("NFKC", spelling), form)
        for spelling, form in UNSPACED.items()
        if not spelling.isascii()
    ),
    key=lambda pair: -len(pair[0]),
)
_IN_FRONT = _words(
    "ab oy ooo ao pao oao zao nao ip too tov pat ood eood ad ead uab sia kk gk yk pt as gmbh doo"
)


def _latin(text: str) -> str:
    """Latin letters without marks, for what is Latin, Cyrillic, Greek, kana or Hangul; other scripts as they are."""
    found = "".join(_syllable(character) for character in text)
    found = "".join(_LETTERS.get(character, character) for character in found)
    stripped = "".join(
        character
        for character in unicodedata.normalize("NFKD", found)
        if unicodedata.category(character) != "Mn"
    )
    stripped = "".join(_LETTERS.get(character, character) for character in stripped)
    return " ".join(stripped.split())


def _letters(pairs: str) -> Mapping[str, str]:
    """`а=a б=b`; a letter that stands for nothing has nothing behind the sign."""
    return MappingProxyType(dict(pair.split("=") for pair in pairs.split()))


_LETTERS = _letters(
    # Latin letters that no mark makes.
    "ß=ss æ=ae œ=oe ø=o ł=l đ=d ð=d þ=th ħ=h ı=i ĸ=k ŋ=ng ſ=s "
    # Cyrillic, as passports have it, with the letters of Ukrainian, Belarusian, Bulgarian, Serbian, Macedonian.
    "а=a б=b в=v г=g д=d е=e ё=e ж=zh з=z и=i й=i к=k л=l м=m н=n о=o п=p р=r с=s т=t у=u ф=f х=kh ц=ts ч=ch ш=sh "
    "щ=shch ъ= ы=y ь= э=e ю=iu я=ia є=ie і=i ї=i ґ=g ў=u ђ=dj ј=j љ=lj њ=nj ћ=c џ=dz ѓ=g ќ=k ѕ=dz "
    # Greek.
    "α=a β=v γ=g δ=d ε=e ζ=z η=i θ=th ι=i κ=k λ=l μ=m ν=n ξ=x ο=o π=p ρ=r σ=s ς=s τ=t υ=y φ=f χ=ch ψ=ps ω=o "
    # Katakana; hiragana is brought to it. Marks for voiced sounds are letters of their own here.
    "ア=a イ=i ウ=u エ=e オ=o カ=ka キ=ki ク=ku ケ=ke コ=ko サ=sa シ=shi ス=su セ=se ソ=so タ=ta チ=chi ツ=tsu テ=te "
    "ト=to ナ=na ニ=ni ヌ=nu ネ=ne ノ=no ハ=ha ヒ=hi フ=fu ヘ=he ホ=ho マ=ma ミ=mi ム=mu メ=me モ=mo ヤ=ya ユ=yu "
    "ヨ=yo ラ=ra リ=ri ル=ru レ=re ロ=ro ワ=wa ヲ=o ン=n ガ=ga ギ=gi グ=gu ゲ=ge ゴ=go ザ=za ジ=ji ズ=zu ゼ=ze "
    "ゾ=zo ダ=da ヂ=ji ヅ=zu デ=de ド=do バ=ba ビ=bi ブ=bu ベ=be ボ=bo パ=pa ピ=pi プ=pu ペ=pe ポ=po ヴ=vu ー= ッ= "
    "ァ=a ィ=i ゥ=u ェ=e ォ=o ャ=ya ュ=yu ョ=yo"
)


def _sounds(text: str) -> list[str]:
    """`-` is no sound."""
    return [sound.replace("-", "") for sound in text.split()]


# Revised Romanization, letter by letter: 19 initials, 21 vowels, 28 finals of the 11,172 syllables.
_INITIALS = _sounds("g kk n d tt r m b pp s ss - j jj ch k t p h")
_VOWELS = _sounds("a ae ya yae eo e yeo ye o wa wae oe yo u wo we wi yu eu ui i")
_FINALS = _sounds("- k k k n n n t l k m l l l p l m p p t t ng t t k t p t")
_FIRST_SYLLABLE, _SYLLABLES = 0xAC00, 11_172


def _syllable(character: str) -> str:
    """A Hangul syllable in Latin letters, a hiragana as its katakana, anything else as it is."""
    number = ord(character) - _FIRST_SYLLABLE
    if 0 <= number < _SYLLABLES:
        initial, rest = divmod(number, 588)
        vowel, final = divmod(rest, 28)
        return _INITIALS[initial] + _VOWELS[vowel] + _FINALS[final]
    if "ぁ" <= character <= "ゖ":
        return chr(ord(character) + 0x60)
    return character
