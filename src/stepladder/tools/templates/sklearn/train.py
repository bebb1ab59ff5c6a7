"""One training with scikit-learn: stepladder calls `train` for every arm and every replicate."""

from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import train_test_split


def train(params, seed):
    """Trains a model with the parameters of an arm and returns its metrics on the test part."""
    # Your data: the seed decides which rows are tested, the same ones in every arm.
    images, digits = load_digits(return_X_y=True)
    x_train, x_test, y_train, y_test = train_test_split(
        images, digits, test_size=0.3, random_state=seed, stratify=digits
    )

    # Your model: everything that a technique changes comes from params.
    model = RandomForestClassifier(random_state=seed, **params)
    return {"accuracy": model.fit(x_train, y_train).score(x_test, y_test)}
