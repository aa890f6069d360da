import hashlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
import threading
from pathlib import Path

import numpy as np
import pytest

from projgan.data import load_images, open_packed, open_source, pack
from projgan.data import loading as loading_module
from projgan.errors import UserError


def first_pixels(packed):
    return packed.images[:, 0, 0, 0].tolist()


def test_order_is_kept_whatever_the_number_of_processors(write_files, png, tmp_path, monkeypatch):
    files = {f"{label}/{index:03}.png": png(index, mode="L") for label in range(2) for index in range(150)}
    source = open_source(write_files(files))
    for processors in (1, 3, None):
        monkeypatch.setattr("os.cpu_count", lambda count=processors: count)
        packed = pack(source, tmp_path / f"store{processors}", resolution=4, channels=1)
        assert first_pixels(packed) == [*range(150), *range(150)]
        assert packed.labels.tolist() == [0] * 150 + [1] * 150


def test_a_store_among_the_images_is_refused_before_it_is_made(two_classes, tmp_path, monkeypatch):
    before = open_source(two_classes).fingerprint
    monkeypatch.chdir(two_classes)
    (tmp_path / "link").symlink_to(two_classes)
    for out in (two_classes / "packed", Path("cat/packed"), tmp_path / "link" / "new" / "packed"):
        with pytest.raises(UserError, match=r"packed lies among the images of .*set; choose a place outside"):
            pack(open_source(two_classes), out, resolution=4, channels=1)
    assert open_source(two_classes).fingerprint == before
    assert {path.name for path in two_classes.iterdir()} == {"cat", "dog"}
    pack(open_source(two_classes), two_classes / ".packed", resolution=4, channels=1)  # as what is hidden
    assert open_source(two_classes).fingerprint == before


def test_a_cache_among_the_images_is_refused_before_it_is_made(two_classes, monkeypatch):
    monkeypatch.chdir(two_classes)
    for cache in ("cache", two_classes, Path("cat/cache")):
        for keep in (True, False):
            with pytest.raises(UserError, match=r"^the cache .* lies among the images of .*; choose a place"):
                load_images(two_classes, resolution=4, channels=1, cache=cache, keep=keep)
    assert {path.name for path in two_classes.iterdir()} == {"cat", "dog"}
    assert len(load_images(two_classes, resolution=4, channels=1, cache=".cache").images) == 3


def test_progress_counts_every_image(two_classes, tmp_path):
    seen = []
    load_images(
        two_classes, resolution=4, channels=3, cache=tmp_path, progress=lambda *step: seen.append(step)
    )
    assert seen == [(1, 3), (2, 3), (3, 3)]


def test_the_cache_is_filled_once(two_classes, tmp_path, monkeypatch):
    cache = tmp_path / "cache"
    first = load_images(two_classes, resolution=4, channels=3, cache=cache)
    assert isinstance(first.images, np.memmap)
    monkeypatch.setattr("projgan.data.decoding.Decoding.images", lambda *a, **k: pytest.fail("decoded again"))
    second = load_images(two_classes, resolution=4, channels=3, cache=cache)
    assert second.fingerprint == first.fingerprint
    assert first_pixels(second) == [10, 20, 30]
    assert len(list(cache.iterdir())) == 1


def test_other_sizes_channels_and_contents_have_other_places_in_the_cache(two_classes, tmp_path, png):
    cache = tmp_path / "cache"
    prints = {
        load_images(two_classes, resolution=resolution, channels=channels, cache=cache).fingerprint
        for resolution, channels in ((4, 3), (4, 1), (8, 3))
    }
    (two_classes / "dog" / "d.png").write_bytes(png(40))
    prints.add(load_images(two_classes, resolution=4, channels=3, cache=cache).fingerprint)
    assert len(prints) == 4
    assert len(list(cache.iterdir())) == 4


@pytest.fixture
def wide(write_files, png):
    """Images of 8x4."""
    return write_files(
        {f"{name}/a.png": png(value, size=(8, 4)) for name, value in (("cat", 10), ("dog", 20))}
    )


