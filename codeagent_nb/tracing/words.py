"""Owns the words that say what a number is, in English, German, French, Spanish and Italian. Pure."""

import re
from decimal import Decimal
from functools import lru_cache

SCALES: dict[str, Decimal] = {
    word: Decimal(factor)
    for factor, words in (
        ("1e3", "k thousand thousands tausend tsd mille mil mila"),
        ("1e6", "M m mn mln mio million millions millionen millón millones milione milioni"),
        ("1e9", "bn b B md mld billion billions mrd milliarde milliarden milliard milliards miliardo miliardi"),
        ("1e12", "trillion trillions billionen"),
        ("1e5", "lakh lakhs lac"),
        ("1e7", "crore crores cr"),
    )
    for word in words.split()
}
"""Words behind a number that multiply it. Single letters do so only if nothing stands between."""

IN_THOUSANDS = re.compile(
    rf"(?:{'|'.join(word for word in SCALES if len(word) > 1)}|(?:k|t|m|b|bn|mio|mrd)\W?(?:eur|euro|€|usd|\$"
    rf"|chf|gbp|£)?|000s?)",
    re.IGNORECASE,
)
"""What a label says if its numbers are in thousands or millions: `(thousands)`, `keur`, `k€`."""

ROUGH = re.compile(
    r"(?:\b(?:about|around|roughly|approx(?:\.|imately)?|nearly|almost|some|over|under|above|below"
    r"|(?:more|less) than|at least|up to"
    r"|ca\.?|circa|etwa|rund|ungefähr|knapp|fast|gut|über|unter|mehr als|weniger als"
    r"|environ|près de|presque|plus de|moins de|quelque|à peu près"
    r"|unos|unas|cerca de|aproximadamente|alrededor de|casi|más de|menos de"
    r"|quasi|oltre|più di|meno di|all'incirca)|[~≈>≥<≤])[  ]?(?:US\$|[$€£¥₹]|-)?[  ]?$",
    re.IGNORECASE,
)
"""What says, before a number, that it is rounded to whole tens, hundreds or thousands."""

_COUNTED_FORWARD = (
    "step|cell|zelle|cellule|celda|cella|page|seite|top|bottom|figure|fig\\.|table|section|chapter|part|question|task|option|phase|item|point"
    "|rank|place|no\\.|number|#"
    "|first|last|next|previous|schritt|abbildung|abb\\.|tabelle|abschnitt|kapitel|teil|frage|aufgabe|punkt|platz|nr\\."
    "|ersten|letzten|étape|partie|tableau|chapitre|tâche|rang|premiers|premières|derniers|dernières"
    "|paso|figura|tabla|parte|pregunta|tarea|puesto|primeros|primeras|últimos|últimas"
    "|passo|fase|tabella|domanda|posizione|primi|prime|ultimi|ultime|python|version|pandas|numpy|matplotlib"
)
STRUCTURE_BEFORE = re.compile(rf"(?<![^\W_])(?:{_COUNTED_FORWARD})[- ]?$", re.IGNORECASE)
STRUCTURE_AFTER = re.compile(
    r"\s?(?:premiers|premières|derniers|dernières|primeros|primeras|últimos|últimas|primi|prime|ultimi|ultime)\b"
    r"|[- ]?(?:th|st|nd|rd)?[- ]?(?:percentil|quantil|zentil|centile|percentile)"
    r"|\s?%[- ]?(?:ci\b|kis?\b|ic\b|confidence|konfidenz|vertrauens|(?:percentil|quantil)|(?:quantile|percentile)\b)",
    re.IGNORECASE,
)
"""What says, beside a number, that it orders, names or belongs to a convention."""

CONVENTION_BEFORE = re.compile(
    r"(?:confidence(?: interval| level)?(?: of| at)?|intervalle? (?:de confiance|di confidenza)(?: à| de| al)?"
    r"|intervalo de confianza (?:del?|al)|konfidenzintervall(?: von| zu)?"
    r"|(?:\bp|p-value|p-wert|valeur p|valor p|p-val)\s?[<>≤≥]|(?:α|alpha)\s?(?:=|of|von|de|di)?"  # noqa: RUF001
    r"|significance level (?:of )?|signifikanzniveau (?:von )?|seuil de|nivel de significación (?:del? )?)\s?$",
    re.IGNORECASE,
)
CONVENTIONAL = frozenset(map(Decimal, "0.1 0.05 0.01 0.005 0.001 0.0001 1 5 10 50 68 80 90 95 98 99 99.9".split()))  # noqa: SIM905
PERCENTILE_BEFORE = re.compile(r"(?:perzentil|quantil|percentile?|centile)\s?$", re.IGNORECASE)
RANGE_BEFORE = re.compile(
    r"(?:close(?:r)? to|near|between|from|to|and|with|by|at|mit|durch|bei|auf|par|avec|con|por|da|med|zwischen"
    r"|nahe|und|von|bis|entre|et|à|de|a|y|tra|e"
    r"|scale of)\s?[+-]?$",
    re.IGNORECASE,
)
"""Before the ends of a scale: 0, 1, 100."""

