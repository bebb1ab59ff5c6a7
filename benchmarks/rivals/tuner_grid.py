"""The rival: the trainings of a study as KerasTuner's grid over arm and seed.

Written as its guide "Getting started with KerasTuner" has it: a `HyperModel` whose `build` reads
the arm and whose `fit` takes what training depends on, and `GridSearch`, one process.
"""

import tempfile

from work import Work, build


def main():
    """Searches the whole grid."""
    import keras
    import keras_tuner

    work = Work()

    class Ladder(keras_tuner.HyperModel):
        """An arm and a seed."""

        def build(self, hp):
            """The arm's network."""
            keras.utils.set_random_seed(hp.Int("seed", 0, work.replicates - 1))
            return build(work.arms[hp.Choice("arm", list(work.arms))])

        def fit(self, hp, model, *args, callbacks=(), **kwargs):
            """Trains it on the seed's split."""
            arm, seed = hp.get("arm"), hp.get("seed")
            train, validation = work.parts(seed)
            history = model.fit(
                *train,
                batch_size=work.arms[arm]["batch_size"],
                validation_data=validation,
                callbacks=[*callbacks, work.clock()],
                **kwargs,
            )
            work.tested(arm, seed, model)
            return history

    with tempfile.TemporaryDirectory() as folder:
        tuner = keras_tuner.GridSearch(
            Ladder(), objective="val_accuracy", directory=folder, project_name="ladder"
        )
        tuner.search(epochs=work.epochs, verbose=0)
    work.finish(**{"keras-tuner": keras_tuner.__version__})


if __name__ == "__main__":
    main()
