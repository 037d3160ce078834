"""Filler words: what people say around the things they look for."""

from typing import Final

from app.catalog.words import words


def _spelled(text: str) -> frozenset[str]:
    return frozenset(word.text for word in words(text))


FILLERS: Final = _spelled(
    """
    a an the of to in on at by or and is are be it its this that these those some any i me my we us
    our you your he she they them there here what which who where when how do does did have has had
    can could would should will may want wants need needs looking look find search show give get buy
    buying like please thanks hi hello am im id ill something anything stuff thing things kind kinds
    type types sort recommend suggest suggestion options option one ones also just really very much
    many more most less lot bit etc so if then than as from into about make making use used using
    good best great nice better ideal suitable perfect cheap cheapest affordable expensive price
    priced under below tasty delicious quality today tonight tomorrow store shop sell available
    stock products product items item של את אני אנחנו הוא היא הם הן זה זאת זו אלה אלו יש אין לי לך
    לו לה לנו לכם להם שלי שלך שלנו או גם כי אם אז רק עוד כל מה מי איזה איזו אילו איפה מתי איך כמה
    למה האם אפשר אפשרי בבקשה תודה שלום היי צריך צריכה צריכים רוצה רוצים מחפש מחפשת מחפשים חיפוש לחפש
    למצוא מצא תמצא תן תני תנו הראה תראה תראי להראות לקנות קונה קניתי לרכוש להזמין מעוניין מעוניינת
    משהו דבר דברים סוג סוגי סוגים אחד אחת כזה כזאת כאלה ממש מאוד הכי יותר פחות קצת הרבה טוב טובה
    טובים טובות מומלץ מומלצת מומלצים המלצה ממליצים ממליץ איכותי איכותית יקר יקרה יקרים מחיר במחיר
    זול זולה זולים משתלם טעים טעימה טעימים יפה נחמד מתאים מתאימה מתאימים היום הערב מחר בבית הביתה
    לבית אצלכם אצלך חנות בחנות מוכרים מוצר מוצרים פריט פריטים שיהיה שתהיה שיהיו להיות היה הייתה לא
    כן כדי אבל ואז הזה הזאת על אל מן תוכל תוכלי תוכלו יכול יכולה יכולים הייתי אשמח להכין מכין מכינה
    הכנת להכנת הכנה לעשות עושה להשתמש שימוש לשימוש
    """
)
"""Words that say nothing of a product: left out of a query that says something else besides."""

TAILS: Final = _spelled("for with suitable instead but that which who עבור בשביל עם מתאים שמתאים במקום לצורך")
"""Words after which a sentence tells what the product is for or goes with: wishes, not conditions."""
