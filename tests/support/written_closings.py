"""Closing texts written by hand, each true of its sources: computed values in [[ ]], their unit behind a bar; names in << >>.

Every third one was held out until the tracing was first measured.
"""

# ruff: noqa: E501, RUF001 - texts as people write them

PENGUIN_MEANS = """\
species
Adelie       3700.662252
Chinstrap    3733.088235
Gentoo       5076.016260
Name: body_mass_g, dtype: float64"""

PENGUIN_COUNTS = """\
species
Adelie       152
Gentoo       124
Chinstrap     68
Name: count, dtype: int64"""

PENGUIN_TASK = "Compare the mean body mass of the 3 penguin species in penguins.csv, in grams."

DESCRIBE = """\
       bill_length_mm  bill_depth_mm  flipper_length_mm  body_mass_g
count      342.000000     342.000000         342.000000   342.000000
mean        43.921930      17.151170         200.915205  4201.754386
std          5.459584       1.974793          14.061714   801.954536
min         32.100000      13.100000         172.000000  2700.000000
25%         39.225000      15.600000         190.000000  3550.000000
50%         44.450000      17.300000         197.000000  4050.000000
75%         48.500000      18.700000         213.000000  4750.000000
max         59.600000      21.500000         231.000000  6300.000000"""

SURVIVAL = """\
Pclass
1    0.629630
2    0.472826
3    0.242363
Name: Survived, dtype: float64
Overall survival rate: 0.3838
Sex
female    0.742038
male      0.188908
Name: Survived, dtype: float64"""

MISSING = """\
Rows: 344, columns: 7
species               0
island                0
bill_length_mm        2
sex                  11
dtype: int64"""

SALES = """\
Total revenue: 1234567.89 EUR
Average order value: 87.35 EUR
Orders: 14134
        revenue  orders
region
North  412345.5    4711
South  298110.2    3390
West   524112.2    6033"""

REGRESSION = """\
slope: 49.6856
intercept: -5780.8314
R-squared: 0.7590
p-value: 4.3707e-107
RMSE: 393.27
n: 342"""

MODEL = """\
Accuracy: 0.9649
Precision: 0.9589
Recall: 0.9859
F1: 0.9722
Confusion matrix:
[[40  3]
 [ 1 70]]
Training took 1.84 s"""

WEATHER = """\
          temp_c  rain_mm  wind_kmh
station
Bern        9.41   1059.2      8.31
Geneva     11.02    945.7     10.25
Lugano     13.12   1559.1      6.77
Zurich      9.87   1088.4      9.94"""

STOCK = """\
First day: 2023-01-03 close 125.07
Last day: 2023-12-29 close 192.53
Highest close: 198.11 on 2023-12-14
Lowest close: 125.02 on 2023-01-05
Daily volatility: 0.0126"""

CITIES = """\
{'Berlin': 3677472, 'Hamburg': 1906411, 'München': 1487708, 'Köln': 1073096}"""

INDIA = """\
state        population   literacy
Kerala         33406061      94.00
Bihar         104099452      61.80
Gujarat        60439692      78.03"""

FILES = """\
3 files, 48.2 MB in all
sales_2022.csv  12.4 MB  103,212 rows
sales_2023.csv  15.9 MB  131,877 rows
sales_2024.csv  19.9 MB  164,002 rows"""

TTEST = """\
t = 2.7821, p = 0.0061
mean A = 5.43 (n=48), mean B = 4.91 (n=52)
Cohen's d = 0.557"""

QUARTERS = """\
    quarter  revenue_keur  margin_pct
0  2023-Q1         812.4        11.2
1  2023-Q2         901.7        12.9
2  2023-Q3         877.3        12.1
3  2023-Q4        1043.6        14.8"""

SCORES_HTML = """<table border="1" class="dataframe"><thead><tr style="text-align: right;"><th></th><th>student</th><th>maths</th><th>physics</th></tr></thead>
<tbody><tr><th>0</th><td>Anna</td><td>91.5</td><td>78.0</td></tr><tr><th>1</th><td>Ben</td><td>67.0</td><td>82.5</td></tr><tr><th>2</th><td>Cleo</td><td>74.25</td><td>88.0</td></tr></tbody></table>"""

