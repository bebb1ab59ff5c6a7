"""The rival: KerasTuner's RandomSearch, Hyperband or BayesianOptimization.

Written as its guide "Getting started with KerasTuner" has it: a function that builds a compiled
model from `hp`, and `tuner.search` with validation data.
"""

import tempfile

from searched import ACTIVATIONS, BATCH, OPTIMIZERS, Work, build


def main():
    """Searches until its trials are used up or time is."""
    import keras_tuner

    work = Work()
    options = work.options

    def model(hp):
        layers = hp.Int("layers", 1, 4)
        optimizer = hp.Choice("optimizer", OPTIMIZERS)
        momentum = 0.0
        if optimizer == "sgd":
            with hp.conditional_scope("optimizer", ["sgd"]):
                momentum = hp.Float("momentum", 0.0, 0.95)
        return build(
            {
                "units": [hp.Int(f"units_{layer}", 32, 512, step=32) for layer in range(layers)],
                "activation": hp.Choice("activation", ACTIVATIONS),
                "optimizer": optimizer,
                "momentum": momentum,
                "learning_rate": hp.Float("learning_rate", 1e-4, 1e-1, sampling="log"),
                "dropout": hp.Float("dropout", 0.0, 0.5, step=0.1),
                "batch_norm": hp.Boolean("batch_norm"),
            }
        )

    with tempfile.TemporaryDirectory() as folder:
        common = {
            "objective": "val_accuracy",
            "seed": options.seed,
            "directory": folder,
            "project_name": "search",
        }
        if options.kind == "hyperband":
            tuner = keras_tuner.Hyperband(model, max_epochs=options.epochs, factor=3, **common)
        else:
            kinds = {
                "random": keras_tuner.RandomSearch,
                "bayesian": keras_tuner.BayesianOptimization,
            }
            tuner = kinds[options.kind](model, max_trials=options.trials, **common)
        tuner.search(
            *work.train,
            validation_data=work.validation,
            batch_size=BATCH,
            epochs=options.epochs,
            callbacks=[work.clock()],
            verbose=0,
        )


if __name__ == "__main__":
    main()
