"""`projgan plug-and-play`."""

import dataclasses
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from projgan.commands.devices import Device
from projgan.commands.paths import GivenPath, NewPath, RunPath
from projgan.commands.printing import Json, Overwrite, dumps, show
from projgan.commands.progress import Say, counted


def plug_and_play(
    run: RunPath,
    *,
    classifier: GivenPath | None = None,
    class_: Annotated[list[str] | None, Parameter(name="--class", consume_multiple=True)] = None,
    count: int = 10,
    seed: int = 0,
    steps: int = 200,
    prior: float = 1e-5,
    condition: float = 1.0,
    noise: float = 1e-17,
    step_size: float | None = None,
    step_rule: Literal["normalized", "plain"] = "normalized",
    class_gradient: Literal["own-logit", "log-probability"] = "own-logit",
    clip: float | None = None,
    out: NewPath = Path("plug-and-play.png"),
    overwrite: Overwrite = False,
    device: Device = "auto",
    json: Json = False,
) -> None:
    """Generate images of a class by steps to it in a classifier's features (Nguyen et al. 2017, PPGN).

    h <- h + PRIOR (E(G(h)) - h) + CONDITION d/dh log p(class | G(h)) + N(0, NOISE^2), a chain a seed.
    Defaults are those of the authors' code, step size and clip in the units of the features. The same command
    again finishes a folder that is half there.

    Parameters
    ----------
    run
        Folder of `projgan inverter`: the generator G and the classifier E whose features h it inverts.
    classifier
        File of the classifier that says where the class is, perhaps of other classes than E; E if not given.
    class_
        Class names, or `all`; every class if not given.
    count
        Images per class.
    seed
        Of the first chain; chain SEED + i gives the same image whatever else is sampled.
    steps
        Of each chain.
    prior
        e1, of the pull to features that images have; 0 is DGN-AM (Nguyen et al. 2016). The default is for
        4,096 features; for 128, 0.01 to 0.1 does better.
    condition
        e2, of the gradient to the class.
    noise
        e3, the deviation of the noise.
    step_size
        A thirtieth of the clip's default if not given; 1 under the plain rule.
    step_rule
        `normalized` makes the entries of every step 1 in the mean, as the authors' code; `plain` does not.
    class_gradient
        `own-logit` follows the class's logit alone, as the authors' code; `log-probability` all of them.
    clip
        Upper bound of a feature, the lower being 0; the largest of real images if not given; inf for none.
    out
        `FILE.png` for one grid with a row per class, `FILE.gif` for the chains on their way, else a folder of
        class folders of PNGs.
    overwrite
        Write over what somebody else made, or another call.
    device
        auto takes a GPU where there is one.
    json
        Print what was written as JSON.
    """
    from projgan.plug_and_play.writing import PlugAndPlayRequest, write_samples
    from projgan.process.ranks import choose_device

    request = PlugAndPlayRequest(
        run=run,
        classifier=classifier,
        classes=class_,
        count=count,
        seed=seed,
        steps=steps,
        prior=prior,
        condition=condition,
        noise=noise,
        step_size=step_size,
        step_rule=step_rule,
        class_gradient=class_gradient,
        clip=clip,
        out=out,
        overwrite=overwrite,
        device=str(choose_device(device)),
    )
    written = write_samples(request, counted("walking", " steps"), Say.line)
    if json:
        show(dumps(dataclasses.asdict(written)))
    else:
        show(out if len(written.files) == 1 else f"{out}: {len(written.files)} images")
