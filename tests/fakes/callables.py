"""Functions whose texts decide trials, in a module as a user would write one."""

import functools

import numpy as np

RATE = 0.1
TABLE = {"a": [1, 2]}
ARRAY = np.arange(3)
NAMES = {"c", "a", "b"}


def helper(x):
    return inner(x) * RATE


def inner(x):
    return x + len(TABLE)


def train(params, seed, scale=RATE):
    return {"accuracy": sum(helper(x) for x in (scale, ARRAY.sum())), "n": "a" in NAMES}


class Trainer:
    def __init__(self, factor):
        self.factor = factor

    def __call__(self, params, seed):
        return {"accuracy": self.factor * self.half(params)}

    def other(self, params, seed):
        return {"accuracy": helper(self.factor)}

    @staticmethod
    def half(params):
        return inner(0)


def closure(factor):
    def train(params, seed):
        return {"accuracy": factor}

    return train


by_factor = functools.partial(train, scale=0.5)
