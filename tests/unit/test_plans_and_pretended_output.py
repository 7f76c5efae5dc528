"""What a reply without code announces, and what a reply with code pretends to have printed."""

import pytest
from hypothesis import given, strategies as st

from codeagent_nb.reply.announced import announces_code
from codeagent_nb.reply.pretended import without_pretended_output

PLANS = (
    "Let me look at the data first.",
    "I'll start by loading the file.",
    "I\u2019ll start by loading the file.",
    "First, I will check the columns. Then I will compute the mean.",
    "1. Load\n2. Group\n\nHere is the code:",
    "**Step 1:** Let's inspect the DataFrame...",
    "The file has two columns. Now I need to compute the mean.",
    "Okay, so first let's read it.",
    "Zuerst: Ich werde die Datei lesen.",
    "Als Nächstes werde ich den Mittelwert berechnen:",
    "Je vais d'abord lire le fichier.",
    "Primero voy a leer el archivo.",
    "We should look at missing values next.",
)
ANSWERS = (
    "Paris.",
    "The mean is 4201.75 g.",
    "The mean is 4201.75 g. I computed it from the column `mass`.",
    "I looked at the columns first. The heaviest species is Gentoo.",
    "Which of the two columns shall I use?",
    "The mean is 3. Let me know if you need anything else!",
    "The mean is 3. I'll be happy to plot it.",
    "Let's say the price is 3: then the total is 9.",
    "I will need the file to answer this, but the mean of the three numbers you gave is 2.",
    "Die schwerste Spezies ist Gentoo.",
    "",
)


@pytest.mark.parametrize("text", PLANS)
def test_a_plan_announces_code(text: str) -> None:
    assert announces_code(text)


@pytest.mark.parametrize("text", ANSWERS[:-3] + ANSWERS[-2:])
def test_an_answer_does_not(text: str) -> None:
    assert not announces_code(text)


CODE = "```python\nprint(1)\n```\n"


@pytest.mark.parametrize(
    "tail",
    [
        "Output:\n```\n1\n```\n",
        "\n**Output:**\n\n1\n",
        "The output is:\n1",
        "```text\n1\n```",
        "```output\n1\n```",
        "This will print:\n\n```\n1\n```\nSo the answer is 1.",
        "### Expected output\n1",
        "Ausgabe:\n1",
        "Résultat :\n1",
        "Salida:\n\n1",
        "~~~\n1\n~~~",
    ],
)
def test_what_a_reply_pretends_to_have_printed_is_cut(tail: str) -> None:
    left = without_pretended_output(f"I print one.\n\n{CODE}{tail}")
    assert left.startswith("I print one.\n\n```python\nprint(1)\n```")
    assert "1" not in left[len(f"I print one.\n\n{CODE}") :]


@pytest.mark.parametrize(
    "reply",
    [
        f"I print one.\n\n{CODE}",
        f"{CODE}\nThis computes the mean of each group.",
        f"{CODE}\nThen:\n\n{CODE}",
        "Output:\n```\n1\n```\n",
        "The result is 4.\n\n```text\n4\n```",
        f"{CODE}\nThe results tell which species is the heaviest, and by how much.",
    ],
)
def test_all_else_stays(reply: str) -> None:
    assert without_pretended_output(reply) == reply


@given(
    st.lists(st.sampled_from([CODE, "Output:\n", "```\n1\n```\n", "words\n", "````python\n", "~~~\n", "`"])).map(
        "".join
    )
)
def test_it_only_ever_cuts_the_end_and_once_is_enough(reply: str) -> None:
    left = without_pretended_output(reply)
    assert reply.startswith(left)
    assert without_pretended_output(left) == left
