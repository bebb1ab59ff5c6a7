"""A PyTorch script as thousands are written: it knows nothing of stepladder."""

import argparse

import torch
from torch import nn

parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=0.1)
parser.add_argument("--hidden", type=int, default=32)
parser.add_argument("--activation", choices=["relu", "tanh"], default="relu")
parser.add_argument("--momentum", type=float, default=0.0)
parser.add_argument("--steps", type=int, default=200)
parser.add_argument("--seed", type=int, default=0)
args = parser.parse_args()

torch.manual_seed(args.seed)
torch.set_num_threads(1)


def spirals(count):
    """Two spirals, one for each class, with noise."""
    labels = torch.arange(count) % 2
    angle = 1 + 6 * torch.rand(count)
    turned = angle + torch.pi * labels
    points = torch.stack([angle * turned.cos(), angle * turned.sin()], 1) / 4
    return points + 0.1 * torch.randn(count, 2), labels


x_train, y_train = spirals(400)
x_test, y_test = spirals(2000)
activation = {"relu": nn.ReLU, "tanh": nn.Tanh}[args.activation]
model = nn.Sequential(
    nn.Linear(2, args.hidden), activation(),
    nn.Linear(args.hidden, args.hidden), activation(),
    nn.Linear(args.hidden, 2),
)  # fmt: skip
optimizer = torch.optim.SGD(model.parameters(), lr=args.lr, momentum=args.momentum)
for step in range(1, args.steps + 1):
    loss = nn.functional.cross_entropy(model(x_train), y_train)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 50 == 0:
        print(f"step {step}: loss {loss.item():.4f}")

with torch.no_grad():
    accuracy = (model(x_test).argmax(1) == y_test).float().mean().item()
print(f"final accuracy: {accuracy:.4f}")
