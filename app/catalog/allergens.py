"""Allergen warnings: sentences of what a product may contain traces of, which say nothing of what it is."""

import re
from typing import Final

_WARNING: Final = re.compile(
    r"""(?:עלול|עשוי)(?:ים|ה|ות)?\s+ל(?:ה)?כיל
        | אלרג(?:נ|י)
        | (?:שאריות|עקבות|שיירי)\s
        | מיוצר[א-ת]*\s+(?:בסביבה|במפעל|בקו)
        | may\s+(?:also\s+)?contain | traces?\s+of | allergens?\b | allergy\s+(?:advice|information)
        | (?:made|produced|packed|processed)\s+(?:in|on)\s+(?:a\s+)?(?:shared\s+)?
          (?:facility|factory|plant|line|equipment)
    """,
    re.VERBOSE | re.IGNORECASE,
)
_SENTENCE: Final = re.compile(r"[^\n.|;]+[\n.|;]*")


def without_warnings(text: str) -> str:
    """`text` for the index: without the sentences that name allergens it may contain traces of.

    A product is never inferred to be free of anything: nothing is added.
    """
    if not _WARNING.search(text):
        return text
    return "".join(" " if _WARNING.search(sentence) else sentence for sentence in _SENTENCE.findall(text))