DERIVED: dict[str, re.Pattern[str]] = {
    "part": re.compile(
        r"\b(?:of|von|sur|de los|de las|dei|delle|su)\s(?:the\s|den\s|les\s)?\d", re.IGNORECASE
    ),  # of 891: what is not said of them is the rest
    "difference": re.compile(
        r"differ|apart|faster|slower|speed-?up|quicker|schneller|langsamer|better|worse|besser|schlechter|mieux"
        r"|pire|mejor|peor|meglio|peggio|bättre|sämre|\blead"
        r"|advantage|profit|leaving|left over|net\b|vorsprung|gewinn|überschuss|\w+ere?r? als|höher|niedriger"
        r"|größer|kleiner"
        r"|avance|bénéfice|marge|supérieur|inférieur|ventaja|beneficio|superior|inferior|mayor|menor|vantaggio"
        r"|utile|profitto"
        r"|superiore|maggiore|minore|försprång|vinst|\bum\s[~\d]|skillnad|\bmer\b|\bmindre\b|ökade|minskade"
        r"|ökning|minskning|högre|lägre|skiljer"
        r"|\bgap\b|\brange|spread|\bmore\b|\bless\b|\bfewer\b|\b\w+er\b[^.;]*\bthan\b"
        r"|(?:increas|decreas|declin|improv|reduc|exceed|übersteig|übertr[ai]f|dépass|supera|excede)"
        r"|\b(?:rise|rose|risen|grew|grow|growth|gain|drop|fell|fall|loss|lost|change|ahead|above|below|lower|higher)"
        r"|unterschied|differenz|spanne|abstand|\bmehr\b|weniger|\w+er als|gestiegen|gesunken|zunahme"
        r"|abnahme|rückgang|anstieg|zuwachs"
        r"|wuchs|wächst|stieg|sank|fiel|écart|différence|étendue|de plus|de moins|plus \w+ que"
        r"|moins \w+ que|hausse|baisse|augment|diminu|progress"
        r"|diferencia|brecha|rango|\bmás\b|\bmenos\b|aument|disminu|subió|bajó|creci|cayó|crec[ei]"
        r"|differenza|divario|intervallo|\bpiù\b|\bmeno\b|scarto|cresc|cal[oaò]\b|scend|scese|salit",
        re.IGNORECASE,
    ),
    "sum": re.compile(
        r"\btotal|tillsammans|sammanlagt|totalt|\bsums?\b|together|combined|altogether|in all\b|overall"
        r"|\bboth\b|remaining|the rest|\bother"
        r"|insgesamt|zusammen|gesamt|summe|übrig|restlich"
        r"|ensemble|somme|restant|en tout|junt[oa]s|suma|en conjunto|restante|somma|insieme|complessiv|rimanent",
        re.IGNORECASE,
    ),
    "ratio": re.compile(
        r"\btimes\b|speed-?up|faster|slower|\bgånger\b|andel|\bhälften|ratio|twice|\bfold\b|-fold|percent"
        r"|per cent|%|\bshare|proportion"
        r"|fraction|\bpart\b"
        r"|\d\s?[x×](?!\w)|factor|half|third"  # noqa: RUF001
        r"|verhältnis|\bmal\b|-fach|\dfach|anteil|prozent|faktor|quote"
        r"|\bfois\b|rapport|pour cent|facteur|\bveces\b|proporción|razón|por ciento|\bvolte\b|rapporto"
        r"|per cento|quota|\brate\b",
        re.IGNORECASE,
    ),
    "mean": re.compile(
        r"\baverage\b|on average|(?:their|its|the) mean (?:is|of)|mean of (?:the|all|both)|midpoint"
        r"|durchschnitt|im (?:mittel|schnitt)|moyenne|promedio|de media|in media"
        r"|genomsnitt|i snitt|per month|per day|pro monat|pro tag|par mois|por mes|al mese",
        re.IGNORECASE,
    ),
    "each": re.compile(
        r"\bper\b|\beach\b|divided by|\bpro\b|\bje\b|geteilt|\bpar\b|chaque|divisé|\bpor\b|cada|\bogni\b|\bal\b"
        r"|diviso|varje",
        re.IGNORECASE,
    ),
    "top": re.compile(
        r"\btop\b|first|largest|biggest|ersten|größten|premi|plus grand|primer|mayores|prim[ei]\b|största",
        re.IGNORECASE,
    ),
    "days": re.compile(r"\b(?:days?|tage?n?|jours?|días?|giorn[io]|dagar)\b", re.IGNORECASE),
    "so": re.compile(
        r"\b(?:thus|hence|therefore|i\.e|that is|that['’]s|which is|which makes|making|equals?|somit|demnach"  # noqa: RUF001
        r"|mithin"
        r"|das (?:sind|ist|macht|entspricht)|d\. ?h|soit|c['’]est-à-dire|donc|es decir|o sea|así que|quindi"  # noqa: RUF001
        r"|cioè|ossia"
        r"|pari (?:a|al)|dvs|alltså|vilket)\b|\b(?:so|also)\s(?:\w+\s)?[~≈]?\d|\(\s?[~≈]?[\d.,]+\s?%",
        re.IGNORECASE,
    ),
    "joined": re.compile(r"\b(?:or|oder|ou|eller)\b|\+|&", re.IGNORECASE),
    "row": re.compile(
        r"\b(?:row|index|zeile|reihe|ligne|fila|índice|riga|indice|record|entry|id)s?n?\b|nº|n°|#", re.IGNORECASE
    ),
    "down": re.compile(
        r"decreas|declin|drop|fell|fall|lower|less|fewer|\bloss|lost|negativ|minus|reduc|down\b|shr[aiu]nk|below"
        r"|gesunken|sank|fiel|rückgang|abnahme|verlust|weniger|niedriger|unter|gefallen"
        r"|baiss|diminu|recul|perte|négatif|moins|chut|caíd|cayó|baj[óa]|disminu|pérdida|menos|descen"
        r"|cal[oaò]\b|diminu|perdita|meno\b|sces|ridu|inferior|difference|differenz|différence|diferencia|differenza",
        re.IGNORECASE,
    ),
}
"""What a sentence says if a value in it was computed from others, by how it was."""


