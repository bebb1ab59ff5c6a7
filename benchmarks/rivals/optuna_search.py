"""The rival: Optuna around `keras.Model.fit`, with pruning.

Written as its own Keras example has it: an objective that clears the session, builds, fits with a
callback that reports and prunes; the default sampler (TPE) and the default pruner (median).
"""

from searched import ACTIVATIONS, BATCH, OPTIMIZERS, Work, build


def main():
    """Searches until its trials are used up or time is."""
    import keras
    import optuna

    work = Work()
    options = work.options

    class Pruning(keras.callbacks.Callback):
        """Reports each epoch, and raises where the trial is to be pruned."""

        def __init__(self, trial):
            super().__init__()
            self.trial = trial

        def on_epoch_end(self, epoch, logs=None):
            """Reports, and prunes."""
            self.trial.report(float(logs["val_accuracy"]), epoch)
            if self.trial.should_prune():
                raise optuna.TrialPruned

    def objective(trial):
        keras.utils.clear_session()
        layers = trial.suggest_int("layers", 1, 4)
        optimizer = trial.suggest_categorical("optimizer", OPTIMIZERS)
        model = build(
            {
                "units": [
                    trial.suggest_int(f"units_{layer}", 32, 512, step=32) for layer in range(layers)
                ],
                "activation": trial.suggest_categorical("activation", ACTIVATIONS),
                "optimizer": optimizer,
                "momentum": (
                    trial.suggest_float("momentum", 0.0, 0.95) if optimizer == "sgd" else 0.0
                ),
                "learning_rate": trial.suggest_float("learning_rate", 1e-4, 1e-1, log=True),
                "dropout": trial.suggest_float("dropout", 0.0, 0.5, step=0.1),
                "batch_norm": trial.suggest_categorical("batch_norm", [False, True]),
            }
        )
        history = model.fit(
            *work.train,
            validation_data=work.validation,
            batch_size=BATCH,
            epochs=options.epochs,
            verbose=0,
            callbacks=[work.clock(), Pruning(trial)],
        )
        return history.history["val_accuracy"][-1]

    study = optuna.create_study(
        direction="maximize",
        sampler=optuna.samplers.TPESampler(seed=options.seed),
        pruner=optuna.pruners.MedianPruner(),
    )
    study.optimize(objective, n_trials=options.trials)


if __name__ == "__main__":
    main()
