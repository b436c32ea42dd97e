"""cxrkit turns chest X-ray archives into verified, lung-segmented, documented datasets."""

import os
import sys

__version__ = "0.1.0"

# Two libraries report their use to their makers unless they are told not to before they load:
# nothing leaves the machine (docs/decisions/0016).
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
