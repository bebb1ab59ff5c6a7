"""Two techniques, all four combinations, up to 50 seeds each, by SMAC3."""

import sys
from pathlib import Path

from ConfigSpace import Categorical, ConfigurationSpace
from smac import AlgorithmConfigurationFacade, Scenario
from training import train


def score(config, seed=0):
    """One training."""
    return train(dict(config), seed)["rmse"]


if __name__ == "__main__":
    space = ConfigurationSpace()
    space.add(Categorical("max_depth", [3, 1]), Categorical("subsample", [1.0, 0.5]))
    scenario = Scenario(
        space,
        deterministic=False,
        n_trials=200,
        n_workers=int(sys.argv[1]),
        output_directory=Path("smac"),
    )
    smac = AlgorithmConfigurationFacade(
        scenario,
        score,
        intensifier=AlgorithmConfigurationFacade.get_intensifier(scenario, max_config_calls=50),
        logging_level=30,
    )
    best = smac.optimize()
    history = smac.runhistory
    for config in history.get_configs():
        print(dict(config), history.average_cost(config), len(history.get_trials(config)))
    print(dict(best))
