"""What a reply without code announces, and what a reply with code pretends to have printed."""

import time

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
    "To answer this, I need to look at the data.",
    "To do this, I'll load the file.",
    "I'd like to first inspect the columns.",
    "My next step is to compute the mean.",
    "I'm now going to compute the mean.",
    "Before computing anything, I'll check the types.",
    "With that, I can compute the mean.",
    "Loading the file now.",
    "Als nächstes sehe ich mir die Spalten an.",
    "Ensuite, je calculerai la moyenne.",
    "There's an error in the last line, so I'll correct it.",
    "OK \N{EM DASH} let me check the file.",
)
ANSWERS = (
    "Paris.",
    "The mean is 4201.75 g.",
    "The mean is 4201.75 g. I computed it from the column `mass`.",
    "I looked at the columns first. The heaviest species is Gentoo.",
    "Which of the two columns shall I use?",
    "The mean is 4201.75 g. I should note that 3 rows were left out.",
    "I need to point out that the column is empty.",
    "It is 3. We should treat this with caution.",
    "I want to emphasize that the original file was not changed.",
    "So we can now say that Gentoo is the heaviest.",
    "I'll be here if you need anything else.",
    "I need to know which column holds the mass.",
    "Understood. I will not plot anything.",
    "Ich muss darauf hinweisen, dass 3 Zeilen fehlen.",
    "Debo señalar que faltan 3 filas.",
    "The averages are 3.5, 4.2, 5.1, ...",
    "The mean is 3. Let me know if you need anything else!",
    "The mean is 3. I'll be happy to plot it.",
    "Let's say the price is 3: then the total is 9.",
    "I will need the file to answer this, but it was not given.",
    "Die schwerste Spezies ist Gentoo.",
    "",
)


@pytest.mark.parametrize("text", PLANS)
def test_a_plan_announces_code(text: str) -> None:
    assert announces_code(text)


@pytest.mark.parametrize("text", ANSWERS)
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
        '```python\ntext = """\n```\nOutput:\n```\n"""\nprint(text)\n```\n',
        f"{CODE}\n```py3\nprint(2)\n```",
        f"{CODE}\n```python\nprint(2)\n",
        f"{CODE}\n```{{code-cell}} ipython3\nprint(2)\n```",
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


@pytest.mark.timing
@pytest.mark.parametrize("line", ["- \n", "```\n", "\n", "Output \n", "_ _ _\n"])
def test_a_long_tail_takes_its_time_and_not_its_square(line: str) -> None:
    began = time.perf_counter()
    without_pretended_output(CODE + line * 20_000)
    assert time.perf_counter() - began < 20, "it took a tenth of that"
