"""Arrays and models, and the threads that they compute with."""

from tests.libraries.case import Case

ARRAYS = [
    Case(
        name="NumPy: arrays changed in place, matrix products (OpenBLAS)",
        setup="""
import numpy as np
a = np.ones((600, 600))
b = a @ a
""",
        change="a[:] = 0; b[:] = 0",
        check="assert a.sum() == 360_000 and (a @ a == b).all() and b[0, 0] == 600",
    ),
    Case(
        name="NumPy: random, legacy and Generator",
        setup="""
import numpy as np
np.random.seed(1)
w = np.random.RandomState(1)
g, v = np.random.default_rng(1), np.random.default_rng(1)
np.random.random(3), w.random(3), g.random(), v.random()
""",
        change="np.random.random(); g.random()",
        check="""
assert (np.random.random(4) == w.random_sample(4)).all() and g.random() == v.random()
""",
    ),
    Case(
        name="np.memmap: r",
        setup="""
import numpy as np
np.arange(1000.).tofile('a.bin')
m = np.memmap('a.bin', mode='r')
""",
        change="del m",
        check="assert m.view('f8').sum() == 499_500",
    ),
    Case(
        name="np.memmap: c",
        setup="""
import numpy as np
np.arange(1000.).tofile('c.bin')
m = np.memmap('c.bin', mode='c', dtype='f8')
m[0] = 5
""",
        change="m[0] = 6",
        check="assert m[0] == 5",
    ),
    Case(
        name="np.memmap: r+",
        setup="""
import numpy as np
np.arange(1000.).tofile('b.bin')
m = np.memmap('b.bin', mode='r+')
""",
        check="""
m[0] = 1
m.flush()
""",
        refused="b.bin is open for writing",
    ),
    Case(
        name="SciPy: linalg, sparse, optimize",
        setup="""
import numpy as np
from scipy import linalg, optimize, sparse
a = np.eye(300) * 2
lu = linalg.lu_factor(a)
s = sparse.random(100, 100, 0.1).tocsr()
n = s.sum()
""",
        change="a[:] = 0; s.data[:] = 0",
        check="""
assert linalg.inv(a)[0, 0] == 0.5 and s.sum() == n and linalg.lu_solve(lu, np.ones(300))[0] == 0.5
assert abs(optimize.minimize(lambda x: (x - 3) ** 2, 0).x[0] - 3) < 1e-3
""",
    ),
    Case(
        name="statsmodels: a fit",
        setup="""
import numpy as np
import statsmodels.api as sm
x = np.arange(50.)
m = sm.OLS(3 * x + 1, sm.add_constant(x)).fit()
""",
        change="del m",
        check="assert np.allclose(m.params, [1, 3]) and np.allclose(sm.OLS(x, x).fit().params, 1)",
    ),
    Case(
        name="numba: compiled, one thread",
        setup="""
import numba
@numba.njit
def f(n):
    t = 0
    for i in range(n):
        t += i
    return t
f(10)
""",
        check="""
assert f(100) == 4950
@numba.njit
def g(n):
    return n + 1
assert g(1) == 2
""",
    ),
    Case(
        name="numba: parallel=True",
        setup="""
import numba, numpy as np
@numba.njit(parallel=True)
def f(a):
    t = 0.0
    for i in numba.prange(len(a)):
        t += a[i]
    return t
f(np.ones(100))
""",
        check="assert f(np.ones(1000)) == 1000",
        refused="numba",
    ),
]

MODELS = [
    Case(
        name="scikit-learn: fitted on one thread",
        setup="""
import numpy as np
from sklearn.linear_model import LinearRegression
x = np.arange(100.)[:, None]
m = LinearRegression().fit(x, 2 * x[:, 0])
""",
        change="m.fit(x, -x[:, 0])",
        check="""
assert abs(m.coef_[0] - 2) < 1e-9
LinearRegression().fit(x, x[:, 0])
""",
    ),
    Case(
        name="scikit-learn: HistGradientBoosting (OpenMP)",
        setup="""
import numpy as np
from sklearn.ensemble import HistGradientBoostingRegressor as H
x = np.random.default_rng(1).random((500, 5))
m = H(max_iter=3).fit(x, x[:, 0])
p = m.predict(x)
""",
        change="m = H(max_iter=2).fit(x, -x[:, 0])",
        check="""
assert (m.predict(x) == p).all()
assert (H(max_iter=3).fit(x, x[:, 0]).predict(x) == p).all()
""",
    ),
    Case(
        name="scikit-learn: KMeans (OpenMP)",
        setup="""
import numpy as np
from sklearn.cluster import KMeans
x = np.random.default_rng(1).random((5000, 5))
k = KMeans(4, random_state=1, n_init=2).fit(x)
""",
        change="k = None",
        check="""
assert len(k.cluster_centers_) == 4
assert np.allclose(KMeans(4, random_state=1, n_init=2).fit(x).inertia_, k.inertia_)
""",
    ),
    Case(
        name="scikit-learn with pandas and pyarrow loaded (OpenMP)",
        setup="""
import pandas as pd, pyarrow as pa, pyarrow.compute as pc
import numpy as np
from sklearn.cluster import KMeans
x = np.random.default_rng(1).random((5000, 5))
n = pc.sum(pa.array(x[:, 0])).as_py()
k = KMeans(4, random_state=1, n_init=2).fit(pd.DataFrame(x))
""",
        change="k = None",
        check="""
assert np.allclose(KMeans(4, random_state=1, n_init=2).fit(pd.DataFrame(x)).inertia_, k.inertia_)
assert pc.sum(pa.array(x[:, 0])).as_py() == n
""",
    ),
    Case(
        name="OpenMP used in a thread that has ended",
        setup="""
import threading
import numpy as np
from sklearn.cluster import KMeans
x = np.random.default_rng(1).random((5000, 5))
t = threading.Thread(target=lambda: KMeans(4, random_state=1, n_init=2).fit(x))
t.start(); t.join()
""",
        check="KMeans(4, random_state=1, n_init=2).fit(x)",
    ),
    Case(
        name="joblib: loky workers that stay",
        setup="""
from joblib import Parallel, delayed
r = Parallel(n_jobs=2)(delayed(abs)(-n) for n in range(4))
""",
        check="assert Parallel(n_jobs=2)(delayed(abs)(-n) for n in range(4)) == [0, 1, 2, 3]",
        refused="is running",
    ),
    Case(
        name="joblib: threads",
        setup="""
from joblib import Parallel, delayed
r = Parallel(n_jobs=2, backend='threading')(delayed(abs)(-n) for n in range(4))
""",
        change="r.clear()",
        check="""
assert r == [0, 1, 2, 3] == Parallel(n_jobs=2, backend='threading')(delayed(abs)(-n) for n in range(4))
""",
    ),
    Case(
        name="scikit-learn: RandomForest(n_jobs=2)",
        setup="""
import numpy as np
from sklearn.ensemble import RandomForestRegressor as F
x = np.random.default_rng(1).random((500, 5))
f = F(10, n_jobs=2, random_state=1).fit(x, x[:, 0])
p = f.predict(x)
""",
        change="f = None",
        check="""
assert np.allclose(f.predict(x), p) and np.allclose(F(10, n_jobs=2, random_state=1).fit(x, x[:, 0]).predict(x), p)
""",
    ),
]
