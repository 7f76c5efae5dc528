"""Scripted models of the example notebooks: their replies are written down, so that they are the same each time."""

from codeagent_nb import ReplayChatCompletionClient

_HEAVIEST = (
    """\
I read the table and compare the mean body mass of the species.

```python
import pandas as pd
penguins = pd.read_csv("data/penguins.csv")
means = penguins.groupby("species")["body_mass_g"].mean()
print(mean.round(1))
```""",
    """\
The variable is called `means`.

```python
import pandas as pd
import matplotlib.pyplot as plt

penguins = pd.read_csv("data/penguins.csv")
means = penguins.groupby("species")["body_mass_g"].mean().round(1)
print(means.to_string())
means.plot.barh(figsize=(6, 2.2), color="#4c8bb5", xlabel="mean body mass (g)", ylabel="")
plt.tight_layout()
plt.show()
```""",
    "**Gentoo** penguins are the heaviest on average: 5076.0 g, against 3733.1 g (Chinstrap), 3700.7 g (Adelie).",
)


def first_task() -> ReplayChatCompletionClient:
    """An attempt with a wrong name, its correction, the answer, and a follow-up."""
    return ReplayChatCompletionClient(
        [
            *_HEAVIEST,
            """\
The table is still there.

```python
print(len(penguins), "penguins,", int(penguins["body_mass_g"].isna().sum()), "without a body mass")
```""",
            "There are 344 penguins; the body mass of 2 is missing.",
        ],
        chunk_delay=0.01,
    )


def your_own_data() -> ReplayChatCompletionClient:
    """A plot of the sales with the target."""
    return ReplayChatCompletionClient(
        [
            """\
I group the sales by month and draw them with the target.

```python
import matplotlib.pyplot as plt

monthly = sales.groupby("month")["revenue"].sum()
reached = int((monthly >= goals["monthly"]).sum())
print("months at or above the target:", reached, "of", len(monthly))
print("best month:", monthly.idxmax(), monthly.max())

ax = monthly.plot.bar(figsize=(6, 2.4), color="#4c8bb5", xlabel="", rot=0)
ax.axhline(goals["monthly"], color="#c0504d", linestyle="--", label="target")
ax.legend()
plt.tight_layout()
plt.show()
```""",
            "The target of 200 was reached in **2** of 4 months; the best was **Mar** with a revenue of **270**.",
        ],
        chunk_delay=0.01,
    )


def panel() -> ReplayChatCompletionClient:
    """A greeting."""
    return ReplayChatCompletionClient(
        [
            "Hello! Give me a task about the files in this folder or about a variable, e.g. `@{df}`.",
        ],
        chunk_delay=0.01,
    )


def real_cells() -> ReplayChatCompletionClient:
    """The first task's attempt, correction and answer."""
    return ReplayChatCompletionClient(list(_HEAVIEST), chunk_delay=0.05)
