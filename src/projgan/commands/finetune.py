"""`projgan finetune`."""

from projgan.commands.devices import Device
from projgan.commands.paths import GivenPath, NewPath, RunPath
from projgan.commands.printing import Json
from projgan.commands.progress import bar_listener
from projgan.commands.train import report_training


def finetune(
    run: RunPath,
    /,
    *,
    classifier: GivenPath,
    weight: float = 1.0,
    steps: int | None = None,
    classes: GivenPath | None = None,
    learning_rate: float | None = None,
    run_dir: NewPath | None = None,
    device: Device | None = None,
    json: Json = False,
) -> int:
    """Train a run further while a frozen classifier guides its generator: sharper images, less diverse ones.

    The generator's loss gains the classifier's cross-entropy, as in the paper's last updates. The result is
    a run directory of its own, which every other command takes; the same command again resumes.

    Parameters
    ----------
    run
        A run directory of class labels; its last checkpoint is where this starts. It is not changed.
    classifier
        File made by `projgan classifier` of the run's data, or `imagenet`: the pretrained classifier of the
        extra `pretrained` (`imagenet:FILE` for its file). Keep another one to measure with.
    weight
        Of the cross-entropy beside the adversarial loss; 0 trains on without it, to compare with.
    steps
        Further generator updates; an eighth of those the run has done if not given, as in the paper.
    classes
        With `imagenet`: CSV with a class of the run and its name or synset in ILSVRC2012 in each line, for
        those that are called otherwise there.
    learning_rate
        At the start, falling linearly to zero; `optimizer.learning_rate` of the run if not given.
    run_dir
        Folder of the fine-tuned run; RUN-finetuned if not given.
    device
        auto takes a GPU where there is one; `training.device` of the run if not given.
    json
        Print the result as JSON.
    """
    from projgan.listening import Listener
    from projgan.process.ranks import join_ranks
    from projgan.training.finetuning import FinetuningRequest, choose_run_dir, finetuned_config
    from projgan.training.run import train

    folder = choose_run_dir(run, run_dir)
    request = FinetuningRequest(run, classifier, weight, steps, learning_rate, classes, device)
    config = finetuned_config(request)
    with join_ranks(config.training.device) as ranks:
        listener = bar_listener() if ranks.is_first else Listener()
        result = train(config, folder, ranks, listener)
        if ranks.is_first:
            report_training(result, as_json=json)
        return result.exit_code
