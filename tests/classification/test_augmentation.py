import torch

from projgan.classification.augmentation import flip_images, shift_images


def test_a_shift_by_hand() -> None:
    image = torch.arange(16, dtype=torch.uint8).reshape(1, 1, 4, 4)
    down_one_right_two = shift_images(image, torch.tensor([[1, 0]]), 2)
    # Row -1 is row 1 again, and column -2 is column 2: the edge itself is not repeated.
    assert down_one_right_two.tolist() == [[[[6, 5, 4, 5], [2, 1, 0, 1], [6, 5, 4, 5], [10, 9, 8, 9]]]]
    up_two = shift_images(image, torch.tensor([[4, 2]]), 2)
    assert up_two[0, 0, :, 0].tolist() == [8, 12, 8, 4]


def test_every_image_has_its_own_shift_and_all_its_channels_go_along() -> None:
    images = torch.randint(0, 256, (3, 2, 6, 5), dtype=torch.uint8)
    offsets = torch.tensor([[2, 2], [0, 3], [4, 1]])
    moved = shift_images(images, offsets, 2)
    padded = torch.nn.functional.pad(images.float(), (2, 2, 2, 2), mode="reflect")
    for index, (row, column) in enumerate(offsets.tolist()):
        expected = padded[index, :, row : row + 6, column : column + 5].to(torch.uint8)
        assert torch.equal(moved[index], expected)
    assert torch.equal(moved[0], images[0])


def test_a_flip_by_hand() -> None:
    images = torch.tensor([[[[1, 2, 3]]], [[[4, 5, 6]]]])
    assert flip_images(images, torch.tensor([False, True])).tolist() == [[[[1, 2, 3]]], [[[6, 5, 4]]]]
