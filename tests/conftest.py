"""Where the real radiographs are, and what every test process starts with."""

import os
import signal
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch: small nets gain nothing from two

import pytest


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real archives; tests that ask for it are skipped where it is absent."""
    root = Path(os.environ.get("CXRKIT_REAL_DATA", Path(__file__).parents[2] / "shared" / "data"))
    if not root.is_dir():
        pytest.skip("no real radiographs here: set CXRKIT_REAL_DATA")
    return root


@pytest.fixture(scope="session")
def phantoms(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six phantoms with their masks in the layout of Shenzhen; only to be read."""
    from cxrkit.phantom import shenzhen

    root = tmp_path_factory.mktemp("phantoms") / "shenzhen"
    shenzhen.write_release(root, 6, 4, 256)
    return root


@pytest.fixture(scope="session")
def phantom_dataset(phantoms: Path) -> Path:
    """What `cxr build` makes of them; only to be read."""
    from cxrkit.pipeline.build import Options, build

    out = phantoms.with_name("dataset")
    build("shenzhen", phantoms, out, Options(engine="onnxruntime"), lambda _: None, lambda _: None)
    return out


def pytest_configure() -> None:
    """A shell starts what runs in its background with SIGINT ignored, and children inherit that."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
