"""Knows units as they are written behind numbers, and in the names of columns. Pure; runs *in the kernel*."""

from __future__ import annotations

import re
from typing import Any

from codeagent_nb.describing.text_forms import is_currency

WRITTEN_UNITS = (
    "kg mg \xb5g ug lb lbs oz tons tonnes km cm mm nm \xb5m mi miles ft feet inches yd km2 m2 m3 cm2 cm3 "
    "km\xb2 m\xb2 m\xb3 cm\xb2 cm\xb3 ha acres hectares sqft sqm sqkm kmh kph km/h mph m/s knots ms sec secs "
    "seconds mins minutes hr hrs hours days weeks months years yrs w/m2 w/m\xb2 mwh kwh gwh kw mw gw wh watt "
    "watts volts amps hz khz mhz ghz bytes kb mb gb tb mbps gbps celsius fahrenheit kelvin \xb0c \xb0f degc "
    "degf degrees hpa kpa mpa psi mbar atm ppm ppb mg/l mg/dl g/l g/dl mmol/l \xb5g/m3 ug/m3 \xb5g/m\xb3 "
    "g/cm3 kg/m3 ml dl liters litres gallons mpg kmpl bpm rpm bhp hp cc kj kcal calories joules pct percent "
    "percentage % \u2030 px dpi kg/m2 kg/m\xb2 l/100km usd/kg eur/kg"
)
UNITS = frozenset(WRITTEN_UNITS.split())
WRITTEN_SINGLE = (
    "g m s h d l t c f k v w in ton tonne mile foot inch acre hectare second minute hour day week month year "
    "yr deg cal byte liter litre gallon db \xb0 thousands millions billions"
)
SINGLE = frozenset(WRITTEN_SINGLE.split())
"""Those that a name has for other things, too: units in parentheses and behind numbers."""
WRITTEN_MAGNITUDES = "k m b bn mn mio mrd million billion thousand crore lakh \xb0 ' \""
MAGNITUDES = frozenset(WRITTEN_MAGNITUDES.split())
WRITTEN_CODES = "usd eur gbp jpy inr chf cny rub brl cad aud nzd sek nok dkk pln czk huf zar mxn"
CODES = frozenset(WRITTEN_CODES.split())
MEASURED = {
    "g": r"mass|weight|fat|sugar|protein|carb|salt|fiber|fibre",
    "m": r"height|length|width|depth|dist|elevation|altitude|\bht\b",
    "c": r"temp|tmin|tmax|tavg|dew",
    "f": r"temp|tmin|tmax|tavg|dew",
    "s": r"time|duration|elapsed|delay|latency",
    "h": r"time|duration|elapsed|delay",
    "min": r"time|duration|elapsed|delay|wait",
}
"""What must be in a name for these to be units in it: `tmax_f`, but not `score_f`."""
IN_BRACKETS = re.compile(r"[(\[]\s*(?:in\s+)?([^()\[\]]{1,15}?)\s*[)\]]\s*\Z")
PER = re.compile(r"per[\s_.]?\Z", re.IGNORECASE)
BEHIND = re.compile(r"(?:[_\s.\-]|(?<=[a-z\d])(?=[A-Z][a-z]+\Z))(?:in_)?([^\W_]+[\u00b2\u00b3]?|%|\u00b0[CF])\s*\Z")


def is_unit(mark: str) -> bool:
    """Return whether what stands behind a number is a unit or a magnitude."""
    low = mark.lower()
    parts = low.split("/") if "/" in low[1:] else []
    compound = len(parts) == 2 and all(part in UNITS | SINGLE for part in parts)
    return low in UNITS or low in MAGNITUDES or (len(low) > 1 and low in SINGLE) or compound


def unit_in(name: Any) -> str:
    """Return the unit that a name ends with; empty if there is none, or if it may be something else."""
    if type(name) is not str:
        return ""
    if found := IN_BRACKETS.search(name[-40:]):
        low = found[1].lower()
        return found[1] if is_unit(low) or low in SINGLE or is_currency(low) or _measures(low, name) else ""
    if name.strip().startswith("% ") or name.strip().lower() in ("pct", "percent", "percentage", "%"):
        return name.strip().split()[0]
    found = BEHIND.search(name[-40:])
    low = found[1].lower() if found and not PER.search(name[-40:][: found.start()]) else ""
    return found[1] if found and low and (low in UNITS or low in CODES or _measures(low, name)) else ""


def _measures(unit: str, name: str) -> bool:
    return unit in MEASURED and bool(re.search(MEASURED[unit], name.replace("_", " "), re.IGNORECASE))
