"""More closing texts written by hand, to measure with once, each in other words and about other outputs than those before."""

# ruff: noqa: E501, RUF001, W291 - texts as people write them, outputs as pandas does

CORR_1 = """\
               price  sqft_living  bedrooms
price        1.000000     0.702035  0.308350
sqft_living  0.702035     1.000000  0.576671
bedrooms     0.308350     0.576671  1.000000"""

AGG_1 = """\
                    sum       mean  count
category
Beverages     267868.18  22323.349     12
Condiments    106047.09   8837.257     12
Seafood       131261.74  10938.478     12"""

TT_1 = """\
Welch t-test: t=-4.514, df=96.3, p=0.00002
Control mean 12.41 s
Treatment mean 9.87 s"""

KM_1 = """\
Cluster sizes: [512 308 180]
Silhouette score: 0.553
Inertia: 78.85"""

JSON_1 = """\
{
  "rows": 1460,
  "mean_price": 180921.19589,
  "median_price": 163000.0,
  "max_price": 755000
}"""

TEMP_1 = """\
Monthly mean temperature (°C):
Jan  -1.2
Feb   0.4
Jul  19.8
Dec  -0.3"""

POLARS_1 = """\
shape: (3, 3)
┌─────────┬──────────┬───────┐
│ country ┆ gdp_busd ┆ pop_m │
│ ---     ┆ ---      ┆ ---   │
│ str     ┆ f64      ┆ f64   │
╞═════════╪══════════╪═══════╡
│ France  ┆ 2782.9   ┆ 67.8  │
│ Italy   ┆ 2010.4   ┆ 59.1  │
│ Spain   ┆ 1397.5   ┆ 47.4  │
└─────────┴──────────┴───────┘"""

CM_1 = """\
              precision    recall  f1-score   support

      benign       0.97      0.96      0.97        71
   malignant       0.94      0.95      0.94        43

    accuracy                           0.96       114"""

NA_1 = """\
age         177
cabin       687
embarked      2
dtype: int64"""

LOG_1 = """\
Loaded 891 passengers
Survivors: 342 (38.38%)
Oldest: 80.0 years, youngest: 0.42 years
Average fare: 32.20"""

TUP_1 = "[('apple', 52), ('pear', 31), ('plum', 17)]"

VAL_1 = "The most common word is 'whale' (1150 times), then 'ship' (507 times)."

SPLIT_1 = """\
Train size: 712
Test size: 179
Best alpha: 0.01
CV RMSE: 0.1342 ± 0.0087"""

CORR_2 = """\
               price  sqft_living  bedrooms
price        1.000000     0.702035  0.308350
sqft_living  0.702035     1.000000  0.576671
bedrooms     0.308350     0.576671  1.000000"""

AGG_2 = """\
                    sum       mean  count
category
Beverages     267868.18  22323.349     12
Condiments    106047.09   8837.257     12
Seafood       131261.74  10938.478     12"""

TT_2 = """\
Welch t-test: t=-4.514, df=96.3, p=0.00002
Control mean 12.41 s
Treatment mean 9.87 s"""

KM_2 = """\
Cluster sizes: [512 308 180]
Silhouette score: 0.553
Inertia: 78.85"""

JSON_2 = """\
{
  "rows": 1460,
  "mean_price": 180921.19589,
  "median_price": 163000.0,
  "max_price": 755000
}"""

TEMP_2 = """\
Monthly mean temperature (°C):
Jan  -1.2
Feb   0.4
Jul  19.8
Dec  -0.3"""

POLARS_2 = """\
shape: (3, 3)
┌─────────┬──────────┬───────┐
│ country ┆ gdp_busd ┆ pop_m │
│ ---     ┆ ---      ┆ ---   │
│ str     ┆ f64      ┆ f64   │
╞═════════╪══════════╪═══════╡
│ France  ┆ 2782.9   ┆ 67.8  │
│ Italy   ┆ 2010.4   ┆ 59.1  │
│ Spain   ┆ 1397.5   ┆ 47.4  │
└─────────┴──────────┴───────┘"""

