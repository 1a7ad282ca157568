"""A guess at a text's language, by its script and, in Latin script, by its commonest words. Nothing is downloaded."""

from __future__ import annotations

import unicodedata
from collections import Counter

UNKNOWN = "?"
FEWEST_WORDS = 4
LEAST_SHARE = 0.2
"""Share of a text's words that must be among a language's commonest."""
SCRIPTS = {
    "CYRILLIC": "Cyrillic",
    "GREEK": "Greek",
    "ARABIC": "Arabic",
    "HEBREW": "Hebrew",
    "DEVANAGARI": "Devanagari",
    "BENGALI": "Bengali",
    "TAMIL": "Tamil",
    "TELUGU": "Telugu",
    "THAI": "Thai",
    "GEORGIAN": "Georgian",
    "ARMENIAN": "Armenian",
    "HANGUL": "Korean",
    "HIRAGANA": "Japanese",
    "KATAKANA": "Japanese",
    "CJK": "Chinese",
}
WORDS = {
    "English": "the to and of a in is it you that for i this on my was with be have are not but they do so what just your we",
    "German": "der die das und ist nicht ich ein eine es sie zu mit den auf für von im dem war auch wie aber wir noch nur man",
    "French": "le la les de des et est un une je que pas il elle pour dans qui sur ce au avec nous vous mais plus sont du en",
    "Spanish": "el la los las de y es que un una en no por con para se lo mi su pero más como me está muy del al ya todo",
    "Italian": "il lo la gli le di e è che un una non per con sono mi ma come si da ha questo della più anche del ho nel",
    "Portuguese": "o a os as de e é que um uma não por com para se em do da no na mas eu você isso muito mais como está foi",
    "Dutch": "de het een en is niet ik je dat van in op te zijn maar voor met ook er wat als aan die was heb wel naar om",
    "Swedish": "och att det är som en på inte jag för med av den har till ett men om du kan så var från vi de hade han",
    "Danish": "og at det er som en på ikke jeg for med af den har til et men om du kan så var fra vi de havde han hvad",
    "Polish": "i w nie na się z to jest do że jak ale o co po tak za od czy ja mnie był dla już tylko może być są",
    "Turkish": "bir ve bu da de için çok ne ben mi ama var gibi daha o en kadar sen değil her şey olan yok ile",
    "Indonesian": "yang dan di itu ini tidak dengan untuk aku kamu saya ada dari ke akan juga sudah bisa apa karena kita",
}
_SETS = {language: frozenset(words.split()) for language, words in WORDS.items()}


def guess_language(text: str) -> str:
    """What language a text is in, probably.

    Args:
        text: of `shingles.bare`.

    Returns:
        A language's name, or a script's where several languages use it; `?` where the text says too little.
    """
    if not text.isascii():
        script = _script(text)
        if script:
            return script
    words = text.split()
    if len(words) < FEWEST_WORDS:
        return UNKNOWN
    hits = {language: sum(word in known for word in words) for language, known in _SETS.items()}
    best = max(hits, key=lambda language: hits[language])
    ties = sum(count == hits[best] for count in hits.values()) > 1
    return UNKNOWN if ties or hits[best] < LEAST_SHARE * len(words) else best


def _script(text: str) -> str:
    """The script of most letters, if it is not Latin's."""
    found: Counter[str] = Counter()
    for sign in text:
        if sign.isalpha():
            found["" if sign.isascii() else SCRIPTS.get(unicodedata.name(sign, "").split(" ")[0].split("-")[0], "")] += 1
    if found["Japanese"]:
        found["Japanese"] += found.pop("Chinese", 0)  # Japanese is written with Chinese signs among its own
    return found.most_common(1)[0][0] if found else ""
