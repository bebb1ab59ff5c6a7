"""One training as a program in any language: it prints its result as JSON on the last line."""

import argparse
import json

import numpy as np

parser = argparse.ArgumentParser()
parser.add_argument("--learning-rate", type=float, required=True)
parser.add_argument("--momentum", type=float, required=True)
parser.add_argument("--steps", type=int, required=True)
parser.add_argument("--seed", type=int, required=True)
args = parser.parse_args()

# Your data and your training: here a linear regression by gradient descent. The seed decides all
# that is random, so that replicates differ and arms of one replicate do not.
random = np.random.default_rng(args.seed)
x = random.normal(size=(400, 20)) * np.linspace(0.2, 1.0, 20)
y = x @ random.normal(size=20) + 0.3 * random.normal(size=400)
x_train, y_train, x_test, y_test = x[:200], y[:200], x[200:], y[200:]

weights, velocity = np.zeros(20), np.zeros(20)
for _ in range(args.steps):
    gradient = x_train.T @ (x_train @ weights - y_train) / len(x_train)
    velocity = args.momentum * velocity - args.learning_rate * gradient
    weights = weights + velocity

print(json.dumps({"loss": float(np.mean((x_test @ weights - y_test) ** 2))}))