def test_another_fit_has_another_place_in_the_cache_and_the_usual_one_the_place_it_had(wide, tmp_path):
    cache, source = tmp_path / "cache", open_source(wide)
    prints = {
        fit: load_images(wide, resolution=8, channels=3, fit=fit, cache=cache).fingerprint
        for fit in ("crop", "pad", "stretch")
    }
    assert len({prints["crop"], prints["pad"]}) == 2
    assert prints["stretch"] == prints["crop"]  # of images of one colour
    before = hashlib.sha256("\n".join([source.fingerprint, "1", "8", "3"]).encode()).hexdigest()
    assert (cache / before).is_dir()
    assert "fit" not in json.loads((cache / before / "manifest.json").read_text())
    assert len(list(cache.iterdir())) == 3
    padded = load_images(wide, resolution=8, channels=3, fit="pad", cache=cache)
    assert padded.images[0, 0, :, 3].tolist() == [0, 0, 10, 10, 10, 10, 0, 0]
    assert padded.upscaled == 0
    assert load_images(wide, resolution=8, channels=3, cache=cache).upscaled == 2


@pytest.mark.parametrize("cached", [True, False])
def test_a_rehearsal_is_fitted_alike(wide, tmp_path, cached):
    options = {"resolution": 8, "channels": 1, "fit": "pad", "cache": tmp_path / "cache" if cached else None}
    assert load_images(wide, keep=False, **options).fingerprint == load_images(wide, **options).fingerprint


def test_a_store_keeps_its_fit_and_refuses_another(wide, tmp_path):
    store = tmp_path / "store"
    pack(open_source(wide), store, resolution=8, channels=1, fit="pad")
    taken = load_images(store, resolution=8, channels=1, cache=None)
    assert taken.fit == "pad"
    assert any("data.fit is pad" in line for line in taken.remarks)
    with pytest.raises(UserError, match="was packed with fit pad, and stretch is asked for; pack"):
        load_images(store, resolution=8, channels=1, fit="stretch", cache=None)
    with pytest.raises(UserError, match="or of another size or fit"):
        pack(open_source(wide), store, resolution=8, channels=1)
    manifest = store / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"pad"', '"stretch"'))
    with pytest.raises(UserError, match="was changed"):
        open_packed(store)


def age(folder, nanoseconds):
    """Set the times of the files, since two files written at once may have the same."""
    for path in folder.rglob("*.*"):
        os.utime(path, ns=(nanoseconds, nanoseconds))
    return folder


def test_same_names_and_sizes_are_not_the_same_images(write_files, png, tmp_path):
    options = {"resolution": 4, "channels": 1, "cache": tmp_path / "cache"}
    first, second = (
        age(
            write_files(
                {"cat/a.bmp": png(value, kind="BMP"), "dog/b.bmp": png(value, kind="BMP")}, f"{value}/set"
            ),
            value,
        )
        for value in (10, 20)
    )
    packed = [load_images(folder, **options) for folder in (first, second)]
    assert [first_pixels(images) for images in packed] == [[10, 10], [20, 20]]
    assert packed[0].fingerprint != packed[1].fingerprint


def test_the_same_images_elsewhere_have_the_same_fingerprint(two_classes, tmp_path):
    copy = age(Path(shutil.copytree(two_classes, tmp_path / "elsewhere")), 7)
    size = {"resolution": 4, "channels": 3}
    cache = tmp_path / "cache"
    pack(open_source(copy), tmp_path / "store", **size)
    prints = {
        images.fingerprint
        for images in (
            load_images(two_classes, cache=cache, **size),
            load_images(copy, cache=cache, **size),
            load_images(copy, cache=None, **size),
            load_images(tmp_path / "store", cache=cache, **size),
        )
    }
    assert len(prints) == 1
    assert (
        len(list(cache.iterdir())) == 2
    )  # one per folder: nothing cheaper than reading tells that they match


