"""What justifies a value, or needs no justification: kinds of statements, one text for each."""

# ruff: noqa: RUF001 - texts as people write them

import pytest

from codeagent_nb.tracing.sources import Source
from codeagent_nb.tracing.trace import trace


def marked(text: str, *outputs: str) -> list[str]:
    sources = [Source(f"cell-{number}", output) for number, output in enumerate(outputs)]
    return [value.text for value in trace(text, sources).untraced]


TRACED = [
    ("There are 1 234 rows.", "rows: 1 234"),
    ("Es sind 1.234,5 kg.", "Gewicht: 1 234,5 kg"),
    ("Total: $1.2 bn", "total 1213400000"),
    ("Total 1.21 Mrd. €", "total: 1213400000 EUR"),
    ("The rate is 3.1e-5.", "rate 0.000031"),
    ("p < 0.001 (t = 5.2)", "t=5.21 p=1.2e-07"),
    ("The odds ratio is 1.45 (95% CI: 1.12–1.88).", "OR 1.452 [1.118, 1.883]"),
    ("R² = 0.91 and RMSE = 2.3", "r2_score: 0.9123\nrmse: 2.3178"),
    ("Accuracy improved from 0.81 to 0.86.", "baseline acc 0.8123\nmodel acc 0.8561"),
    ("Accuracy improved by 4.4 percentage points.", "baseline acc 0.8123\nmodel acc 0.8561"),
    ("About two thirds (66.7%) passed: 8 of 12.", "passed 8\ntotal 12"),
    ("On 3 May the price was 12.50 €.", "date,price\n2024-05-03,12.5\n2024-05-04,13.1"),
    ("Between 2019 and 2023 sales doubled from 1.1 to 2.2 million.", "2019 1100000\n2023 2200000"),
    ("The top 3 are A (9), B (7) and C (5).", "A 9\nB 7\nC 5\nD 1"),
    ("Die Top-3-Produkte machen 84,6 % des Umsatzes aus.", "A 9\nB 7\nC 6\nD 4"),
    ("The matrix has shape (3, 4) and rank 3.", "(3, 4)\nrank 3"),
    ("It took 1.5 s (±0.2 s).", "1.53 s ± 212 ms per loop (mean ± std. dev. of 7 runs, 1 loop each)"),
    ("Loop time: 12.3 µs", "12.3 µs ± 45.1 ns per loop (mean ± std. dev. of 7 runs, 100,000 loops each)"),
    ("The mean is -3.2 °C.", "mean temp -3.21"),
    ("Latitude 47.37, longitude 8.54.", "lat=47.3744 lon=8.5410"),
    ("There are 3 missing values in age, none elsewhere.", "age 3\nname 0\ndtype: int64"),
    ("GDP grew 2.1 % in Q3 2024, after 1.8 % in Q2.", "2024Q2 1.8\n2024Q3 2.1\nName: growth_pct, dtype: float64"),
    ("The 95th percentile is 120 ms; p99 is 340 ms.", "p95=120.4ms p99=339.8ms"),
    ("Median: 4 (IQR 3–5)", "median 4.0 q1 3.0 q3 5.0"),
    ("Sensitivity 92%, specificity 88%.", "tp=46 fn=4 tn=88 fp=12\nsens 0.92 spec 0.88"),
    ("5 of 7 columns are numeric.", "numeric: 5 of 7 columns"),
    ("Column Q3_2024 has a sum of 4,510.", "Q3_2024 4510\nQ4_2024 4700"),
    ("The version is 2.2.1 and the file data_v3.csv has 12 MB.", "data_v3.csv 12.0 MB"),
    ("Chi² = 12.4, df = 3, p = .006", "chi2 12.41 dof 3 p 0.0061"),
    ("The longest word has 14 letters: 'counterexample'.", "14 counterexample"),
    ("The answer is 42.", "42"),
    ("Result: **3.14159**", "3.14159265"),
    ("La somme est de 10 000 €.", "somme 10000"),
    ("Suma: 10.000,00 €", "suma 10000.0"),
    ("Cerca del 12,5 % (una de cada ocho)", "0.125"),
    ("1/8 of all rows", "0.125"),
    ("That's 1 in 8 customers.", "0.125"),
    ("Every third customer (33.3 %) churned.", "churn 0.3333"),
    ("The p-value (0.21) is above 0.05.", "p=0.2134"),
    ("We found 2 clusters with 120 and 80 points.", "Counter({0: 120, 1: 80})"),
    ("Cluster 0 has 120 points, cluster 1 80.", "Counter({0: 120, 1: 80})"),
    ("min: 2, max: 19, mean: 9.5", "2 19 9.5"),
    ("It rained 12 mm on Monday and 3 mm on Tuesday.", "Mon 12.0\nTue 3.0\nName: rain_mm, dtype: float64"),
    ("Der Anteil stieg von 12 % auf 18 %.", "2020 0.12\n2021 0.18"),
    ("The model needs 1.2M parameters (4.8 MB).", "params: 1,203,456  size 4.81 MB"),
    ("ID 4711 has the maximum of 99.5.", "id 4711 max 99.5"),
    ("Your df has 344 rows × 8 columns.", "df: DataFrame 344 × 8"),
    ("After 10 epochs, the loss is 0.031.", "Epoch 10/10 loss: 0.0312"),
    ("The speedup is 3.2x.", "before 6.4 s\nafter 2.0 s"),
    ("Speedup: 3.2×", "before 6.4 s\nafter 2.0 s"),
    ("That is a 69% reduction.", "before 6.4 s\nafter 2.0 s"),
    ("Sie kommt um 14:05 Uhr an.", "arrival 14:05:00"),
    ("The train leaves at 2:05 pm.", "departure 14:05:00"),
    ("Il y a 25 élèves, dont 14 filles (56 %).", "filles 14\ngarçons 11"),
    ("Hay 25 alumnos: 14 chicas y 11 chicos.", "chicas 14\nchicos 11"),
    ("About half of them, i.e. 50%, are male.", "male 60\nfemale 60"),
]


