"""Tables: pandas, Arrow, Polars, DuckDB."""

from tests.libraries.case import Case

TABLES = [
    Case(
        name="pandas: changed in place, groupby",
        setup="""
import pandas as pd
df = pd.DataFrame({'a': range(1000), 'b': ['x', 'y'] * 500})
g = df.groupby('b')
""",
        change="df.drop(columns='a', inplace=True); df.loc[0, 'b'] = 'z'",
        check="""
assert list(df) == ['a', 'b'] and df.a.sum() == 499_500 and g.a.sum()['x'] == 249_500
df['c'] = df.a * 2
""",
    ),
    Case(
        name="pandas: read_csv, to_parquet, read_parquet",
        setup="""
import pandas as pd
pd.DataFrame({'a': range(100_000)}).to_csv('t.csv', index=False)
df = pd.read_csv('t.csv')
df.to_parquet('t.parquet')
""",
        change="df['a'] = 0",
        check="""
assert df.a.sum() == 4_999_950_000 and pd.read_parquet('t.parquet').equals(df)
assert pd.read_csv('t.csv', engine='pyarrow').a.sum() == 4_999_950_000
""",
    ),
    Case(
        name="pandas: an iterator of read_csv(chunksize)",
        setup="""
import pandas as pd
pd.DataFrame({'a': range(300_000)}).to_csv('u.csv', index=False)
it = pd.read_csv('u.csv', chunksize=1000)
next(it)
""",
        change="it.close()",
        check="assert next(it).a.iloc[0] == 1000 and sum(len(c) for c in it) == 298_000",
    ),
    Case(
        name="pyarrow: compute and CSV in parallel",
        setup="""
import pyarrow as pa, pyarrow.compute as pc
from pyarrow import csv
t = pa.table({"a": list(range(200_000)), "b": ["x", "y"] * 100_000})
csv.write_csv(t, "v.csv")
n = pc.sum(csv.read_csv("v.csv")["a"]).as_py()
s = t.group_by("b").aggregate([("a", "sum")])
""",
        change="del t, s",
        check="""
assert n == 19_999_900_000 and pc.sum(csv.read_csv("v.csv")["a"]).as_py() == n
assert sorted(t.group_by("b").aggregate([("a", "sum")])["a_sum"].to_pylist()) == sorted(s["a_sum"].to_pylist())
""",
    ),
    Case(
        name="pyarrow: a dataset that is scanned",
        setup="""
import pyarrow as pa, pyarrow.dataset as ds, pyarrow.parquet as pq
pq.write_table(pa.table({'a': list(range(100_000))}), 'w.parquet')
d = ds.dataset('w.parquet')
n = d.count_rows()
f = pq.ParquetFile('w.parquet')
""",
        check="""
assert d.to_table()['a'][99_999].as_py() == 99_999 == n - 1 and f.read().num_rows == n
""",
    ),
    Case(
        name="Polars: imported",
        setup="import polars as pl",
        check="assert pl.__version__",
    ),
    Case(
        name="Polars: imported, used only after the restore",
        setup="""
import polars as pl
name = 'a'
""",
        check="""
assert pl.DataFrame({name: [3, 1, 2]}).lazy().sort('a').collect()['a'].to_list() == [1, 2, 3]
""",
    ),
    Case(
        name="Polars: after a query",
        setup="""
import polars as pl
d = pl.DataFrame({'a': [3, 1, 2]}).lazy().sort('a').collect()
""",
        check="""
assert d['a'].to_list() == [1, 2, 3] and d.lazy().group_by('a').len().collect().height == 3
""",
        refused="threads of Polars",
    ),
    Case(
        name="DuckDB: imported",
        setup="""
import duckdb
n = 1
""",
        change="n = 2",
        check="""
assert n == 1 and duckdb.sql('select sum(range) s from range(1000000)').fetchall() == [(499999500000,)]
""",
    ),
    Case(
        name="DuckDB: in memory, open",
        setup="""
import duckdb
con = duckdb.connect()
con.execute('create table t as select range n from range(1000)')
""",
        check="assert con.sql('select sum(n) from t').fetchall() == [(499500,)]",
        refused="threads of DuckDB",
    ),
    Case(
        name="DuckDB: after a query of the module",
        setup="""
import duckdb
r = duckdb.sql('select sum(range) s from range(1000000)').fetchall()
""",
        check="assert duckdb.sql('select 1').fetchall() == [(1,)]",
        refused="threads of DuckDB",
    ),
    Case(
        name="DuckDB: closed",
        setup="""
import duckdb
con = duckdb.connect('d.duckdb')
con.sql('create or replace table t as select range n from range(1000)')
con.close()
""",
        check="""
with duckdb.connect('d.duckdb') as c:
    assert c.sql('select sum(n) from t').fetchall() == [(499500,)]
""",
    ),
    Case(
        name="DuckDB: a file, open",
        setup="""
import duckdb
con = duckdb.connect('e.duckdb')
con.sql('create or replace table t as select 1 n')
""",
        check="assert con.sql('select n from t').fetchall() == [(1,)]",
        refused="threads of DuckDB",
    ),
    Case(
        name="tqdm: a bar half way",
        setup="""
import time
from tqdm.auto import tqdm
bar = tqdm(total=10)
bar.update(3)
""",
        change="bar.update(5)",
        check="""
assert bar.n == 3
bar.update(2)
for _ in tqdm(range(3)):
    pass
""",
    ),
]