def test_an_image_written_anew_is_noticed(write_files, png, tmp_path):
    options = {"resolution": 4, "channels": 1, "cache": tmp_path / "cache"}
    folder = age(write_files({"cat/a.bmp": png(1, kind="BMP"), "dog/b.bmp": png(2, kind="BMP")}), 7)
    before = load_images(folder, **options)
    pack(open_source(folder), tmp_path / "store", resolution=4, channels=1)
    (folder / "dog" / "b.bmp").write_bytes(png(3, kind="BMP"))
    after = load_images(folder, **options)
    assert (first_pixels(before), first_pixels(after)) == ([1, 2], [1, 3])
    assert before.fingerprint != after.fingerprint
    with pytest.raises(UserError, match="or of files written anew since"):
        pack(open_source(folder), tmp_path / "store", resolution=4, channels=1)


def test_an_image_of_a_table_written_anew_is_noticed(write_files, png, tmp_path):
    options = {"resolution": 4, "channels": 1, "cache": tmp_path / "cache"}
    table = b"file,label\na.bmp,cat\nb.bmp,dog\n"
    folder = write_files({"a.bmp": png(1, kind="BMP"), "b.bmp": png(2, kind="BMP"), "labels.csv": table})
    age(folder, 7)
    load_images(folder, **options)
    (folder / "b.bmp").write_bytes(png(3, kind="BMP"))
    assert first_pixels(load_images(folder, **options)) == [1, 3]


@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_a_tar_written_anew_is_noticed(write_files, png, tmp_path, mode):
    options = {"resolution": 4, "channels": 1, "cache": tmp_path / "cache"}
    path = tmp_path / "a.tar"
    for value in (1, 2):
        folder = age(write_files({"cat/a.bmp": png(value, kind="BMP"), "dog/b.bmp": png(9, kind="BMP")}), 0)
        with tarfile.open(path, mode) as archive:
            archive.add(folder, "set")
        os.utime(path, ns=(value, value))
        assert first_pixels(load_images(path, **options)) == [value, 9]


def test_memory_and_cache_give_the_same(two_classes, tmp_path):
    (two_classes / "dog" / "bad.png").write_bytes(b"x")
    options = {"resolution": 6, "channels": 3, "on_unreadable": "skip"}
    in_memory = load_images(two_classes, cache=None, **options)
    on_disk = load_images(two_classes, cache=tmp_path / "cache", **options)
    assert np.array_equal(in_memory.images, on_disk.images)
    assert np.array_equal(in_memory.labels, on_disk.labels)
    assert in_memory.fingerprint == on_disk.fingerprint
    assert (
        (in_memory.skipped, in_memory.upscaled)
        == (on_disk.skipped, on_disk.upscaled)
        == (("dog/bad.png",), 3)
    )
    assert not in_memory.images.flags.writeable


def test_all_unreadable_images_are_counted_and_the_first_named(write_files, png, tmp_path):
    files = {f"cat/{index:02}.png": b"broken" for index in range(17)} | {"dog/a.png": png()}
    folder = write_files(files)
    with pytest.raises(UserError) as caught:
        load_images(folder, resolution=4, channels=3, cache=tmp_path / "cache")
    message = str(caught.value)
    assert "17 of 18 images cannot be read: cat/00.png: not an image" in message
    assert "cat/04.png" in message
    assert "cat/05.png" not in message
    assert " and 12 more; " in message
    assert message.endswith("with --on-unreadable skip")
    assert "\n" not in message
    assert list((tmp_path / "cache").iterdir()) == []


def test_skipping_leaves_them_out_and_says_so(two_classes, tmp_path):
    (two_classes / "cat" / "a.png").write_bytes(b"broken")
    packed = pack(
        open_source(two_classes), tmp_path / "store", resolution=4, channels=3, on_unreadable="skip"
    )
    assert first_pixels(packed) == [20, 30]
    assert packed.labels.tolist() == [0, 1]
    assert (packed.skipped, packed.skipped_count) == (("cat/a.png",), 1)
    assert open_packed(tmp_path / "store", verify="always").skipped == ("cat/a.png",)


def test_a_store_with_images_left_out_does_not_pass_for_a_whole_one(two_classes, tmp_path):
    (two_classes / "cat" / "a.png").write_bytes(b"broken")
    options = {"resolution": 4, "channels": 3, "cache": tmp_path / "cache"}
    load_images(two_classes, on_unreadable="skip", **options)
    assert len(load_images(two_classes, on_unreadable="skip", **options)) == 2
    with pytest.raises(UserError, match=r"1 of 3 images cannot be read: cat/a\.png; repair"):
        load_images(two_classes, **options)