@pytest.mark.parametrize(("text", "output"), TRACED)
def test_what_an_output_says_in_other_words_is_traced(text: str, output: str) -> None:
    assert marked(text, output) == []


@pytest.mark.parametrize(
    "text",
    [
        "A 3-month rolling mean smooths the series.",
        "I used 5 neighbours and 200 trees.",
        "See Figure 3 and Table 2, section 4.1.",
        "The first 100 rows were used.",
        "I set the threshold to 0.5.",
        "The learning rate was 0.01 with a batch size of 32.",
        "Alpha was set to 0.05.",
        "The y axis starts at 0.",
        "Press Ctrl+C or run it in Python 3.12.",
        "The plot is 10 x 6 inches at 300 dpi.",
        "You could try k = 3 or k = 5.",
        "I can also compute the 90% interval.",
        "Use a 70/30 split.",
        "Option 1: drop. Option 2: fill with 0.",
        "NaNs were replaced by 0.",
        "It's a 2D array.",
        "The scale runs from 1 to 10.",
        "Ratings go from 1 (bad) to 5 (good).",
        "A p-value under 5 % counts as significant.",
        "As a rule of thumb, n > 30 is enough.",
        "There are 24 hours in a day.",
    ],
)
def test_what_sets_up_suggests_or_names_states_no_finding(text: str) -> None:
    assert marked(text, "saved") == []


@pytest.mark.parametrize(
    ("text", "output", "wrong"),
    [
        ("It took 20 hours and 14 minutes.", "0 days 20:41:30", "20 hours and 14 minutes"),
        ("It weighs 29.3 kg.", "coal    -29.3\ngas      52.0\nName: change, dtype: float64", "29.3 kg"),
        ("It is 12.50 € in Bern and 9.10 $ in Basel; the rest costs 8 €.", "Bern 12.5\nBasel 9.1\nrest 8", "9.10 $"),
        ("Q1 was best with $2.61M.", "2024Q1  1820000.0\n2024Q4  2610000.0", "$2.61M"),
        ("I capped 58 outliers.", "before 12504\nafter 12461\nage 214", "58"),
        (
            "Women earn 59,477, men 56,706.",
            "gender\nF    56705.7\nM    59477.4\nName: salary, dtype: float64",
            "56,706",
        ),
        ("298 are very satisfied, 412 satisfied.", "Very satisfied    412\nSatisfied         298", "298"),
    ],
)
def test_what_is_false_in_another_way_is_marked(text: str, output: str, wrong: str) -> None:
    assert wrong in marked(text, output)
