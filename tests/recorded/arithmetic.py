"""How this machine computes, and how near to the recorded numbers its own must therefore be.

Activations are sums of exponentials, powers and logarithms. Those come from numpy's code for the
processor's vector instructions and from the C library, which round the last bit differently: of
the recorded answers one bit of one number is another where the C library does without FMA. The
kernels of BLAS and numpy's AVX2 make no difference (measured with OPENBLAS_CORETYPE and
NPY_DISABLE_CPU_FEATURES): cosines are dot products by einsum. Order and digests are the same
everywhere.
"""

import hashlib
import math

import numpy as np

# Doubles that round otherwise in the last bit, of numbers up to a hundred; and single precision,
# which another architecture may add up in another order.
DOUBLES_DIFFER, SINGLES_DIFFER = 1e-11, 1e-5


def fingerprint() -> dict[str, str]:
    """Digests of what some numbers come to here, in double and in single precision."""
    ages = np.geomspace(1e-3, 1e9, 20_001)
    doubles = [
        np.exp(np.linspace(-40, 40, 20_001)),
        np.log(ages),
        np.log1p(ages),
        ages**-0.4321,
        np.power(ages[:501], np.linspace(-2, 2, 501)[:, np.newaxis]),
        np.array([math.exp(-each) + math.log(1 + each) for each in np.linspace(0, 40, 5_001)]),
    ]
    rows = np.sin(np.arange(64 * 384, dtype=np.float64)).astype(np.float32).reshape(64, 384)
    singles = [
        np.einsum("ij,j->i", rows, rows[0]),
        np.einsum("ik,jk->ij", rows, rows),
        np.einsum("ij,ij->i", rows, rows[::-1]),
    ]
    return {"doubles": _digest(doubles), "singles": _digest(singles)}


def tolerance(recorded: dict[str, str]) -> float:
    """How far a number may be from one that was recorded on a machine with this fingerprint."""
    here = fingerprint()
    if here == recorded:
        return 0.0
    return DOUBLES_DIFFER if here["singles"] == recorded["singles"] else SINGLES_DIFFER


def _digest(columns: list[np.ndarray]) -> str:
    return hashlib.sha256(b"".join(column.tobytes() for column in columns)).hexdigest()
