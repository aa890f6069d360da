"""Train a classifier on real images, to score generated ones."""

import torch
import torch.nn.functional as F
from torch import Tensor

from projgan.images import to_float
from projgan.networks.classifier import Classifier
from projgan.randomness import generator_at


def train_classifier(
    images: Tensor, labels: Tensor, num_classes: int, *, epochs: int = 20, batch_size: int = 64, seed: int = 0
) -> Classifier:
    """Return a classifier of uint8 images [N, C, H, W] with int64 labels [N], in evaluation mode."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(generator_at(seed, "classifier", 0).initial_seed())
        classifier = Classifier(images.shape[1], num_classes)
    batches = len(images) // batch_size
    optimizer = torch.optim.AdamW(classifier.parameters(), weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 5e-3, total_steps=epochs * batches)
    for epoch in range(epochs):
        order = torch.randperm(len(images), generator=generator_at(seed, "classifier-order", epoch))
        for indices in order[: batches * batch_size].split(batch_size):
            loss = F.cross_entropy(
                classifier(to_float(images[indices])), labels[indices], label_smoothing=0.05
            )
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    return classifier.eval()


@torch.inference_mode()
def predict(classifier: Classifier, images: Tensor, batch_size: int = 500) -> Tensor:
    """Return the most likely class of uint8 images [N, C, H, W], int64 [N]."""
    return torch.cat([classifier(to_float(batch)).argmax(dim=1) for batch in images.split(batch_size)])
