"""The answer is asked for in the language of the task, in its own words."""

import pytest

from codeagent_nb import events
from codeagent_nb.events import AgentEvent, CodeExecutionEvent, NextStepEvent
from codeagent_nb.prompt.task_language import ANSWER_IN, answer_in, language_of
from codeagent_nb.prompt.transcript import question
from kernel_executor import CodeResult

TASKS = [
    ("de", "Welche Spezies ist am schwersten?"),
    ("de", "Berechne den Mittelwert der Spalte `body_mass_g` in penguins.csv."),
    ("de", "Wie viele Zeilen hat df?"),
    ("de", "Zeige die Verteilung der Schnabellänge pro Insel, bitte."),
    ("fr", "Quelle espèce est la plus lourde ?"),
    ("fr", "Calcule la moyenne de la colonne mass."),
    ("fr", "Combien de lignes y a-t-il dans le fichier ?"),
    ("es", "¿Cuál es la especie más pesada?"),
    ("es", "Calcula el promedio de la columna mass para cada isla."),
    ("it", "Qual è la specie più pesante e quale è la media?"),
    ("it", "Calcola la media della colonna mass per ogni isola."),
    ("pt", "Qual é a espécie mais pesada e quantos são?"),
    ("nl", "Welke soort is het zwaarst en hoeveel zijn er?"),
    ("sv", "Vilken art är tyngst och hur många är det?"),
    ("ja", "一番重い種はどれですか"),
    ("ko", "가장 무거운 종은 무엇입니까?"),
    ("zh", "哪个物种最重"),
    ("ru", "Какой вид самый тяжёлый?"),
    ("uk", "Який вид найважчий і скільки їх?"),  # noqa: RUF001
    ("en", "Which species is the heaviest?"),
    ("en", "Show the distribution of bill length per island."),
    ("en", "What is the mean of the column `die_größe`?"),
    ("en", 'How many rows have "le chat et la souris est sur les toits" in them?'),
    ("en", "Plot die rolls and the sum of a die for each player"),
    ("en", "What is the average price of Москва flats in the table?"),
    ("en", "Compare 北京 and 上海 prices in the table"),
    ("en", "What is the mean of the column 売上 by 地域?"),
    ("en", "Plot the 人口 column"),
    ("", "Sort a, e, i, o"),
    ("", "Use van der Waals and de Broglie"),
    ("", "План продаж"),
    ("en", "What was the best 'was ist das' in the table?"),
    ("", "df.describe()"),
    ("", "clean df please"),
    ("", ""),
    ("", "Penguins?"),
]


@pytest.mark.parametrize(("language", "task"), TASKS)
def test_the_language_of_a_task(language: str, task: str) -> None:
    assert language_of(task) == language


def test_nothing_is_asked_for_in_english() -> None:
    assert answer_in("Which species is the heaviest?") == ""
    assert answer_in("Welche Spezies ist am schwersten?") == "Antworte auf Deutsch."
    assert answer_in("Wie heißt die Spalte mit dem höchsten Wert? Antworte auf Englisch.") == ""


@pytest.mark.parametrize("exit_code", [0, 1])
def test_it_is_said_last_to_who_answers(exit_code: int) -> None:
    task: AgentEvent = events.TextMessage(source="user", content="Welche Spezies ist am schwersten?")
    ran = CodeExecutionEvent(source="agent", retry_attempt=0, result=CodeResult(exit_code, "Gentoo"))
    (asked,) = question("reflect", [task, ran])
    assert str(asked.content).endswith(f"\n{ANSWER_IN['de']}")
    (asked,) = question("generate", [task, ran, NextStepEvent(source="agent", step=2)])
    assert str(asked.content).endswith(f"\n{ANSWER_IN['de']}")
