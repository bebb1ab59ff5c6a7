"""One training with PyTorch: stepladder calls `train` for every arm and every replicate."""

import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


def train(params, seed):
    """Trains a network with the parameters of an arm and returns its metrics on the test part."""
    torch.manual_seed(seed)
    torch.set_num_threads(1)  # several trainings run at once, one on each core

    # Your data: the seed decides which rows are tested, the same ones in every arm.
    images, digits = load_digits(return_X_y=True)
    parts = train_test_split(
        torch.tensor(images / 16, dtype=torch.float32), torch.tensor(digits),
        test_size=0.3, random_state=seed, stratify=digits,
    )  # fmt: skip
    x_train, x_test, y_train, y_test = parts

    # Your network: everything that a technique changes comes from params.
    model = nn.Sequential(
        nn.Linear(64, params["units"]), nn.ReLU(), nn.Dropout(params["dropout"]),
        nn.Linear(params["units"], 10),
    )  # fmt: skip
    optimizers = {"SGD": torch.optim.SGD, "Adam": torch.optim.Adam}
    optimizer = optimizers[params["optimizer"]](model.parameters(), lr=params["learning_rate"])
    loss_of = nn.CrossEntropyLoss()
    loader = DataLoader(TensorDataset(x_train, y_train), batch_size=32, shuffle=True)

    for _ in range(params["epochs"]):
        for x, y in loader:
            optimizer.zero_grad()
            loss_of(model(x), y).backward()
            optimizer.step()

    model.eval()
    with torch.no_grad():
        accuracy = (model(x_test).argmax(1) == y_test).float().mean().item()
    return {"accuracy": accuracy}
