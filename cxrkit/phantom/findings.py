"""What changes when something is wrong? Findings added to a scene, each with its exact mask.

A finding adds or takes away millimetres in the beam; its mask is where. Where a finding lies comes
from the subject's seed, so that all views of a study agree.
"""

from collections.abc import Callable

import numpy as np

from cxrkit.phantom import devices, findings_lateral, findings_lungs, findings_pleura
from cxrkit.phantom import findings_thorax as thorax
from cxrkit.phantom.body import Floats
from cxrkit.phantom.scene import Scene
from cxrkit.phantom.subject import FINDINGS, Subject

Draw = Callable[[Scene, Subject, np.random.Generator], Floats]


def add(name: str, scene: Scene, subject: Subject) -> Floats:
    """Add one finding to the scene's maps in place; its cover, (H, W) float32 in 0-1.

    Cardiomegaly and a wide mediastinum are part of the body already: only their masks are made
    here. A finding that a lateral view does not show changes nothing there and has an empty mask.
    """
    draw = (_LATERAL if subject.view == "LATERAL" else _FRONTAL).get(name)
    if draw is None:
        return np.zeros(scene.grid.shape, np.float32)
    rng = np.random.default_rng([subject.seed, 100 + FINDINGS.index(name)])
    return draw(scene, subject, rng)


_FRONTAL: dict[str, Draw] = {
    "effusion": findings_pleura.effusion,
    "pneumothorax": findings_pleura.pneumothorax,
    "consolidation": findings_lungs.consolidation,
    "cardiomegaly": thorax.cardiomegaly,
    "nodule": findings_lungs.nodule,
    "edema": findings_lungs.edema,
    "fracture": thorax.fracture,
    "tube": devices.tube,
    "line": devices.line,
    "atelectasis": findings_lungs.atelectasis,
    "opacity": findings_lungs.opacity,
    "pneumonia": findings_lungs.pneumonia,
    "mediastinum": thorax.mediastinum,
    "pleura": findings_pleura.pleura,
    "nasogastric": devices.nasogastric,
    "drain": devices.drain,
    "pacemaker": devices.pacemaker,
    "port": devices.port,
    "wires": devices.wires,
}
_LATERAL: dict[str, Draw] = {
    "effusion": findings_lateral.effusion,
    "consolidation": findings_lateral.consolidation,
    "nodule": findings_lateral.nodule,
    "edema": findings_lateral.edema,
    "tube": findings_lateral.tube,
    "atelectasis": findings_lateral.atelectasis,
    "opacity": findings_lateral.opacity,
    "pneumonia": findings_lateral.pneumonia,
}
