"""How a GPU computes in float32: how exactly, and by which algorithms. These are switches of the process.

cuDNN rounds what a convolution multiplies to TF32 (ten bits of fraction in place of 23) unless it is told
not to, and may take algorithms whose sums come in another order each time.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from torch.backends import cuda, cudnn


def compute(*, tf32: bool) -> None:
    """From now on round what is multiplied to TF32, or do not; the same input gives the same bits either way.

    Has no effect on what a CPU computes. The gradients of resizing (`F.interpolate`) know no fixed order.
    """
    cudnn.allow_tf32 = cuda.matmul.allow_tf32 = tf32
    cudnn.deterministic, cudnn.benchmark = True, False


@contextmanager
def in_float32() -> Iterator[None]:
    """Compute without TF32 meanwhile, whatever the process does otherwise."""
    before = cudnn.allow_tf32, cuda.matmul.allow_tf32, cudnn.deterministic, cudnn.benchmark
    compute(tf32=False)
    try:
        yield
    finally:
        cudnn.allow_tf32, cuda.matmul.allow_tf32, cudnn.deterministic, cudnn.benchmark = before
