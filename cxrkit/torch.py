"""Records of any archive as a torch data set, for people who train their own networks.

    from torch.utils.data import DataLoader
    from cxrkit.archives import chestx_ray14
    from cxrkit.torch import Images

    root = Path("NIH")
    frontal = [r for r in chestx_ray14.records(root) if r.frontal]
    loader = DataLoader(Images(root, frontal), batch_size=32, num_workers=4)
    for images, labels in loader:
        known = ~labels.isnan() & (labels >= 0)

Images are as `cxr build` gives them to its networks before contrast is enhanced: read from any
format, air dark, squashed to a square. Split by `patient_id`, never by image.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from cxrkit import terms
from cxrkit.errors import ItemFault
from cxrkit.imaging import radiograph
from cxrkit.pipeline.source import require_whole
from cxrkit.records import Record
from cxrkit.terms import OBSERVATIONS


class Images(Dataset[tuple[Tensor, Tensor]]):
    """Records as ((1, size, size) float32 in 0-1, (K,) float32 labels).

    A label is 1 present, 0 absent, -1 uncertain, and NaN where the archive does not mention it:
    leave NaN out of the loss, it is not "absent". A file that cannot be read raises its fault when
    it is asked for; from a worker torch passes it on as a RuntimeError with the same text.
    """

    def __init__(
        self,
        root: Path,
        records: Iterable[Record],
        size: int = 224,
        observations: Sequence[str] = OBSERVATIONS,
    ) -> None:
        """Nothing is read yet.

        Args:
            root: the archive's folder, which paths of records start from.
            records: from the archive's `records`; keep the frontal ones.
            size: pixels of both sides; the aspect ratio is not kept.
            observations: the K labels: one of the 14, whatever the archive calls it, or a name as
                the archive spells it.
        """
        self.root = root
        self.records = tuple(records)
        self.size = size
        self.observations = tuple(observations)

    def __len__(self) -> int:
        return len(self.records)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        """Image and labels of one record.

        Raises:
            ItemFault: E103, its row is corrupt; else as `cxrkit.imaging.radiograph.read`, with
                the path in the archive.
        """
        record = self.records[index]
        require_whole(record)
        try:
            pixels = radiograph.read(self.root / record.image, smallest=self.size).pixels
        except ItemFault as fault:
            raise ItemFault(
                fault.code, record.image, fault.observed, fault.expected, fault.remedy
            ) from fault
        side = (self.size, self.size)
        squashed = cv2.resize(pixels, side, interpolation=cv2.INTER_LINEAR)
        image = torch.from_numpy(squashed.astype(np.float32) / 255)[None]
        return image, self._labels(record)

    def _labels(self, record: Record) -> Tensor:
        found = {**terms.observations(record.labels), **record.labels}
        return torch.tensor([float(found.get(o, np.nan)) for o in self.observations])