GROUPED_HTML = """<table border="1" class="dataframe"><thead><tr><th></th><th></th><th>mean</th><th>max</th></tr><tr><th>species</th><th>sex</th><th></th><th></th></tr></thead>
<tbody><tr><th rowspan="2" valign="top">Adelie</th><th>female</th><td>3368.84</td><td>3900.0</td></tr><tr><th>male</th><td>4043.49</td><td>4775.0</td></tr><tr><th rowspan="2" valign="top">Gentoo</th><th>female</th><td>4679.74</td><td>5200.0</td></tr><tr><th>male</th><td>5484.84</td><td>6300.0</td></tr></tbody></table>"""

WRITTEN: list[tuple[str, list[str]]] = [
    (
        "The heaviest species is <<Gentoo>> with a mean body mass of [[5076.02| g]]; the lightest is <<Adelie>> with [[3700.66| g]].",
        [PENGUIN_MEANS, PENGUIN_TASK],
    ),
    (
        "Mean body mass by species:\n\n- **<<Adelie>>**: [[3,700.66| g]]\n- **<<Chinstrap>>**: [[3,733.09| g]]\n- **<<Gentoo>>**: [[5,076.02| g]]",
        [PENGUIN_MEANS, PENGUIN_TASK],
    ),
    (
        "Die mittlere Körpermasse beträgt [[3.700,66| g]] bei <<Adelie>>, [[3.733,09| g]] bei <<Chinstrap>> und [[5.076,02| g]] bei <<Gentoo>>.",
        [PENGUIN_MEANS, PENGUIN_TASK],
    ),
    (
        "Les <<Gentoo>> sont les plus lourds ([[5 076,0| g]] en moyenne), les <<Adelie>> les plus légers ([[3 700,7| g]]).",
        [PENGUIN_MEANS, PENGUIN_TASK],
    ),
    (
        "La especie más pesada es <<Gentoo>>, con [[5.076,02| g]] de media; le sigue <<Chinstrap>> con [[3.733,1| g]].",
        [PENGUIN_MEANS, PENGUIN_TASK],
    ),
    (
        "La specie più pesante è <<Gentoo>> con [[5.076| g]] in media, mentre <<Adelie>> arriva a [[3.701| g]].",
        [PENGUIN_MEANS, PENGUIN_TASK],
    ),
    (
        "<<Gentoo>> penguins weigh [[5.08| kg]] on average, about [[1.38| kg]] more than <<Adelie>> ([[3.70| kg]]).",
        [PENGUIN_MEANS, PENGUIN_TASK],
    ),
    (
        "There are [[344]] penguins in total: [[152]] <<Adelie>>, [[124]] <<Gentoo>> and [[68]] <<Chinstrap>>.",
        [PENGUIN_COUNTS],
    ),
    (
        "Insgesamt sind es [[344]] Pinguine der 3 Arten; [[44,2| %]] davon sind <<Adelie>> ([[152]]), nur [[19,8| %]] <<Chinstrap>>.",
        [PENGUIN_COUNTS],
    ),
    (
        "<<Adelie>> is the most frequent species with [[152]] rows, followed by <<Gentoo>> ([[124]]); <<Chinstrap>> has only [[68]].",
        [PENGUIN_COUNTS],
    ),
    (
        "| Species | Count | Mean mass (g) |\n|---|---:|---:|\n| <<Adelie>> | [[152]] | [[3700.7]] |\n| <<Chinstrap>> | [[68]] | [[3733.1]] |\n| <<Gentoo>> | [[124]] | [[5076.0]] |\n\nThe difference between the heaviest and the lightest species is [[1375.35| g]].",
        [PENGUIN_MEANS, PENGUIN_COUNTS],
    ),
    (
        "Die Tabelle zeigt die Ergebnisse:\n\n1. <<Gentoo>>: [[124]] Tiere\n2. <<Chinstrap>>: [[68]] Tiere\n3. <<Adelie>>: [[152]] Tiere",
        [PENGUIN_COUNTS],
    ),
    (
        "The average bill is [[43.92| mm]] long and [[17.15| mm]] deep; flippers average [[200.9| mm]], and the body mass [[4,201.8| g]].",
        [DESCRIBE],
    ),
    (
        "Body mass ranges from [[2,700| g]] to [[6,300| g]], with a <<mean>> of [[4201.75| g]] and a <<median>> of [[4050| g]] (n = [[342]]).",
        [DESCRIBE],
    ),
    (
        "La masa corporal media es de [[4.201,75| g]] (desviación estándar [[801,95| g]]); el mínimo es [[2.700| g]] y el máximo [[6.300| g]].",
        [DESCRIBE],
    ),
    ("La lunghezza media delle pinne è di [[200,92| mm]] ± [[14,06| mm]]; il massimo è [[231| mm]].", [DESCRIBE]),
    (
        "La moitié centrale des masses se situe entre [[3 550| g]] et [[4 750| g]] ; la médiane est de [[4 050| g]].",
        [DESCRIBE],
    ),
    (
        "Die Flossenlänge liegt im Mittel bei [[200,9| mm]] (Standardabweichung [[14,06| mm]]), die Spanne reicht von [[172]] bis [[231| mm]].",
        [DESCRIBE],
    ),
    (
        "First-class passengers survived most often ([[63.0| %]]), compared with [[47.3| %]] in second and [[24.2| %]] in third class. Overall, [[38.4| %]] survived.",
        [SURVIVAL],
    ),
    ("Women (<<female>>) survived in [[74.2%]] of cases, but only [[18.9%]] of <<male>> passengers did.", [SURVIVAL]),
    (
        "Frauen überlebten mit [[74,2| %]] deutlich häufiger als Männer mit [[18,9| %]]. Der Unterschied beträgt [[55,3]] Prozentpunkte.",
        [SURVIVAL],
    ),
    ("Les femmes ont survécu [[3,93]] fois plus souvent que les hommes ([[74,2| %]] contre [[18,9| %]]).", [SURVIVAL]),
    ("The survival rate by class (Pclass) is 1: [[0.6296]], 2: [[0.4728]], 3: [[0.2424]].", [SURVIVAL]),
    (
        "The data has [[344]] rows and [[7]] columns. [[11]] values of <<sex>> and [[2]] of <<bill_length_mm>> are missing.",
        [MISSING],
    ),
    (
        "Es fehlen [[11]] Werte in der Spalte `<<sex>>` und [[2]] in `<<bill_length_mm>>`; zusammen also [[13]].",
        [MISSING],
    ),
    ("Total revenue is [[€1,234,567.89]], from [[14,134]] orders with an average value of [[€87.35]].", [SALES]),
    (
        "The <<West>> region leads with [[524,112.2| EUR]] and [[6,033]] orders, ahead of <<North>> with [[412,345.5| EUR]].",
        [SALES],
    ),
    (
        "Der Gesamtumsatz beträgt rund [[1,23]] Mio. €, davon [[42,5| %]] in der Region <<West>> ([[524.112,20| €]]).",
        [SALES],
    ),
    (
        "Le chiffre d'affaires total est de [[1 234 567,89| €]] pour [[14 134]] commandes ; la région <<West>> arrive en tête avec [[524 112,2| €]].",
        [SALES],
    ),
    (
        "Los ingresos totales son [[1.234.567,89| €]]; la región <<South>> aporta [[298.110,20| €]] y la <<North>> [[412.345,50| €]].",
        [SALES],
    ),
    ("Il fatturato totale è di circa [[1,2]] milioni di euro; l'ordine medio vale [[87,35| €]].", [SALES]),
    (
        "Every extra millimetre of flipper adds about [[49.7| g]] of mass (intercept [[-5780.83]]). The model explains [[75.9%]] of the variance (R² = [[0.759]], p < 0.001, n = [[342]]).",
        [REGRESSION, "Regress body mass in g on flipper length in mm."],
    ),
    ("Die Steigung beträgt [[49,69]], der Achsenabschnitt [[−5780,8]]; R² = [[0,759]].", [REGRESSION]),
    (
        "Le modèle explique [[75,9| %]] de la variance, avec une erreur (RMSE) de [[393,3]] et p = [[4,37 × 10^-107]].",
        [REGRESSION],
    ),
    (
        "The classifier reaches an <<accuracy>> of [[96.5%]], a <<precision>> of [[95.9%]] and a <<recall>> of [[98.6%]] (<<F1>> = [[0.972]]).",
        [MODEL],
    ),
    (
        "El modelo acierta el [[96,49| %]] de los casos; se equivoca en [[3]] y [[1]] ejemplos, según la matriz de confusión. El entrenamiento duró [[1,84| s]].",
        [MODEL],
    ),
    (
        "Training took [[1840| ms]]. Step 2 of the task is done: the top 5 features are plotted, and accuracy is [[0.965]].",
        [MODEL],
    ),
    (
        "<<Lugano>> is the warmest station ([[13.12| °C]]) and also the wettest ([[1559.1| mm]]); <<Bern>> is the coldest with [[9.41| °C]].",
        [WEATHER],
    ),
    (
        "Am wenigsten regnet es in <<Geneva>> ([[945,7| mm]]), am meisten in <<Lugano>> ([[1'559,1| mm]]). In <<Zurich>> sind es [[1'088,4| mm]].",
        [WEATHER],
    ),
    (
        "Les 4 stations : <<Bern>> [[9,41]] °C, <<Geneva>> [[11,02]] °C, <<Lugano>> [[13,12]] °C et <<Zurich>> [[9,87]] °C.",
        [WEATHER],
    ),
    (
        "Mean temperatures in <<Bern>>, <<Geneva>> and <<Lugano>> are [[9.4]], [[11.0]] and [[13.1]] °C, respectively.",
        [WEATHER],
    ),
    (
        "The stock rose from [[125.07]] on [[January 3, 2023]] to [[192.53]] on [[December 29, 2023]], a gain of [[53.9%]].",
        [STOCK],
    ),
    (
        "Der höchste Schlusskurs war [[198,11]] am [[14. Dezember 2023]], der niedrigste [[125,02]] am [[05.01.2023]].",
        [STOCK],
    ),
    (
        "Le cours le plus haut, [[198,11]], a été atteint le [[14 décembre 2023]] ; la volatilité journalière est de [[1,26| %]].",
        [STOCK],
    ),
    (
        "El máximo fue de [[198,11]] el [[14 de diciembre de 2023]] y el mínimo de [[125,02]] el [[5 de enero de 2023]].",
        [STOCK],
    ),
    (
        "<<Berlin>> hat [[3.677.472]] Einwohner, <<Hamburg>> [[1.906.411]], <<München>> [[1.487.708]] und <<Köln>> [[1.073.096]].",
        [CITIES],
    ),
    (
        "<<Berlin>> is the largest city with [[3.68 million]] people, nearly twice as many as <<Hamburg>> ([[1.91 million]]).",
        [CITIES],
    ),
    (
        "Die 4 größten Städte haben zusammen [[8.144.687]] Einwohner; <<Berlin>> allein rund [[3,7]] Millionen.",
        [CITIES],
    ),
    (
        "<<Bihar>> has a population of [[10,40,99,452]] ([[10.4]] crore) but a literacy rate of only [[61.8%]]; <<Kerala>> reaches [[94%]].",
        [INDIA],
    ),
    (
        "<<Gujarat>>: [[6,04,39,692]] people, literacy [[78.03| %]]. <<Kerala>>: [[3,34,06,061]] people, literacy [[94| %]].",
        [INDIA],
    ),
    (
        "I found 3 files ([[48.2| MB]] in all). The largest is sales_2024.csv with [[164,002]] rows ([[19.9| MB]]).",
        [FILES],
    ),
    (
        "Die Datei sales_2022.csv hat [[103.212]] Zeilen, sales_2023.csv [[131.877]]; das sind [[28.665]] Zeilen mehr.",
        [FILES],
    ),
    (
        "Group <<A>> has a mean of [[5.43]], group <<B>> of [[4.91]]; the difference of [[0.52]] is significant (t = [[2.78]], p = [[0.006]]).",
        [TTEST],
    ),
    (
        "Gruppe <<A>> liegt mit [[5,43]] über Gruppe <<B>> mit [[4,91]] (p = [[0,0061]], Cohens d = [[0,56]]), auf dem 5-%-Niveau signifikant.",
        [TTEST],
    ),
    (
        "Revenue peaked in Q4 2023 at [[1043.6]] thousand EUR (margin [[14.8%]]); it was lowest in Q1 ([[812.4]]).",
        [QUARTERS],
    ),
    ("Der Umsatz stieg von [[812,4]] auf [[1.043,6]] Tsd. €, ein Zuwachs von [[28,5| %]].", [QUARTERS]),
    (
        "Sur l'année, le chiffre d'affaires atteint [[3 635,0]] k€ au total, avec une marge maximale de [[14,8| %]] au quatrième trimestre.",
        [QUARTERS],
    ),
    (
        "<<Anna>> scored [[91.5]] in <<maths>> and [[78]] in <<physics>>; <<Cleo>> was best in <<physics>> with [[88]].",
        [SCORES_HTML],
    ),
    (
        "- <<Anna>>: [[91.5]]\n- <<Ben>>: [[67]]\n- <<Cleo>>: [[74.25]]\n\nThese are the maths scores of the 3 students; their mean is [[77.58]].",
        [SCORES_HTML],
    ),
    (
        "En physique, <<Cleo>> obtient [[88,0]] et <<Ben>> [[82,5]] ; <<Anna>> est dernière avec [[78,0]].",
        [SCORES_HTML],
    ),
    (
        "<<Male>> Gentoos are the heaviest, [[5484.84| g]] on average; the heaviest single bird weighs [[6300| g]]. <<Female>> Gentoos average [[4679.74| g]].",
        [GROUPED_HTML, "masses in g"],
    ),
    (
        "Bei Adelie wiegen Männchen (male) im Mittel [[4.043,49]], Weibchen (female) [[3.368,84]]; der Unterschied ist [[674,65]].",
        [GROUPED_HTML],
    ),
    (
        "## Result\n\nThe mean is **[[4201.75| g]]**.\n\n```python\nprint(df.mean() * 99999)\n```\n\nSee `df.describe()` and https://example.org/12345 for details; `[[4050]]` is the median.",
        [DESCRIBE],
    ),
    ("All done: I dropped the [[2]] rows without a bill length, so [[342]] rows remain.", [MISSING, "rows left: 342"]),
    (
        "There is no strong relation: the correlation is [[-0.235]], i.e. close to 0, with p = [[0.0000112]].",
        ["pearson r = -0.2351, p = 1.1197e-05"],
    ),
    (
        "Über 3.600 Tiere wurden gezählt, genau [[3.612]]; im Jahr 2021 waren es [[1.807]].",
        ["2021: 1807\n2022: 1805\ntotal: 3612"],
    ),
    (
        "The job ran from [[09:15]] to [[11:45]] and took [[2.5| hours]].",
        ["start 09:15:00 end 11:45:00\nduration: 150.0 min"],
    ),
    (
        "Peak memory was [[1.5| GB]], about three quarters of the limit of [[2| GB]].",
        ["peak: 1536.2 MB", "Do not use more than 2 GB."],
    ),
    (
        "Temperaturen unter [[-5| °C]] kamen an [[12]] von 365 Tagen vor, das sind [[3,3| %]].",
        ["days below -5 °C: 12\ndays in all: 365"],
    ),
    (
        "Las ventas bajaron un [[12,4| %]], de [[45.310]] a [[39.692]] unidades.",
        ["2022  45310\n2023  39692\nchange -0.1240"],
    ),
]
