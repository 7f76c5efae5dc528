"""Finds the language of a task, to ask for the answer in it, in its own words. Pure.

A small model answers in English whatever the English instructions say of languages; a sentence in the language itself
is followed. Function words tell languages apart in short texts well enough; where they do not, nothing is asked for.
"""

import re

WORDS = {
    "de": (
        "der die das und ist sind nicht ein eine einen wie viele welche welcher welches was wer wo wann warum "
        "für mit von den dem des im auf zu zeige berechne erstelle gib aus pro je nach bitte am größten "
        "höchste hat haben durch über"
    ),
    "fr": (
        "le la les et est sont ne pas un une des du combien quel quelle quels quelles que qui où quand "
        "pourquoi pour avec dans sur au aux affiche calcule montre donne par plus moyenne chaque entre ce "
        "cette ont fais trace"
    ),
    "es": (
        "el la los las y es son no un una cuántos cuántas cuál cuáles qué quién dónde cuándo por para con en "
        "del al muestra calcula dame haz cada más media entre este esta tiene tienen promedio según"
    ),
    "it": (
        "il lo la i gli le e è sono non un una quanti quante quale quali che chi dove quando perché per con "
        "di da del della dei nel nella mostra calcola dammi ogni più media tra questo questa ha hanno disegna"
    ),
    "pt": (
        "o a os as e é são não um uma quantos quantas qual quais que quem onde quando por para com em do da "
        "dos das no na mostre calcule cada mais média entre este esta tem têm faça"
    ),
    "nl": (
        "de het een en is zijn niet hoeveel welke wat wie waar wanneer waarom voor met van op te toon bereken "
        "geef per gemiddelde tussen deze dit heeft hebben maak"
    ),
    "sv": (
        "och är inte en ett hur många vilken vilket vilka vad vem var när varför för med av på till visa "
        "beräkna ge per medelvärde mellan denna detta har skapa"
    ),
    "en": (
        "use using sort find list compare add remove count all their than was were there any into "
        "the a an and is are not how many which what who where when why for with of on to in show compute "
        "calculate give per by mean average each most between this that has have plot make from does do it as "
        "at or"
    ),
}
"""Their most common function words, and those that tasks begin with."""

ANSWER_IN = {
    "de": "Antworte auf Deutsch.",
    "fr": "Réponds en français.",
    "es": "Responde en español.",
    "it": "Rispondi in italiano.",
    "pt": "Responda em português.",
    "nl": "Antwoord in het Nederlands.",
    "sv": "Svara på svenska.",
    "ja": "日本語で答えてください。",
    "ko": "한국어로 답하세요.",
    "zh": "请用中文回答。",
    "ru": "Ответь на русском языке.",
    "uk": "Відповідай українською.",
}

_SETS = {language: frozenset(words.split()) for language, words in WORDS.items()}
_WORD = re.compile(r"[^\W\d_]+")
_CODE = re.compile(
    r"```.*?(?:```|\Z)|`[^`\n]*`|\"[^\"\n]*\"|(?<![^\s\"`])[^\s/\\]*+[/\\]\S*|\b\w+\.\w{1,5}\b", re.DOTALL
)
_QUOTED = re.compile(r"'[^'\n]*'|\u201e[^\u201c\n]*\u201c|\u00ab[^\u00bb\n]*\u00bb|\u300c[^\u300d\n]*\u300d")
_SCRIPTS = (
    ("ja", re.compile(r"[\u3040-\u30ff]"), re.compile(r"[\u3040-\u30ff\u4e00-\u9fff]")),
    ("ko", re.compile(r"[\uac00-\ud7af]"), re.compile(r"[\uac00-\ud7af]")),
    ("zh", re.compile(r"[\u4e00-\u9fff]"), re.compile(r"[\u4e00-\u9fff]")),
    ("uk", re.compile(r"[іїєґ]", re.IGNORECASE), re.compile(r"[\u0400-\u04ff]")),
    ("ru", re.compile(r"[ыэъё]", re.IGNORECASE), re.compile(r"[\u0400-\u04ff]")),
)
"""A letter that only this language has of those that share its letters, and these."""

NAMES = re.compile(
    r"\b(?:in|auf|en|em|på|op|het|to|into|als|as) (?:English|Englisch|anglais|inglés|inglese|inglês|Engels|engelska"
    r"|German|Deutsch|allemand|alemán|tedesco|French|Französisch|français|francés|francese|Spanish|Spanisch|espagnol"
    r"|español|Italian|italiano|Portuguese|Dutch|Swedish|Japanese|Korean|Chinese|Russian|Ukrainian)\b",
    re.IGNORECASE,
)
"""A task that names a language says itself what it wants."""

MOST_READ = 2_000
"""Characters of a task that are read."""


def language_of(task: str) -> str:
    """Return the language of a task by its code, `de`; empty if it is not one of those that are known.

    Code, file names and quotations are of no language.
    """
    text = _QUOTED.sub(" ", _CODE.sub(" ", task[:MOST_READ]))
    letters = sum(map(str.isalpha, text))
    for language, own, shared in _SCRIPTS:
        if own.search(text) and sum(len(each[0]) for each in shared.finditer(text)) * 2 > letters:
            return language
    words = {word for found in _WORD.findall(text) if len(word := found.casefold()) > 1}
    counted = {language: len(words & known) for language, known in _SETS.items()}
    (language, most), (_, second) = sorted(counted.items(), key=lambda each: -each[1])[:2]
    return language if most >= 2 and most > second else ""


def answer_in(task: str) -> str:
    """Return the sentence that asks for an answer in a task's language; empty for English and unknown ones."""
    return "" if NAMES.search(task[:MOST_READ]) else ANSWER_IN.get(language_of(task), "")
