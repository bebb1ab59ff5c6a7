"""Two techniques by SMAC3: it looks for the best configuration, from the four combinations on.

A space of four configurations alone ends in ConfigurationSpaceExhaustedException (SMAC3 2.4.1), so
values between them are allowed too. With `n_workers` in place of a client of its own, the program
took a minute longer to end.
"""

import sys
from pathlib import Path

from ConfigSpace import Configuration, ConfigurationSpace
from dask.distributed import Client
from smac import AlgorithmConfigurationFacade, Scenario
from training import train


def score(config, seed=0):
    """One training."""
    return train(dict(config), seed)["rmse"]


if __name__ == "__main__":
    space = ConfigurationSpace({"max_depth": (1, 3), "subsample": (0.5, 1.0)}, seed=0)
    arms = [
        Configuration(space, {"max_depth": depth, "subsample": share})
        for depth in (3, 1)
        for share in (1.0, 0.5)
    ]
    scenario = Scenario(space, deterministic=False, n_trials=200, output_directory=Path("smac"))
    with Client(n_workers=int(sys.argv[1]), threads_per_worker=1) as client:
        smac = AlgorithmConfigurationFacade(
            scenario,
            score,
            initial_design=AlgorithmConfigurationFacade.get_initial_design(
                scenario, additional_configs=arms
            ),
            intensifier=AlgorithmConfigurationFacade.get_intensifier(scenario, max_config_calls=50),
            logging_level=30,
            dask_client=client,
        )
        best = smac.optimize()
        seeds = len(smac.runhistory.get_trials(best))
        print(dict(best), smac.runhistory.average_cost(best), seeds)
