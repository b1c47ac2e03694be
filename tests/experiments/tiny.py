"""An experiment of seconds, and a script that runs it: what the runner's tests start, kill and start again."""

import sys
import time

from sidelib.experiments.experiment import DataPlan, Experiment, Judgement, Sizes, Source, Variant
from sidelib.training.objectives import objective
from sidelib.training.schedule import Schedule

_ROOMS = Source("scenes", {"kind": "rooms"})
TINY = Experiment(
    name="tiny",
    about="two losses on a handful of rooms",
    variants=(Variant("l1", "fcrn", objective("l1")), Variant("l2", "fcrn", objective("l2"))),
    plans={
        "scenes": DataPlan((_ROOMS,), (_ROOMS,), {"rooms": Judgement((_ROOMS,), ("thesis", "fcrn"))}),
        "folder": DataPlan((_ROOMS,), (_ROOMS,), {"rooms": Judgement((_ROOMS,), ("thesis",))}, needs_root=True),
    },
    schedule=Schedule(lr=1e-3, shape="cosine"),
    sizes={"smoke": Sizes((32, 32), 8, 8, 1 / 16, 4, 6, 2, 2)},
)

if __name__ == "__main__":
    import sidelib.training.module as module
    from sidelib.experiments.runner import run

    results, work, slow = sys.argv[1], sys.argv[2], float(sys.argv[3])
    step = module.DepthModule.training_step

    def slowly(self, batch, index):
        time.sleep(slow)
        return step(self, batch, index)

    module.DepthModule.training_step = slowly
    print(
        run(TINY, profile="smoke", device="cpu", results=results, work=work, say=lambda line: print(line, flush=True))
    )
