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
_SCRIPTS = (
    ("ja", re.compile(r"[\u3040-\u30ff]")),
    ("ko", re.compile(r"[\uac00-\ud7af]")),
    ("zh", re.compile(r"[\u4e00-\u9fff]")),
    ("uk", re.compile(r"[іїєґ]", re.IGNORECASE)),
    ("ru", re.compile(r"[\u0400-\u04ff]")),
)
MOST_READ = 2_000
"""Characters of a task that are read."""


def language_of(task: str) -> str:
    """Return the language of a task by its code, `de`; empty if it is not one of those that are known.

    Code, file names and quotations are of no language.
    """
    text = _CODE.sub(" ", task[:MOST_READ])
    letters = sum(map(str.isalpha, text))
    for language, script in _SCRIPTS:
        found = sum(len(each[0]) for each in script.finditer(text))
        if found * 10 >= letters > 0:
            return "ru" if language == "ru" and found * 2 < letters else language
    words = [word.casefold() for word in _WORD.findall(text)]
    counted = {language: sum(word in known for word in words) for language, known in _SETS.items()}
    (language, most), (_, second) = sorted(counted.items(), key=lambda each: -each[1])[:2]
    return language if most >= 2 and most > second else ""


def answer_in(task: str) -> str:
    """Return the sentence that asks for an answer in a task's language; empty for English and unknown ones."""
    return ANSWER_IN.get(language_of(task), "")
