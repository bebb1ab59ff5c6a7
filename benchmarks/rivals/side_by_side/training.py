"""What every way trains: boosted trees on the diabetes table, judged by RMSE."""

from sklearn.datasets import load_diabetes
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.metrics import root_mean_squared_error
from sklearn.model_selection import train_test_split


def train(params, seed):
    """RMSE on a fifth of the rows, which the seed draws."""
    x, y = load_diabetes(return_X_y=True)
    x_train, x_test, y_train, y_test = train_test_split(x, y, test_size=0.2, random_state=seed)
    model = GradientBoostingRegressor(n_estimators=50, random_state=seed, **params)
    return {"rmse": root_mean_squared_error(y_test, model.fit(x_train, y_train).predict(x_test))}