@lru_cache(maxsize=256)
def ways_said(sentence: str) -> frozenset[str]:
    """Return what a sentence says of how values in it were computed."""
    return frozenset(how for how, pattern in DERIVED.items() if pattern.search(sentence[:LONGEST_SENTENCE]))


LONGEST_SENTENCE = 4_000

MONTHS: dict[str, int] = {
    name: number
    for number, names in enumerate(
        (
            "january jan januar jänner janvier janv enero ene gennaio gen",
            "february feb februar février févr febrero febbraio febb",
            "march mar märz mrz mars marzo",
            "april apr avril avr abril abr aprile",
            "may mai mayo maggio mag",
            "june jun juni juin junio giugno giu",
            "july jul juli juillet juil julio luglio lug",
            "august aug août agosto ago",
            "september sep sept septembre septiembre settembre set",
            "october oct oktober okt octobre octubre ottobre ott",
            "november nov novembre noviembre",
            "december dec dezember dez décembre déc diciembre dic dicembre",
        ),
        start=1,
    )
    for name in names.split()
}

_STOP = """
the a an of is was are were with for in at by to and or its it their has have had as on from than that this per all
der die das den dem des ein eine einen einer eines ist war sind waren mit für im am bei von und oder zu hat haben
als auf
le la les un une du de des est était sont avec pour dans en et ou au aux que qui ont d l
el los las una unos es son con para y o del al por lo il gli i uno è sono ed di da tra che della delle dei
"""
STOP = frozenset(_STOP.split())
"""Words that no label is told apart by."""

_COUNTED = """
row column count total number value entry entrie record observation sample item unit case test size
zeile zeilen spalte spalten anzahl wert werte gesamt ligne colonne nombre valeur fila columna número valor
riga righe colonne numero valore valori
"""
COUNTED = frozenset(_COUNTED.split())
"""Words that say what is counted: in "2 rows without a name", 2 is not the number of all rows."""

STATISTICS: dict[str, str] = {
    word: name
    for name, words in {
        "mean": "mean average avg durchschnitt mittelwert durchschnittlich mittel moyenne moyen media promedio medio "
        "durchschnittliche durchschnittlichen medie mittlere mittleren",
        "median": "median médiane mediana",
        "min": "min minimum minimal minimale mínimo minimo mínima minima",
        "max": "max maximum maximal maximale máximo massimo máxima massima",
        "std": "std sd stdev deviation standardabweichung écart deviazione desviación",
        "sum": "sum summe somme suma somma",
    }.items()
    for word in words.split()
}
"""What statistics are called, as `describe()` calls them."""
