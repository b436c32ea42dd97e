"""Images per second of `cxr build` beside two peers measured in the same run on the same files.

(a) The published CXLSeg recipe: full colour decode, linear resize, CLAHE on L of LAB, the
    31,055,297-parameter U-Net in torch float32 on all cores, cv2.imwrite of product and mask.
(b) The floor: reduced decode and output encode alone, in as many processes as cores.

    python benchmarks/build_throughput.py [--images 2000] [--size 3056] [--engine onnxruntime]

The radiographs are 100 phantoms of full size, hard-linked to the number of images asked for: each
name is read, decoded and written on its own, so only the operating system's file cache gains.
Peak memory is the sum over the process tree of memory not shared (USS), sampled ten times a second.
"""

import argparse
import json
import multiprocessing
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import polars as pl
import psutil

SIZE = 224
DISTINCT = 100
SPAWN = multiprocessing.get_context("spawn")  # threads of torch and OpenCV do not survive a fork
CXR = Path(sys.executable).with_name("cxr")


def render(folder: Path, size: int) -> list[Path]:
    """DISTINCT frontal phantom radiographs as JPEG files."""
    subprocess.run(
        [CXR, "phantom", "mimic-cxr-jpg", folder, "--studies", str(DISTINCT), "--seed", "0",
         "--size", str(size)],
        check=True, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    table = pl.read_csv(folder / "mimic-cxr-2.0.0-metadata.csv.gz")
    frontal = set(table.filter(pl.col("ViewPosition").is_in(["PA", "AP"]))["dicom_id"])
    files = sorted((folder / "files").rglob("*.jpg"))
    return [f for f in files if f.stem in frontal][:DISTINCT]


def link(files: Sequence[Path], folder: Path, count: int) -> list[Path]:
    """`count` names for the given files, in folders of 100."""
    out = []
    for i in range(count):
        target = folder / f"{i // 100:03}" / f"{i:06}.jpg"
        target.parent.mkdir(parents=True, exist_ok=True)
        os.link(files[i % len(files)], target)
        out.append(target)
    return out


def build(root: Path, out: Path, engine: str) -> tuple[float, float]:
    """Seconds and peak memory in MB of one whole `cxr build` command, start-up included."""
    started = time.perf_counter()
    process = subprocess.Popen(
        [CXR, "build", "folder", root, out, "--engine", engine, "--workers", str(os.cpu_count()),
         "--json"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    peak = 0.0
    done = threading.Event()

    def sample() -> None:
        nonlocal peak
        while not done.wait(0.1):
            peak = max(peak, memory(process.pid))

    sampler = threading.Thread(target=sample)
    sampler.start()
    code = process.wait()
    seconds = time.perf_counter() - started
    done.set()
    sampler.join()
    if code not in (0, 3):
        raise SystemExit(f"cxr build ended with {code}")
    return seconds, peak


def memory(pid: int) -> float:
    """MB of a process and its children, pages that others share left out."""
    total = 0
    try:
        parent = psutil.Process(pid)
        for process in [parent, *parent.children(recursive=True)]:
            total += process.memory_full_info().uss
    except psutil.NoSuchProcess:
        pass
    return total / 2**20


def floor_of(files: Sequence[Path], out: Path) -> None:
    """Reduced decode, squash and the three encoded outputs of each file; nothing else."""
    cv2.setNumThreads(1)
    mask = np.zeros((SIZE, SIZE), np.uint8)
    cv2.ellipse(mask, (70, 110), (40, 80), 0, 0, 360, 255, -1)
    cv2.ellipse(mask, (154, 110), (40, 80), 0, 0, 360, 255, -1)
    out.mkdir(parents=True)
    for i, file in enumerate(files):
        data = np.frombuffer(file.read_bytes(), np.uint8)
        gray = cv2.imdecode(data, cv2.IMREAD_REDUCED_GRAYSCALE_8)
        assert gray is not None, file
        small = cv2.resize(gray, (SIZE, SIZE))
        product = cv2.cvtColor(cv2.bitwise_and(small, mask), cv2.COLOR_GRAY2BGR)
        for suffix, image in ((".jpg", product), ("-mask.jpg", mask), (".png", mask)):
            (out / f"{i}{suffix}").write_bytes(cv2.imencode(suffix[-4:], image)[1].tobytes())


def floor(files: Sequence[Path], out: Path) -> float:
    """Seconds for all files on all cores."""
    cores = os.cpu_count() or 1
    jobs = [
        SPAWN.Process(target=floor_of, args=(files[i::cores], out / str(i))) for i in range(cores)
    ]
    started = time.perf_counter()
    for job in jobs:
        job.start()
    for job in jobs:
        job.join()
    return time.perf_counter() - started


def published(files: Sequence[Path], out: Path) -> float:
    """Seconds of the published recipe, after one warm-up image; the network's start left out."""
    import torch

    torch.set_num_threads(os.cpu_count() or 1)
    network = unet().eval()
    out.mkdir(parents=True)
    clahe = cv2.createCLAHE(2.0, (8, 8))

    def one(i: int, file: Path) -> None:
        colour = cv2.imread(str(file), cv2.IMREAD_COLOR)
        assert colour is not None, file
        image = cv2.resize(colour, (SIZE, SIZE))
        lab = cv2.cvtColor(image, cv2.COLOR_BGR2LAB)
        lab[..., 0] = clahe.apply(lab[..., 0])
        x = cv2.cvtColor(lab, cv2.COLOR_LAB2BGR).astype(np.float32) / 255
        with torch.no_grad():
            y = network(torch.from_numpy(x).permute(2, 0, 1)[None])[0, 0].numpy()
        mask = (y > 0.5).astype(np.uint8) * 255
        cv2.imwrite(str(out / f"{i}-mask.jpg"), mask)
        cv2.imwrite(str(out / f"{i}.jpg"), cv2.bitwise_and(image, image, mask=mask))

    one(-1, files[0])
    started = time.perf_counter()
    for i, file in enumerate(files):
        one(i, file)
    return time.perf_counter() - started


def unet() -> Any:
    """The U-Net of CXLSeg's published code: 64-128-256-512-1024, 31,055,297 numbers."""
    import torch
    from torch import nn

    def block(inputs: int, outputs: int) -> nn.Sequential:
        layers: list[nn.Module] = []
        for i in (inputs, outputs):
            layers += [nn.Conv2d(i, outputs, 3, padding=1), nn.BatchNorm2d(outputs),
                       nn.Dropout(0.1), nn.ReLU()]  # fmt: skip
        return nn.Sequential(*layers)

    class UNet(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            widths = [64, 128, 256, 512, 1024]
            self.down = nn.ModuleList(
                [block(i, o) for i, o in zip([3, *widths[:-1]], widths, strict=True)]
            )
            pairs = list(zip(widths[:0:-1], widths[-2::-1], strict=True))
            self.up = nn.ModuleList([nn.ConvTranspose2d(i, o, 2, stride=2) for i, o in pairs])
            self.across = nn.ModuleList([block(2 * o, o) for _, o in pairs])
            self.head = nn.Conv2d(64, 1, 1)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            skips = []
            for i, down in enumerate(self.down):
                x = down(nn.functional.max_pool2d(x, 2) if i else x)
                skips.append(x)
            skips.pop()
            for up, across in zip(self.up, self.across, strict=True):
                x = across(torch.cat([up(x), skips.pop()], 1))
            return torch.sigmoid(self.head(x))

    network = UNet()
    size = sum(v.numel() for k, v in network.state_dict().items() if "tracked" not in k)
    assert size == 31_055_297, size
    return network


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=2000)
    parser.add_argument("--size", type=int, default=3056)
    parser.add_argument("--engine", nargs="*", default=["onnxruntime", "openvino"])
    parser.add_argument("--rounds", type=int, default=2, help="floor and builds in turn")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        print(json.dumps(measure(Path(name), options), indent=1))


def measure(folder: Path, options: argparse.Namespace) -> dict[str, object]:
    files = render(folder / "phantom", options.size)
    many = link(files, folder / "many", options.images)
    link(files, folder / "few", 200)
    report: dict[str, object] = {"images": len(many), "cores": os.cpu_count()}
    baseline = 12 / published(files[:12], folder / "published")
    report["published recipe (a), images/s"] = round(baseline, 2)
    floors: list[float] = []
    rates: dict[str, list[float]] = {engine: [] for engine in options.engine}
    peaks: dict[str, float] = {}
    for turn in range(options.rounds):
        floors.append(len(many) / floor(many, folder / f"floor-{turn}"))
        for engine in options.engine:
            seconds, peaks[engine] = build(folder / "many", folder / f"{engine}-{turn}", engine)
            rates[engine].append(len(many) / seconds)
    report["floor (b), images/s"] = [round(f, 1) for f in floors]
    for engine in options.engine:
        _, few_peak = build(folder / "few", folder / f"{engine}-few", engine)
        pairs = [r / f for r, f in zip(rates[engine], floors, strict=True)]
        report[engine] = {
            "images/s": [round(r, 1) for r in rates[engine]],
            "times (a)": round(statistics.median(rates[engine]) / baseline, 1),
            "share of (b)": round(statistics.median(pairs), 3),
            "peak MB, 200 images": round(few_peak),
            f"peak MB, {len(many)} images": round(peaks[engine]),
        }
    return report


if __name__ == "__main__":
    main()
