"""The rival: the trainings of a study by Optuna, `GridSampler` over arm and seed.

Written as its own Keras example has it: an objective that clears the session, builds, fits and
evaluates; one process, storage in memory.
"""

from work import Work, build


def main():
    """Optimises over the whole grid."""
    import keras
    import optuna

    work = Work()
    grid = {"arm": list(work.arms), "seed": list(range(work.replicates))}

    def objective(trial):
        keras.utils.clear_session()
        arm = trial.suggest_categorical("arm", grid["arm"])
        seed = trial.suggest_categorical("seed", grid["seed"])
        keras.utils.set_random_seed(seed)
        train, validation = work.parts(seed)
        recipe = work.arms[arm]
        model = build(recipe)
        history = model.fit(
            *train,
            validation_data=validation,
            batch_size=recipe["batch_size"],
            epochs=work.epochs,
            verbose=0,
            callbacks=[work.clock()],
        )
        work.tested(arm, seed, model)
        return history.history["val_accuracy"][-1]

    study = optuna.create_study(
        direction="maximize", sampler=optuna.samplers.GridSampler(grid, seed=0)
    )
    study.optimize(objective)
    work.finish(optuna=optuna.__version__)


if __name__ == "__main__":
    main()