CM_2 = """\
              precision    recall  f1-score   support

      benign       0.97      0.96      0.97        71
   malignant       0.94      0.95      0.94        43

    accuracy                           0.96       114"""

NA_2 = """\
age         177
cabin       687
embarked      2
dtype: int64"""

LOG_2 = """\
Loaded 891 passengers
Survivors: 342 (38.38%)
Oldest: 80.0 years, youngest: 0.42 years
Average fare: 32.20"""

TUP_2 = "[('apple', 52), ('pear', 31), ('plum', 17)]"

VAL_2 = "The most common word is 'whale' (1150 times), then 'ship' (507 times)."

SPLIT_2 = """\
Train size: 712
Test size: 179
Best alpha: 0.01
CV RMSE: 0.1342 ± 0.0087"""

HEAD_2 = """\
   PassengerId  Survived  Pclass                     Name     Sex   Age     Fare
0            1         0       3  Braund, Mr. Owen Harris    male  22.0   7.2500
1            2         1       1  Cumings, Mrs. John       female  38.0  71.2833
2            3         1       3  Heikkinen, Miss. Laina   female  26.0   7.9250"""

GB_2 = """\
Sex     Pclass
female  1         0.968085
        2         0.921053
        3         0.500000
male    1         0.368852
        2         0.157407
        3         0.135447
Name: Survived, dtype: float64"""

INFO_2 = """\
<class 'pandas.core.frame.DataFrame'>
RangeIndex: 1599 entries, 0 to 1598
Data columns (total 12 columns):
 #   Column         Non-Null Count  Dtype
---  ------         --------------  -----
 0   fixed acidity  1599 non-null   float64
 1   pH             1599 non-null   float64
 2   quality        1599 non-null   int64
memory usage: 150.0 KB"""

VC_2 = """\
quality
5    681
6    638
7    199
4     53
8     18
3     10
Name: count, dtype: int64"""

YEAR_2 = """\
      sales  profit
year
2020  1204.5   110.2
2021  1350.9   145.8
2022  1298.3    98.4"""

SQL_2 = """\
+----------+-------+-----------+
| city     | users | avg_spend |
+----------+-------+-----------+
| Lyon     |  1204 |     35.60 |
| Nice     |   873 |     41.25 |
| Toulouse |  1011 |     33.10 |
+----------+-------+-----------+"""

MED_2 = """\
Median household income: $68,703
Top 10% threshold: $201,150
Gini coefficient: 0.481"""

ANOVA_2 = """\
F-statistic: 119.2645, p-value: 1.6697e-31
Eta squared: 0.6187"""

CAR_2 = """\
         mpg
origin        
1  20.083534
2  27.891429
3  30.450633"""

PCA_2 = """\
Explained variance ratio: [0.7296 0.2285 0.0367 0.0052]
Cumulative: [0.7296 0.9581 0.9948 1.0000]"""

EN_2 = """\
Zürich: 434008 Einwohner, 87.88 km²
Genf: 203856 Einwohner, 15.93 km²
Basel: 173863 Einwohner, 23.91 km²"""

SP_2 = """\
Energía renovable: 134321 GWh (50,3 %)
Total: 266867 GWh"""

IT_2 = """\
Regione: Lazio -> 5714882 abitanti
Regione: Lombardia -> 9943004 abitanti
Regione: Campania -> 5592175 abitanti"""

HTMLT_2 = '<table border="1" class="dataframe"><thead><tr><th></th><th>country</th><th>2019</th><th>2020</th></tr></thead><tbody><tr><th>0</th><td>Kenya</td><td>5.1</td><td>-0.3</td></tr><tr><th>1</th><td>Ghana</td><td>6.5</td><td>0.5</td></tr></tbody></table>'

HTMLS_2 = '<table border="1" class="dataframe"><thead><tr><th></th><th>Age</th><th>Fare</th></tr></thead><tbody><tr><th>count</th><td>714.000000</td><td>891.000000</td></tr><tr><th>mean</th><td>29.699118</td><td>32.204208</td></tr><tr><th>std</th><td>14.526497</td><td>49.693429</td></tr><tr><th>min</th><td>0.420000</td><td>0.000000</td></tr><tr><th>50%</th><td>28.000000</td><td>14.454200</td></tr><tr><th>max</th><td>80.000000</td><td>512.329200</td></tr></tbody></table>'

