"""Owns words that name the same thing in several languages or forms: months, days of the week, sexes. Pure."""

from codeagent_nb.tracing.words import MONTHS

_DAYS = """
monday mon montag lundi lunes lunedì måndag
tuesday tue tues dienstag mardi martes martedì tisdag
wednesday wed mittwoch mercredi miércoles mercoledì onsdag
thursday thu thur thurs donnerstag jeudi jueves giovedì torsdag
friday fri freitag vendredi viernes venerdì fredag
saturday sat samstag sonnabend samedi sábado sabato lördag
sunday sun sonntag dimanche domingo domenica söndag
"""

_OTHERS = """
male men männer mann männlich männlichen männchen hommes homme mâle
male hombre hombres varones uomini uomo maschi maschio män hanar ♂
female women frauen frau weiblich weiblichen weibchen femmes femme femelle
female mujer mujeres hembra hembras donne donna femmine femmina kvinnor honor ♀
accuracy genauigkeit exactitude exactitud accuratezza noggrannhet träffsäkerhet
precision präzision précision precisión precisione
recall trefferquote sensitivität rappel richiamo exhaustividad sensibilidad
1 first 1st erste ersten erster erstes première premier primera primero prima primo första
2 second 2nd zweite zweiten zweiter deuxième segunda segundo seconda secondo andra
3 third 3rd dritte dritten dritter troisième tercera tercero terza terzo tredje
4 fourth 4th vierte vierten vierter quatrième cuarta cuarto quarta quarto fjärde
yes ja oui sí sì
no nein non nej
total totale gesamt insgesamt overall all
"""

_SHORT = frozenset(
    {"mon", "sat", "sun", "wed", "may", "mar", "march", "set", "sept", "dec", "gen", "mag", "ago", "dic"}
)
"""Those that are other words, too: they count only with a capital."""


def _canonical() -> dict[str, str]:
    days = {word: f"day-{number}" for number, line in enumerate(_DAYS.strip().splitlines()) for word in line.split()}
    others = {word: words[0] for line in _OTHERS.strip().splitlines() for words in [line.split()] for word in words}
    return {word: f"month-{number}" for word, number in MONTHS.items()} | days | others


_CANONICAL = _canonical()


def canonical(written: str) -> str | None:
    """Return the form in which a word is compared with others that mean the same; None if it has none."""
    word = written.casefold()
    if word in _SHORT and not written[:1].isupper():
        return None
    return _CANONICAL.get(word) or (_CANONICAL.get(word[:-1]) if word.endswith("s") else None)
