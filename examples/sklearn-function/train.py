"""Gradient boosting on the diabetes table of scikit-learn."""

from sklearn.datasets import load_diabetes
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.metrics import r2_score, root_mean_squared_error
from sklearn.model_selection import train_test_split


def train(seed, **params):
    """RMSE and R² on a fifth of the patients, drawn anew in each replicate."""
    x, y = load_diabetes(return_X_y=True)
    x_train, x_test, y_train, y_test = train_test_split(x, y, test_size=0.2, random_state=seed)
    model = GradientBoostingRegressor(random_state=seed, **params).fit(x_train, y_train)
    answers = model.predict(x_test)
    return {"rmse": root_mean_squared_error(y_test, answers), "r2": r2_score(y_test, answers)}
