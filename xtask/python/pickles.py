"""Records crates/pickle/tests/data: one value pickled by every protocol. Runs on Python 2.7 and 3 alike:

    python2.7 xtask/python/pickles.py crates/pickle/tests/data
    python3.8 xtask/python/pickles.py crates/pickle/tests/data
"""
from __future__ import print_function
import os
import pickle
import sys
from collections import OrderedDict, defaultdict
from datetime import date


class Plain(object):
    """An object with a `__dict__`."""


class Pair(tuple):
    """An object with arguments."""


class Slotted(object):
    __slots__ = ("width",)


class Old:
    """On Python 2 a class without a base: INST or OBJ."""


def value():
    shared = [1, 2]
    plain = Plain()
    plain.name = u"plain"
    plain.me = plain
    old = Old()
    old.x = -1
    slotted = Slotted()
    slotted.width = 0.5
    ordered = OrderedDict([(u"z", 1), (u"a", 2)])
    counts = defaultdict(int)
    counts[u"k"] = 3
    return {
        "none": None, "bools": [True, False], "ints": [0, 255, 256, 65535, 65536, -1, -(2 ** 31), 2 ** 40, -(2 ** 62)],
        "big": [2 ** 64, -(2 ** 100)], "floats": [0.1, -1e300, float("inf")], "text": u"gr\xfc\xdfe \u20ac \U0001f600\n\\",
        "bytes": b"\x00\xffraw\n'\"\\", "tuples": [(), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4)],
        "set": set([5]), "frozen": frozenset([6]), "shared": [shared, shared], "ordered": ordered, "counts": counts,
        "plain": plain, "pair": Pair((7, 8)), "old": old, "slotted": slotted, "date": date(2020, 2, 29), "class": Plain,
        "complex": complex(1, -2), "bytearray": bytearray(b"ba"), "long": u"x" * 300,
    }


def main(to):
    version = "py%d%d" % sys.version_info[:2]
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        v = value()
        if protocol < 2:
            del v["slotted"]
        writers = [("", pickle.dumps)]
        if sys.version_info[0] == 2:
            import cPickle
            writers.append(("c", cPickle.dumps))
        for tag, dumps in writers:
            with open(os.path.join(to, "%s%s_p%d.pkl" % (version, tag, protocol)), "wb") as f:
                f.write(dumps(v, protocol))


if __name__ == "__main__":
    main(sys.argv[1])