def test_a_class_may_not_be_skipped_whole(two_classes):
    (two_classes / "dog" / "c.png").write_bytes(b"broken")
    with pytest.raises(UserError, match=r"every image of 1 classes is unreadable \(dog\)"):
        load_images(two_classes, resolution=4, channels=3, cache=None, on_unreadable="skip")


def test_what_is_already_there_is_reused_if_it_is_the_same_and_never_overwritten(two_classes, tmp_path, png):
    source = open_source(two_classes)
    out = tmp_path / "store"
    pack(source, out, resolution=4, channels=3)
    before = (out / "images.npy").stat().st_mtime_ns
    assert first_pixels(pack(source, out, resolution=4, channels=3)) == [10, 20, 30]
    assert (out / "images.npy").stat().st_mtime_ns == before
    with pytest.raises(UserError, match=r"is a packed store of other images .* nothing is overwritten"):
        pack(source, out, resolution=8, channels=3)
    (two_classes / "dog" / "d.png").write_bytes(png(4))
    with pytest.raises(UserError, match="is a packed store of other images"):
        pack(open_source(two_classes), out, resolution=4, channels=3)
    with pytest.raises(UserError, match="exists and is not a packed store"):
        pack(source, two_classes, resolution=4, channels=3)
    note = tmp_path / "note.txt"
    note.write_text("mine")
    with pytest.raises(UserError, match="exists and is not a packed store"):
        pack(source, note, resolution=4, channels=3)
    assert note.read_text() == "mine"


def test_an_empty_folder_may_become_a_store(two_classes, tmp_path):
    (tmp_path / "out").mkdir()
    assert len(pack(open_source(two_classes), tmp_path / "out", resolution=4, channels=3)) == 3


def test_a_packed_store_loads_directly_and_only_at_its_size(two_classes, tmp_path):
    pack(open_source(two_classes), tmp_path / "store", resolution=4, channels=3)
    packed = load_images(tmp_path / "store", resolution=4, channels=3, cache=tmp_path / "cache")
    assert first_pixels(packed) == [10, 20, 30]
    assert not (tmp_path / "cache").exists()
    with pytest.raises(UserError, match="holds 4x4 images with 3 channels, and 8x8 with 1 are asked for"):
        load_images(tmp_path / "store", resolution=8, channels=1, cache=None)


def test_upscaling_is_counted(write_files, png):
    folder = write_files(
        {"a/1.png": png(size=(7, 9)), "a/2.png": png(size=(8, 8)), "b/3.png": png(size=(9, 20))}
    )
    assert load_images(folder, resolution=8, channels=1, cache=None).upscaled == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"resolution": 0, "channels": 3}, r"resolution 0 is outside 1\.\.4096"),
        ({"resolution": 10**9, "channels": 3}, "resolution 1000000000 is outside"),
        ({"resolution": 4, "channels": 2}, r"channels 2 is neither 1 \(grey\) nor 3 \(RGB\)"),
        ({"resolution": 4, "channels": 1, "on_unreadable": "skp"}, "did you mean 'skip'"),
    ],
)
def test_impossible_requests_are_told(two_classes, options, message):
    with pytest.raises(UserError, match=message):
        load_images(two_classes, cache=None, **options)


def test_too_little_disk_is_told_before_anything_is_written(two_classes, tmp_path, monkeypatch):
    usage = shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    with pytest.raises(UserError, match=r"packing needs 0\.00 GiB and .* has 0\.00 GiB free.*--data\.cache"):
        pack(open_source(two_classes), tmp_path / "deep" / "store", resolution=4, channels=3)
    assert list((tmp_path / "deep").iterdir()) == []


def test_too_much_memory_is_told(two_classes, monkeypatch):
    size = {"resolution": 4, "channels": 3, "cache": None}
    monkeypatch.setattr(loading_module, "MAX_IN_MEMORY_BYTES", 3 * 3 * 4 * 4)
    assert len(load_images(two_classes, **size)) == 3
    monkeypatch.setattr(loading_module, "MAX_IN_MEMORY_BYTES", 3 * 3 * 4 * 4 - 1)
    with pytest.raises(UserError, match=r"needs 0\.0 GiB at 4x4, too much for memory; give a cache folder"):
        load_images(two_classes, **size)


