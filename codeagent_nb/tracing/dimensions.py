"""Owns the words by which a text says what is measured in it, and so which units its bare numbers may be in. Pure."""

import re

_HINTS = {
    "mass": r"mass|weigh|heav|light(?:er|est)|gewicht|gewogen|schwer|leicht|wieg|poids|pes[ae]|peso|lourd|léger"
    r"|pesad|vikt|väg|tung|\bkilo|gram|tonn|load",
    "length": r"length|height|width|depth|distan|diamet|radius|\bsize|long|short|tall|far|thick|high|elev"
    r"|altitud|rain|precip|snow|länge|höhe|hoch"
    r"|breite|tiefe|entfern|strecke|lang|kurz|groß|größe|regen|niederschl|longueur|hauteur|largeur|profond|haut"
    r"|taille|pluie|long|altura|largo|ancho"
    r"|lluvia|alto|lunghezz|altezz|larghezz|pioggia|längd|höjd|bredd|avstånd|regn|bill|flipper|wing|move|travel"
    r"|run\b|ride|trip|sq_?ft|area",
    "area": r"area|surface|fläche|superfic|\byta|sq|square|land|size|größe|dens|dicht",
    "volume": r"volum|capacit|liquid|fuel|water|liter|litre|litro|inhalt|wasser|consum|verbrauch|tank|milk|wine"
    r"|beer|displac",
    "temperature": r"temp|°|warm|heiß|kalt|kält|hot|cold|chaud|froid|calid|calur|frío|cald|fredd|varm|kall"
    r"|weather|wetter|climat|klima|degree|grad",
    "energy": r"energ|electric|strom|power|kwh|consum|verbrauch|generat|erzeug|solar|wind",
    "power": r"power|watt|leistung|electric|strom|capacit|energ|puissance|potenc|potenza|effekt|solar|wind",
    "speed": r"speed|veloc|geschwind|vitesse|schnell|fast|wind|rapid|hastighet|pace",
    "data": r"size|memor|speicher|mémoire|memoria|minne|file|datei|disk|download|byte|storage|taille|traffic|\bram\b",
    "pressure": r"press|druck|drück|tryck",
    "frequency": r"freq|hertz|clock|takt|rate|signal",
}
_PATTERNS = {dimension: re.compile(pattern, re.IGNORECASE) for dimension, pattern in _HINTS.items()}


def is_hinted(dimension: str, text: str) -> bool:
    """Return whether a text says that something of a dimension is measured; of what is not known, always."""
    pattern = _PATTERNS.get(dimension)
    return pattern is None or pattern.search(text) is not None
