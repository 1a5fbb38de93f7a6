"""Tasks for the Fractal platform: plates in OME-Zarr, an image a job; listed in `__FRACTAL_MANIFEST__.json`."""
