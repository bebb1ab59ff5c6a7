"""Forecasts of tomorrow's electricity demand from a synthetic series of four years."""

import numpy as np

DAYS = 4 * 365
TEST = 90


def train(params, context):
    """Mean absolute error of forecasts for the 90 days after the days of training.

    Rows of a series must not be shuffled: a model that has seen the day after knows the day. So
    each replicate cuts the series at another day. It trains before the cut, and is tested after it.
    """
    demand = series()
    x, y = inputs(demand, params), demand[7:]
    cut = int(context.rng("cut").integers(2 * 365, DAYS - 7 - TEST))
    start = max(0, cut - params["history"])
    train, test = slice(start, cut), slice(cut, cut + TEST)
    mean, deviation = x[train].mean(0), x[train].std(0) + 1e-9
    x = np.c_[np.ones(len(x)), (x - mean) / deviation]
    penalty = params["ridge"] * np.eye(x.shape[1])
    weights = np.linalg.solve(x[train].T @ x[train] + penalty, x[train].T @ y[train])
    errors = np.abs(x @ weights - y)
    return {"train": {"mae": errors[train].mean()}, "test": {"mae": errors[test].mean()}}


def series():
    """Demand of each day in MWh: a trend, seasons, weekends, and weather that lasts for days."""
    rng, day = np.random.default_rng(1), np.arange(DAYS)
    weather = np.zeros(DAYS)
    for today in range(1, DAYS):
        weather[today] = 0.8 * weather[today - 1] + rng.normal(0, 8)
    season = 60 * np.cos(2 * np.pi * day / 365)
    return 500 + 0.02 * day + season - 70 * (day % 7 >= 5) + weather


def inputs(demand, params):
    """What is known on the day before, one row for each day from the eighth."""
    day = np.arange(7, len(demand))
    columns = [demand[day - lag] for lag in params["lags"]]
    if params["weekday"]:
        columns += [(day % 7 == weekday).astype(float) for weekday in range(6)]
    if params["season"]:
        columns += [np.cos(2 * np.pi * day / 365), np.sin(2 * np.pi * day / 365)]
    return np.stack(columns, axis=1)