A_3 = """\
region   quarter
East     Q1         1520.75
         Q2         1633.10
West     Q1         1711.40
         Q2         1490.05
Name: revenue, dtype: float64"""

B_3 = """\
Model comparison
  Linear Regression      MAE=4.21  R2=0.71
  Random Forest          MAE=2.87  R2=0.86
  Gradient Boosting      MAE=2.95  R2=0.85"""

C_3 = """\
duplicates: 14
rows before: 2500
rows after: 2486"""

D_3 = """\
Mean delivery time: 3.27 days
90th percentile: 6.8 days
Late deliveries: 8.4%"""

E_3 = """\
        height_cm  weight_kg
gender
female     164.73      62.35
male       178.26      81.90"""

F_3 = """\
Total distance 412.7 km, moving time 18:42:10
Elevation gain 5230 m
Max speed 63.4 km/h"""

G_3 = "{'positive': 0.612, 'neutral': 0.254, 'negative': 0.134}"

H_3 = """\
      Date  Close   Volume
2024-03-01  179.66  73488000
2024-03-04  175.10  81510100
2024-03-05  170.12  95132400"""

I_3 = """\
Order 10248: 440.00
Order 10249: 1863.40
Order 10250: 1552.60
sum 3856.00"""

J_3 = "<table><thead><tr><th></th><th>Land</th><th>Einwohner (Mio.)</th><th>Fläche (km²)</th></tr></thead><tbody><tr><th>0</th><td>Bayern</td><td>13,4</td><td>70.542</td></tr><tr><th>1</th><td>Hessen</td><td>6,4</td><td>21.116</td></tr></tbody></table>"

K_3 = """\
chi2 = 18.62, dof = 4, p = 0.00093
Cramer's V = 0.21
N = 422"""

L_3 = """\
Temps moyen : 12,4 s
Temps médian : 11,8 s
Écart type : 2,9 s"""