def test_16_gib_are_the_most_in_memory(tmp_path):
    labels = np.arange(342) % 2  # 341 would fit
    np.savez(tmp_path / "a.npz", images=np.zeros((342, 8, 8), np.uint8), labels=labels)
    with pytest.raises(UserError, match=r"needs 16\.0 GiB at 4096x4096, too much for memory"):
        load_images(tmp_path / "a.npz", resolution=4096, channels=3, cache=None)


def test_a_place_that_cannot_be_written_is_told(two_classes, tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(UserError, match=r"cannot write the packed store .*--data\.cache"):
        pack(open_source(two_classes), tmp_path / "file" / "store", resolution=4, channels=3)


def test_an_interruption_leaves_nothing(two_classes, tmp_path):
    def interrupt(done, total):
        raise KeyboardInterrupt

    before = threading.active_count()
    with pytest.raises(KeyboardInterrupt):
        load_images(two_classes, resolution=4, channels=3, cache=tmp_path / "cache", progress=interrupt)
    assert list((tmp_path / "cache").iterdir()) == []
    assert threading.active_count() == before


def test_a_killed_process_leaves_nothing_that_passes_for_a_store(two_classes, tmp_path):
    program = (
        "import os, sys\nfrom projgan.data import load_images, store_writing\n"
        # All files are written, the name is not given yet.
        "store_writing.sync_folder = lambda folder: os._exit(9)\n"
        "load_images(sys.argv[1], resolution=4, channels=3, cache=sys.argv[2])\n"
    )
    cache = tmp_path / "cache"
    done = subprocess.run([sys.executable, "-c", program, str(two_classes), str(cache)], check=False)
    assert done.returncode == 9
    assert [path.suffix for path in cache.iterdir()] == [".partial"]
    assert first_pixels(load_images(two_classes, resolution=4, channels=3, cache=cache)) == [10, 20, 30]
    assert [path.suffix for path in cache.iterdir()] == [""]  # and what the kill left is gone


def test_the_loser_of_a_race_takes_what_the_winner_made(two_classes, tmp_path, monkeypatch):
    source, out = open_source(two_classes), tmp_path / "store"
    rename = Path.rename

    def late(self, target):
        monkeypatch.setattr(Path, "rename", rename)
        pack(source, out, resolution=4, channels=3)  # another process is done just before this one
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", late)
    packed = pack(source, out, resolution=4, channels=3)
    assert first_pixels(packed) == [10, 20, 30]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["set", "store"]


def test_two_processes_may_pack_at_once(two_classes, tmp_path):
    program = (
        "import sys\nfrom projgan.data import load_images\n"
        "print(load_images(sys.argv[1], resolution=4, channels=3, cache=sys.argv[2]).fingerprint)\n"
    )
    command = [sys.executable, "-c", program, str(two_classes), str(tmp_path / "cache")]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    prints = {process.communicate()[0] for process in processes}
    assert [process.returncode for process in processes] == [0, 0, 0]
    assert len(prints) == 1
    assert len(list((tmp_path / "cache").iterdir())) == 1


RACE = """
import os, sys
from pathlib import Path
from projgan.data import load_images

for round in range(20):
    cache, children = Path(sys.argv[2]) / str(round), []
    reading, writing = os.pipe()
    for _ in range(4):
        child = os.fork()
        if not child:
            os.close(writing)
            os.read(reading, 1)  # until all are there
            load_images(sys.argv[1], resolution=4, channels=3, cache=cache)
            os._exit(0)
        children.append(child)
    os.close(reading), os.close(writing)
    assert not any(os.waitpid(child, 0)[1] for child in children), round
    assert len(list(cache.iterdir())) == 1
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the race is run in forked processes")
def test_nobody_clears_away_what_another_has_just_begun(two_classes, tmp_path):
    program = [sys.executable, "-W", "ignore", "-c", RACE, str(two_classes), str(tmp_path)]
    ended = subprocess.run(program, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr[-2000:]
