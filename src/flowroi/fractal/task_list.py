"""What the manifest is made of: `fractal-manifest create --package flowroi --task-list-path fractal.task_list`."""

from fractal_task_tools.task_models import CompoundTask, NonParallelTask

AUTHORS = "The FlowRoI developers"

TASK_LIST = [
    CompoundTask(
        name="FlowRoI compress",
        executable_init="fractal/compress_init.py",
        executable="fractal/compress_image.py",
        meta_init={"cpus_per_task": 1, "mem": 2000},
        meta={"cpus_per_task": 1, "mem": 2000},
        input_types={"flowroi": False},
        output_types={"flowroi": True},
        category="Compression",
        modality="HCS",
        tags=["Compression", "Live-cell imaging", "Region of interest"],
    ),
    NonParallelTask(
        name="FlowRoI finish plate",
        executable="fractal/finish_plate.py",
        meta={"cpus_per_task": 4, "mem": 8000},
        input_types={"flowroi": True},
        category="Compression",
        modality="HCS",
        tags=["Compression", "Verification"],
    ),
]