LATER: list[tuple[str, list[str]]] = [
    (
        "The living area correlates most strongly with the price (r = [[0.70]]), the number of <<bedrooms>> only weakly ([[0.31]]).",
        [CORR_1],
    ),
    (
        "<<Beverages>> bring in the most, [[$267,868.18]] in total, an average of [[$22,323.35]] over [[12]] months. <<Seafood>> follows with [[$131,261.74]].",
        [AGG_1],
    ),
    (
        "Mit [[267.868,18| €]] ist <<Beverages>> die umsatzstärkste Kategorie; <<Condiments>> erreicht nur [[106.047,09| €]].",
        [AGG_1, "Umsatz in EUR"],
    ),
    (
        "The treatment group was faster: [[9.87| s]] versus [[12.41| s]] for the <<control>> group, a difference of [[2.54| s]] (t([[96.3]]) = [[-4.51]], p < 0.001).",
        [TT_1],
    ),
    (
        "K-means with 3 clusters gives a silhouette score of [[0.553]]; the clusters hold [[512]], [[308]] and [[180]] points, [[1000]] in all.",
        [KM_1, "Use k=3."],
    ),
    (
        "The [[1,460]] houses cost [[$180,921]] on average; the <<median>> is [[$163,000]] and the <<maximum>> [[$755,000]].",
        [JSON_1],
    ),
    ("Le prix moyen est de [[180 921,20| €]], la médiane de [[163 000| €]] sur [[1 460]] maisons.", [JSON_1]),
    (
        "Am kältesten ist der Januar mit [[−1,2| °C]], am wärmsten der Juli mit [[19,8| °C]]; die Spanne beträgt [[21| °C]].",
        [TEMP_1],
    ),
    ("El mes más cálido es julio ([[19,8| °C]]) y el más frío enero ([[-1,2| °C]]).", [TEMP_1]),
    (
        "<<France>> has the largest GDP ([[$2,782.9 billion]]) and [[67.8]] million people; <<Spain>> has [[47.4]] million.",
        [POLARS_1],
    ),
    (
        "<<Francia>> ha un PIL di [[2.782,9]] miliardi, l'Italia di [[2.010,4]] miliardi e la Spagna di [[1.397,5]] miliardi.",
        [POLARS_1],
    ),
    (
        "Recall is [[0.96]] for <<benign>> and [[0.95]] for <<malignant>> tumours; overall accuracy is [[96%]] on [[114]] test cases.",
        [CM_1],
    ),
    ("Missing values: <<cabin>> [[687]], <<age>> [[177]], <<embarked>> [[2]]. That makes [[866]] in total.", [NA_1]),
    ("In der Spalte <<cabin>> fehlen [[687]] Werte, in <<age>> [[177]] und in <<embarked>> nur [[2]].", [NA_1]),
    (
        "Of the [[891]] passengers [[342]] survived ([[38.4%]]). Ages range from [[0.42]] to [[80| years]], and the average fare was [[32.20]].",
        [LOG_1],
    ),
    (
        "Von [[891]] Passagieren überlebten [[342]], also [[38,4| %]]; [[549]] kamen ums Leben. Die Differenz beider Gruppen ist damit [[207]].",
        [LOG_1],
    ),
    (
        "<<apple>> occurs [[52]] times, <<pear>> [[31]] times and <<plum>> [[17]] times; together that is [[100]].",
        [TUP_1],
    ),
    (
        "The three most common words are **<<apple>>** ([[52]]), **<<pear>>** ([[31]]), and **<<plum>>** ([[17]]).",
        [TUP_1],
    ),
    ("The word '<<whale>>' appears [[1,150]] times, more than twice as often as '<<ship>>' ([[507]]).", [VAL_1]),
    (
        "I trained on [[712]] rows and tested on [[179]]. The best alpha is [[0.01]] with an RMSE of [[0.134]] ± [[0.009]].",
        [SPLIT_1],
    ),
    ("L'errore medio (RMSE) in validazione incrociata è [[0,1342]] ± [[0,0087]] con alpha = [[0,01]].", [SPLIT_1]),
    ("Summary\n\n* Passengers: [[891]]\n* Survived: [[342]] ([[38.38%]])\n* Average fare: [[£32.20]]\n", [LOG_1]),
    (
        "| Category | Total | Share |\n|:--|--:|--:|\n| <<Beverages>> | [[267,868.18]] | [[53.0| %]] |\n| <<Condiments>> | [[106,047.09]] | [[21.0| %]] |\n| <<Seafood>> | [[131,261.74]] | [[26.0| %]] |",
        [AGG_1],
    ),
    (
        "Die Kosten liegen bei CHF [[22’323.35]] im Mittel für <<Beverages>> und CHF [[10’938.48]] für <<Seafood>>.",
        [AGG_1],
    ),
    ("The plot shows the distribution. The mean price (about [[$181k]]) is above the median ([[$163k]]).", [JSON_1]),
    ("Spain's GDP per head is about [[$29,500]], i.e. [[1,397.5]] billion divided by [[47.4]] million.", [POLARS_1]),
    ("Everything worked. The file result.csv (712 rows) was saved.", [SPLIT_1]),
    ("Between January and July the temperature rises by [[21.0| °C]], from [[-1.2]] to [[19.8]].", [TEMP_1]),
    (
        "Der Durchschnittspreis von [[180.921,20| $]] liegt um [[17.921,20| $]] über dem Median von [[163.000| $]].",
        [JSON_1],
    ),
    ("Precision: <<benign>> [[97| %]], <<malignant>> [[94| %]]. F1: [[0.97]] and [[0.94]], respectively.", [CM_1]),
    ("First-class women had the highest survival rate ([[96.8%]]), third-class men the lowest ([[13.5%]]).", [GB_2]),
    (
        "Among <<female>> passengers, [[96.8%]] of those in class 1, [[92.1%]] in class 2 and [[50%]] in class 3 survived; among <<male>> passengers [[36.9%]], [[15.7%]] and [[13.5%]].",
        [GB_2],
    ),
    (
        "The dataset contains [[1,599]] wines and [[12]] columns, with no missing values. It uses about [[150| KB]] of memory.",
        [INFO_2],
    ),
    (
        "Die meisten Weine haben die Qualität 5 ([[681]]) oder 6 ([[638]]); nur [[18]] haben eine 8 und [[10]] eine 3.",
        [VC_2],
    ),
    ("Quality 5 is the most common rating with [[681]] wines ([[42.6%]]), quality 3 the rarest with [[10]].", [VC_2]),
    (
        "Sales peaked in <<2021>> at [[1,350.9]], up [[12.2%]] from <<2020>> ([[1,204.5]]), and fell to [[1,298.3]] in <<2022>>.",
        [YEAR_2],
    ),
    ("Der Gewinn war <<2021>> mit [[145,8]] am höchsten und <<2022>> mit [[98,4]] am niedrigsten.", [YEAR_2]),
    (
        "Lyon compte [[1 204]] utilisateurs, Toulouse [[1 011]] et Nice [[873]] ; la dépense moyenne la plus élevée est à Nice ([[41,25| €]]).",
        [SQL_2],
    ),
    (
        "<<Nice>> has the fewest users ([[873]]) but the highest average spend ([[41.25]]); <<Lyon>> has [[1204]] users who spend [[35.60]].",
        [SQL_2],
    ),
    (
        "The <<median>> household income is [[$68,703]]; you need [[$201,150]] to be in the top 10%. The Gini coefficient is [[0.48]].",
        [MED_2],
    ),
    ("Los ingresos medianos son de [[68.703| $]] y el coeficiente de Gini de [[0,481]].", [MED_2]),
    ("The ANOVA is significant (F = [[119.26]], p = [[1.67e-31]]); η² = [[0.62]], a large effect.", [ANOVA_2]),
    ("L'ANOVA è significativa (F = [[119,26]]; p < 0,001) e l'effetto è grande (η² = [[0,62]]).", [ANOVA_2]),
    (
        "The first principal component explains [[73.0%]] of the variance, the second [[22.9%]]; together [[95.8%]].",
        [PCA_2],
    ),
    ("Die ersten beiden Komponenten erklären zusammen [[95,8| %]] der Varianz ([[73,0| %]] und [[22,9| %]]).", [PCA_2]),
    ("<<Zürich>> hat [[434'008]] Einwohner auf [[87,88| km²]], <<Genf>> [[203'856]] auf [[15,93| km²]].", [EN_2]),
    (
        "<<Genf>> ist mit [[12'797]] Einwohnern pro km² am dichtesten besiedelt ([[203'856]] Einwohner, [[15.93| km²]]).",
        [EN_2],
    ),
    ("Las renovables generaron [[134.321| GWh]], el [[50,3| %]] del total de [[266.867| GWh]].", [SP_2]),
    ("Le energie rinnovabili hanno prodotto [[134,3| TWh]] su [[266,9| TWh]].", [SP_2]),
    (
        "La regione più popolosa è la <<Lombardia>> con [[9.943.004]] abitanti, seguita dal <<Lazio>> con [[5,7]] milioni.",
        [IT_2],
    ),
    ("<<Lombardia>>: [[9,94]] mln di abitanti; <<Campania>>: [[5,59]] mln.", [IT_2]),
    (
        "<<Kenya>> shrank by [[0.3| %]] in 2020 after growing [[5.1| %]] in 2019, while <<Ghana>> still grew [[0.5| %]].",
        [HTMLT_2, "GDP growth in percent"],
    ),
    (
        "The mean age is [[29.7| years]] (median [[28]]), the mean fare [[32.20]] with a standard deviation of [[49.69]].",
        [HTMLS_2],
    ),
    ("Passengers were between [[0.42]] and [[80]] years old, and paid up to [[512.33]].", [HTMLS_2]),
    (
        "L'âge moyen est de [[29,7| ans]], avec un écart-type de [[14,5]] ; [[177]] âges manquent sur [[891]].",
        [HTMLS_2],
    ),
    (
        "I loaded the data (see the first 3 rows above). Mr. Braund was [[22]] and paid [[7.25]]; Mrs. Cumings was [[38]] and paid [[71.28]].",
        [HEAD_2],
    ),
    (
        "### Findings\n\n1. **Sales** grew from [[1204.5]] to [[1298.3]] (+[[7.8%]]).\n2. **Profit** fell from [[110.2]] to [[98.4]] ([[-10.7%]]).",
        [YEAR_2],
    ),
    ("Cars of origin 3 are the most economical ([[30.45]] mpg), those of origin 1 the least ([[20.08]] mpg).", [CAR_2]),
    ("Average mileage by origin:\n- origin 1: [[20.1]]\n- origin 2: [[27.9]]\n- origin 3: [[30.5]]", [CAR_2]),
    ("Done. The chart is saved as chart.png; it shows 12 bars, one for each month.", ["saved", "Plot the 12 months"]),
    (
        "<<East>> grew from [[1,520.75]] to [[1,633.10]] between Q1 and Q2, whereas <<West>> fell from [[1,711.40]] to [[1,490.05]].",
        [A_3],
    ),
    ("Im zweiten Quartal lag <<East>> bei [[1.633,10]], <<West>> nur bei [[1.490,05]].", [A_3]),
    (
        "<<Random Forest>> is best (MAE [[2.87]], R² [[0.86]]), just ahead of <<Gradient Boosting>> (MAE [[2.95]], R² [[0.85]]).",
        [B_3],
    ),
    (
        "The mean absolute error drops from [[4.21]] for <<Linear Regression>> to [[2.87]] for <<Random Forest>>, a reduction of [[31.8%]].",
        [B_3],
    ),
    ("I removed [[14]] duplicate rows; [[2,486]] of [[2,500]] rows remain ([[99.4%]]).", [C_3]),
    ("Se eliminaron [[14]] filas duplicadas y quedan [[2.486]].", [C_3]),
    ("On average a delivery takes [[3.3| days]]; 90% arrive within [[6.8| days]], and [[8.4%]] are late.", [D_3]),
    ("Im Schnitt dauert eine Lieferung [[3,27| Tage]]; [[8,4| %]] kommen zu spät.", [D_3]),
    (
        "Men (<<male>>) are [[178.3| cm]] tall and weigh [[81.9| kg]] on average; <<female>> participants are [[164.7| cm]] tall and weigh [[62.35| kg]].",
        [E_3],
    ),
    ("La differenza di altezza è di [[13,5| cm]] ([[178,3| cm]] contro [[164,7| cm]]).", [E_3]),
    ("You rode [[412.7| km]] with [[5,230| m]] of climbing, and reached [[63.4| km/h]] at most.", [F_3]),
    ("Du bist [[412,7| km]] gefahren, in [[18:42:10]] Stunden und mit [[5.230]] Höhenmetern.", [F_3]),
    ("[[61.2%]] of the reviews are <<positive>>, [[25.4%]] <<neutral>> and [[13.4%]] <<negative>>.", [G_3]),
    ("Le sentiment est surtout <<positive>> ([[61,2| %]]), rarement <<negative>> ([[13,4| %]]).", [G_3]),
    (
        "The close fell from [[179.66]] on [[1 March 2024]] to [[170.12]] on [[5 March 2024]], down [[5.3%]]; volume rose to [[95.1 million]].",
        [H_3],
    ),
    ("Am [[04.03.2024]] schloss die Aktie bei [[175,10]] mit einem Volumen von [[81,5]] Mio.", [H_3]),
    ("The three orders add up to [[3,856.00]]; the largest is order 10249 with [[1,863.40]].", [I_3]),
    ("<<Bayern>> hat [[13,4]] Mio. Einwohner auf [[70.542| km²]], <<Hessen>> [[6,4]] Mio. auf [[21.116| km²]].", [J_3]),
    ("<<Bayern>> ist mit [[70.542| km²]] mehr als dreimal so groß wie <<Hessen>> ([[21.116| km²]]).", [J_3]),
    ("The association is significant (χ²(4) = [[18.62]], N = [[422]], p = [[0.0009]]) but weak (V = [[0.21]]).", [K_3]),
    ("Le temps moyen est de [[12,4| s]] (écart type [[2,9| s]]), la médiane de [[11,8| s]].", [L_3]),
    ("The average time is [[12.4| s]], the median [[11.8| s]].", [L_3]),
]
