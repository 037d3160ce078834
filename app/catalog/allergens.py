"""Allergen warnings: sentences of what a product may contain traces of, which say nothing of what it is."""

import re
from typing import Final

_WARNING: Final = re.compile(
    r"""[^\n.|;]*(?:
        (?:עלול(?:ים|ה|ות)?|עשוי(?:ים|ה|ות)?)\s+ל(?:ה)?כיל
        | (?:מידע|אזהרת|מידע\s+ל?)\s*(?:על|בדבר|ל)?\s*אלרג[א-ת]*
        | אלרג(?:נים|ניים|יים)\s*:
        | (?:שאריות|עקבות|שיירי)\s
        | מיוצר[א-ת]*\s+(?:בסביבה|במפעל|בקו)
        | may\s+(?:also\s+)?contain | can\s+contain\s+traces | traces?\s+of | allergy\s+(?:advice|information)
        | allergens?\s*: | (?:made|produced|packed|processed)\s+in\s+a\s+(?:facility|factory|plant)
    )[^\n.|;]*""",
    re.VERBOSE | re.IGNORECASE,
)


def without_warnings(text: str) -> str:
    """`text` for the index: without the sentences that name allergens it may contain traces of.

    A product is never inferred to be free of anything: nothing is added.
    """
    return _WARNING.sub(" ", text)
